//! How many descriptors this process may have.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Where the limit cannot be read, what every system allows.
const LEAST: u64 = 256;

/// The limit that this process was started with: soft and hard.
static STARTED_WITH: OnceLock<(u64, u64)> = OnceLock::new();

/// Raises the limit as far as it goes without privileges, and returns it.
pub fn raise_descriptor_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return LEAST;
    };
    STARTED_WITH.get_or_init(|| (soft, hard));
    // Refused in some sandboxes; then what there is has to do.
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// Makes the limit again what it was before it was raised: programs that use
/// select(2) break where descriptors are many.
pub fn restore_descriptor_limit() {
    if let Some((soft, hard)) = STARTED_WITH.get() {
        // Lowering it is always allowed.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard);
    }
}

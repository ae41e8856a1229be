//! How many descriptors this process may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Where the limit cannot be read, what every system allows.
const LEAST: u64 = 256;

/// Raises the limit as far as it goes without privileges, and returns it.
#[expect(clippy::must_use_candidate, reason = "servers want its effect alone")]
pub fn raise_descriptor_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return LEAST;
    };
    // Refused in some sandboxes; then what there is has to do.
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

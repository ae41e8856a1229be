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

/// How many clients there is room for, of which each needs so many descriptors,
/// where so many stay for everything else: one at least. The limit is raised.
#[must_use]
pub fn room_for_clients(each: u64, own: u64) -> u32 {
    room(raise_descriptor_limit(), each, own)
}

fn room(limit: u64, each: u64, own: u64) -> u32 {
    let clients = limit.saturating_sub(own) / each.max(1);
    u32::try_from(clients.max(1)).unwrap_or(u32::MAX)
}

/// Makes the limit again what it was before it was raised: programs that use
/// select(2) break where descriptors are many.
pub fn restore_descriptor_limit() {
    if let Some((soft, hard)) = STARTED_WITH.get() {
        // Lowering it is always allowed.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_one_client_at_least() {
        for (limit, each, own, clients) in [
            (24, 4, 16, 2),
            (23, 4, 16, 1),
            (16, 4, 24, 1),
            (0, 1, 0, 1),
            (1 << 20, 4, 24, 262_138),
            (u64::MAX, 1, 0, u32::MAX),
        ] {
            assert_eq!(room(limit, each, own), clients, "{limit} {each} {own}");
        }
    }
}

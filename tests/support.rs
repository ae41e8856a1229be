//! What every test of the built binary uses. Nothing here waits a fixed time: each wait is for a
//! line, a byte, an exit or a condition, with a deadline that fails the test and shows what came.

pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod namespace;
pub(crate) mod pattern;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod text;
pub(crate) mod tracer;
pub(crate) mod usage;

use std::time::{Duration, Instant};

/// How long a test waits for something that should come at once, before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `holds` says yes; false when it does not within `within`.
///
/// The last resort: what writes a line, ends, or answers is waited for by that. Left for it are
/// counts that the kernel keeps and announces to nobody: descriptors and states in /proc, packets
/// in nft, the carrier of a link.
pub(crate) fn becomes_true(within: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

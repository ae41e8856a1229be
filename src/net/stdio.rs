//! Standard input as something to wait for.

use futures_io::AsyncRead;

/// Standard input, read by a helper thread that starts with the first read.
///
/// A thread, because epoll refuses regular files, and `O_NONBLOCK` on a shared
/// terminal would leak to the shell. What the thread has read ahead is lost
/// when the value is dropped.
#[must_use]
pub fn stdin() -> impl AsyncRead + Unpin {
    blocking::Unblock::new(std::io::stdin())
}

//! Unix signals as something to wait for.

use std::io;

use signal_hook_mio::v1_0 as source;

use super::{Direction, Watched};

/// Signals that arrive while this value lives; made by [`signals`].
///
/// After its drop they are ignored, as their default action is not restored.
pub struct Signals(Watched<source::Signals>);

/// Catches `numbers` (such as `signal_hook::consts::SIGTERM`) from now on,
/// instead of their default action.
///
/// # Errors
/// The kernel has no descriptor left, or a signal cannot be caught.
///
/// # Panics
/// No loop runs on this thread, or a number is one that must not be caught
/// (`SIGKILL`, `SIGSTOP`, `SIGSEGV`, …).
pub fn signals(numbers: &[i32]) -> io::Result<Signals> {
    Ok(Signals(Watched::new(source::Signals::new(numbers)?)?))
}

impl Signals {
    /// Waits for the next signal and returns its number. A drop loses nothing;
    /// equal signals that arrive before they are asked for count as one.
    ///
    /// # Errors
    /// The pipe on which the handler announces them failed.
    pub async fn next(&mut self) -> io::Result<i32> {
        let Self(watched) = self;
        watched
            .operate_mut(Direction::Read, |source| {
                source
                    .pending()
                    .next()
                    .ok_or(io::ErrorKind::WouldBlock.into())
            })
            .await
    }
}

//! A look at the bytes that pass.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

/// Bytes that are shown to a function as they are read; its error ends the
/// reading.
pub struct Tap<R, F> {
    inner: R,
    look: F,
}

impl<R, F: FnMut(&[u8]) -> io::Result<()>> Tap<R, F> {
    /// Puts it above `inner`. At the end `look` is given no bytes, once.
    pub fn new(inner: R, look: F) -> Self {
        Self { inner, look }
    }
}

impl<R: AsyncRead + Unpin, F: FnMut(&[u8]) -> io::Result<()> + Unpin> AsyncRead for Tap<R, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        (self.look)(&buffer[..count])?;
        Poll::Ready(Ok(count))
    }
}

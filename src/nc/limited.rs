//! `-W`: no more than so many reads.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

/// A reader that has ended after so many reads, each of so many bytes at most.
pub(super) struct Limited<R> {
    inner: R,
    left: u32,
    most: usize,
}

impl<R> Limited<R> {
    pub(super) fn new(inner: R, reads: u32, most: usize) -> Self {
        Self {
            inner,
            left: reads,
            most,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Limited<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(Ok(0));
        };
        let room = buffer.len().min(self.most);
        let count = ready!(Pin::new(&mut self.inner).poll_read(context, &mut buffer[..room]))?;
        self.left = left;
        Poll::Ready(Ok(count))
    }
}

//! Line ends as the protocols of the network want them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

/// Bytes with each LF as CRLF; those that are one already stay.
///
/// Reads at most half of the room it is given from within, and so needs room for
/// two bytes. A dropped read has taken nothing.
#[derive(Debug)]
pub struct Crlf<R> {
    inner: R,
    /// The last byte was a CR.
    after_return: bool,
}

impl<R> Crlf<R> {
    /// Puts it above `inner`.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            after_return: false,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Crlf<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let half = buffer.len() / 2;
        let reading = Pin::new(&mut self.inner).poll_read(context, &mut buffer[..half]);
        let count = ready!(reading)?;
        Poll::Ready(Ok(self.convert(buffer, count)))
    }
}

impl<R> Crlf<R> {
    /// Converts the first `count` bytes in place and returns how many they are then.
    fn convert(&mut self, buffer: &mut [u8], count: usize) -> usize {
        let mut before = self.after_return;
        let mut lone = 0;
        for &byte in &buffer[..count] {
            lone += usize::from(byte == b'\n' && !before);
            before = byte == b'\r';
        }
        let first_before = std::mem::replace(&mut self.after_return, before);
        // From behind, so that nothing is overwritten before it was moved.
        let mut to = count + lone;
        for from in (0..count).rev() {
            if to == from + 1 {
                break;
            }
            let byte = buffer[from];
            to -= 1;
            buffer[to] = byte;
            let before = match from.checked_sub(1) {
                Some(index) => buffer[index] == b'\r',
                None => first_before,
            };
            if byte == b'\n' && !before {
                to -= 1;
                buffer[to] = b'\r';
            }
        }
        count + lone
    }
}

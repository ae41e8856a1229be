//! When each line came.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use futures_io::AsyncWrite;

/// Puts the time in front of each line that is written. A dropped write loses
/// what it had taken.
pub(super) struct Stamps<W> {
    inner: W,
    /// The next byte begins a line.
    begins: bool,
    /// Bytes on their way, and how many of them are written.
    underway: Vec<u8>,
    written: usize,
}

impl<W> Stamps<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            begins: true,
            underway: Vec::new(),
            written: 0,
        }
    }

    fn stamp(&mut self, bytes: &[u8]) {
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begins {
                self.underway.extend_from_slice(at.as_bytes());
                self.underway.push(b' ');
            }
            self.underway.extend_from_slice(line);
            self.begins = line.ends_with(b"\n");
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Stamps<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.underway.is_empty() {
            this.stamp(bytes);
        }
        while this.written < this.underway.len() {
            let rest = &this.underway[this.written..];
            this.written += ready!(Pin::new(&mut this.inner).poll_write(context, rest))?;
        }
        this.underway.clear();
        this.written = 0;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::{AsyncWriteExt, future};

    use super::*;

    #[test]
    fn each_line_has_its_time_however_it_comes() {
        let mut all = Vec::new();
        let mut stamps = Stamps::new(&mut all);
        future::block_on(async {
            for piece in ["one\ntw", "o\n", "three"] {
                stamps.write_all(piece.as_bytes()).await.unwrap();
            }
        });
        let text = String::from_utf8(all).unwrap();
        let words: Vec<&str> = text
            .lines()
            .map(|it| it.split_once("Z ").unwrap().1)
            .collect();
        assert_eq!(words, ["one", "two", "three"]);
    }
}

//! `-i`: one line at a time, with a pause after each.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::AsyncRead;

use crate::reactor::{Sleep, sleep};

/// Bytes that wait for their turn.
const KEPT_BYTES: usize = 16 * 1024;

/// A reader that gives no more than a line at once, and the next, or the end, only
/// after a pause. A dropped read has taken nothing.
pub(super) struct Paced<R> {
    inner: R,
    pause: Duration,
    kept: Box<[u8]>,
    /// Which of them are still to be given.
    from: usize,
    to: usize,
    resting: Option<Sleep>,
}

impl<R> Paced<R> {
    pub(super) fn new(inner: R, pause: Duration) -> Self {
        Self {
            inner,
            pause,
            kept: vec![0; KEPT_BYTES].into(),
            from: 0,
            to: 0,
            resting: None,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Paced<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(rest) = &mut this.resting {
            ready!(Pin::new(rest).poll(context));
            this.resting = None;
        }
        if this.from == this.to {
            let reading = Pin::new(&mut this.inner).poll_read(context, &mut this.kept);
            (this.from, this.to) = (0, ready!(reading)?);
        }
        let waiting = &this.kept[this.from..this.to];
        let line = waiting.iter().position(|byte| *byte == b'\n');
        let line = line.map_or(waiting.len(), |at| at + 1);
        let count = line.min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        this.from += count;
        if buffer[..count].last() == Some(&b'\n') {
            this.resting = Some(sleep(this.pause));
        }
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::AsyncReadExt;
    use futures_lite::io::Cursor;

    use super::*;
    use crate::reactor::{now, run_fast_forward};

    #[test]
    fn lines_come_one_at_a_time_and_the_end_after_the_last() {
        run_fast_forward(async {
            let pause = Duration::from_secs(1);
            let mut paced = Paced::new(Cursor::new(&b"a\nbc\nd"[..]), pause);
            let began = now();
            let mut buffer = [0; 8];
            for (expected, seconds) in [("a\n", 0), ("bc\n", 1), ("d", 2), ("", 2)] {
                let count = paced.read(&mut buffer).await.unwrap();
                assert_eq!(&buffer[..count], expected.as_bytes());
                assert_eq!((now() - began).as_secs(), seconds, "{expected:?}");
            }
        })
        .unwrap();
    }

    #[test]
    fn a_line_longer_than_the_room_is_whole() {
        run_fast_forward(async {
            let line = vec![b'x'; 3 * KEPT_BYTES];
            let mut paced = Paced::new(Cursor::new(&line), Duration::from_secs(1));
            let mut all = Vec::new();
            paced.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, line);
        })
        .unwrap();
    }
}

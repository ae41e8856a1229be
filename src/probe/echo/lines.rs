//! The client's input, a line at a time.

use std::io;

use futures_io::AsyncRead;
use futures_lite::AsyncReadExt;

/// Bytes asked for at once.
const CHUNK: usize = 64 * 1024;

/// Lines of any length, in pieces of at most so many bytes.
pub(super) struct Lines<R> {
    input: R,
    longest: usize,
    buffered: Vec<u8>,
    /// How far `buffered` is known to hold no end of line.
    searched: usize,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(input: R, longest: usize) -> Self {
        Self {
            input,
            longest,
            buffered: Vec::new(),
            searched: 0,
            ended: false,
        }
    }

    /// The next line with its end, or as much of it as is allowed at once;
    /// nothing at the end of the input. A drop loses nothing.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let fresh = &self.buffered[self.searched..];
            let end = fresh.iter().position(|&it| it == b'\n');
            let length = match end {
                Some(end) => self.searched + end + 1,
                None => self.buffered.len(),
            };
            if end.is_some() || length >= self.longest || self.ended {
                let rest = self.buffered.split_off(length.min(self.longest));
                let line = std::mem::replace(&mut self.buffered, rest);
                self.searched = 0;
                return Ok((!line.is_empty()).then_some(line));
            }
            self.searched = length;
            let mut chunk = vec![0; CHUNK];
            let count = self.input.read(&mut chunk).await?;
            self.buffered.extend_from_slice(&chunk[..count]);
            self.ended = count == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;

    fn lines(input: &[u8], longest: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(input, longest);
        std::iter::from_fn(|| block_on(lines.next()).unwrap()).collect()
    }

    #[test]
    fn lines_keep_their_ends_and_the_last_may_lack_one() {
        assert_eq!(
            lines(b"a\n\nbc", 10),
            [b"a\n".to_vec(), b"\n".to_vec(), b"bc".to_vec()]
        );
        assert!(lines(b"", 10).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces() {
        assert_eq!(
            lines(b"abcde\nf", 2),
            [&b"ab"[..], b"cd", b"e\n", b"f"].map(<[u8]>::to_vec)
        );
    }
}

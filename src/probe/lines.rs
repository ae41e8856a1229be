//! The client's input, a line at a time.

use std::io;

use futures_io::AsyncRead;
use futures_lite::AsyncReadExt;

/// Bytes asked for at once.
const CHUNK: usize = 64 * 1024;

/// A line, or a piece of one that is too long to be sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The bytes, with the end of the line if it is there.
    pub(super) bytes: Vec<u8>,
    /// It begins where a line begins.
    pub(super) starts_line: bool,
}

/// Lines of any length, in pieces of at most so many bytes.
pub(super) struct Lines<R> {
    input: R,
    longest: usize,
    buffered: Vec<u8>,
    /// How far `buffered` is known to hold no end of line.
    searched: usize,
    ended: bool,
    /// What comes next begins a line.
    starts_line: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(input: R, longest: usize) -> Self {
        Self {
            input,
            longest,
            buffered: Vec::new(),
            searched: 0,
            ended: false,
            starts_line: true,
        }
    }

    /// The next line with its end, or as much of it as is allowed at once;
    /// nothing at the end of the input. A drop loses nothing.
    pub(super) async fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let fresh = &self.buffered[self.searched..];
            let end = fresh.iter().position(|&it| it == b'\n');
            let length = match end {
                Some(end) => self.searched + end + 1,
                None => self.buffered.len(),
            };
            if end.is_some() || length >= self.longest || self.ended {
                let rest = self.buffered.split_off(length.min(self.longest));
                let bytes = std::mem::replace(&mut self.buffered, rest);
                self.searched = 0;
                let ends_line = bytes.ends_with(b"\n");
                let starts_line = std::mem::replace(&mut self.starts_line, ends_line);
                return Ok((!bytes.is_empty()).then_some(Piece { bytes, starts_line }));
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
        std::iter::from_fn(|| block_on(lines.next()).unwrap().map(|it| it.bytes)).collect()
    }

    #[test]
    fn only_the_first_piece_starts_a_line() {
        let mut lines = Lines::new(&b"aaexit\nexit\n"[..], 2);
        let mut starts = Vec::new();
        while let Some(piece) = block_on(lines.next()).unwrap() {
            starts.push(piece.starts_line);
        }
        assert_eq!(starts, [true, false, false, false, true, false, false]);
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

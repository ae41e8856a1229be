//! What has come from a peer and is not yet understood.
//!
//! Codecs that speak in lines read from it: it owns the limit on a line, knows
//! whether more can come, and remembers how far it was searched, so that a peer
//! that sends byte by byte costs no more than one that sends all at once.

use std::fmt;

/// The longest line of any service, in bytes, its end included.
pub const LONGEST_LINE: usize = 8 * 1024;

/// Bytes of a stream, as they come.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// So many of them hold no end of a line.
    searched: usize,
    ended: bool,
}

/// A line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its bytes; neither `\n` nor a `\r` before it.
    pub bytes: Vec<u8>,
    /// Whether its end came; else the stream ended first.
    pub is_complete: bool,
}

/// A line is longer than [`LONGEST_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line is longer than {LONGEST_LINE} bytes")
    }
}

impl std::error::Error for TooLong {}

impl Input {
    /// Adds what came; empty is the end of the stream, as a read tells it.
    pub fn add(&mut self, bytes: &[u8]) {
        self.ended |= bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the stream has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next line; nothing while its end may yet come, or when nothing is
    /// left.
    ///
    /// # Errors
    /// It is too long, whether its end came or not.
    pub fn line(&mut self) -> Result<Option<Line>, TooLong> {
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let end = unsearched.iter().position(|byte| *byte == b'\n');
        let end = end.map(|at| self.searched.saturating_add(at));
        let length = match end {
            Some(end) => end.saturating_add(1),
            None => self.bytes.len(),
        };
        if length > LONGEST_LINE {
            return Err(TooLong);
        }
        if end.is_none() && !(self.ended && length > 0) {
            self.searched = length;
            return Ok(None);
        }
        self.searched = 0;
        let mut bytes: Vec<u8> = self.bytes.drain(..length).collect();
        if end.is_some() {
            bytes.pop();
            bytes.pop_if(|byte| *byte == b'\r');
        }
        Ok(Some(Line {
            bytes,
            is_complete: end.is_some(),
        }))
    }

    /// Takes what follows the lines read so far, at most `most` bytes.
    pub fn take(&mut self, most: u64) -> Vec<u8> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.searched = 0;
        self.bytes.drain(..self.bytes.len().min(most)).collect()
    }

    /// What came and was not taken yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing is left of what came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn expect_line(input: &mut Input, text: &[u8], is_complete: bool) {
        let line = Line {
            bytes: text.into(),
            is_complete,
        };
        assert_eq!(input.line(), Ok(Some(line)));
    }

    #[test]
    fn lines_end_with_a_line_feed_or_with_the_stream() {
        let mut input = Input::default();
        input.add(b"one\r\ntwo\n\nr");
        expect_line(&mut input, b"one", true);
        expect_line(&mut input, b"two", true);
        expect_line(&mut input, b"", true);
        assert_eq!(input.line(), Ok(None));
        input.add(b"est\r");
        input.add(b"");
        expect_line(&mut input, b"rest\r", false);
        assert_eq!(input.line(), Ok(None));
    }

    #[test]
    fn what_follows_a_line_is_kept() {
        let mut input = Input::default();
        input.add(b"head\n12345");
        expect_line(&mut input, b"head", true);
        assert_eq!(input.take(3), b"123");
        assert_eq!(input.take(3), b"45");
        assert!(input.is_empty() && !input.has_ended());
    }

    #[test]
    fn a_line_has_a_limit() {
        let mut input = Input::default();
        input.add(&[b'x'; LONGEST_LINE - 1]);
        assert_eq!(input.line(), Ok(None));
        input.add(b"\n");
        assert!(input.line().unwrap().is_some());
        input.add(&[b'x'; LONGEST_LINE]);
        assert_eq!(input.line(), Ok(None));
        input.add(b"\n");
        assert_eq!(input.line(), Err(TooLong));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes: Vec<u8>, cuts in prop::collection::vec(1usize..9, 1..20)) {
            let whole = {
                let mut input = Input::default();
                input.add(&bytes);
                input.add(b"");
                lines(&mut input)
            };
            let (mut input, mut rest, mut cuts) = (Input::default(), bytes.as_slice(), cuts.iter().cycle());
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                input.add(piece);
                pieces.extend(lines(&mut input));
                rest = more;
            }
            input.add(b"");
            pieces.extend(lines(&mut input));
            prop_assert_eq!(whole, pieces);
        }
    }

    fn lines(input: &mut Input) -> Vec<Line> {
        std::iter::from_fn(|| input.line().unwrap()).collect()
    }
}

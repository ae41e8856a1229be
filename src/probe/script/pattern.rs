//! A regular expression over bytes that may be text or not.

use regex_lite::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take, which also limits what it costs
/// to look at a byte.
const LARGEST: usize = 64 * 1024;

/// A regular expression of `--expect` or `--reject`, in the syntax of the
/// crate regex-lite; `^` and `$` match at each line.
///
/// Bytes that are no UTF-8 count as the characters of their numbers, so that
/// `\xff` finds the byte 0xff.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// It is no regular expression, too large, or matches even where nothing
    /// came.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(text)
            .multi_line(true)
            .size_limit(LARGEST)
            .build();
        let regex = regex.map_err(|error| format!("`{text}` is no regular expression: {error}"))?;
        match regex.is_match("") {
            true => Err(format!("`{text}` matches even where nothing came")),
            false => Ok(Self(regex)),
        }
    }

    /// The expression as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it matches anywhere in `bytes`, which are all there is.
    pub(in crate::probe) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(&text_of(bytes))
    }

    /// The end of the shortest match in `bytes`, which are all there is.
    pub(super) fn end_in(&self, bytes: &[u8]) -> Option<usize> {
        let end = self.0.shortest_match(&text_of(bytes))?;
        Some(bytes_before(bytes, end))
    }

    /// The same where more bytes may follow: only a match that stands whatever
    /// they are. `$` needs the end of a line, for instance.
    pub(super) fn settled_end_in(&self, bytes: &[u8]) -> Settled {
        let whole = bytes.get(..whole_characters(bytes)).unwrap_or(bytes);
        let text = text_of(whole);
        let Some(end) = self.0.shortest_match(&text) else {
            return Settled::Nowhere;
        };
        // One of these is no part of a word, the other is, and none ends a line.
        let followed = |next: char| {
            let longer = format!("{text}{next}");
            self.0.shortest_match(&longer) == Some(end)
        };
        match end < text.len() || ['\u{10ffff}', '_'].into_iter().all(followed) {
            true => Settled::At(bytes_before(whole, end)),
            false => Settled::NotYet,
        }
    }
}

/// Where a pattern matches while more may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It does not match.
    Nowhere,
    /// It matches, and the next byte decides whether it still will.
    NotYet,
    /// It matches, and the match ends here.
    At(usize),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// The bytes as text: those that are no UTF-8 as the characters of their
/// numbers.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(char::from));
    }
    text
}

/// How many of `bytes` are the first `end` bytes of their text.
fn bytes_before(bytes: &[u8], end: usize) -> usize {
    let (mut in_bytes, mut in_text) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().len().min(end - in_text);
        in_bytes += valid;
        in_text += valid;
        for &byte in chunk.invalid() {
            if in_text >= end {
                return in_bytes;
            }
            in_bytes += 1;
            in_text += char::from(byte).len_utf8();
        }
        if in_text >= end {
            break;
        }
    }
    in_bytes
}

/// How many bytes there are before a character that is not whole yet.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last();
    let rest = last.map_or(&[][..], |chunk| chunk.invalid());
    match std::str::from_utf8(rest) {
        Err(error) if error.error_len().is_none() => bytes.len() - rest.len(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn wrong_patterns_are_named() {
        let said = |text| Pattern::new(text).unwrap_err();
        assert!(said("a(b").starts_with("`a(b` is no regular expression: "));
        assert!(said("a{1000}{1000}").contains("`a{1000}{1000}`"));
        assert_eq!(said("a*"), "`a*` matches even where nothing came");
        assert!(said("^").contains("even where nothing came"));
        assert_eq!(pattern("^OK"), pattern("^OK"));
        assert_ne!(pattern("^OK"), pattern("OK"));
    }

    #[test]
    fn bytes_and_text_both_match() {
        assert!(pattern(r"\xff\x00").is_in(b"ab\xff\0"));
        assert!(pattern("^grö(ß|s)e$").is_in("a\ngröße\n".as_bytes()));
        assert_eq!(pattern("b").end_in(b"\xe9\xc3\xa9a\xffbc"), Some(6));
        assert_eq!(pattern(r"\xff").end_in(b"\xe9\xff\xff"), Some(2));
        assert_eq!(pattern("é").end_in(b"-\xe9-\xc3\xa9"), Some(2));
    }

    #[test]
    fn a_match_that_the_next_byte_may_undo_is_not_settled() {
        let settled = |text, bytes| pattern(text).settled_end_in(bytes);
        assert_eq!(settled("^OK$", b"OK"), Settled::NotYet);
        assert_eq!(settled("^OK$", b"OKAY\nOK"), Settled::NotYet);
        assert_eq!(settled("^OK$", b"OK\n"), Settled::At(2));
        assert_eq!(settled(r"OK\b", b"OK"), Settled::NotYet);
        assert_eq!(settled("OK", b"OK"), Settled::At(2));
        assert_eq!(settled("OK.", b"OK"), Settled::Nowhere);
        assert_eq!(settled(r"\d+", b"a12"), Settled::At(2));
        // Half a character could become any other.
        assert_eq!(settled(r"\xc3", b"\xc3"), Settled::Nowhere);
        assert_eq!(settled(r"\xc3", b"\xc3("), Settled::At(1));
        assert_eq!(settled("é", b"\xc3\xa9"), Settled::At(2));
    }

    proptest! {
        #[test]
        fn every_place_in_the_text_is_one_in_the_bytes(bytes: Vec<u8>) {
            let text = text_of(&bytes);
            prop_assert_eq!(bytes_before(&bytes, text.len()), bytes.len());
            let mut before = 0;
            for (at, _) in text.char_indices() {
                let here = bytes_before(&bytes, at);
                prop_assert!(here >= before);
                prop_assert_eq!(text_of(&bytes[..whole_characters(&bytes)]).is_empty(), whole_characters(&bytes) == 0);
                before = here;
            }
        }
    }
}

//! Bytes as people write and read them: escapes, hexadecimal, dumps.
//!
//! What [`escape`] shows, [`unescape`] reads back to the same bytes.

use std::fmt::{self, Write};

/// What text in hexadecimal begins with.
const HEXADECIMAL: &str = "hex:";

/// Bytes that a line of a dump shows.
const BYTES_PER_LINE: usize = 16;

/// Width of the hexadecimal column of a dump, the gap in its middle included.
const DUMP_WIDTH: usize = 49;

/// Text that stands for no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongText {
    /// What follows a backslash.
    Escape(String),
    /// What stands where two hexadecimal digits should.
    Hexadecimal(String),
}

/// Reads text in which `\n`, `\r`, `\t`, `\0`, `\xNN` and `\\` stand for bytes,
/// or, after `hex:`, pairs of hexadecimal digits with or without space between.
///
/// # Errors
/// The first escape or pair that is none.
pub fn unescape(text: &str) -> Result<Vec<u8>, WrongText> {
    if let Some(digits) = text.strip_prefix(HEXADECIMAL) {
        return read_pairs(digits);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut characters = after.chars();
        bytes.push(match characters.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => match read_pair(&mut characters) {
                Some(byte) => byte,
                None => return Err(wrong_escape(after, 3)),
            },
            _ => return Err(wrong_escape(after, 1)),
        });
        rest = characters.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

fn wrong_escape(after: &str, length: usize) -> WrongText {
    WrongText::Escape(after.chars().take(length).collect())
}

fn read_pairs(digits: &str) -> Result<Vec<u8>, WrongText> {
    let mut bytes = Vec::new();
    for word in digits.split_whitespace() {
        let mut characters = word.chars();
        while !characters.as_str().is_empty() {
            let pair = characters.as_str();
            let Some(byte) = read_pair(&mut characters) else {
                return Err(WrongText::Hexadecimal(pair.chars().take(2).collect()));
            };
            bytes.push(byte);
        }
    }
    Ok(bytes)
}

fn read_pair(characters: &mut std::str::Chars<'_>) -> Option<u8> {
    let (high, low) = (characters.next()?, characters.next()?);
    let value = high.to_digit(16)?.checked_mul(16)?;
    u8::try_from(value.checked_add(low.to_digit(16)?)?).ok()
}

/// The bytes as printable ASCII on one line, with the escapes of [`unescape`].
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b'\t' => shown.push_str("\\t"),
            0 => shown.push_str("\\0"),
            b'\\' => shown.push_str("\\\\"),
            // It would read as the beginning of hexadecimal digits.
            b'h' if index == 0 && bytes.starts_with(HEXADECIMAL.as_bytes()) => {
                shown.push_str("\\x68");
            }
            b' '..=b'~' => shown.push(char::from(byte)),
            _ => {
                let _ = write!(shown, "\\x{byte:02x}");
            }
        }
    }
    shown
}

/// As [`escape`], of at most `most` bytes, with `…` where more follow.
#[must_use]
pub fn escape_head(bytes: &[u8], most: usize) -> String {
    match bytes.get(..most) {
        Some(head) if head.len() < bytes.len() => escape(head) + "…",
        _ => escape(bytes),
    }
}

/// The bytes as lines of a dump: where they stand from `offset` on, 16 bytes in
/// hexadecimal, and those of them that are printable ASCII.
pub fn dump(bytes: &[u8], offset: u64) -> impl Iterator<Item = String> + '_ {
    let starts = (0_u64..).map(move |line| line.saturating_mul(16).saturating_add(offset));
    let line = |(chunk, start): (&[u8], u64)| {
        let mut digits = String::with_capacity(DUMP_WIDTH);
        for (index, byte) in chunk.iter().enumerate() {
            let gap = if index == BYTES_PER_LINE / 2 { " " } else { "" };
            let _ = write!(digits, "{gap}{byte:02x} ");
        }
        let printable = |&byte: &u8| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        };
        let text: String = chunk.iter().map(printable).collect();
        format!("{start:08x}  {digits:DUMP_WIDTH$} |{text}|")
    };
    bytes.chunks(BYTES_PER_LINE).zip(starts).map(line)
}

impl fmt::Display for WrongText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escape(text) => write!(
                f,
                "`\\{}` is no escape: expected \\n, \\r, \\t, \\0, \\xNN or \\\\",
                text.escape_debug()
            ),
            Self::Hexadecimal(text) => write!(
                f,
                "`{}` is no pair of hexadecimal digits: expected such as `hex:48 65`",
                text.escape_debug()
            ),
        }
    }
}

impl std::error::Error for WrongText {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_bytes() {
        let bytes = unescape(r"a\r\n\t\0\x00\xfFé\\n");
        assert_eq!(bytes.unwrap(), b"a\r\n\t\0\0\xff\xc3\xa9\\n");
        assert_eq!(unescape("hex:48 656c\t6C 6f").unwrap(), b"Hello");
        assert_eq!(unescape("hex:").unwrap(), b"");
    }

    #[test]
    fn a_wrong_escape_is_named() {
        let said = |text| unescape(text).unwrap_err().to_string();
        assert!(said(r"ab\qc").starts_with(r"`\q` is no escape"));
        assert!(said(r"ab\").starts_with(r"`\` is no escape"));
        assert!(said(r"\x4").starts_with(r"`\x4` is no escape"));
        assert!(said(r"\xg0z").starts_with(r"`\xg0` is no escape"));
        assert!(said("\\\u{1b}").starts_with(r"`\\u{1b}` is no escape"));
        assert!(said("hex:4").starts_with("`4` is no pair"));
        assert!(said("hex:48 6x").starts_with("`6x` is no pair"));
        assert!(said("hex:+1").starts_with("`+1` is no pair"));
    }

    #[test]
    fn a_head_says_that_more_follows() {
        assert_eq!(escape_head(b"abc", 2), "ab…");
        assert_eq!(escape_head(b"abc", 3), "abc");
        assert_eq!(escape_head(b"", 0), "");
    }

    #[test]
    fn a_dump_has_16_bytes_a_line() {
        let lines: Vec<String> = dump(b"0123456789abcdef\n\xff", 16).collect();
        assert_eq!(
            lines,
            [
                "00000010  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
                "00000020  0a ff                                             |..|",
            ]
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes: Vec<u8>) {
            let shown = escape(&bytes);
            prop_assert!(shown.bytes().all(|it| (b' '..=b'~').contains(&it)));
            prop_assert_eq!(unescape(&shown).unwrap(), bytes);
        }

        #[test]
        fn nothing_panics(text: String, most: usize) {
            let _ = unescape(&text).map_err(|error| error.to_string());
            let _ = escape_head(text.as_bytes(), most);
            let _ = dump(text.as_bytes(), u64::MAX).count();
        }
    }
}

//! listing: what a directory holds, a line for each name, then how many lines
//! there were.
//!
//! `<type> <size> <mtime> <name>\n` … `END <count>\n`; before the end, a line
//! `WARN <text>` says what is missing and why.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::input::Input;
use super::peer::{Malformed, read_length};

/// The port of a server where none is given.
pub const PORT: u16 = 31333;

/// The port of its upstream where none is given.
pub const UPSTREAM_PORT: u16 = 31334;

/// Bytes of a wrong line that are quoted.
const QUOTED: usize = 64;

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A name.
    Entry(Entry),
    /// What is missing, and why.
    Warning(String),
    /// The end, and how many names came before.
    End(u64),
}

/// What stands at a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its bytes, whatever they mean.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes.
    pub size: u64,
    /// When its content was last changed; whole seconds.
    pub modified: SystemTime,
}

/// What stands at a name, which is not followed if it is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::File, "f"),
    (Kind::Directory, "d"),
    (Kind::Link, "l"),
    (Kind::Other, "o"),
];

impl Line {
    /// The line as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let text = match self {
            Self::Entry(entry) => entry.encode(),
            Self::Warning(text) => format!("WARN {}\n", text.replace(char::is_control, " ")),
            Self::End(count) => format!("END {count}\n"),
        };
        text.into_bytes()
    }

    /// The next line; nothing while it is not complete.
    ///
    /// # Errors
    /// It is none, or the stream ended: after the end that is of no interest.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(line) = input.line()? else {
            return match input.has_ended() {
                true => Err(Malformed("the list is cut short: it has no END".into())),
                false => Ok(None),
            };
        };
        let quoted = super::raw::escape_head(&line.bytes, QUOTED);
        if !line.is_complete {
            return Err(Malformed(format!("the list is cut short: `{quoted}`")));
        }
        let wrong = || Malformed(format!("`{quoted}` is no line of a list"));
        let text = str::from_utf8(&line.bytes).map_err(|_| wrong())?;
        let (word, rest) = text.split_once(' ').ok_or_else(wrong)?;
        match word {
            "END" => Ok(Some(Self::End(read_length(rest)?))),
            "WARN" => Ok(Some(Self::Warning(rest.into()))),
            kind => Entry::decode(kind, rest)
                .ok_or_else(wrong)
                .map(|it| Some(Self::Entry(it))),
        }
    }
}

impl Entry {
    fn encode(&self) -> String {
        let Self {
            name,
            kind,
            size,
            modified,
        } = self;
        let modified = humantime::format_rfc3339_seconds(*modified);
        format!(
            "{} {size} {modified} {}\n",
            kind.letter(),
            encode_name(name)
        )
    }

    fn decode(kind: &str, rest: &str) -> Option<Self> {
        let (kind, _) = KINDS.iter().find(|(_, letter)| *letter == kind)?;
        let (size, rest) = rest.split_once(' ')?;
        let (modified, name) = rest.split_once(' ')?;
        let name = decode_name(name)?;
        Some(Self {
            name: Some(name).filter(|it| !it.is_empty())?,
            kind: *kind,
            size: read_length(size).ok()?,
            modified: humantime::parse_rfc3339(modified).ok()?,
        })
    }
}

impl Kind {
    /// The letter that stands for it.
    #[must_use]
    pub fn letter(self) -> &'static str {
        let known = KINDS.iter().find(|(kind, _)| *kind == self);
        known.map_or("o", |(_, letter)| letter)
    }
}

/// A name as a line holds it: `%`, control characters and what is no UTF-8 as
/// `%XX` for each byte.
#[must_use]
pub fn encode_name(name: &[u8]) -> String {
    let mut encoded = String::with_capacity(name.len());
    let escape = |encoded: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(encoded, "%{byte:02X}");
        }
    };
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character == '%' || character.is_control() {
                true => escape(&mut encoded, character.encode_utf8(&mut [0; 4]).as_bytes()),
                false => encoded.push(character),
            }
        }
        escape(&mut encoded, chunk.invalid());
    }
    encoded
}

fn decode_name(text: &str) -> Option<Vec<u8>> {
    let (mut name, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, more)) = rest.split_first() {
        rest = more;
        if *byte == b'%' {
            let (digits, more) = rest.split_at_checked(2)?;
            let digits = str::from_utf8(digits).ok()?;
            // No sign, which would be read as one otherwise.
            let plain = digits.bytes().all(|it| it.is_ascii_hexdigit());
            name.push(u8::from_str_radix(digits, 16).ok().filter(|_| plain)?);
            rest = more;
        } else {
            name.push(*byte);
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn entry(name: &[u8]) -> Line {
        Line::Entry(Entry {
            name: name.into(),
            kind: Kind::File,
            size: 7,
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(86_400),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Option<Line>, Malformed> {
        let mut input = Input::default();
        input.add(bytes);
        Line::decode(&mut input)
    }

    #[test]
    fn names_are_escaped_as_far_as_needed() {
        for (name, text) in [
            (&b"a b"[..], "a b"),
            ("gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
            (b"50%", "50%25"),
            (b"a\nb\x7f", "a%0Ab%7F"),
            (b"\xff\xc3", "%FF%C3"),
            ("\u{85}".as_bytes(), "%C2%85"),
        ] {
            let line = format!("f 7 1970-01-02T00:00:00Z {text}\n");
            assert_eq!(String::from_utf8_lossy(&entry(name).encode()), line);
            assert_eq!(decode(line.as_bytes()), Ok(Some(entry(name))));
        }
    }

    #[test]
    fn what_is_no_line_is_quoted() {
        for wrong in [
            "",
            "x 7 1970-01-02T00:00:00Z a",
            "f -7 1970-01-02T00:00:00Z a",
            "f 7 yesterday a",
            "f 7 1970-01-02T00:00:00Z ",
            "f 7 1970-01-02T00:00:00Z %4",
            "f 7 1970-01-02T00:00:00Z %+4",
            "END",
        ] {
            let error = decode(format!("{wrong}\n").as_bytes()).unwrap_err();
            assert_eq!(error.0, format!("`{wrong}` is no line of a list"));
        }
        assert!(decode(b"END x\n").is_err());
        let mut cut = Input::default();
        cut.add(b"f 7 19");
        assert_eq!(Line::decode(&mut cut), Ok(None));
        cut.add(b"");
        let error = Line::decode(&mut cut).unwrap_err();
        assert_eq!(error.0, "the list is cut short: `f 7 19`");
        let error = Line::decode(&mut cut).unwrap_err();
        assert_eq!(error.0, "the list is cut short: it has no END");
    }

    #[test]
    fn a_warning_is_one_line() {
        let warning = Line::Warning("a\nb".into());
        assert_eq!(warning.encode(), b"WARN a b\n");
        assert_eq!(decode(b"WARN a b\n"), Ok(Some(Line::Warning("a b".into()))));
    }

    proptest! {
        #[test]
        fn any_name_comes_back(name in prop::collection::vec(any::<u8>(), 1..255)) {
            let line = entry(&name);
            prop_assert_eq!(decode(&line.encode()), Ok(Some(line)));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}

//! The path of a request's target (RFC 3986, section 3.3), and back.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode, percent_encode};

/// What stands for itself in a name (RFC 3986, section 2.3); all else is
/// encoded, also what only a browser would take for more than a name.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a client asks for, decoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The names with a slash between each two; nothing for the root. None is
    /// empty, `.` or `..`.
    pub names: Vec<u8>,
    /// Whether a directory is asked for: the path ends with a slash.
    pub directory: bool,
}

/// Why a target is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It does not begin with a slash.
    Rootless,
    /// A `%` without two hexadecimal digits.
    Encoding,
    /// A NUL, which no name has.
    Nul,
    /// A name `..`: clients resolve it before they ask (RFC 3986, section 5.2.4).
    Climbing,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rootless => "the path does not begin with `/`",
            Self::Encoding => "the path has a `%` without two hexadecimal digits",
            Self::Nul => "the path has a NUL",
            Self::Climbing => "the path has a name `..`",
        })
    }
}

impl std::error::Error for Malformed {}

impl Path {
    /// Decodes `text`, the target without its query. Empty names and `.` are
    /// dropped, so each file has one path.
    ///
    /// # Errors
    /// It is no path.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        if !text.starts_with('/') {
            return Err(Malformed::Rootless);
        }
        let mut encoded = text.split('%');
        // What stands before the first of them.
        encoded.next();
        if !encoded.all(begins_with_digits) {
            return Err(Malformed::Encoding);
        }
        let mut path = Self {
            names: Vec::with_capacity(text.len()),
            directory: true,
        };
        let decoded: Vec<u8> = percent_decode(text.as_bytes()).collect();
        for name in decoded.split(|byte| *byte == b'/') {
            path.push(name)?;
        }
        Ok(path)
    }

    fn push(&mut self, name: &[u8]) -> Result<(), Malformed> {
        if name.contains(&0) {
            return Err(Malformed::Nul);
        }
        self.directory = matches!(name, b"" | b".");
        match name {
            b".." => return Err(Malformed::Climbing),
            b"" | b"." => {}
            name => {
                if !self.names.is_empty() {
                    self.names.push(b'/');
                }
                self.names.extend_from_slice(name);
            }
        }
        Ok(())
    }

    /// The path as a directory's, encoded: it begins and ends with one slash,
    /// so it can never be taken for another host's.
    #[must_use]
    pub fn as_directory(&self) -> String {
        let mut text = String::from("/");
        for name in self.names.split(|byte| *byte == b'/') {
            if !name.is_empty() {
                text.extend(encode(name));
                text.push('/');
            }
        }
        text
    }
}

/// A name as it stands in a URL.
#[must_use]
pub fn encode(name: &[u8]) -> PercentEncode<'_> {
    percent_encode(name, ENCODED)
}

fn begins_with_digits(text: &str) -> bool {
    let mut digits = text.bytes().take(2);
    let both = digits.next().is_some_and(|it| it.is_ascii_hexdigit());
    both && digits.next().is_some_and(|it| it.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Result<(Vec<u8>, bool), Malformed> {
        Path::decode(text).map(|it| (it.names, it.directory))
    }

    #[test]
    fn a_path_is_decoded_once() {
        for (text, names, directory) in [
            ("/", &b""[..], true),
            ("/a.txt", b"a.txt", false),
            ("/a/b/", b"a/b", true),
            ("//a///b", b"a/b", false),
            ("/./a/.", b"a", true),
            ("/%61%2Fb", b"a/b", false),
            ("/a%20b", b"a b", false),
            ("/a+b", b"a+b", false),
            ("/%252e%252e/a", b"%2e%2e/a", false),
            ("/..;/a", b"..;/a", false),
            ("/...", b"...", false),
            ("/%c0%ae%c0%ae/a", b"\xc0\xae\xc0\xae/a", false),
            ("/..\\a", b"..\\a", false),
        ] {
            assert_eq!(decoded(text), Ok((names.to_vec(), directory)), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_malformed() {
        for (text, expected) in [
            ("", Malformed::Rootless),
            ("a", Malformed::Rootless),
            ("*", Malformed::Rootless),
            ("/%", Malformed::Encoding),
            ("/%4", Malformed::Encoding),
            ("/%zz", Malformed::Encoding),
            ("/%4%41", Malformed::Encoding),
            ("/%%41", Malformed::Encoding),
            ("/a%00", Malformed::Nul),
            ("/..", Malformed::Climbing),
            ("/a/../b", Malformed::Climbing),
            ("/%2e%2e/a", Malformed::Climbing),
            ("/..%2fa", Malformed::Climbing),
            ("/a%2f..", Malformed::Climbing),
        ] {
            assert_eq!(decoded(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_directory_is_one_of_this_host() {
        for (text, expected) in [
            ("/", "/"),
            ("//evil.example", "/evil.example/"),
            ("/%2f%2fevil.example", "/evil.example/"),
            ("/\\evil.example", "/%5Cevil.example/"),
            ("/a b/<c>", "/a%20b/%3Cc%3E/"),
            ("/a%0d%0aX: y", "/a%0D%0AX%3A%20y/"),
        ] {
            assert_eq!(Path::decode(text).unwrap().as_directory(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_without_climbing_or_none(text in "[/.%a-f0-9\\PC]{0,40}") {
            if let Ok(path) = Path::decode(&text) {
                let mut names = path.names.split(|byte| *byte == b'/');
                prop_assert!(names.all(|it| it != b".." && it != b"." && !it.contains(&0)));
                let again = Path::decode(&path.as_directory()).unwrap();
                prop_assert_eq!(again.names, path.names);
            }
        }

        #[test]
        fn every_name_survives_its_encoding(name in proptest::collection::vec(1_u8.., 1..20)) {
            prop_assume!(!name.contains(&b'/') && name != b"." && name != b"..");
            let path = Path::decode(&format!("/{}", encode(&name))).unwrap();
            prop_assert_eq!(path.names, name);
        }
    }
}

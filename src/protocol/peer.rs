//! peer: the replica of the file service, which serves its copy of a file.
//!
//! `GET <path>\n` is answered by `FOUND <length>\n` and the bytes, or by
//! `NOTFOUND\n`; then the connection is closed.

use std::fmt;

use super::input::{Input, LONGEST_LINE, Line, TooLong};

/// The port of a peer where none is given.
pub const PORT: u16 = 5002;

/// How a request begins.
const GET: &str = "GET ";

/// The most that a length can be: file sizes are signed.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Bytes of a wrong line that are quoted.
const QUOTED: usize = 64;

/// What a client wants: a file by its path, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Without white space around it; `/` separates directories.
    pub path: String,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// So many bytes follow.
    Found(u64),
    /// There is no such file.
    NotFound,
}

/// A line that is not of the protocol: why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Request {
    /// A request for `path`, as it can be sent in one line.
    ///
    /// # Errors
    /// Why it cannot: it is empty, too long, or would arrive as another one.
    pub fn for_path(path: &str) -> Result<Self, String> {
        let most = LONGEST_LINE.saturating_sub(GET.len()).saturating_sub(1);
        if path.is_empty() {
            return Err("the path is empty".into());
        }
        if path.len() > most {
            let length = path.len();
            return Err(format!(
                "the path has {length} bytes, {most} at most are sent"
            ));
        }
        if path.contains(['\n', '\0']) {
            return Err("the path holds a line end or a NUL, which end a request".into());
        }
        if path.trim() != path {
            return Err("the path has white space around it, which servers drop".into());
        }
        Ok(Self { path: path.into() })
    }

    /// The request as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        format!("{GET}{}\n", self.path).into_bytes()
    }

    /// The next request; nothing while it is not complete. The end of the stream
    /// ends it as well as `\n` does.
    ///
    /// # Errors
    /// The line is not `GET <path>`.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(line) = input.line()? else {
            return Ok(None);
        };
        let text = str::from_utf8(&line.bytes).map_err(|_| Malformed::of(&line))?;
        let path = text.strip_prefix(GET);
        // A client may have nothing to ask for but say so without the space.
        let path = path.or_else(|| (text == "GET").then_some(""));
        let path = path.ok_or_else(|| Malformed::of(&line))?;
        Ok(Some(Self {
            path: path.trim().into(),
        }))
    }
}

impl Reply {
    /// The head as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Found(length) => format!("FOUND {length}\n").into_bytes(),
            Self::NotFound => b"NOTFOUND\n".into(),
        }
    }

    /// The head of the answer; nothing while it is not complete.
    ///
    /// # Errors
    /// It is none, or the stream ended within it.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(text) = head(input)? else {
            return Ok(None);
        };
        match text.split_once(' ') {
            None if text == "NOTFOUND" => Ok(Some(Self::NotFound)),
            Some(("FOUND", length)) => Ok(Some(Self::Found(read_length(length)?))),
            _ => Err(unexpected(&text)),
        }
    }
}

impl Malformed {
    fn of(line: &Line) -> Self {
        let quoted = super::raw::escape_head(&line.bytes, QUOTED);
        Self(format!("`{quoted}` is not `GET <path>`"))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<TooLong> for Malformed {
    fn from(error: TooLong) -> Self {
        Self(error.to_string())
    }
}

/// The line that begins an answer.
pub(super) fn head(input: &mut Input) -> Result<Option<String>, Malformed> {
    let Some(line) = input.line()? else {
        return match input.has_ended() {
            true => Err(Malformed("it closed without an answer".into())),
            false => Ok(None),
        };
    };
    let text = super::raw::escape_head(&line.bytes, QUOTED);
    match line.is_complete {
        true => Ok(Some(text)),
        false => Err(Malformed(format!("it closed within its answer: `{text}`"))),
    }
}

/// Says that this is no head of an answer.
pub(super) fn unexpected(text: &str) -> Malformed {
    Malformed(format!("it answered `{text}`"))
}

/// A length: digits alone, 2^63 - 1 at most.
pub(super) fn read_length(digits: &str) -> Result<u64, Malformed> {
    let plain = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    let length = digits.parse().ok();
    let length = length.filter(|it| plain && *it <= LARGEST);
    length.ok_or_else(|| Malformed(format!("`{digits}` is no length")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let mut input = Input::default();
        input.add(bytes);
        input
    }

    fn path(bytes: &[u8]) -> Result<Option<String>, Malformed> {
        Ok(Request::decode(&mut input(bytes))?.map(|it| it.path))
    }

    #[test]
    fn a_request_is_a_path() {
        assert_eq!(path(b"GET a.txt\n"), Ok(Some("a.txt".into())));
        assert_eq!(path(b"GET  my file \r\nmore"), Ok(Some("my file".into())));
        assert_eq!(path("GET grün\n".as_bytes()), Ok(Some("grün".into())));
        for empty in ["GET \n", "GET\n", "GET  \t\n"] {
            assert_eq!(path(empty.as_bytes()), Ok(Some(String::new())), "{empty:?}");
        }
        assert_eq!(path(b"GET a"), Ok(None));
        let mut half_closed = input(b"GET a");
        half_closed.add(b"");
        let request = Request { path: "a".into() };
        assert_eq!(Request::decode(&mut half_closed), Ok(Some(request)));
    }

    #[test]
    fn what_is_no_request_is_quoted() {
        for wrong in ["PUT a", "get a", "", "GETa", "HTTP"] {
            let error = path(format!("{wrong}\n").as_bytes()).unwrap_err();
            assert_eq!(error.0, format!("`{wrong}` is not `GET <path>`"));
        }
        let error = path(b"GET \xff\n").unwrap_err();
        assert_eq!(error.0, "`GET \\xff` is not `GET <path>`");
        let error = path(&[b'x'; 9000]).unwrap_err();
        assert_eq!(error.0, "a line is longer than 8192 bytes");
    }

    #[test]
    fn replies_come_back_as_they_were_sent() {
        for reply in [Reply::Found(0), Reply::Found(LARGEST), Reply::NotFound] {
            let encoded = reply.encode();
            let mut whole = input(&encoded);
            whole.add(b"body");
            assert_eq!(Reply::decode(&mut whole), Ok(Some(reply)));
            assert_eq!(whole.take(9), b"body");
            let mut pieces = Input::default();
            for byte in &encoded {
                assert_eq!(Reply::decode(&mut pieces), Ok(None));
                pieces.add(&[*byte]);
            }
            assert_eq!(Reply::decode(&mut pieces), Ok(Some(reply)));
            for cut in 0..encoded.len() {
                let mut cut = input(&encoded[..cut]);
                cut.add(b"");
                assert!(Reply::decode(&mut cut).unwrap_err().0.contains("closed"));
            }
        }
    }

    #[test]
    fn lengths_that_are_none_are_named() {
        let lengths = ["-1", "+5", "", " 5", "0x5", "9223372036854775808", "5 5"];
        for length in lengths {
            let error = Reply::decode(&mut input(format!("FOUND {length}\n").as_bytes()));
            assert_eq!(error.unwrap_err().0, format!("`{length}` is no length"));
        }
        let zeros = Reply::decode(&mut input(b"FOUND 007\n"));
        assert_eq!(zeros, Ok(Some(Reply::Found(7))));
        for wrong in ["NOTFOUND ", "FOUND", "OK ONE 5", ""] {
            let error = Reply::decode(&mut input(format!("{wrong}\n").as_bytes()));
            assert!(error.is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, ended: bool) {
            let mut input = input(&bytes);
            if ended {
                input.add(b"");
            }
            let _ = Request::decode(&mut input);
            let _ = Reply::decode(&mut input);
        }
    }
}

//! cluster: members elect a leader, and any file of any of them can be had.
//!
//! One request a connection. The words of the lab end with the sender's
//! half-close, or, as its programs do neither, with a pause after them; ours,
//! `WHO` and `GET`, end with `\n`. All three ends are understood of each.

mod names;
mod view;

use std::time::Duration;

use super::input::{Input, LONGEST_LINE};
use super::peer::{self, Malformed};

pub use names::{LARGEST_LIST, MOST_NAMES, can_be_listed, decode_names, encode_names};
pub use view::{Member, View, ViewLine};

/// The port of a member is this and its number.
pub const BASE_PORT: u16 = 3680;

/// The port of a member where none is given: that of number 1.
pub const PORT: u16 = BASE_PORT + 1;

/// After how long without more a word that is complete counts as ended.
pub const PAUSE: Duration = Duration::from_millis(300);

/// The whole answer to a `REQ:` for what nobody has.
pub const NOT_FOUND: &[u8] = b"404 Not Found";

/// The longest address of a member, in bytes: a name of DNS, and a port.
pub const LONGEST_ADDRESS: usize = 256 + 6;

/// Bytes of a wrong line that are quoted.
const QUOTED: usize = 64;

/// How an announcement begins, in both directions.
const ID: &str = "ID:";

/// How a request for a file begins, in the lab's word.
const REQ: &str = "REQ:";

/// How our own begins.
const GET: &str = "GET ";

/// How the word about the leader begins.
const LEADER: &str = "LEADER ";

/// What is asked of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The member of this number announces itself.
    Announce(u32),
    /// The member of this number leads, the sender says.
    Leader(u32),
    /// What files do you have?
    List,
    /// Who leads, and who is there?
    Who,
    /// A file, please: its bytes alone are the answer.
    Fetch(String),
    /// A file, please: the answer is framed, as the peer's.
    Get(String),
}

/// An answer that is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The number of whoever answers.
    Identity(u32),
    /// It is understood.
    Accepted,
    /// The request was none.
    BadRequest,
    /// The request is for members, or about members, alone.
    Forbidden,
}

/// Every reply that is a constant.
const WORDS: [(Reply, &str); 3] = [
    (Reply::Accepted, "OK"),
    (Reply::BadRequest, "400 Bad Request"),
    (Reply::Forbidden, "403 Forbidden"),
];

impl Request {
    /// The request as it is sent; the lab's words are ended by the half-close
    /// that is to follow ([`Request::is_half_closed`]).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let text = match self {
            Self::Announce(id) => format!("{ID}{id}"),
            Self::Leader(id) => format!("{LEADER}{id}"),
            Self::List => "SEND".into(),
            Self::Who => "WHO\n".into(),
            Self::Fetch(name) => format!("{REQ}{name}"),
            Self::Get(name) => format!("{GET}{name}\n"),
        };
        text.into_bytes()
    }

    /// Whether its end is the sender's half-close: servers of the lab take a
    /// line end for a part of the word.
    #[must_use]
    pub fn is_half_closed(&self) -> bool {
        !matches!(self, Self::Who | Self::Get(_))
    }

    /// The next request; nothing while it is not complete.
    ///
    /// # Errors
    /// The line is none.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(line) = input.line()? else {
            return Ok(None);
        };
        let request = Self::of(&line.bytes);
        request.map(Some).ok_or_else(|| {
            let quoted = super::raw::escape_head(&line.bytes, QUOTED);
            Malformed(format!("`{quoted}` is no request of a cluster"))
        })
    }

    /// What has come so far, if it would be a request with nothing more: after a
    /// pause it is one.
    #[must_use]
    pub fn so_far(input: &Input) -> Option<Self> {
        let bytes = input.rest();
        match bytes.len() < LONGEST_LINE {
            true => Self::of(bytes),
            false => None,
        }
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        match text.trim_end() {
            "SEND" => return Some(Self::List),
            "WHO" => return Some(Self::Who),
            _ => {}
        }
        let named = |name: &str| {
            let name = name.trim();
            (!name.is_empty()).then(|| name.to_owned())
        };
        if let Some(id) = text.strip_prefix(ID) {
            return read_id(id).map(Self::Announce);
        }
        if let Some(id) = text.strip_prefix(LEADER) {
            return read_id(id).map(Self::Leader);
        }
        if let Some(name) = text.strip_prefix(REQ) {
            return named(name).map(Self::Fetch);
        }
        text.strip_prefix(GET).and_then(named).map(Self::Get)
    }
}

impl Reply {
    /// The line as it is sent.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let word = WORDS.iter().find(|(reply, _)| *reply == self);
        match (self, word) {
            (Self::Identity(id), _) => format!("{ID}{id}\n").into_bytes(),
            (_, word) => format!("{}\n", word.map_or("", |it| it.1)).into_bytes(),
        }
    }

    /// The line of an answer; nothing while it is not complete. The end of the
    /// stream ends it as well as `\n` does.
    ///
    /// # Errors
    /// It is none, or nothing came.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(line) = input.line()? else {
            return match input.has_ended() {
                true => Err(Malformed("it closed without an answer".into())),
                false => Ok(None),
            };
        };
        let text = super::raw::escape_head(&line.bytes, QUOTED);
        let known = WORDS.iter().find(|(_, word)| *word == text.trim_end());
        let identity = || text.strip_prefix(ID).and_then(read_id).map(Self::Identity);
        let reply = known.map(|(reply, _)| *reply).or_else(identity);
        reply.map(Some).ok_or_else(|| peer::unexpected(&text))
    }
}

/// The number of a member: 1 or more, digits alone.
#[must_use]
pub fn read_id(text: &str) -> Option<u32> {
    let digits = text.trim();
    let plain = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    let id = digits.parse().ok();
    id.filter(|it| plain && *it > 0)
}

/// The host and the port of `HOST[:PORT]`; an IPv6 address stands in brackets.
/// Nothing where it is none.
#[must_use]
pub fn split_address(text: &str) -> Option<(&str, Option<u16>)> {
    let is_plain = |it: char| !it.is_whitespace() && !it.is_control();
    if text.is_empty() || text.len() > LONGEST_ADDRESS || !text.chars().all(is_plain) {
        return None;
    }
    let read_port = |digits: &str| {
        let plain = digits.bytes().all(|it| it.is_ascii_digit());
        let port = digits.parse::<u16>().ok();
        port.filter(|it| plain && *it > 0)
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(read_port(port)?)),
                None if rest.is_empty() => (host, None),
                None => return None,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(read_port(port)?)),
            None => (text, None),
        },
    };
    (!host.is_empty()).then_some((host, port))
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

    fn decode(bytes: &[u8]) -> Result<Option<Request>, Malformed> {
        Request::decode(&mut input(bytes))
    }

    fn requests() -> Vec<Request> {
        let name = || "my file.txt".to_owned();
        vec![
            Request::Announce(1),
            Request::Announce(u32::MAX),
            Request::Leader(7),
            Request::List,
            Request::Who,
            Request::Fetch(name()),
            Request::Get(name()),
        ]
    }

    #[test]
    fn each_request_ends_in_three_ways_and_however_it_is_cut() {
        for request in requests() {
            let bytes = request.encode();
            let word = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            assert_eq!(word.len() == bytes.len(), request.is_half_closed());
            for end in ["\n", "\r\n", " \n"] {
                let line = [word, end.as_bytes()].concat();
                let mut pieces = Input::default();
                for byte in &line {
                    assert_eq!(Request::decode(&mut pieces), Ok(None));
                    pieces.add(&[*byte]);
                }
                assert_eq!(Request::decode(&mut pieces), Ok(Some(request.clone())));
            }
            let mut half_closed = input(word);
            assert_eq!(Request::decode(&mut half_closed), Ok(None));
            assert_eq!(Request::so_far(&half_closed), Some(request.clone()));
            half_closed.add(b"");
            assert_eq!(Request::decode(&mut half_closed), Ok(Some(request)));
        }
    }

    #[test]
    fn a_pause_ends_only_what_is_complete() {
        for open in ["", "I", "ID:", "LEADER", "LEADER ", "SEN", "REQ:", "REQ: "] {
            assert_eq!(Request::so_far(&input(open.as_bytes())), None, "{open:?}");
        }
        let long = format!("REQ:{}", "x".repeat(LONGEST_LINE));
        assert_eq!(Request::so_far(&input(long.as_bytes())), None);
    }

    #[test]
    fn what_is_no_request_is_quoted() {
        for wrong in [
            "",
            "ID:",
            "ID:0",
            "ID:-1",
            "ID:+1",
            "ID:x",
            "ID:1 2",
            "ID:4294967296",
            "LEADER",
            "LEADER 0",
            "LEADER one",
            "send",
            "SEND a",
            "WHO?",
            "REQ",
            "REQ:",
            "REQ a",
            "GET",
            "GET ",
            "GETa",
            "HELO",
        ] {
            let error = decode(format!("{wrong}\n").as_bytes()).unwrap_err();
            let expected = format!("`{wrong}` is no request of a cluster");
            assert_eq!(error.0, expected);
        }
        let error = decode(b"REQ:\xff\n").unwrap_err();
        assert_eq!(error.0, "`REQ:\\xff` is no request of a cluster");
        let error = decode(&[b'x'; LONGEST_LINE + 1]).unwrap_err();
        assert_eq!(error.0, "a line is longer than 8192 bytes");
    }

    #[test]
    fn replies_come_back_as_they_were_sent() {
        use Reply::{Accepted, BadRequest, Forbidden, Identity};
        for reply in [
            Identity(1),
            Identity(u32::MAX),
            Accepted,
            BadRequest,
            Forbidden,
        ] {
            let encoded = reply.encode();
            assert_eq!(Reply::decode(&mut input(&encoded)), Ok(Some(reply)));
            let mut pieces = Input::default();
            for byte in &encoded {
                assert_eq!(Reply::decode(&mut pieces), Ok(None));
                pieces.add(&[*byte]);
            }
            assert_eq!(Reply::decode(&mut pieces), Ok(Some(reply)));
        }
        let mut ended = input(b"ID:3");
        ended.add(b"");
        assert_eq!(Reply::decode(&mut ended), Ok(Some(Identity(3))));
        let nothing = Reply::decode(&mut ended).unwrap_err();
        assert_eq!(nothing.0, "it closed without an answer");
        for wrong in ["ID:0", "ID:", "ok", "FOUND 3", "404 Not Found"] {
            let error = Reply::decode(&mut input(format!("{wrong}\n").as_bytes()));
            assert_eq!(error.unwrap_err().0, format!("it answered `{wrong}`"));
        }
    }

    #[test]
    fn addresses_are_a_host_and_perhaps_a_port() {
        for (text, expected) in [
            ("127.0.0.1:3681", Some(("127.0.0.1", Some(3681)))),
            ("a.example", Some(("a.example", None))),
            ("[::1]:1", Some(("::1", Some(1)))),
            ("[::1]", Some(("::1", None))),
            ("", None),
            (":1", None),
            ("[]:1", None),
            ("[::1", None),
            ("[::1]1", None),
            ("::1", None),
            ("a:0", None),
            ("a:+1", None),
            ("a:65536", None),
            ("a b:1", None),
            ("a\x1b[2J:1", None),
        ] {
            assert_eq!(split_address(text), expected, "{text:?}");
        }
        assert_eq!(split_address(&"x".repeat(LONGEST_ADDRESS + 1)), None);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_understood_reads_back(bytes: Vec<u8>, ended: bool) {
            let mut read = input(&bytes);
            if ended {
                read.add(b"");
            }
            let _ = Request::so_far(&read);
            let _ = Reply::decode(&mut input(&bytes));
            if let Ok(Some(request)) = Request::decode(&mut read) {
                let mut again = input(&request.encode());
                again.add(b"");
                prop_assert_eq!(Request::decode(&mut again), Ok(Some(request)));
            }
        }
    }
}

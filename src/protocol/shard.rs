//! shard: what a store and the servers of its blocks say to each other.
//!
//! ```text
//! <username>\r\n                              whose directory
//! STR\r\n<size>\r\n<name>\r\n<path>\r\n\r\n   ← \x00   <size bytes>   ← \x00
//! RTV\r\n<name>\r\n<path>\r\n\r\n             ← <size>\r\n<size bytes>
//! DEL\r\n<name>\r\n<path>\r\n\r\n             ← \x00
//! LOGOUT\r\n                                  another username follows
//! ```
//!
//! Instead of each answer, `ERROR <why>\r\n`. The original ends neither the
//! username nor LOGOUT: there, a pause does.

mod place;

use std::time::Duration;

use super::input::{Input, LONGEST_LINE};
use super::peer::{Malformed, read_length, unexpected};
use super::raw::escape_head;

pub use place::{BACKUP, OWN, Place, Refused, User, check_name};

/// The port of server 1 is one more than this, and so on.
pub const PORT: u16 = 51_130;

/// After so long without another byte a word is over, where nothing ends it.
pub const PAUSE: Duration = Duration::from_millis(300);

/// What ends a session's user, and begins another's.
const LOGOUT: &str = "LOGOUT";

/// How an answer that is an error begins.
const ERROR: &str = "ERROR";

/// The most characters of an error's text that are sent.
const LONGEST_ERROR: usize = 1024;

/// Bytes of something wrong that are quoted.
const QUOTED: usize = 64;

/// What a store wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To use the directory of this user.
    User(User),
    /// To keep so many bytes, which follow once the server is ready.
    Store(Place, u64),
    /// To have a block back.
    Retrieve(Place),
    /// To have a block removed.
    Delete(Place),
    /// To be nobody again.
    Logout,
    /// Something that nobody may have, or that lacks a part. What follows it can
    /// be understood, unless it is a block that nobody waits for.
    Refused {
        /// In words.
        why: String,
        /// It was to keep a block, whose bytes may follow.
        is_store: bool,
    },
}

/// An answer, or its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Ready for the bytes; or done.
    Done,
    /// So many bytes follow.
    Found(u64),
    /// Nothing came of it: why, in words.
    Error(String),
}

/// How the words that the original does not end are ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// By `\r\n`.
    #[default]
    Line,
    /// By nothing: whoever sends them has to pause.
    Pause,
}

/// Reads the requests of one connection, in which some words may be ended by
/// a pause.
#[derive(Debug, Default)]
pub struct Requests {
    /// Somebody's directory is used.
    is_somebody: bool,
    /// The fields of a request that has begun.
    fields: Vec<String>,
    /// A word was ended by a pause: a line end may yet come for it.
    may_end_late: bool,
}

/// A request that has fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Store,
    Retrieve,
    Delete,
}

impl Request {
    /// The request as it is sent.
    #[must_use]
    pub fn encode(&self, ending: Ending) -> Vec<u8> {
        let end = match ending {
            Ending::Line => "\r\n",
            Ending::Pause => "",
        };
        let text = match self {
            Self::User(user) => format!("{user}{end}"),
            Self::Logout => format!("{LOGOUT}{end}"),
            Self::Store(place, size) => {
                let (name, path) = (place.name(), place.path());
                format!("STR\r\n{size}\r\n{name}\r\n{path}\r\n\r\n")
            }
            Self::Retrieve(place) => format!("RTV\r\n{}\r\n{}\r\n\r\n", place.name(), place.path()),
            Self::Delete(place) => format!("DEL\r\n{}\r\n{}\r\n\r\n", place.name(), place.path()),
            Self::Refused { .. } => String::new(),
        };
        text.into_bytes()
    }
}

impl Requests {
    /// The next request; nothing while it is not complete. The end of the stream
    /// ends a username and LOGOUT as well as `\r\n` does.
    ///
    /// # Errors
    /// What comes is no request, or nobody has that name: what follows cannot be
    /// understood.
    pub fn next(&mut self, input: &mut Input) -> Result<Option<Request>, Malformed> {
        while let Some(line) = input.line()? {
            let quoted = escape_head(&line.bytes, QUOTED);
            let text = String::from_utf8(line.bytes);
            let text = text.map_err(|_| Malformed(format!("`{quoted}` is not UTF-8")))?;
            let may_end_late = std::mem::take(&mut self.may_end_late);
            let is_between = self.fields.is_empty() && (self.is_somebody || may_end_late);
            if text.is_empty() && is_between {
                continue;
            }
            let is_word = !self.is_somebody || (self.fields.is_empty() && text == LOGOUT);
            if is_word {
                return self.word(&text).map(Some);
            }
            if !line.is_complete {
                return Err(Malformed(format!("a request is cut short: `{quoted}`")));
            }
            if let Some(request) = self.field(text)? {
                return Ok(Some(request));
            }
        }
        Ok(None)
    }

    /// The request that a pause of [`PAUSE`] has ended, if it can be one.
    ///
    /// # Errors
    /// As of [`Requests::next`].
    pub fn pause(&mut self, input: &mut Input) -> Result<Option<Request>, Malformed> {
        let word = match input.rest() {
            // Nothing, or half of an end: the other half is to come.
            [] | [.., b'\r'] => return Ok(None),
            word if self.is_somebody && (!self.fields.is_empty() || word != LOGOUT.as_bytes()) => {
                return Ok(None);
            }
            word => word.to_vec(),
        };
        let quoted = escape_head(&word, QUOTED);
        let word = String::from_utf8(word);
        let word = word.map_err(|_| Malformed(format!("`{quoted}` is not UTF-8")))?;
        input.take(u64::MAX);
        self.may_end_late = true;
        self.word(&word).map(Some)
    }

    /// Whether a request, or a username, is expected and none of it has come.
    #[must_use]
    pub fn is_between(&self, input: &Input) -> bool {
        self.fields.is_empty() && input.is_empty()
    }

    fn word(&mut self, word: &str) -> Result<Request, Malformed> {
        if std::mem::take(&mut self.is_somebody) {
            return Ok(Request::Logout);
        }
        let user = User::new(word).map_err(|it| Malformed(it.0))?;
        self.is_somebody = true;
        Ok(Request::User(user))
    }

    fn field(&mut self, text: String) -> Result<Option<Request>, Malformed> {
        let Some(operation) = self.fields.first() else {
            if Operation::named(&text).is_none() {
                let quoted = escape_head(text.as_bytes(), QUOTED);
                return Err(Malformed(format!("`{quoted}` is no request")));
            }
            self.fields.push(text);
            return Ok(None);
        };
        let Some(operation) = Operation::named(operation) else {
            return Ok(None);
        };
        if !text.is_empty() {
            if self.fields.len() > operation.parameters() {
                let name = operation.name();
                return Err(Malformed(format!("{name} is not ended by an empty line")));
            }
            self.fields.push(text);
            return Ok(None);
        }
        let fields = std::mem::take(&mut self.fields);
        let request = operation.request(&fields);
        Ok(Some(request.unwrap_or_else(|it| Request::Refused {
            why: it.0,
            is_store: operation == Operation::Store,
        })))
    }
}

impl Operation {
    const ALL: [Self; 3] = [Self::Store, Self::Retrieve, Self::Delete];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Store => "STR",
            Self::Retrieve => "RTV",
            Self::Delete => "DEL",
        }
    }

    /// How many fields follow its name.
    fn parameters(self) -> usize {
        match self {
            Self::Store => 3,
            Self::Retrieve | Self::Delete => 2,
        }
    }

    fn request(self, fields: &[String]) -> Result<Request, Refused> {
        match (self, fields) {
            (Self::Store, [_, size, name, path]) => {
                let size = read_length(size).map_err(|it| Refused(it.0))?;
                Ok(Request::Store(Place::new(name, path)?, size))
            }
            (Self::Retrieve, [_, name, path]) => Ok(Request::Retrieve(Place::new(name, path)?)),
            (Self::Delete, [_, name, path]) => Ok(Request::Delete(Place::new(name, path)?)),
            _ => Err(Refused(format!(
                "Did not receive all the parameters required for opcode:{}",
                self.name()
            ))),
        }
    }
}

impl Reply {
    /// The answer as it is sent, in one line whatever its text is.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Done => vec![0],
            Self::Found(size) => format!("{size}\r\n").into_bytes(),
            Self::Error(why) => {
                let why = why.replace(char::is_control, " ");
                let why: String = why.chars().take(LONGEST_ERROR).collect();
                format!("{ERROR} {why}\r\n").into_bytes()
            }
        }
    }

    /// The next answer; nothing while it is not complete. The end of the stream
    /// completes nothing.
    ///
    /// # Errors
    /// It is none, which its first byte may tell.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        match input.rest() {
            [] => return Ok(None),
            [0, ..] => {
                input.take(1);
                return Ok(Some(Self::Done));
            }
            [b'E' | b'0'..=b'9', ..] => {}
            other => return Err(unexpected(&escape_head(other, QUOTED))),
        }
        let Some(line) = input.line()? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&line.bytes);
        match text.strip_prefix(ERROR) {
            Some(why) if why.is_empty() || why.starts_with(' ') => {
                let why = escape_head(why.trim().as_bytes(), LONGEST_LINE);
                Ok(Some(Self::Error(why)))
            }
            None if line.is_complete && text.bytes().all(|it| it.is_ascii_digit()) => {
                read_length(&text).map(|it| Some(Self::Found(it)))
            }
            _ => Err(unexpected(&escape_head(&line.bytes, QUOTED))),
        }
    }
}

#[cfg(test)]
mod tests;

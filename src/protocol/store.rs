//! store: what a client and the store of coded files say to each other.
//!
//! Messages are fields, each ended by `\r\n`, and an empty one ends the message.
//! First somebody logs in ([`login`]); then there are commands, each with its
//! answer ([`reply`]):
//!
//! ```text
//! STR\r\n<name>\r\n<path>\r\n<size>\r\n\r\n<size bytes>
//! RTV\r\n<name>\r\n<path>\r\n\r\n
//! DEL\r\n<name>\r\n<path>\r\n\r\n
//! INF\r\n\r\n     what is there?
//! LGO\r\n\r\n     back to the login
//! STA\r\n\r\n     how are the shard servers?
//! FIX\r\n\r\n     rebuild what is missing or bad
//! ```

pub mod login;
pub mod reply;

use std::fmt;

use super::input::{Input, LONGEST_LINE};
use super::peer::{Malformed, read_length};
use super::raw::escape_head;
use super::shard::{Place, Refused, User};

use reply::Failure;

/// The port of a store where none is given.
pub const PORT: u16 = 17_777;

/// The longest message, in bytes, its end included.
pub const LONGEST_MESSAGE: usize = LONGEST_LINE;

/// The longest name of a file: the names of its blocks are three bytes longer,
/// and a directory takes no more than 255.
pub const LONGEST_NAME: usize = 252;

/// The longest password, in bytes.
pub const LONGEST_PASSWORD: usize = 1024;

/// Bytes of something wrong that are quoted.
const QUOTED: usize = 64;

/// A password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Vec<u8>);

/// Reads the messages of one connection.
#[derive(Debug, Default)]
pub struct Messages {
    /// The fields of a message that has begun.
    fields: Vec<Vec<u8>>,
    /// So many bytes of it have come.
    length: usize,
}

/// What somebody who is logged in wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To have so many bytes kept, which follow.
    Store(Place, u64),
    /// To have a file back.
    Retrieve(Place),
    /// To have a file removed.
    Delete(Place),
    /// To see what there is.
    List,
    /// To be nobody again.
    LogOut,
    /// To know how the shard servers are.
    Status,
    /// To have rebuilt what is missing or bad.
    Repair,
}

/// A command that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The protocol's word for it.
    pub failure: Failure,
    /// What is wrong, in words.
    pub why: String,
    /// What is known of the bytes that follow the message.
    pub body: Body,
}

/// What follows a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The next message.
    None,
    /// So many bytes, then the next message.
    Bytes(u64),
    /// Bytes, and nobody knows how many: the next message cannot be found.
    Unknown,
}

impl Messages {
    /// The next message; nothing while it is not complete. Empty lines before it
    /// are passed over: one may be left of a message with an empty field.
    ///
    /// # Errors
    /// It is too long, or the stream ended within it.
    pub fn next(&mut self, input: &mut Input) -> Result<Option<Vec<Vec<u8>>>, Malformed> {
        while let Some(line) = input.line()? {
            if !line.is_complete {
                return Err(cut_short());
            }
            if line.bytes.is_empty() {
                if self.fields.is_empty() {
                    continue;
                }
                self.length = 0;
                return Ok(Some(std::mem::take(&mut self.fields)));
            }
            let length = line.bytes.len().saturating_add("\r\n".len());
            self.length = self.length.saturating_add(length);
            if self.length.saturating_add("\r\n".len()) > LONGEST_MESSAGE {
                let most = LONGEST_MESSAGE;
                return Err(Malformed(format!("a message is longer than {most} bytes")));
            }
            self.fields.push(line.bytes);
        }
        match input.has_ended() && !self.fields.is_empty() {
            true => Err(cut_short()),
            false => Ok(None),
        }
    }

    /// Whether nothing of a message has come.
    #[must_use]
    pub fn is_between(&self, input: &Input) -> bool {
        self.fields.is_empty() && input.is_empty()
    }
}

fn cut_short() -> Malformed {
    Malformed("a message is cut short".into())
}

/// A message of these fields; none of them is empty or holds a line end.
#[must_use]
pub fn message(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(field);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

impl Command {
    const STORE: &str = "STR";
    const RETRIEVE: &str = "RTV";
    const DELETE: &str = "DEL";

    /// Understands a message.
    ///
    /// # Errors
    /// It is no command.
    pub fn of(fields: &[Vec<u8>]) -> Result<Self, Wrong> {
        let (operation, parameters) = fields.split_first().ok_or_else(unknown)?;
        let plain = |command: Self, name| match parameters {
            [] => Ok(command),
            _ => Err(lacking(name, Body::None)),
        };
        match operation.as_slice() {
            b"STR" => match parameters {
                [name, path, size] => Self::store(name, path, size),
                _ => Err(lacking(Self::STORE, Body::Unknown)),
            },
            b"RTV" => match parameters {
                [name, path] => Self::file(name, path, false).map(Self::Retrieve),
                _ => Err(lacking(Self::RETRIEVE, Body::None)),
            },
            b"DEL" => match parameters {
                [name, path] => Self::file(name, path, true).map(Self::Delete),
                _ => Err(lacking(Self::DELETE, Body::None)),
            },
            b"INF" => plain(Self::List, "INF"),
            b"LGO" => plain(Self::LogOut, "LGO"),
            b"STA" => plain(Self::Status, "STA"),
            b"FIX" => plain(Self::Repair, "FIX"),
            other => Err(Wrong {
                why: format!("`{}` is no opcode", escape_head(other, QUOTED)),
                ..unknown()
            }),
        }
    }

    fn store(name: &[u8], path: &[u8], size: &[u8]) -> Result<Self, Wrong> {
        let size = String::from_utf8_lossy(size);
        let size = read_length(&size).map_err(|it| Wrong {
            why: it.0,
            ..lacking(Self::STORE, Body::Unknown)
        })?;
        let place = Self::file(name, path, false).map_err(|wrong| Wrong {
            body: Body::Bytes(size),
            ..wrong
        })?;
        Ok(Self::Store(place, size))
    }

    /// The file of this name and path; DEL does not say which of them is wrong.
    fn file(name: &[u8], path: &[u8], is_either: bool) -> Result<Place, Wrong> {
        let wrong = |failure, why| Wrong {
            failure: if is_either {
                Failure::PathOrName
            } else {
                failure
            },
            why,
            body: Body::None,
        };
        let name = text(name).map_err(|it| wrong(Failure::Name, it.0))?;
        let path = text(path).map_err(|it| wrong(Failure::Path, it.0))?;
        place(name, path).map_err(|(failure, refused)| wrong(failure, refused.0))
    }

    /// The message that asks for it, without the bytes of a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let about = |operation: &str, place: &Place, size: Option<u64>| {
            let (name, path) = (place.name(), place.path());
            let size = size.map(|it| it.to_string());
            let fields = [operation, name, path].into_iter().chain(size.as_deref());
            message(&fields.map(str::as_bytes).collect::<Vec<_>>())
        };
        match self {
            Self::Store(place, size) => about(Self::STORE, place, Some(*size)),
            Self::Retrieve(place) => about(Self::RETRIEVE, place, None),
            Self::Delete(place) => about(Self::DELETE, place, None),
            _ => message(&[self.name().as_bytes()]),
        }
    }

    /// Its opcode.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Store(..) => Self::STORE,
            Self::Retrieve(_) => Self::RETRIEVE,
            Self::Delete(_) => Self::DELETE,
            Self::List => "INF",
            Self::LogOut => "LGO",
            Self::Status => "STA",
            Self::Repair => "FIX",
        }
    }
}

/// The file called `name` in the directory `path` of a user's: one that has room
/// for the names of its blocks. Directories are separated by slashes, or by
/// backslashes, as the store's own lists show them.
///
/// # Errors
/// There cannot be one: whose fault it is, and why.
pub fn place(name: &str, path: &str) -> Result<Place, (Failure, Refused)> {
    // The name alone, in a directory that is not to blame.
    let named = Place::new(name, "path").and_then(|_| match name.len() {
        ..=LONGEST_NAME => Ok(()),
        length => Err(Refused(format!(
            "a name of {length} bytes is too long: {LONGEST_NAME} bytes at most"
        ))),
    });
    named.map_err(|it| (Failure::Name, it))?;
    Place::new(name, &path.replace('\\', "/")).map_err(|it| (Failure::Path, it))
}

/// A file as lists show it: `\<user>\<path>\<name>`.
#[must_use]
pub fn shown(user: &User, place: &Place) -> String {
    let path = place.path().replace('/', "\\");
    format!("\\{user}\\{path}\\{}", place.name())
}

fn text(field: &[u8]) -> Result<&str, Refused> {
    str::from_utf8(field).map_err(|_| {
        let quoted = escape_head(field, QUOTED);
        Refused(format!("`{quoted}` is not UTF-8"))
    })
}

fn unknown() -> Wrong {
    Wrong {
        failure: Failure::Opcode,
        why: "there is no opcode".into(),
        body: Body::None,
    }
}

fn lacking(operation: &'static str, body: Body) -> Wrong {
    Wrong {
        failure: Failure::Parameters(operation),
        why: format!("{operation} has other fields"),
        body,
    }
}

impl Password {
    /// A password as it can be sent.
    ///
    /// # Errors
    /// It is empty, too long, or would end its field.
    pub fn new(bytes: &[u8]) -> Result<Self, Refused> {
        let wrong = match bytes.len() {
            0 => "it is empty",
            _ if bytes.iter().any(|it| matches!(it, b'\r' | b'\n')) => "it holds a line end",
            1..=LONGEST_PASSWORD => return Ok(Self(bytes.into())),
            _ => "it is longer than 1024 bytes",
        };
        Err(Refused(format!("that is no password: {wrong}")))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests;

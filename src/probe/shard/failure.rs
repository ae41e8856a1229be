//! Why nothing came of what a shard server was asked.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::protocol::peer::Malformed;
use crate::units;

/// What a server did instead of what it was asked. A store goes to others then,
/// whichever it is; what it says about the server differs.
#[derive(Debug)]
pub enum Failure {
    /// There is no connection, or not any more: why.
    Down(String),
    /// Nothing, or too little, moved within this time.
    Slow(Duration),
    /// It does not have the block, or cannot read it: in its own words. The
    /// session goes on.
    Lacking(String),
    /// It does not do it: in its own words. The session goes on if it refused
    /// before anything was sent ([`super::Session::is_usable`]).
    Refused(String),
    /// What it answered is not of the protocol, or more than can be.
    Garbage(String),
    /// It closed within a block.
    Short {
        /// Bytes that came.
        came: u64,
        /// Bytes that it had announced.
        length: u64,
    },
    /// Not the server: what was to be sent cannot be read, or what came not be
    /// kept.
    Own(io::Error),
}

impl Failure {
    /// What became of a connection, from what it says.
    pub(super) fn lost(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset => Self::Down("the connection was reset".into()),
            io::ErrorKind::BrokenPipe => Self::Down("it closed the connection".into()),
            _ => Self::Down(format!("the connection broke: {error}")),
        }
    }

    /// In a word, for a log or a table.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Down(_) => "down",
            Self::Slow(_) => "slow",
            Self::Lacking(_) => "lacking",
            Self::Refused(_) => "refused",
            Self::Garbage(_) => "garbage",
            Self::Short { .. } => "short",
            Self::Own(_) => "own",
        }
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Garbage(malformed.0)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) | Self::Garbage(why) => f.write_str(why),
            Self::Slow(limit) => {
                write!(f, "too little moved within {}", units::limit(*limit))
            }
            Self::Lacking(why) => write!(f, "it does not have the block: {why}"),
            Self::Refused(why) => write!(f, "it refuses: {why}"),
            Self::Short { came, length } => write!(f, "it closed after {came} of {length} bytes"),
            Self::Own(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

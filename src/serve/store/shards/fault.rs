//! What is wrong with a shard server, or with a block of its.

use std::fmt;
use std::io;

use crate::probe::shard::Failure;
use crate::protocol::coding::{Block, Server};

/// Why a server's part of a file does not count.
#[derive(Debug)]
pub(in super::super) enum Fault {
    /// The server did not do it.
    Server(Failure),
    /// A block is not what it should be: damaged, or of an earlier file.
    Bad(Block),
    /// This side failed: that says nothing of the server.
    Own(io::Error),
}

/// A fault, and whose it is.
#[derive(Debug)]
pub(in super::super) struct Trouble {
    pub(in super::super) server: Server,
    /// Where the server is.
    pub(in super::super) name: String,
    pub(in super::super) fault: Fault,
}

impl Fault {
    /// Whether it is known that the server has not got what it should have; else
    /// it may have.
    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::Bad(_) | Self::Server(Failure::Lacking(_)))
    }

    /// Whether the server did not answer at all: nothing more is to be asked of
    /// it for now.
    pub(in super::super) fn is_down(&self) -> bool {
        matches!(self, Self::Server(Failure::Down(_) | Failure::Slow(_)))
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Own(error) => Self::Own(error),
            failure => Self::Server(failure),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(failure) => failure.fmt(f),
            Self::Bad(block) => write!(f, "its block {block} has another checksum"),
            Self::Own(error) => write!(f, "the store failed: {error}"),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            name,
            fault,
        } = self;
        write!(f, "shard server {server} ({name}): {fault}")
    }
}

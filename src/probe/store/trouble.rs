//! Why nothing came of what a store was asked.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::finding::Exit;
use crate::probe::copies::Broken;
use crate::protocol::peer::Malformed;
use crate::protocol::raw::escape;
use crate::protocol::store::reply::Failure;

/// What a store did instead.
#[derive(Debug)]
pub enum Trouble {
    /// The connection, or what came over it.
    Broken(Broken),
    /// Nobody may log in so: why, in words.
    Denied(String),
    /// It did not do what it was asked.
    Refused {
        /// In the protocol's words.
        failure: Failure,
        /// Why, as far as it says.
        warnings: Vec<String>,
    },
}

impl Trouble {
    /// Nothing, or too little, came within this time.
    #[must_use]
    pub fn late(limit: Duration) -> Self {
        Self::Broken(Broken::Late(limit))
    }

    /// What came is not of the protocol.
    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::Broken(Broken::Malformed(why.into()))
    }

    /// The same, without what was answered if a secret is in it: a server may say
    /// what it was told.
    pub(super) fn without(self, secret: &[u8]) -> Self {
        match self {
            Self::Broken(Broken::Malformed(why)) if holds(&why, secret) => {
                Self::malformed("its answer, which is not of the protocol, holds the password")
            }
            other => other,
        }
    }

    /// Whether the connection was reset.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match self {
            Self::Broken(Broken::Lost(error)) => {
                matches!(error.kind(), BrokenPipe | ConnectionReset)
            }
            _ => false,
        }
    }

    /// Its class, for `--exit-detail`.
    #[must_use]
    pub fn class(&self) -> Exit {
        match self {
            Self::Refused { failure, .. } if failure.is_missing() => Exit::NotFound,
            Self::Broken(Broken::Late(_)) => Exit::Timeout,
            Self::Broken(Broken::Lost(_) | Broken::Short { .. }) => Exit::Reset,
            // This side's disk.
            Self::Broken(Broken::Kept(_)) => Exit::Unknown,
            Self::Broken(Broken::Malformed(_)) | Self::Denied(_) | Self::Refused { .. } => {
                Exit::Protocol
            }
        }
    }
}

/// Whether a secret is in what is shown of an answer.
pub(super) fn holds(shown: &str, secret: &[u8]) -> bool {
    let once = escape(secret);
    shown.contains(&once) || shown.contains(&escape(once.as_bytes()))
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Malformed> for Trouble {
    fn from(malformed: Malformed) -> Self {
        Self::Broken(malformed.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Denied(why) => f.write_str(why),
            Self::Refused { failure, warnings } if warnings.is_empty() => {
                write!(f, "it says `{failure}`")
            }
            Self::Refused { failure, warnings } => {
                write!(f, "it says `{failure}`: {}", warnings.join("; "))
            }
        }
    }
}

impl std::error::Error for Trouble {}

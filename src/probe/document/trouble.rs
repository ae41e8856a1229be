//! Why a conversation ended too early, and what exit status that is.

use std::fmt;
use std::io;

use anyhow::Error;

use crate::finding::{Exit, State};
use crate::net::DialError;

/// What to look at if a server ends at once.
const PERHAPS_FULL: &str = " (hint: it may have no place left)";

/// What a server did instead.
#[derive(Debug)]
pub(super) struct Trouble {
    why: String,
    class: Exit,
}

impl Trouble {
    /// Too little got on in time.
    pub(super) fn late(why: String) -> Self {
        let class = Exit::Timeout;
        Self { why, class }
    }

    /// What came is no frame.
    pub(super) fn malformed(why: &impl fmt::Display) -> Self {
        Self {
            why: format!("the server sent what is no frame: {why}"),
            class: Exit::Protocol,
        }
    }

    /// The server closed between two frames; whether anything had come before.
    pub(super) fn closed(has_come: bool) -> Self {
        let hint = if has_come { "" } else { PERHAPS_FULL };
        Self {
            why: format!("the server closed the connection{hint}"),
            class: Exit::Reset,
        }
    }

    /// The server closed, and this was missing.
    pub(super) fn truncated(missing: &str) -> Self {
        Self {
            why: format!("the server closed the connection {missing}"),
            class: Exit::Reset,
        }
    }

    /// The connection broke; whether anything had come before.
    pub(super) fn lost(error: &io::Error, has_come: bool) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
        let hint = if has_come { "" } else { PERHAPS_FULL };
        let why = match error.kind() {
            ConnectionReset => {
                format!("the server reset the connection: it did not take everything{hint}")
            }
            BrokenPipe | NotConnected => return Self::closed(has_come),
            _ => format!("the connection broke: {error}"),
        };
        let class = Exit::Reset;
        Self { why, class }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Trouble {}

/// The kind of a failure, for `--exit-detail`; nothing if it is this side's.
#[must_use]
pub fn class(error: &Error) -> Option<Exit> {
    if let Some(trouble) = error.downcast_ref::<Trouble>() {
        return Some(trouble.class);
    }
    let dial = error.downcast_ref::<DialError>()?;
    let state = dial.attempts().last().map(|it| it.state);
    let exit = Exit::of_failure(state.unwrap_or(State::Unresolved), None);
    (!dial.is_own_fault()).then_some(exit)
}

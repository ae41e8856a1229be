//! Why there is no good answer, and what exit status that is.

use anyhow::{Error, anyhow};

use crate::finding::{Exit, State};
use crate::net::DialError;
use crate::probe::copies::Broken;

/// Why there is no good answer.
#[derive(Debug)]
pub struct Trouble {
    /// In words.
    pub error: Error,
    /// What a shell is to see.
    pub exit: Exit,
    /// Whether another attempt may come out better.
    pub(super) may_pass: bool,
}

impl Trouble {
    /// A fault of this side.
    pub(super) fn own(error: Error) -> Self {
        Self {
            error,
            exit: Exit::Unknown,
            may_pass: false,
        }
    }

    /// Nobody has the file.
    pub(super) fn not_found(name: &str) -> Self {
        Self {
            error: anyhow!("no member that is up has the file `{name}`"),
            exit: Exit::NotFound,
            may_pass: false,
        }
    }

    /// There is no connection.
    pub(super) fn unreachable(error: DialError) -> Self {
        let is_own = error.is_own_fault();
        let state = error.attempts().last().map(|it| it.state);
        let exit = Exit::of_failure(state.unwrap_or(State::Unresolved), None);
        Self {
            error: error.into(),
            exit: if is_own { Exit::Unknown } else { exit },
            may_pass: !is_own,
        }
    }

    /// There was a connection, and no answer.
    pub(super) fn broken(broken: Broken, context: &str) -> Self {
        let exit = match &broken {
            Broken::Lost(_) | Broken::Short { .. } => Exit::Reset,
            Broken::Malformed(_) => Exit::Protocol,
            Broken::Late(_) => Exit::Timeout,
            Broken::Kept(_) => Exit::Unknown,
        };
        Self {
            may_pass: !matches!(broken, Broken::Kept(_)),
            error: Error::new(broken).context(context.to_owned()),
            exit,
        }
    }

    /// The same without the kind of failure.
    pub(super) fn coarse(self) -> Self {
        let exit = match self.exit {
            Exit::Unknown => Exit::Unknown,
            Exit::Deadline => Exit::Deadline,
            _ => Exit::Bad,
        };
        Self { exit, ..self }
    }
}

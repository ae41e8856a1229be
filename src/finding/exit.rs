//! The exit status of every verb but `nc`: the only table.

use serde::{Serialize, Serializer};

use super::{Lack, State};

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything as expected.
    Good = 0,
    /// A definite bad answer: refused, timeout, mismatch, not found, truncated.
    Bad = 1,
    /// Asked wrongly: usage, an unreadable plan; nothing was sent.
    Usage = 2,
    /// Nothing to check.
    Nothing = 3,
    /// netkit could not tell: permission, descriptors, output not written.
    Unknown = 4,
    /// `--exit-detail`: refused.
    Refused = 10,
    /// `--exit-detail`: no answer in time.
    Timeout = 11,
    /// `--exit-detail`: unreachable.
    Unreachable = 12,
    /// `--exit-detail`: the name has no address.
    Name = 13,
    /// `--exit-detail`: reset or truncated.
    Reset = 14,
    /// `--exit-detail`: not the expected answer.
    Protocol = 15,
    /// `--exit-detail`: TLS.
    Tls = 16,
    /// `--exit-detail`: there is no such file.
    NotFound = 17,
    /// `--exit-detail`: copies differ.
    Difference = 18,
    /// The `--wait` deadline passed, as with coreutils' `timeout`.
    Deadline = 124,
    /// The command after `--` could not be run, as with env(1).
    CannotRun = 126,
    /// The command after `--` is not there, as with env(1).
    NoCommand = 127,
    /// Ended by SIGINT, after a partial summary.
    Interrupted = 130,
    /// Ended by SIGTERM, after a partial summary.
    Terminated = 143,
}

impl Exit {
    /// The status of a run whose checks ended so: nothing checked before a bad
    /// answer before one that netkit could not get.
    #[must_use]
    pub fn of_counts(checks: usize, failed: usize, unknown: usize) -> Self {
        match (checks, failed, unknown) {
            (0, _, _) => Self::Nothing,
            (_, 1.., _) => Self::Bad,
            (_, 0, 1..) => Self::Unknown,
            (_, 0, 0) => Self::Good,
        }
    }

    /// The class of a failure, for `--exit-detail`.
    #[must_use]
    pub fn of_failure(state: State, lack: Option<Lack>) -> Self {
        match lack {
            Some(Lack::NotFound) => Self::NotFound,
            Some(Lack::Difference) => Self::Difference,
            Some(Lack::Rest) => Self::Reset,
            None => Self::of_state(state),
        }
    }

    fn of_state(state: State) -> Self {
        match state {
            // Open where it should not be is the wrong answer too.
            State::Open | State::Mismatch => Self::Protocol,
            State::Refused => Self::Refused,
            State::Filtered | State::Silent => Self::Timeout,
            State::Unreachable => Self::Unreachable,
            State::Unresolved => Self::Name,
            State::Reset => Self::Reset,
            State::Tls => Self::Tls,
            State::Unknown => Self::Unknown,
        }
    }

    /// The status of a run that the signal of this number ended.
    #[must_use]
    pub fn by_signal(number: i32) -> Self {
        const SIGTERM: i32 = 15;
        match number {
            SIGTERM => Self::Terminated,
            _ => Self::Interrupted,
        }
    }

    /// Whether a signal ended the run before it was done.
    #[must_use]
    pub fn is_by_signal(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn mixed_verdicts_are_ordered() {
        assert_eq!(Exit::of_counts(0, 0, 0), Exit::Nothing);
        assert_eq!(Exit::of_counts(3, 1, 1), Exit::Bad);
        assert_eq!(Exit::of_counts(3, 0, 1), Exit::Unknown);
        assert_eq!(Exit::of_counts(3, 0, 0), Exit::Good);
    }
}

//! What any check, probe or server found: states, phases, evidence, and the
//! JSON records made of them.
//!
//! Plain data. Nothing here does any work or knows who prints it; every verb
//! produces exactly these, and every report shows exactly these.

mod answer;
mod exit;
mod icmp;
mod record;
mod reply;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

pub use answer::{DnsEvidence, HttpEvidence, TlsEvidence};
pub use exit::Exit;
pub use icmp::Icmp;
pub use record::{
    Attempt, CheckResult, Connection, Dated, End, Hello, Latency, Record, Request, RoundTrips,
    SCHEMA, Summary, Transition,
};
pub use reply::{ClusterMember, Listed, Reply, Step};

/// What one attempt at one address came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The state it was found in.
    pub state: State,
    /// What speaks for the state.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// How long it took.
    #[serde(flatten)]
    pub phases: Phases,
    /// What TLS agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsEvidence>>,
    /// What HTTP answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpEvidence>>,
    /// What DNS answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Box<DnsEvidence>>,
    /// The bytes that came, escaped, as far as they were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What is missing, where the answer was understood and is not the expected
    /// one.
    #[serde(skip)]
    pub lack: Option<Lack>,
}

/// What is missing in an answer that was understood; the exit status tells them
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is no such file.
    NotFound,
    /// Copies that should be the same are not.
    Difference,
    /// The answer ended before its end.
    Rest,
}

impl Finding {
    /// A finding of which nothing but the state is known yet.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self {
            state,
            evidence: Evidence::default(),
            phases: Phases::default(),
            tls: None,
            http: None,
            dns: None,
            seen: None,
            lack: None,
        }
    }

    /// The same, turned into `state` for this reason. What the network said
    /// stays as evidence.
    #[must_use]
    pub fn but(mut self, state: State, reason: impl Into<Cow<'static, str>>) -> Self {
        self.state = state;
        self.evidence.reason = Some(reason.into());
        self
    }

    /// The same, with what is missing.
    #[must_use]
    pub fn lacking(mut self, lack: Option<Lack>) -> Self {
        self.lack = lack;
        self
    }

    /// The same, with what to do or to look at next.
    #[must_use]
    pub fn hinting(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.evidence.hint = Some(hint.into());
        self
    }
}

/// The state in which a check found its target: a closed list and stable API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A connection was made, or a datagram answered.
    Open,
    /// The host itself said that nothing listens there.
    Refused,
    /// No answer in time.
    Filtered,
    /// A router or host said so by ICMP, or no local route leads there.
    Unreachable,
    /// The name has no address, or the resolver could not be asked.
    Unresolved,
    /// The connection was reset after it had been made.
    Reset,
    /// Connected, but TLS could not be agreed or the certificate is wrong.
    Tls,
    /// Connected, but the answer is not the expected one.
    Mismatch,
    /// UDP without an answer, which proves nothing.
    Silent,
    /// netkit could not tell: no permission, out of descriptors.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Refused,
        Self::Filtered,
        Self::Unreachable,
        Self::Unresolved,
        Self::Reset,
        Self::Tls,
        Self::Mismatch,
        Self::Silent,
        Self::Unknown,
    ];

    /// The state that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// The word that stands for the state everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Unreachable => "unreachable",
            Self::Unresolved => "unresolved",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::Mismatch => "mismatch",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state in which a target should be: `=STATE` of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Something listens there.
    #[default]
    Open,
    /// The host says that nothing listens there.
    Closed,
    /// Nobody answers, over UDP neither.
    Filtered,
    /// Anything but open.
    Down,
    /// Whatever it is: only to be shown.
    Any,
}

impl Expected {
    /// Every word accepted, in the order in which help shows them.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("open", Self::Open),
        ("closed", Self::Closed),
        ("filtered", Self::Filtered),
        ("down", Self::Down),
        ("any", Self::Any),
    ];

    /// Whether `state` is the expected one. `unknown` never is, except where
    /// anything is: netkit could not tell.
    #[must_use]
    pub fn allows(self, state: State) -> bool {
        match self {
            Self::Open => state == State::Open,
            Self::Closed => state == State::Refused,
            // Over UDP no filter can be told from a service that keeps silent.
            Self::Filtered => matches!(state, State::Filtered | State::Silent),
            Self::Down => !matches!(state, State::Open | State::Unknown),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, it)| it == self);
        f.pad(word.map_or("", |(word, _)| word))
    }
}

/// The address family of a checked address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// A Unix socket.
    Unix,
}

impl From<SocketAddr> for Family {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::Ipv4,
            SocketAddr::V6(_) => Self::Ipv6,
        }
    }
}

/// How long each phase took; what did not happen is absent. In JSON integer
/// microseconds, `resolve_us` and so on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Phases {
    /// From the name to its addresses.
    #[serde(rename = "resolve_us", serialize_with = "record::micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolve: Option<Duration>,
    /// From the first packet to the connection, or to its failure.
    #[serde(rename = "connect_us", serialize_with = "record::micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Duration>,
    /// The TLS handshake.
    #[serde(rename = "tls_us", serialize_with = "record::micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Duration>,
    /// From the request to the first byte of the answer.
    #[serde(rename = "first_byte_us", serialize_with = "record::micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Duration>,
    /// All of it.
    #[serde(rename = "total_us", serialize_with = "record::micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Duration>,
}

/// What speaks for a state, beside its name. Absent means unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// The system's error number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// What to do or to look at next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Cow<'static, str>>,
    /// The kernel's own round-trip time (`TCP_INFO`, Linux).
    #[serde(rename = "rtt_us", serialize_with = "record::micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Duration>,
    /// How often the kernel repeated its first packet (`TCP_INFO`, Linux).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syn_retransmits: Option<u32>,
    /// The ICMP message behind the failure (Linux).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_what_a_filter_makes_of_datagrams() {
        assert!(Expected::Filtered.allows(State::Filtered));
        assert!(Expected::Filtered.allows(State::Silent));
        assert!(!Expected::Filtered.allows(State::Refused));
        assert!(!Expected::Open.allows(State::Silent));
        assert!(Expected::Down.allows(State::Silent));
    }
}

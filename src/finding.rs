//! What any check, probe or server found: states, phases, evidence, and the
//! JSON records made of them.
//!
//! Plain data. Nothing here does any work or knows who prints it; every verb
//! produces exactly these, and every report shows exactly these.

mod exit;
mod record;

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

pub use exit::Exit;
pub use record::{
    Attempt, CheckResult, Connection, Dated, End, Hello, HttpEvidence, Latency, Record, Reply,
    RoundTrips, SCHEMA, Summary, TlsEvidence, Transition,
};

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
    /// Nobody answers.
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
            Self::Filtered => state == State::Filtered,
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

/// An ICMP error message, and who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Icmp {
    /// Type; of ICMP for IPv6 where `from` is an IPv6 address.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Code within the type.
    pub code: u8,
    /// The host or router that sent it.
    pub from: IpAddr,
}

impl Icmp {
    /// The message's name (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.from, self.kind, self.code) {
            (IpAddr::V4(_), 3, 0) => "network unreachable",
            (IpAddr::V4(_), 3, 1) => "host unreachable",
            (IpAddr::V4(_), 3, 2) => "protocol unreachable",
            (IpAddr::V4(_), 3, 3) | (IpAddr::V6(_), 1, 4) => "port unreachable",
            (IpAddr::V4(_), 3, 4) => "fragmentation needed",
            (IpAddr::V4(_), 3, 9) => "network administratively prohibited",
            (IpAddr::V4(_), 3, 10) => "host administratively prohibited",
            (IpAddr::V4(_), 3, 13) | (IpAddr::V6(_), 1, 1) => "administratively prohibited",
            (IpAddr::V4(_), 11, _) | (IpAddr::V6(_), 3, _) => "time to live exceeded",
            (IpAddr::V4(_), 12, _) | (IpAddr::V6(_), 4, _) => "parameter problem",
            (IpAddr::V6(_), 1, 0) => "no route to destination",
            (IpAddr::V6(_), 1, 2) => "beyond the scope of the source address",
            (IpAddr::V6(_), 1, 3) => "address unreachable",
            (IpAddr::V6(_), 1, 5) => "source address failed the policy",
            (IpAddr::V6(_), 1, 6) => "route rejected",
            (IpAddr::V4(_), 3, _) | (IpAddr::V6(_), 1, _) => "destination unreachable",
            (IpAddr::V6(_), 2, _) => "packet too big",
            _ => "ICMP error",
        }
    }
}

impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = if self.from.is_ipv4() {
            "ICMP"
        } else {
            "ICMPv6"
        };
        let Self { kind, code, from } = self;
        write!(f, "{} ({protocol} {kind}/{code} from {from})", self.name())
    }
}

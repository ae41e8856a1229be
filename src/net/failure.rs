//! Why a connection could not be made: from the system's error to a state.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use crate::finding::{Evidence, Finding, Icmp, State};
use crate::units;

/// Why a connection is refused, as far as the one that made it can tell.
pub(super) const NOTHING_LISTENS: &str = "nothing listens there";

/// What silence may come from.
const NO_ANSWER_HINT: &str =
    "a firewall drops it, the host is down, or the server's backlog is full";

/// A connection that could not be made.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The address tried.
    pub address: SocketAddr,
    /// What this says about the target.
    pub state: State,
    /// The reason in words, the error number, what the network said.
    pub evidence: Evidence,
    /// From the first packet to the failure.
    pub took: Duration,
}

impl Failure {
    /// From the error of a connect call and what the kernel had to say about it.
    pub(super) fn new(
        address: SocketAddr,
        error: &io::Error,
        network: &Evidence,
        took: Duration,
    ) -> Self {
        let (state, reason) = match (network.icmp, error.raw_os_error()) {
            (Some(icmp), _) => (State::Unreachable, describe(icmp, address)),
            (None, Some(errno)) => classify(address, errno),
            (None, None) => (State::Unknown, error.to_string().into()),
        };
        let evidence = Evidence {
            reason: Some(reason),
            errno: error.raw_os_error(),
            ..network.clone()
        };
        let hint = hint(state, &evidence, address).map(Into::into);
        let evidence = Evidence { hint, ..evidence };
        Self {
            address,
            state,
            evidence,
            took,
        }
    }

    /// A socket that could not even be made for `address`: nothing was sent.
    #[must_use]
    pub fn of_socket(address: SocketAddr, error: &io::Error) -> Self {
        Self::new(address, error, &Evidence::default(), Duration::ZERO)
    }

    /// As [`Self::new`], of a datagram. That its port is unreachable is the word of the
    /// host itself (RFC 1122 section 4.1.3.1): nothing listens there. From
    /// anybody else it is a router's or a firewall's.
    pub(super) fn of_datagram(
        address: SocketAddr,
        error: &io::Error,
        network: &Evidence,
        took: Duration,
    ) -> Self {
        match network.icmp {
            Some(icmp) if icmp.is_port_unreachable() && icmp.from == address.ip() => {
                let mut failure = Self::new(address, error, &Evidence::default(), took);
                failure.evidence.icmp = network.icmp;
                failure
            }
            _ => Self::new(address, error, network, took),
        }
    }

    /// Nobody answered within `limit`.
    pub(super) fn no_answer(address: SocketAddr, network: &Evidence, limit: Duration) -> Self {
        let limit = units::limit(limit);
        let reason = match network.syn_retransmits {
            Some(1..) => format!(
                "no answer within {limit} ({} SYN retransmitted)",
                network.syn_retransmits.unwrap_or_default()
            ),
            _ => format!("no answer within {limit}"),
        };
        let evidence = Evidence {
            hint: Some(NO_ANSWER_HINT.into()),
            reason: Some(reason.into()),
            ..network.clone()
        };
        Self {
            address,
            state: State::Filtered,
            evidence,
            took: Duration::ZERO,
        }
    }

    /// The kernel connected the socket to itself: nothing listens there.
    ///
    /// A port in the ephemeral range may be picked as the source of the very
    /// connection that checks it; TCP then opens it simultaneously with itself
    /// (RFC 9293 section 3.5), and only the equal addresses give it away.
    pub(super) fn connected_to_itself(address: SocketAddr, took: Duration) -> Self {
        let refused = io::Error::from_raw_os_error(Errno::ECONNREFUSED as i32);
        Self::new(address, &refused, &Evidence::default(), took)
    }

    /// Whether it is [`is_exhaustion`].
    #[must_use]
    pub fn is_exhaustion(&self) -> bool {
        is_exhaustion(self.state, self.evidence.errno)
    }
}

/// Whether a state with this error number means that the machine ran out of
/// something that others give back: descriptors, memory, ephemeral ports. It
/// says nothing about the target.
#[must_use]
pub fn is_exhaustion(state: State, errno: Option<i32>) -> bool {
    const EXHAUSTED: [Errno; 5] = [
        Errno::EMFILE,
        Errno::ENFILE,
        Errno::ENOBUFS,
        Errno::ENOMEM,
        Errno::EADDRNOTAVAIL,
    ];
    let errno = errno.map(Errno::from_raw);
    state == State::Unknown && errno.is_some_and(|it| EXHAUSTED.contains(&it))
}

impl From<Failure> for Finding {
    fn from(failure: Failure) -> Self {
        let mut finding = Self::new(failure.state);
        finding.evidence = failure.evidence;
        finding.phases.connect = Some(failure.took);
        finding.phases.total = Some(failure.took);
        finding
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.evidence.reason.as_deref().unwrap_or_default();
        write!(f, "{}: {}: {reason}", self.address, self.state)
    }
}

impl std::error::Error for Failure {}

fn describe(icmp: Icmp, address: SocketAddr) -> Cow<'static, str> {
    match icmp.from == address.ip() {
        true => format!("{icmp}, the target itself").into(),
        false => icmp.to_string().into(),
    }
}

/// What to make of an ICMP message. This host sends itself one when nobody on
/// its own link answers to an address.
fn icmp_hint(icmp: Icmp, address: SocketAddr) -> &'static str {
    let own = source_of(address).is_ok_and(|source| source == Some(icmp.from));
    let unreachable = matches!(
        (icmp.from, icmp.kind, icmp.code),
        (IpAddr::V4(_), 3, 1) | (IpAddr::V6(_), 1, 3)
    );
    match (own && icmp.from != address.ip(), unreachable) {
        (true, true) => "nobody answers to that address on the local link: is the host up?",
        (true, false) => "this host's own firewall rejects it",
        (false, _) => "a firewall or router rejects it",
    }
}

/// What connect(2) and the routing of Linux mean by an error number.
fn classify(address: SocketAddr, errno: i32) -> (State, Cow<'static, str>) {
    let own = || Errno::from_raw(errno).desc().to_lowercase().into();
    match Errno::from_raw(errno) {
        Errno::ECONNREFUSED => (State::Refused, NOTHING_LISTENS.into()),
        Errno::ETIMEDOUT => (State::Filtered, "no answer to any SYN".into()),
        Errno::ECONNRESET | Errno::EPIPE => (State::Reset, "the connection was reset".into()),
        Errno::EHOSTUNREACH => (
            State::Unreachable,
            "no route to the host, or it does not answer on its own link".into(),
        ),
        Errno::ENETUNREACH => (State::Unreachable, "no local route leads there".into()),
        Errno::ENETDOWN => (State::Unreachable, "the network is down".into()),
        Errno::EACCES => (State::Unreachable, "a local route prohibits it".into()),
        Errno::EINVAL if lacks_zone(address) => (
            State::Unreachable,
            "a link-local address needs its interface, as in `[fe80::1%eth0]`".into(),
        ),
        Errno::EINVAL => (State::Unreachable, "a local route is a black hole".into()),
        Errno::EADDRNOTAVAIL if lacks_source(address) => (
            State::Unreachable,
            "this host has no address that could reach it".into(),
        ),
        Errno::EADDRNOTAVAIL => (State::Unknown, "out of ephemeral ports".into()),
        Errno::EAFNOSUPPORT => (
            State::Unreachable,
            "this host does not support the address family".into(),
        ),
        Errno::EMFILE | Errno::ENFILE => (State::Unknown, "out of descriptors".into()),
        Errno::EPERM => (State::Unknown, "this host's own rules forbid it".into()),
        _ => (State::Unknown, own()),
    }
}

/// The local address from which packets to `address` would come.
pub(super) fn source_of(address: SocketAddr) -> io::Result<Option<IpAddr>> {
    // Connecting a datagram socket sends nothing.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.connect(&address.into())?;
    Ok(socket.local_addr()?.as_socket().map(|it| it.ip()))
}

/// Whether no local address could be the source of packets to `address`:
/// connect(2) says EADDRNOTAVAIL then, and when out of ephemeral ports.
fn lacks_source(address: SocketAddr) -> bool {
    let error = source_of(address).err().and_then(|it| it.raw_os_error());
    error == Some(Errno::EADDRNOTAVAIL as i32)
}

/// A link-local address that does not say on which link.
fn lacks_zone(address: SocketAddr) -> bool {
    match address {
        SocketAddr::V4(_) => false,
        SocketAddr::V6(v6) => v6.ip().is_unicast_link_local() && v6.scope_id() == 0,
    }
}

/// What to do or to look at next. A refusal has none here: a scan is full of
/// them, and `explain_refusal` has better ones for the few.
fn hint(state: State, evidence: &Evidence, address: SocketAddr) -> Option<&'static str> {
    let errno = evidence.errno.map(Errno::from_raw);
    Some(match (state, evidence.icmp, errno) {
        (State::Filtered, ..) => NO_ANSWER_HINT,
        (State::Unreachable, Some(icmp), _) => icmp_hint(icmp, address),
        (State::Unreachable, _, Some(Errno::ENETDOWN)) => "see `ip link`",
        (State::Unreachable, _, Some(Errno::EINVAL)) if lacks_zone(address) => "see `ip link`",
        (State::Unreachable, ..) => "see `ip route get` for the address",
        (State::Reset, ..) => "see the server's log: it, or a firewall on the way, ended it",
        (State::Unknown, _, Some(Errno::EMFILE)) => "raise `ulimit -n`",
        (State::Unknown, _, Some(Errno::ENFILE)) => "see `sysctl fs.file-nr`",
        (State::Unknown, _, Some(Errno::EADDRNOTAVAIL)) => {
            "wait until old connections are gone, see `ss -s`"
        }
        (State::Unknown, _, Some(Errno::EPERM)) => "see `nft list ruleset`",
        (State::Unknown, ..) => "see connect(2)",
        _ => return None,
    })
}

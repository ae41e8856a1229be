//! ICMP error messages by name.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

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
    /// Whether it says that nothing listens on a port.
    #[must_use]
    pub fn is_port_unreachable(&self) -> bool {
        matches!(
            (self.from, self.kind, self.code),
            (IpAddr::V4(_), 3, 3) | (IpAddr::V6(_), 1, 4)
        )
    }

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

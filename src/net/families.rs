//! Which address families a command may use.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// `-4` and `-6`; neither means both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Families {
    /// Use IPv4 only
    #[arg(short = '4', long = "ipv4", conflicts_with = "only_v6")]
    pub only_v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6")]
    pub only_v6: bool,
}

impl Families {
    /// Whether `address` is of a wanted family.
    #[must_use]
    pub fn allow(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => !self.only_v6,
            IpAddr::V6(_) => !self.only_v4,
        }
    }

    /// As [`Self::allow`], for an address with a port.
    #[must_use]
    pub fn allow_socket(self, address: &SocketAddr) -> bool {
        self.allow(address.ip())
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.only_v4, self.only_v6) {
            (true, _) => "IPv4",
            (_, true) => "IPv6",
            _ => "IPv4 or IPv6",
        })
    }
}

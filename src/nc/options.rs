//! The options of sockets that flags set (socket(7), ip(7), ipv6(7)).

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt};
use nix::{libc, setsockopt_impl, sockopt_impl};

use super::console::{Failure, Outcome};
use super::settings::SocketOptions;

sockopt_impl!(
    /// Records what happens to the socket, socket(7); needs `CAP_NET_ADMIN`.
    Debug, SetOnly, libc::SOL_SOCKET, libc::SO_DEBUG, bool
);
sockopt_impl!(
    /// Drops IPv4 packets with fewer hops left.
    LeastTtl, SetOnly, libc::IPPROTO_IP, libc::IP_MINTTL, i32
);
sockopt_impl!(
    /// Drops IPv6 packets with fewer hops left.
    LeastHops, SetOnly, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, i32
);

impl SocketOptions {
    /// Sets them on a socket of IPv6 or IPv4.
    ///
    /// # Errors
    /// The first that the kernel does not take.
    pub(super) fn set(&self, socket: &impl AsFd, v6: bool) -> Outcome<()> {
        let check = |what: &str, outcome: nix::Result<()>| {
            outcome.map_err(|errno| Failure::system(what, &io::Error::from(errno)))
        };
        if self.broadcast {
            check("setsockopt", setsockopt(socket, sockopt::Broadcast, &true))?;
        }
        if self.debug {
            check("setsockopt", setsockopt(socket, Debug, &true))?;
        }
        if let Some(class) = self.traffic_class.map(i32::from) {
            let (what, outcome) = match v6 {
                true => (
                    "set IPv6 traffic class",
                    setsockopt(socket, sockopt::Ipv6TClass, &class),
                ),
                false => ("set IP ToS", setsockopt(socket, sockopt::Ipv4Tos, &class)),
            };
            check(what, outcome)?;
        }
        if let Some(bytes) = self.receive_buffer {
            let outcome = setsockopt(socket, sockopt::RcvBuf, &bytes);
            check("set TCP receive buffer size", outcome)?;
        }
        if let Some(bytes) = self.send_buffer {
            let outcome = setsockopt(socket, sockopt::SndBuf, &bytes);
            check("set TCP send buffer size", outcome)?;
        }
        if let Some(hops) = self.hops.map(i32::from) {
            let (what, outcome) = match v6 {
                true => (
                    "set IPv6 unicast hops",
                    setsockopt(socket, sockopt::Ipv6Ttl, &hops),
                ),
                false => ("set IP TTL", setsockopt(socket, sockopt::Ipv4Ttl, &hops)),
            };
            check(what, outcome)?;
        }
        if let Some(hops) = self.least_hops.map(i32::from) {
            let (what, outcome) = match v6 {
                true => (
                    "set IPv6 min hop count",
                    setsockopt(socket, LeastHops, &hops),
                ),
                false => ("set IP min TTL", setsockopt(socket, LeastTtl, &hops)),
            };
            check(what, outcome)?;
        }
        Ok(())
    }
}

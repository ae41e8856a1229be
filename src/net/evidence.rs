//! What the kernel knows about a connection beyond its error number.
//!
//! Linux tells an unprivileged socket which ICMP message ended a connection
//! attempt and who sent it (ip(7), `IP_RECVERR`), and the kernel's own
//! measurements (tcp(7), `TCP_INFO`). Elsewhere the evidence stays empty.

use std::os::fd::AsFd;

use crate::finding::Evidence;

/// Asks for ICMP errors to be kept for [`icmp`]; once per socket.
pub(super) fn keep_errors(socket: &impl AsFd, v6: bool) {
    #[cfg(target_os = "linux")]
    linux::keep_errors(socket, v6);
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, v6);
}

/// What the error queue of a failed socket holds; empties it.
pub(super) fn icmp(socket: &impl AsFd) -> Evidence {
    #[cfg(target_os = "linux")]
    return Evidence {
        icmp: linux::icmp(socket),
        ..Evidence::default()
    };
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        Evidence::default()
    }
}

/// The kernel's round-trip time and SYN retransmissions.
pub(super) fn tcp_info(socket: &impl AsFd) -> Evidence {
    #[cfg(target_os = "linux")]
    return linux::tcp_info(socket);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        Evidence::default()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::Cell;
    use std::io::IoSliceMut;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use nix::libc;
    use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, getsockopt, recvmsg, setsockopt,
    };
    use nix::{getsockopt_impl, sockopt_impl};

    use crate::finding::{Evidence, Icmp};

    sockopt_impl!(
        /// Measurements of a TCP connection, tcp(7).
        TcpInfo, GetOnly, libc::IPPROTO_TCP, libc::TCP_INFO, libc::tcp_info
    );

    pub(super) fn keep_errors(socket: &impl AsFd, v6: bool) {
        // Without it only the evidence is poorer.
        let _ = match v6 {
            true => setsockopt(socket, Ipv6RecvErr, &true),
            false => setsockopt(socket, Ipv4RecvErr, &true),
        };
    }

    thread_local! {
        /// Room for a control message: a scan asks for every refused port.
        static SPACE: Cell<Vec<u8>> = Cell::new(nix::cmsg_space!([u8; 64]));
    }

    pub(super) fn icmp(socket: &impl AsFd) -> Option<Icmp> {
        let descriptor = socket.as_fd().as_raw_fd();
        let mut packet = [0; 64];
        let mut found = None;
        let mut space = SPACE.take();
        // A connection attempt is answered by few messages; the bound is for
        // whoever sends them on purpose.
        for _ in 0..16 {
            let mut packet = [IoSliceMut::new(&mut packet)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let received =
                recvmsg::<SockaddrStorage>(descriptor, &mut packet, Some(&mut space), flags);
            let Ok(received) = received else {
                break;
            };
            let messages = received.cmsgs().into_iter().flatten();
            found = messages.filter_map(|it| from_message(&it)).last().or(found);
        }
        SPACE.set(space);
        found
    }

    fn from_message(message: &ControlMessageOwned) -> Option<Icmp> {
        let (error, from) = match message {
            ControlMessageOwned::Ipv4RecvErr(error, Some(from)) => {
                let address = Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr));
                (error, IpAddr::V4(address))
            }
            ControlMessageOwned::Ipv6RecvErr(error, Some(from)) => {
                let address = Ipv6Addr::from(from.sin6_addr.s6_addr);
                (error, address.to_canonical())
            }
            _ => return None,
        };
        let by_network = [libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6];
        by_network.contains(&error.ee_origin).then_some(Icmp {
            kind: error.ee_type,
            code: error.ee_code,
            from,
        })
    }

    pub(super) fn tcp_info(socket: &impl AsFd) -> Evidence {
        let Ok(info) = getsockopt(socket, TcpInfo) else {
            return Evidence::default();
        };
        let rtt = Duration::from_micros(info.tcpi_rtt.into());
        Evidence {
            rtt: (!rtt.is_zero()).then_some(rtt),
            syn_retransmits: Some(info.tcpi_total_retrans),
            ..Evidence::default()
        }
    }
}

//! Asks Linux for its listening TCP sockets (`sock_diag(7)`).
//!
//! `/proc/net/tcp` has them as well, but to get there the kernel goes through
//! its whole table of connections: 1 ms on a large machine, more than all the
//! rest of a check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{recv, send, socket};

use super::super::stream::canonical;
use super::Listener;

/// Answers read of each family.
const MOST_ANSWERS: usize = 16;

/// Bytes of an answer: as the kernel makes them for whoever has room.
const ANSWER_SIZE: usize = 32 * 1024;

/// The state of a listening socket, as a bit (`tcp_states.h`).
const LISTENING: u32 = 1 << 10;

/// `struct nlmsghdr`: length, type, flags, sequence number, port.
const HEADER_SIZE: usize = 16;

/// `struct inet_diag_msg`, after which the attributes begin.
const SOCKET_SIZE: usize = 72;

/// The attribute that says whether an IPv6 socket takes no IPv4
/// (`INET_DIAG_SKV6ONLY`).
const ONLY_V6: u16 = 11;

/// All listeners of the network namespace.
///
/// # Errors
/// The kernel does not answer such questions, or not to this process.
pub(super) fn listeners() -> nix::Result<Vec<Listener>> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        // The kernel answers at once or not at all.
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let mut listeners = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        send(socket.as_raw_fd(), &request(family), MsgFlags::empty())?;
        let receive = |answer: &mut [u8]| recv(socket.as_raw_fd(), answer, MsgFlags::empty());
        read_all(receive, &mut listeners)?;
    }
    Ok(listeners)
}

/// Reads answers up to the last one, or as many as are allowed.
fn read_all(
    receive: impl Fn(&mut [u8]) -> nix::Result<usize>,
    listeners: &mut Vec<Listener>,
) -> nix::Result<()> {
    let mut answer = vec![0; ANSWER_SIZE];
    for _ in 0..MOST_ANSWERS {
        let length = receive(&mut answer)?;
        if read(answer.get(..length).unwrap_or_default(), listeners) {
            break;
        }
    }
    Ok(())
}

/// A header and `struct inet_diag_req_v2`, in this machine's byte order.
fn request(family: libc::c_int) -> Vec<u8> {
    const LENGTH: u32 = 72;
    const BY_FAMILY: u16 = 20;
    const DUMP: u16 = 0x301;
    const TCP: u8 = 6;
    let mut request = Vec::new();
    request.extend(LENGTH.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(DUMP.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([u8::try_from(family).unwrap_or_default(), TCP, 0, 0]);
    request.extend(LISTENING.to_ne_bytes());
    request.resize(72, 0);
    request
}

/// Reads an answer; whether it was the last one.
fn read(mut answer: &[u8], listeners: &mut Vec<Listener>) -> bool {
    const ERROR: u16 = 2;
    const DONE: u16 = 3;
    while let Some((message, rest)) = first(answer, u32_at(answer, 0)) {
        if matches!(u16_at(message, 4), None | Some(ERROR | DONE)) {
            return true;
        }
        listeners.extend(message.get(HEADER_SIZE..).and_then(listener));
        answer = rest;
    }
    false
}

fn listener(socket: &[u8]) -> Option<Listener> {
    let port = u16::from_be_bytes(array(socket, 4)?);
    let ip: IpAddr = match i32::from(*socket.first()?) {
        libc::AF_INET => Ipv4Addr::from(array::<4>(socket, 8)?).into(),
        libc::AF_INET6 => Ipv6Addr::from(array::<16>(socket, 8)?).into(),
        _ => return None,
    };
    // On one interface alone it is nobody's alternative.
    let everywhere = u32_at(socket, 40)? == 0;
    everywhere.then(|| Listener {
        address: canonical(SocketAddr::new(ip, port)),
        only_v6: is_only_v6(socket),
    })
}

fn is_only_v6(socket: &[u8]) -> bool {
    let mut attributes = socket.get(SOCKET_SIZE..).unwrap_or_default();
    let length = |attributes| u16_at(attributes, 0).map(u32::from);
    while let Some((attribute, rest)) = first(attributes, length(attributes)) {
        if u16_at(attribute, 2) == Some(ONLY_V6) {
            return attribute.get(4) == Some(&1);
        }
        attributes = rest;
    }
    false
}

/// The first of several things, each as long as it says and rounded up to four
/// bytes, and the rest. Nothing where its length cannot be.
fn first(bytes: &[u8], length: Option<u32>) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(length?).ok()?;
    let thing = bytes.get(..length).filter(|it| it.len() >= 4)?;
    let next = length.checked_next_multiple_of(4)?;
    Some((thing, bytes.get(next..).unwrap_or_default()))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;
    use socket2::{Domain, Socket, Type};

    use super::*;

    fn found(address: SocketAddr) -> Option<Listener> {
        listeners()
            .ok()?
            .into_iter()
            .find(|it| it.address == address)
    }

    #[test]
    fn a_listener_of_each_family_is_found() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else {
                continue;
            };
            let address = listener.local_addr().unwrap();
            assert!(found(address).is_some(), "{address}");
        }
    }

    #[test]
    fn dual_stack_and_ipv6_alone_are_told_apart() {
        for only_v6 in [true, false] {
            let Ok(socket) = Socket::new(Domain::IPV6, Type::STREAM, None) else {
                return;
            };
            socket.set_only_v6(only_v6).unwrap();
            let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
            socket.bind(&any.into()).unwrap();
            socket.listen(1).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            assert_eq!(found(address), Some(Listener { address, only_v6 }));
        }
    }

    /// A message of the kernel about a listener on 127.0.0.0:80.
    fn message() -> Vec<u8> {
        let mut socket = vec![0; SOCKET_SIZE];
        (socket[0], socket[5], socket[8]) = (2, 80, 127);
        let length = u32::try_from(HEADER_SIZE + SOCKET_SIZE).unwrap();
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(20_u16.to_ne_bytes());
        message.resize(HEADER_SIZE, 0);
        [message, socket].concat()
    }

    #[test]
    fn answers_without_an_end_are_read_as_far_as_allowed() {
        let endless = |answer: &mut [u8]| {
            let message = message();
            answer[..message.len()].copy_from_slice(&message);
            Ok(message.len())
        };
        let mut listeners = Vec::new();
        read_all(endless, &mut listeners).unwrap();
        assert_eq!(listeners.len(), MOST_ANSWERS);
    }

    #[test]
    fn an_answer_that_is_cut_is_read_as_far_as_it_goes() {
        let two = [message(), message()].concat();
        for length in 0..two.len() {
            let mut listeners = Vec::new();
            assert!(!read(&two[..length], &mut listeners));
            assert_eq!(listeners.len(), length / (HEADER_SIZE + SOCKET_SIZE));
        }
        let mut listeners = Vec::new();
        read(&two, &mut listeners);
        assert_eq!(listeners[1].address.to_string(), "127.0.0.0:80");
    }

    proptest! {
        #[test]
        fn any_answer_has_an_end(answer in prop::collection::vec(any::<u8>(), 0..512)) {
            let mut listeners = Vec::new();
            read(&answer, &mut listeners);
            prop_assert!(listeners.len() <= answer.len() / 4);
        }
    }
}

//! UDP sockets: connected for clients, answering from the right address for
//! servers.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use nix::libc;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
};

use super::connect::Origin;
use super::evidence;
use super::failure::Failure;
use super::stream::canonical;
use crate::reactor::{Buffer, Direction, Watched};

/// A UDP socket on the loop. A datagram is sent and received whole or not at
/// all; a dropped wait loses none.
pub struct UdpSocket(Watched<mio::net::UdpSocket>);

/// Between whom a datagram went.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The local address it was sent to, which is the one to answer from.
    local: Option<Destination>,
}

#[derive(Debug, Clone, Copy)]
enum Destination {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl UdpSocket {
    /// A socket that exchanges datagrams with `address` alone.
    ///
    /// # Errors
    /// No route or no local address leads there, or out of descriptors.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_from(Origin::default(), address)
    }

    /// The same, from an address or port of ours.
    ///
    /// # Errors
    /// As [`Self::connect`], or it is not ours, or taken.
    pub fn connect_from(origin: Origin, address: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let own = SocketAddr::new(origin.address.unwrap_or(any), origin.port);
        let socket = mio::net::UdpSocket::bind(own)?;
        socket.connect(address)?;
        Watched::new(socket).map(Self)
    }

    /// Has the kernel keep every ICMP error for [`Self::failure`], also those
    /// that may pass; each fails the next call then.
    pub fn keep_errors(&self) {
        let v6 = self.local_addr().is_ok_and(|it| it.is_ipv6());
        evidence::keep_errors(self.0.get(), v6);
    }

    /// What `error` of a datagram to the connected `address` says, with the
    /// ICMP message behind it if [`Self::keep_errors`] asked for those.
    #[must_use]
    pub fn failure(&self, address: SocketAddr, error: &io::Error, took: Duration) -> Failure {
        let network = evidence::icmp(self.0.get());
        Failure::of_datagram(address, error, &network, took)
    }

    /// A bound socket for [`Self::receive_from`].
    pub(super) fn serve(socket: std::net::UdpSocket) -> io::Result<Self> {
        if socket.local_addr()?.is_ipv6() {
            setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
        } else {
            setsockopt(&socket, Ipv4PacketInfo, &true)?;
        }
        Watched::new(mio::net::UdpSocket::from_std(socket)).map(Self)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// Never, in practice: the kernel knows its own sockets.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().local_addr().map(canonical)
    }

    /// Sends a datagram to the connected peer.
    ///
    /// # Errors
    /// Too long for a datagram; or what the network said about an earlier one,
    /// such as that nothing listens there.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        let send = |socket: &mio::net::UdpSocket| socket.send(datagram);
        self.0.operate(Direction::Write, send).await
    }

    /// Receives a datagram from the connected peer; what does not fit in
    /// `buffer` is lost.
    ///
    /// # Errors
    /// What the network said about a datagram sent before.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = |socket: &mio::net::UdpSocket| socket.recv(buffer);
        self.0.operate(Direction::Read, receive).await
    }

    /// As [`Self::receive`], whole, without holding room for it meanwhile.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub async fn receive_whole(&self) -> io::Result<Vec<u8>> {
        let receive = |socket: &mio::net::UdpSocket| {
            let mut buffer = Buffer::take();
            let count = socket.recv(&mut buffer)?;
            Ok(buffer[..count].to_vec())
        };
        self.0.operate(Direction::Read, receive).await
    }

    /// Receives a datagram from anybody, with its envelope.
    ///
    /// # Errors
    /// What the kernel says; the socket is as good as before.
    pub async fn receive_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Envelope)> {
        let receive = |socket: &mio::net::UdpSocket| receive(socket, buffer);
        self.0.operate(Direction::Read, receive).await
    }

    /// Answers an envelope: to its sender, from the address it had written to.
    ///
    /// # Errors
    /// Too long, or the peer cannot be reached.
    pub async fn answer(&self, datagram: &[u8], envelope: &Envelope) -> io::Result<usize> {
        let send = |socket: &mio::net::UdpSocket| send(socket, datagram, envelope);
        self.0.operate(Direction::Write, send).await
    }
}

/// A datagram at a time from the connected peer; an empty one is passed over, as
/// it is not the end, of which datagrams have none.
impl AsyncRead for &UdpSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let receive = |socket: &mio::net::UdpSocket| socket.recv(buffer);
            match ready!(self.0.poll_operate(Direction::Read, context, receive)) {
                Ok(0) => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

/// Each write is a datagram to the connected peer.
impl AsyncWrite for &UdpSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let send = |socket: &mio::net::UdpSocket| socket.send(bytes);
        self.0.poll_operate(Direction::Write, context, send)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: no datagram says that it was the last.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn receive(socket: &mio::net::UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Envelope)> {
    let mut space = nix::cmsg_space!(libc::in6_pktinfo);
    let mut buffer = [IoSliceMut::new(buffer)];
    let received = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut buffer,
        Some(&mut space),
        MsgFlags::empty(),
    )?;
    let local = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(Destination::V4(info)),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Destination::V6(info)),
        _ => None,
    });
    let peer = received.address.as_ref().and_then(to_std);
    let peer = peer.ok_or_else(|| io::Error::other("a datagram without a sender"))?;
    Ok((received.bytes, Envelope { peer, local }))
}

fn send(socket: &mio::net::UdpSocket, datagram: &[u8], to: &Envelope) -> io::Result<usize> {
    let mut local = to.local;
    // The answer may leave by another interface than the question came in.
    let message = match &mut local {
        Some(Destination::V4(info)) => {
            // `ipi_spec_dst` is this host's address for the answer, also to a
            // broadcast (ip(7)).
            info.ipi_ifindex = 0;
            Some(ControlMessage::Ipv4PacketInfo(info))
        }
        Some(Destination::V6(info)) => {
            if !Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                info.ipi6_ifindex = 0;
            }
            Some(ControlMessage::Ipv6PacketInfo(info))
        }
        None => None,
    };
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(datagram)],
        message.as_slice(),
        MsgFlags::empty(),
        Some(&SockaddrStorage::from(to.peer)),
    )?;
    Ok(sent)
}

/// The sender as the socket knows it: still mapped, to be answered the same way.
fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|it| SocketAddr::from(*it));
    v4.or_else(|| {
        let v6 = address.as_sockaddr_in6()?;
        let v6 = SocketAddrV6::new(v6.ip(), v6.port(), v6.flowinfo(), v6.scope_id());
        Some(v6.into())
    })
}

impl Envelope {
    /// The sender for people: an IPv4 peer of a dual-stack socket as IPv4.
    #[must_use]
    pub fn peer_name(&self) -> SocketAddr {
        canonical(self.peer)
    }
}

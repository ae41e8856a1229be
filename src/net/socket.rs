//! A socket of any kind that its owner sets up call by call, as netcat's flags
//! ask for it.
//!
//! Everything else is better served by the types beside it, which know what they
//! are for.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use nix::errno::Errno;
use socket2::{Domain, SockAddr, Type};

use super::owned::Owned;
use super::stream::TcpStream;
use crate::reactor::{Direction, Watched};

/// A socket on the loop: stream or datagrams, of an internet family or Unix.
///
/// It reads and writes through `futures-io`'s traits, which are implemented for
/// `&Socket`; a write of datagrams is one of them, and an empty one that comes is
/// passed over, as it is not the end. A dropped wait has moved nothing; the drop of
/// the socket closes it.
pub struct Socket {
    watched: Watched<Owned<socket2::Socket>>,
    datagrams: bool,
}

/// What a socket is bound or connected to.
#[derive(Debug, Clone, Copy)]
pub enum Name<'a> {
    /// An address and a port.
    Internet(SocketAddr),
    /// The path of a Unix socket; with a NUL in front, its name in Linux's abstract
    /// namespace (unix(7)).
    Unix(&'a Path),
}

impl Name<'_> {
    fn domain(self) -> Domain {
        match self {
            Self::Internet(address) => Domain::for_address(address),
            Self::Unix(_) => Domain::UNIX,
        }
    }

    fn to_socket(self) -> io::Result<SockAddr> {
        match self {
            Self::Internet(address) => Ok(address.into()),
            Self::Unix(path) => SockAddr::unix(path)
                .map_err(|_| io::Error::from_raw_os_error(Errno::ENAMETOOLONG as i32)),
        }
    }
}

impl Socket {
    /// A socket of the family of `name`, for datagrams or a stream.
    ///
    /// # Errors
    /// The family is not supported, or out of descriptors.
    pub fn new(name: Name<'_>, datagrams: bool) -> io::Result<Self> {
        let kind = match datagrams {
            true => Type::DGRAM,
            false => Type::STREAM,
        };
        let socket = socket2::Socket::new(name.domain(), kind.nonblocking(), None)?;
        let watched = Watched::new(Owned(socket))?;
        Ok(Self { watched, datagrams })
    }

    fn inner(&self) -> &socket2::Socket {
        &self.watched.get().0
    }

    /// Lets it bind to a port that others are bound to as well: what is left of old
    /// connections, and listeners that allow the same (`SO_REUSEADDR`,
    /// `SO_REUSEPORT`).
    ///
    /// # Errors
    /// The kernel does not know one of the two.
    pub fn share_port(&self) -> io::Result<()> {
        self.inner().set_reuse_address(true)?;
        self.inner().set_reuse_port(true)
    }

    /// Binds it.
    ///
    /// # Errors
    /// The name is taken, too long or not of this host, or permission is missing.
    pub fn bind(&self, name: Name<'_>) -> io::Result<()> {
        self.inner().bind(&name.to_socket()?)
    }

    /// Lets it accept connections, of which `backlog` may wait in the kernel.
    ///
    /// # Errors
    /// Somebody else listens there.
    pub fn listen(&self, backlog: i32) -> io::Result<()> {
        self.inner().listen(backlog)
    }

    /// Waits for the next connection; its peer has an address unless it is of Unix.
    ///
    /// # Errors
    /// Out of descriptors or memory; the listener is as good as before.
    pub async fn accept(&self) -> io::Result<(Self, Option<SocketAddr>)> {
        let accept = |it: &Owned<socket2::Socket>| it.0.accept();
        let (socket, peer) = self.watched.operate(Direction::Read, accept).await?;
        socket.set_nonblocking(true)?;
        let stream = Self {
            watched: Watched::new(Owned(socket))?,
            datagrams: false,
        };
        Ok((stream, peer.as_socket()))
    }

    /// Connects it. Of datagrams it is said at once with whom they are exchanged.
    ///
    /// # Errors
    /// What the network or the kernel says; the socket is of no more use then.
    pub async fn connect(&self, name: Name<'_>) -> io::Result<()> {
        const PENDING: [Errno; 2] = [Errno::EINPROGRESS, Errno::EINTR];
        if let Err(error) = self.inner().connect(&name.to_socket()?) {
            let errno = error.raw_os_error().map(Errno::from_raw);
            if !errno.is_some_and(|it| PENDING.contains(&it)) {
                return Err(error);
            }
            self.watched.operate(Direction::Write, settle).await?;
        }
        match !self.datagrams && self.is_own_peer() {
            true => Err(io::Error::from_raw_os_error(Errno::ECONNREFUSED as i32)),
            false => Ok(()),
        }
    }

    /// Whether the kernel has connected it to itself: then nobody else is there
    /// (RFC 9293 section 3.5).
    fn is_own_peer(&self) -> bool {
        let ends = [self.inner().local_addr(), self.inner().peer_addr()];
        let [local, peer] = ends.map(|it| it.ok().and_then(|it| it.as_socket()));
        local.is_some() && local == peer
    }

    /// Waits for a datagram and takes its sender for the only peer from then on;
    /// the datagram stays to be read. The sender has an address unless it is of
    /// Unix.
    ///
    /// # Errors
    /// The sender cannot be answered, for example as it is gone.
    pub async fn adopt_sender(&self) -> io::Result<Option<SocketAddr>> {
        let peek = |it: &Owned<socket2::Socket>| it.0.peek_sender();
        let sender = self.watched.operate(Direction::Read, peek).await?;
        self.inner().connect(&sender)?;
        Ok(sender.as_socket())
    }

    /// Its own address, unless it is of Unix.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.inner().local_addr().ok()?.as_socket()
    }

    /// Makes its calls wait, for a program that is to have it: the loop has no more
    /// use for it.
    ///
    /// # Errors
    /// Never, in practice.
    pub fn set_blocking(&self) -> io::Result<()> {
        self.inner().set_nonblocking(false)
    }

    /// The same connection as a stream that can send files, with `TCP_NODELAY`.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn to_tcp(&self) -> io::Result<TcpStream> {
        let stream = std::net::TcpStream::from(self.inner().try_clone()?);
        let watched = Watched::new(mio::net::TcpStream::from_std(stream))?;
        Ok(TcpStream::from_watched(watched))
    }
}

/// Connected is: writable, no error pending, and a peer to name.
fn settle(it: &Owned<socket2::Socket>) -> io::Result<()> {
    if let Some(error) = it.0.take_error()? {
        return Err(error);
    }
    match it.0.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        outcome => outcome.map(|_| ()),
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner().as_fd()
    }
}

impl AsyncRead for &Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let read = |it: &Owned<socket2::Socket>| (&it.0).read(buffer);
            match ready!(self.watched.poll_operate(Direction::Read, context, read)) {
                Ok(0) if self.datagrams => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

impl AsyncWrite for &Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = |it: &Owned<socket2::Socket>| (&it.0).write(bytes);
        self.watched.poll_operate(Direction::Write, context, write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends our direction of a stream; no datagram says that it was the last.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.datagrams {
            true => Ok(()),
            false => self.inner().shutdown(Shutdown::Write),
        })
    }
}

//! Connected byte streams with the ecosystem's traits.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use mio::event::Source;
use rustix::net::{SendFlags, send};
use socket2::SockRef;

use crate::reactor::{Direction, Watched};

/// Bytes of a file that are sent in one go, after which others get their turn.
const SENT_AT_ONCE: usize = 512 * 1024;

/// A connected stream of bytes on the loop.
///
/// It reads and writes through `futures-io`'s traits, which are implemented for
/// `&Stream` too: one task may read while another writes. A dropped read or
/// write has moved nothing; the drop of the stream closes it, and the kernel
/// sends what it has taken.
pub struct Stream<S: Source>(Watched<S>);

/// A TCP connection, with `TCP_NODELAY`: partial writes would wait for the
/// peer's delayed acknowledgement otherwise.
pub type TcpStream = Stream<mio::net::TcpStream>;

impl<S: Source> Stream<S> {
    pub(super) fn watch(source: S) -> io::Result<Self> {
        Watched::new(source).map(Self)
    }

    pub(super) fn source(&self) -> &S {
        self.0.get()
    }

    /// Waits until a read is worth a try, without holding a buffer meanwhile.
    pub fn readable(&self) -> impl Future<Output = ()> {
        self.0.ready(Direction::Read)
    }
}

impl<S: Source> Stream<S>
where
    for<'a> &'a S: Read,
{
    /// Reads what is there; 0 bytes mean that the peer has finished.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there yet; whatever ended the connection.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = |mut source: &S| source.read(buffer);
        let count = self.0.try_operate(Direction::Read, read)?;
        self.note_read(count, buffer.len());
        Ok(count)
    }

    fn note_read(&self, count: usize, asked: usize) {
        // The end of the stream stays readable.
        if count > 0 && count < asked {
            self.0.drained(Direction::Read);
        }
    }
}

impl TcpStream {
    /// A stream of a connection that the loop watches already.
    pub(super) fn from_watched(watched: Watched<mio::net::TcpStream>) -> Self {
        // It can only fail on a connection that is gone, which the first read
        // or write tells better.
        let _ = watched.get().set_nodelay(true);
        Self(watched)
    }

    /// Sends what `file` holds at `offset`, `most` bytes at a time, without a copy
    /// through this process (sendfile(2)); moves `offset` on. 0 is the end of the
    /// file. A drop leaves no gap: `offset` says what was sent.
    ///
    /// # Errors
    /// The connection is gone, or the file cannot be read.
    pub async fn send_file(&self, file: &File, offset: &mut u64, most: u64) -> io::Result<usize> {
        let most = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(SENT_AT_ONCE);
        let send = |socket: &mio::net::TcpStream| {
            Ok(rustix::fs::sendfile(socket, file, Some(offset), most)?)
        };
        self.0.operate(Direction::Write, send).await
    }

    /// Sends bytes that more will follow at once: they wait for it, so that both
    /// leave in one segment (`MSG_MORE` of send(2)).
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send_before_more(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = |socket: &mio::net::TcpStream| Ok(send(socket, bytes, SendFlags::MORE)?);
        self.0.operate(Direction::Write, send).await
    }

    /// Makes the close a reset: whoever waits for more learns that it will not
    /// come.
    pub fn reset_on_close(&self) {
        // It can only fail on a connection that is gone.
        let _ = SockRef::from(self.source()).set_linger(Some(Duration::ZERO));
    }

    /// The other end; an IPv4 peer of a dual-stack socket as IPv4.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source().peer_addr().map(canonical)
    }

    /// Our end, likewise.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source().local_addr().map(canonical)
    }

    /// Waits until bytes have come, or the peer has finished; takes nothing.
    /// Unlike [`Stream::readable`] it is never mistaken.
    ///
    /// # Errors
    /// Whatever ended the connection.
    pub async fn arrival(&self) -> io::Result<()> {
        let peek = |source: &mio::net::TcpStream| source.peek(&mut [0]);
        self.0.operate(Direction::Read, peek).await?;
        Ok(())
    }

    /// What has broken the connection, if it is broken; takes nothing.
    #[must_use]
    pub fn failure(&self) -> Option<io::Error> {
        let peeked = self.source().peek(&mut [0]);
        peeked
            .err()
            .filter(|it| it.kind() != io::ErrorKind::WouldBlock)
    }

    /// Whether the peer has finished sending, and all that it sent was read; takes
    /// nothing.
    #[must_use]
    pub fn has_finished(&self) -> bool {
        matches!(self.source().peek(&mut [0]), Ok(0))
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source().shutdown(how)
    }
}

/// An IPv4 address that came through an IPv6 socket, as what it is.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(address.ip().to_canonical(), address.port())
        }
        _ => address,
    }
}

/// What ends our direction of a stream; the sources of [`Stream`] have it.
pub trait Finish {
    /// Ends our direction; the peer's goes on.
    ///
    /// # Errors
    /// The connection is gone.
    fn finish(&self) -> io::Result<()>;
}

impl Finish for mio::net::TcpStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl<S: Source> AsyncRead for &Stream<S>
where
    for<'a> &'a S: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = |mut source: &S| source.read(buffer);
        let poll = self.0.poll_operate(Direction::Read, context, read);
        if let Poll::Ready(Ok(count)) = poll {
            self.note_read(count, buffer.len());
        }
        poll
    }
}

impl<S: Source + Finish> AsyncWrite for &Stream<S>
where
    for<'a> &'a S: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = |mut source: &S| source.write(bytes);
        // A short write is not taken for a full buffer: whoever cut it short,
        // the next one finds out, and only `WouldBlock` waits.
        self.0.poll_operate(Direction::Write, context, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = |mut source: &S| source.write_vectored(pieces);
        self.0.poll_operate(Direction::Write, context, write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is kept back: a write goes to the kernel at once.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.source().finish())
    }
}

impl<S: Source + Unpin> AsyncRead for Stream<S>
where
    for<'a> &'a S: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(context, buffer)
    }
}

impl<S: Source + Finish + Unpin> AsyncWrite for Stream<S>
where
    for<'a> &'a S: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(context)
    }
}

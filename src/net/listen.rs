//! Sockets that wait for others: TCP listeners and bound UDP sockets.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::families::Families;
use super::owner;
use super::resolve::resolve;
use super::stream::{TcpStream, canonical};
use super::udp::UdpSocket;
use crate::reactor::{Direction, Watched};

/// Connections that wait in the kernel until they are accepted.
const BACKLOG: i32 = 1024;

/// How long the resolver may take for the host to listen on.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a free port is picked anew when it turns out to be taken on
/// another address.
const PORT_TRIES: usize = 16;

/// A TCP socket that accepts connections. Its drop refuses whoever waits.
pub struct TcpListener(Watched<mio::net::TcpListener>);

/// What one call bound: sockets on one port, and what could not be had.
pub struct Bound<T> {
    /// At least one socket.
    pub sockets: Vec<T>,
    /// Addresses that were asked for but are not there, in words.
    pub notes: Vec<String>,
}

/// The listeners of [`listen`].
pub type Listening = Bound<TcpListener>;

/// Listens on every address of `host`, or on all of the machine's.
///
/// Without a host one dual-stack socket serves both families; where there is
/// no IPv6, IPv4 alone, with a note. Port 0 picks one port that is free on
/// every address. The backlog is 1024; the address may be in use by old
/// connections (`SO_REUSEADDR`), never by another listener.
///
/// # Errors
/// The host does not resolve, or none of its addresses can be bound; the
/// message names the address and says what to do.
pub async fn listen(
    host: Option<&str>,
    port: u16,
    families: Families,
) -> Result<Listening, BindError> {
    bind_all(host, port, families, listen_on).await
}

/// As [`listen`], for UDP.
///
/// # Errors
/// As [`listen`].
pub async fn bind_udp(
    host: Option<&str>,
    port: u16,
    families: Families,
) -> Result<Bound<UdpSocket>, BindError> {
    bind_all(host, port, families, |address, dual_stack| {
        let socket = bound_socket(address, Type::DGRAM, Protocol::UDP, dual_stack)?;
        UdpSocket::serve(socket.into())
    })
    .await
}

impl TcpListener {
    /// Waits until a connection may be waiting.
    pub async fn readable(&self) {
        self.0.ready(Direction::Read).await;
    }

    /// Takes a connection that waits, with its peer's address.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Out of descriptors or memory, or a
    /// connection that broke while it waited: the listener is as good as before
    /// and still remembers that it is readable.
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accept = |listener: &mio::net::TcpListener| listener.accept();
        let (stream, peer) = self.0.try_operate(Direction::Read, accept)?;
        let stream = TcpStream::from_watched(Watched::new(stream)?);
        Ok((stream, canonical(peer)))
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Never, in practice: the kernel knows its own sockets.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().local_addr()
    }
}

/// No address could be bound.
#[derive(Debug)]
pub struct BindError(String);

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BindError {}

/// A socket that can say where it is bound.
trait Local {
    /// UDP, not TCP.
    const IS_DATAGRAMS: bool;

    fn local_port(&self) -> io::Result<u16>;
}

impl Local for TcpListener {
    const IS_DATAGRAMS: bool = false;

    fn local_port(&self) -> io::Result<u16> {
        self.local_addr().map(|it| it.port())
    }
}

impl Local for UdpSocket {
    const IS_DATAGRAMS: bool = true;

    fn local_port(&self) -> io::Result<u16> {
        self.local_addr().map(|it| it.port())
    }
}

async fn bind_all<T: Local>(
    host: Option<&str>,
    port: u16,
    families: Families,
    bind: impl Fn(SocketAddr, bool) -> io::Result<T>,
) -> Result<Bound<T>, BindError> {
    match host {
        None => bind_wildcard(port, families, bind),
        Some(host) => {
            let resolved = resolve(host, port, families, PATIENCE)
                .await
                .map_err(|error| BindError(error.to_string()))?;
            let addresses: Vec<_> = resolved.addresses.into_iter().map(canonical).collect();
            bind_on_one_port(&addresses, families, bind)
        }
    }
}

/// One socket for every address of the machine.
fn bind_wildcard<T: Local>(
    port: u16,
    families: Families,
    bind: impl Fn(SocketAddr, bool) -> io::Result<T>,
) -> Result<Bound<T>, BindError> {
    let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    let one = |address, dual_stack| match bind(address, dual_stack) {
        Ok(socket) => Ok(vec![socket]),
        Err(error) => Err((address, error)),
    };
    let mut notes = Vec::new();
    let outcome = match families {
        Families { only_v4: true, .. } => one(v4, false),
        Families { only_v6: true, .. } => one(v6, false),
        _ => match one(v6, true) {
            Err((_, error)) if is_missing_family(&error) => {
                notes.push("no IPv6 on this host: listening on IPv4 only".into());
                one(v4, false)
            }
            outcome => outcome,
        },
    };
    match outcome {
        Ok(sockets) => Ok(Bound { sockets, notes }),
        Err((address, error)) => Err(explain::<T>(address, &error)),
    }
}

/// A socket for each address, all on the same port.
fn bind_on_one_port<T: Local>(
    addresses: &[SocketAddr],
    families: Families,
    bind: impl Fn(SocketAddr, bool) -> io::Result<T>,
) -> Result<Bound<T>, BindError> {
    let mut tries = PORT_TRIES;
    loop {
        tries -= 1;
        match bind_each(addresses, families, &bind) {
            Ok(bound) => return Ok(bound),
            // Free on the first address, taken on another: pick again.
            Err((address, error)) if address.port() == 0 && tries > 0 && is_in_use(&error) => {}
            Err((address, error)) => return Err(explain::<T>(address, &error)),
        }
    }
}

fn bind_each<T: Local>(
    addresses: &[SocketAddr],
    families: Families,
    bind: impl Fn(SocketAddr, bool) -> io::Result<T>,
) -> Result<Bound<T>, (SocketAddr, io::Error)> {
    let mut sockets = Vec::new();
    let mut missing = Vec::new();
    let mut chosen = 0;
    for &asked in addresses {
        let mut address = asked;
        if asked.port() == 0 {
            address.set_port(chosen);
        }
        let dual_stack = asked.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !families.only_v6;
        match bind(address, dual_stack) {
            Ok(socket) => {
                chosen = socket.local_port().map_err(|error| (asked, error))?;
                sockets.push(socket);
            }
            Err(error) if is_missing_family(&error) => missing.push((asked, error)),
            Err(error) => return Err((asked, error)),
        }
    }
    match missing.pop() {
        Some(missing) if sockets.is_empty() => Err(missing),
        last => Ok(Bound {
            sockets,
            notes: missing
                .iter()
                .chain(&last)
                .map(|(address, error)| explain::<T>(*address, error).to_string())
                .collect(),
        }),
    }
}

fn listen_on(address: SocketAddr, dual_stack: bool) -> io::Result<TcpListener> {
    let socket = bound_socket(address, Type::STREAM, Protocol::TCP, dual_stack)?;
    socket.listen(BACKLOG)?;
    let listener = mio::net::TcpListener::from_std(socket.into());
    Watched::new(listener).map(TcpListener)
}

fn bound_socket(
    address: SocketAddr,
    kind: Type,
    protocol: Protocol,
    dual_stack: bool,
) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        kind.nonblocking(),
        Some(protocol),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    // Of UDP it would let two servers share a port, and one starve.
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
        // An urgent byte is a byte of the stream as well (RFC 6093 section 6);
        // connections inherit it.
        socket.set_out_of_band_inline(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// The family is switched off, or its loopback address is not there.
fn is_missing_family(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

fn explain<T: Local>(address: SocketAddr, error: &io::Error) -> BindError {
    let hint = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRINUSE) => {
            let owner = owner::of_port(address.port(), T::IS_DATAGRAMS);
            let owner = owner.unwrap_or_else(|| "another process".into());
            format!(" (hint: {owner} listens there; port 0 is one that is free)")
        }
        Some(Errno::EACCES) => " (hint: ports below 1024 need CAP_NET_BIND_SERVICE)".into(),
        Some(Errno::EADDRNOTAVAIL) => " (hint: it is not an address of this host)".into(),
        _ => String::new(),
    };
    BindError(format!("cannot listen on {address}: {error}{hint}"))
}

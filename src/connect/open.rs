//! From a target to a connection.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use futures_lite::AsyncWriteExt;
use futures_lite::io::{ReadHalf, WriteHalf, split};

use super::Options;
use crate::net::proxy::{Proxy, dial_through};
use crate::net::{
    Dialed, Families, Name, Origin, Socket, TcpStream, TlsStream, Trust, UdpSocket, UnixAddress,
    UnixStream, dial_from, host_with_port, read_certificates, resolve, secure, server_name,
    unix_failure,
};
use crate::protocol::proxy::header::Header;
use crate::reactor::{now, timeout};
use crate::stream::Peer;
use crate::transfer::exec::Ends;
use crate::units;

/// The longest datagram that is sent: what fits into one over IPv4 and IPv6.
const LONGEST_DATAGRAM: usize = 65_507;

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A TCP port: name or address, and port.
    Tcp(String, u16),
    /// The same, over TLS.
    Tls(String, u16),
    /// A UDP port.
    Udp(String, u16),
    /// A Unix socket.
    Unix(UnixAddress),
    /// A Unix socket of datagrams.
    UnixDatagrams(UnixAddress),
}

/// An open connection. Dropping it closes it.
pub(super) struct Link {
    /// Who the other end is.
    pub(super) name: String,
    /// The addresses of both, where they have any.
    pub(super) ends: Ends,
    wire: Wire,
}

enum Wire {
    Tcp(TcpStream),
    Tls(
        ReadHalf<TlsStream<TcpStream>>,
        WriteHalf<TlsStream<TcpStream>>,
    ),
    Udp(UdpSocket),
    Unix(UnixStream),
    UnixDatagrams(Socket),
}

impl Link {
    /// The connection, to be pumped.
    pub(super) fn peer(&mut self) -> Peer<'_> {
        match &mut self.wire {
            Wire::Tcp(stream) => Peer::tcp(stream),
            Wire::Tls(reader, writer) => Peer::of(reader, writer),
            Wire::Udp(socket) => Peer::of(&*socket, &*socket).of_datagrams(LONGEST_DATAGRAM),
            Wire::Unix(stream) => Peer::of(&*stream, &*stream),
            Wire::UnixDatagrams(socket) => {
                Peer::of(&*socket, &*socket).of_datagrams(LONGEST_DATAGRAM)
            }
        }
    }

    /// Whether it has no end of its own.
    pub(super) fn is_endless(&self) -> bool {
        matches!(self.wire, Wire::Udp(_) | Wire::UnixDatagrams(_))
    }

    fn to_unix(address: &UnixAddress, wire: Wire) -> Self {
        Self {
            name: address.to_string(),
            ends: Ends::default(),
            wire,
        }
    }
}

/// Connects to `place`, all of it within --timeout.
pub(super) async fn open(place: &Place, options: &Options) -> anyhow::Result<Link> {
    match place {
        Place::Tcp(host, port) => {
            let dialed = dialed(host, *port, options).await?;
            let (name, ends) = ends(&dialed, host, *port, options);
            let wire = Wire::Tcp(dialed.stream);
            Ok(Link { name, ends, wire })
        }
        Place::Tls(host, port) => over_tls(host, *port, options).await,
        Place::Udp(host, port) => datagrams(host, *port, options).await,
        Place::Unix(address) => {
            let stream = UnixStream::connect(address);
            let stream = stream.map_err(|error| no_socket(address, &error))?;
            Ok(Link::to_unix(address, Wire::Unix(stream)))
        }
        Place::UnixDatagrams(address) => {
            let socket = unix_datagrams(address).await;
            let socket = socket.map_err(|error| no_socket(address, &error))?;
            Ok(Link::to_unix(address, Wire::UnixDatagrams(socket)))
        }
    }
}

fn no_socket(address: &UnixAddress, error: &io::Error) -> anyhow::Error {
    let finding = unix_failure(error);
    let reason = finding.evidence.reason.unwrap_or_default();
    let hint = finding.evidence.hint.unwrap_or_default();
    anyhow!("cannot connect to `{address}`: {reason} (hint: {hint})")
}

/// A socket of datagrams that can be answered: by a name of the kernel's choice,
/// which leaves no file (unix(7), autobind).
async fn unix_datagrams(address: &UnixAddress) -> io::Result<Socket> {
    let path = address.to_path();
    let socket = Socket::new(Name::Unix(&path), true)?;
    socket.bind(Name::Unix(Path::new("")))?;
    socket.connect(Name::Unix(&path)).await?;
    Ok(socket)
}

fn origin(options: &Options) -> Origin {
    Origin {
        address: options.source,
        port: options.source_port,
    }
}

/// Those that are asked for, and can be had from --source.
fn families(options: &Options) -> Families {
    match options.source {
        Some(source) => Families {
            only_v4: source.is_ipv4(),
            only_v6: source.is_ipv6(),
        },
        None => options.families,
    }
}

async fn dialed(host: &str, port: u16, options: &Options) -> anyhow::Result<Dialed> {
    let origin = origin(options);
    let families = families(options);
    let limit = options.timeout;
    let mut dialed = match &options.way {
        Some(proxy) => dial_through(proxy, origin, host, port, families, limit).await?,
        None => dial_from(origin, host, port, families, limit).await?,
    };
    for attempt in &dialed.attempts {
        if attempt.address != dialed.address {
            let reason = attempt.evidence.reason.as_deref().unwrap_or_default();
            log::info!("{} {}: {reason}", attempt.state.as_str(), attempt.address);
        }
    }
    if let Some(version) = options.proxy_protocol {
        let header = Header::Tcp(dialed.stream.local_addr()?, dialed.address).encode(version);
        // Shorter than any send buffer: it never waits.
        let sent = dialed.stream.write_all(&header).await;
        sent.with_context(|| format!("cannot introduce itself to {}", dialed.address))?;
    }
    Ok(dialed)
}

/// How the other end is called, and the addresses. Who is behind a proxy has none
/// that is known here.
fn ends(dialed: &Dialed, host: &str, port: u16, options: &Options) -> (String, Ends) {
    let (name, peer) = match &options.way {
        Some(proxy) => (behind(proxy, host, port), None),
        None => (dialed.address.to_string(), Some(dialed.address)),
    };
    let local = dialed.stream.local_addr().ok();
    (name, Ends { peer, local })
}

fn behind(proxy: &Proxy, host: &str, port: u16) -> String {
    format!("{} by way of {proxy}", host_with_port(host, port))
}

async fn over_tls(host: &str, port: u16, options: &Options) -> anyhow::Result<Link> {
    let deadline = now() + options.timeout;
    let tls = &options.tls;
    let trust = match (&tls.ca, tls.insecure) {
        (Some(path), _) => Trust::Only(read_certificates(path).map_err(anyhow::Error::msg)?),
        (None, true) => Trust::Anybody,
        (None, false) => Trust::System,
    };
    let asked = tls.sni.as_deref().unwrap_or(host);
    let asked = server_name(asked).map_err(anyhow::Error::msg)?;
    let dialed = dialed(host, port, options).await?;
    let (name, ends) = ends(&dialed, host, port, options);
    let trust = Arc::new(trust);
    let agreeing = secure(dialed.stream, asked, &trust);
    let left = deadline.saturating_duration_since(now());
    let Ok(secured) = timeout(left, agreeing).await else {
        let limit = units::limit(options.timeout);
        bail!("no TLS with {name}: the handshake was not finished within {limit}");
    };
    let mut secured = secured.with_context(|| format!("no TLS with {name}"))?;
    if let Some(objection) = secured.objection {
        // In order, or the other end takes it for a cut.
        let _ = timeout(left, secured.stream.close()).await;
        let hint = objection.hint.map(|it| format!(" (hint: {it})"));
        let hint = hint.unwrap_or_default();
        let reason = objection.reason;
        bail!("the certificate of {name} is not trusted: {reason}{hint}");
    }
    let agreed = &secured.evidence;
    log::info!("{} {} with {name}", agreed.version, agreed.cipher);
    let (reader, writer) = split(secured.stream);
    let wire = Wire::Tls(reader, writer);
    Ok(Link { name, ends, wire })
}

async fn datagrams(host: &str, port: u16, options: &Options) -> anyhow::Result<Link> {
    let resolved = resolve(host, port, families(options), options.timeout).await?;
    let Some(&address) = resolved.addresses.first() else {
        bail!("`{host}` has no address");
    };
    let socket = UdpSocket::connect_from(origin(options), address);
    let socket = socket.with_context(|| format!("cannot send to {address}"))?;
    let ends = Ends {
        peer: Some(address),
        local: socket.local_addr().ok(),
    };
    Ok(Link {
        name: address.to_string(),
        ends,
        wire: Wire::Udp(socket),
    })
}

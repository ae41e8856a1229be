//! Names and numbers of hosts and ports, as the system knows them: nothing is
//! built in here.

use std::net::SocketAddr;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, getaddrinfo, getnameinfo};
use nix::libc;

use super::settings::{Family, Transport};
use crate::reactor::{blocking, timeout};

/// How long the system may look for the name of an address that is only to be
/// shown.
const REVERSE_PATIENCE: Duration = Duration::from_secs(1);

/// A question to getaddrinfo(3).
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Nothing: every address of this host.
    pub(super) host: Option<String>,
    /// A number or the name of a service.
    pub(super) port: Option<String>,
    pub(super) family: Family,
    pub(super) transport: Transport,
    /// Ask no name server.
    pub(super) numeric: bool,
}

impl Question {
    /// The addresses, in the system's order; at least one.
    ///
    /// # Errors
    /// The system's words for why there is none.
    pub(super) async fn ask(&self) -> Result<Vec<SocketAddr>, String> {
        // What needs no name server needs no thread either.
        match self.look_up(libc::AI_NUMERICHOST) {
            Err(error) if !self.numeric && matches!(error.kind(), LookupErrorKind::NoName) => {}
            outcome => return outcome.map_err(words),
        }
        let question = self.clone();
        blocking(move || question.look_up(0).map_err(words)).await
    }

    fn look_up(&self, flags: i32) -> Result<Vec<SocketAddr>, LookupError> {
        let passive = match self.host {
            Some(_) => 0,
            None => libc::AI_PASSIVE,
        };
        let hints = AddrInfoHints {
            flags: flags | passive,
            address: match self.family {
                Family::Any => libc::AF_UNSPEC,
                Family::V4 => libc::AF_INET,
                Family::V6 => libc::AF_INET6,
            },
            socktype: match self.transport {
                Transport::Stream => libc::SOCK_STREAM,
                Transport::Datagrams => libc::SOCK_DGRAM,
            },
            protocol: match self.transport {
                Transport::Stream => libc::IPPROTO_TCP,
                Transport::Datagrams => libc::IPPROTO_UDP,
            },
        };
        let found = getaddrinfo(self.host.as_deref(), self.port.as_deref(), Some(hints))?;
        Ok(found.flatten().map(|it| it.sockaddr).collect())
    }
}

fn words(error: LookupError) -> String {
    let text = std::io::Error::from(error).to_string();
    let known = text.strip_prefix("failed to lookup address information: ");
    known.unwrap_or(&text).to_owned()
}

/// A host and a port as they are shown: by name, unless it is to be numeric or
/// the system cannot say within a second.
pub(super) async fn shown(address: SocketAddr, numeric: bool) -> (String, String) {
    let host = numeric_host(address);
    let port = address.port().to_string();
    if numeric || address.ip().is_unspecified() {
        return (host, port);
    }
    let asked = blocking(move || getnameinfo(&address, libc::NI_NUMERICSERV));
    match timeout(REVERSE_PATIENCE, asked).await {
        Ok(Ok((name, _))) => (name, port),
        _ => (host, port),
    }
}

/// The address in figures, with its zone, as getnameinfo(3) has it.
pub(super) fn numeric_host(address: SocketAddr) -> String {
    match getnameinfo(&address, libc::NI_NUMERICHOST | libc::NI_NUMERICSERV) {
        Ok((host, _)) => host,
        Err(_) => address.ip().to_string(),
    }
}

/// The name of a port in the services file (services(5)).
pub(super) fn service(port: u16, transport: Transport) -> Option<String> {
    let datagrams = match transport {
        Transport::Stream => 0,
        Transport::Datagrams => libc::NI_DGRAM,
    };
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let (_, name) = getnameinfo(&address, libc::NI_NUMERICHOST | datagrams).ok()?;
    (name != port.to_string()).then_some(name)
}

//! Through a proxy to a target: SOCKS5, SOCKS4, SOCKS4A and HTTP's `CONNECT`.

mod conversation;
mod error;
mod url;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};

use super::connect::Origin;
use super::dial::{Dialed, dial_from};
use super::families::Families;
use super::resolve::{host_with_port, resolve};
use crate::protocol::proxy::{Credentials, Host, Target, Unsendable, http};
use crate::reactor::{now, timeout};
use conversation::{Conversation, Requests};

pub use error::{ProxyCause, ProxyError, ProxyPhase};
pub use url::ProxyUrlError;

/// A proxy, and how it is asked. User and password are never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who asks, for those that want to know.
    pub credentials: Option<Credentials>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS4: names are resolved here, to IPv4 addresses.
    Socks4,
    /// SOCKS4A: the proxy resolves names.
    Socks4a,
    /// SOCKS5: the proxy resolves names.
    Socks5,
    /// HTTP's `CONNECT`: the proxy resolves names.
    Http(http::Version),
}

impl Proxy {
    /// Whether a proxy of this kind can be told this user and password.
    ///
    /// # Errors
    /// It cannot: why.
    fn check(&self) -> Result<(), Unsendable> {
        // Any target that each kind can be asked for.
        Requests::new(self, &Target::new("127.0.0.1", 1)?).map(drop)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ProxyKind::Socks4 => "socks4",
            ProxyKind::Socks4a => "socks4a",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Http(_) => "http",
        };
        write!(f, "{kind}://{}", host_with_port(&self.host, self.port))
    }
}

/// Connects to `proxy`, from `origin`, and through it to `host` on `port`: all of
/// it within `limit`. `families` and what comes back are of the connection to
/// the proxy.
///
/// Dropping the future gives it up and closes the connection.
///
/// # Errors
/// There is no connection to the proxy, or [`through`] failed.
pub async fn dial_through(
    proxy: &Proxy,
    origin: Origin,
    host: &str,
    port: u16,
    families: Families,
    limit: Duration,
) -> Result<Dialed, ProxyError> {
    let started = now();
    let dialed = dial_from(origin, &proxy.host, proxy.port, families, limit).await;
    let dialed = dialed.map_err(|error| {
        let cause = ProxyCause::Dial(error);
        ProxyError::new(proxy, host_with_port(host, port), ProxyPhase::Dial, cause)
    })?;
    let left = limit.saturating_sub(now().saturating_duration_since(started));
    let stream = through(proxy, host, port, dialed.stream, left).await?;
    Ok(Dialed { stream, ..dialed })
}

/// Asks `proxy`, to which `stream` leads, for a connection to `host` on `port`,
/// within `limit`. The stream leads to the target then.
///
/// Never a byte more is read than belongs to the proxy's answers: what the target
/// sends right after them is still in the stream. A drop closes the stream.
///
/// # Errors
/// [`ProxyError`] says what was asked and what came of it.
pub async fn through<S>(
    proxy: &Proxy,
    host: &str,
    port: u16,
    stream: S,
    limit: Duration,
) -> Result<S, ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = now();
    let fail = |phase, cause| ProxyError::new(proxy, host_with_port(host, port), phase, cause);
    let requests = target(proxy, host, port, limit).await.and_then(|target| {
        let requests = Requests::new(proxy, &target);
        requests.map_err(ProxyCause::Unsendable)
    });
    let requests = requests.map_err(|cause| fail(ProxyPhase::Target, cause))?;
    let left = limit.saturating_sub(now().saturating_duration_since(started));
    let mut conversation = Conversation::new(stream);
    let outcome = timeout(left, conversation.hold(&requests)).await;
    match outcome.unwrap_or(Err(ProxyCause::Silent(left))) {
        Ok(()) => Ok(conversation.into_stream()),
        Err(cause) => Err(ProxyError {
            came: conversation.came(),
            received: conversation.received(),
            ..fail(conversation.phase(), cause)
        }),
    }
}

/// What the proxy is told: the host as it is, or its IPv4 address for SOCKS4.
async fn target(
    proxy: &Proxy,
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<Target, ProxyCause> {
    let target = Target::new(host, port).map_err(ProxyCause::Unsendable)?;
    match (proxy.kind, &target.host) {
        (ProxyKind::Socks4, Host::Name(name)) => {
            let only_v4 = Families {
                only_v4: true,
                only_v6: false,
            };
            let resolved = resolve(name, port, only_v4, limit).await;
            let resolved = resolved.map_err(ProxyCause::Unresolved)?;
            let address = resolved.addresses.first().map(SocketAddr::ip);
            let host = address.map_or(target.host, Host::Address);
            Ok(Target { host, port })
        }
        _ => Ok(target),
    }
}

//! `-x`: a way through a proxy, with netcat's words for what fails.

use super::console::{Failure, Outcome};
use super::settings::{Proxy, ProxyProtocol, Settings};
use crate::net::Socket;
use crate::net::proxy::{self, ProxyCause, ProxyError, ProxyKind, through};
use crate::protocol::proxy::Refusal;
use crate::protocol::proxy::http::Version;
use crate::units::LONGEST;

/// What the replies of a SOCKS5 proxy mean (RFC 1928 section 6), from 1 on, as
/// netcat says it.
const SOCKS5_REPLIES: [&str; 8] = [
    "General SOCKS server failure",
    "Connection not allowed by ruleset",
    "Network unreachable",
    "Host unreachable",
    "Connection refused",
    "TTL expired",
    "Command not supported",
    "Address type not supported",
];

/// The first reply of a SOCKS4 proxy that refuses.
const SOCKS4_REFUSED: usize = 91;

/// What that and the next ones mean, as netcat says it.
const SOCKS4_REPLIES: [&str; 3] = [
    "Request rejected or failed",
    "SOCKS server cannot connect to identd on the client",
    "Client program and identd report different user-ids",
];

/// Asks the proxy at the other end of `socket` for a port of `host`.
///
/// # Errors
/// It refuses, or answers otherwise than a proxy of its kind.
pub(super) async fn ask(
    socket: &Socket,
    settings: &Settings,
    asked: &Proxy,
    host: &str,
    port: u16,
) -> Outcome<()> {
    if asked.user.is_some() {
        return Err(Failure::told(
            "no password is asked for here: netkit connect --proxy http://USER:PASSWORD@HOST has one",
        ));
    }
    let proxy = proxy::Proxy {
        kind: match asked.protocol {
            ProxyProtocol::Socks4 => ProxyKind::Socks4,
            ProxyProtocol::Socks5 => ProxyKind::Socks5,
            ProxyProtocol::Http => ProxyKind::Http(Version::Http10),
        },
        host: asked.host.clone(),
        // It is connected already: nobody asks for it.
        port: 0,
        credentials: None,
    };
    let limit = settings.connect_limit.unwrap_or(LONGEST);
    match through(&proxy, host, port, socket, limit).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Told(words(&error))),
    }
}

fn words(error: &ProxyError) -> String {
    match &error.cause {
        ProxyCause::Refused(Refusal::Http(_, line)) => format!("Proxy error: \"{line}\""),
        ProxyCause::Refused(Refusal::Socks5(code)) => {
            let index = usize::from(*code).checked_sub(1);
            let reply = index.and_then(|it| SOCKS5_REPLIES.get(it));
            let reply = reply.unwrap_or(&"Unknown error");
            format!("connection failed, SOCKSv5 error: {reply}")
        }
        ProxyCause::Refused(Refusal::Socks4(code)) => {
            let index = usize::from(*code).checked_sub(SOCKS4_REFUSED);
            let reply = index.and_then(|it| SOCKS4_REPLIES.get(it));
            let reply = reply.unwrap_or(&"Unknown error");
            format!("connection failed, SOCKSv4 error: {reply}")
        }
        ProxyCause::Refused(Refusal::Methods) => "authentication method negotiation failed".into(),
        ProxyCause::Closed => "read failed (0/2): Broken pipe".into(),
        _ => format!("proxy: {error}"),
    }
}

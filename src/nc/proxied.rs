//! `-x`: a way through a proxy, with netcat's words for what fails.

use futures_lite::future;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::console::{Console, Failure, Outcome};
use super::settings::{Proxy, ProxyProtocol, Settings};
use crate::net::proxy::{self, ProxyCause, ProxyError, ProxyKind, ProxyPhase, through};
use crate::net::{Echo, Socket, ask as terminal};
use crate::protocol::proxy::http::Version;
use crate::protocol::proxy::{Credentials, Refusal};
use crate::reactor::signals;
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

/// Bytes of a SOCKS4 reply.
const SOCKS4_REPLY: usize = 8;

/// Bytes of a SOCKS5 reply before its address.
const SOCKS5_REPLY: usize = 4;

/// Bytes of an IPv4 address and a port.
const SOCKS5_V4: usize = 6;

/// Bytes of an IPv6 address and a port.
const SOCKS5_V6: usize = 18;

/// Bytes of the answer to a SOCKS5 greeting, as the original counts them: one too
/// many.
const SOCKS5_METHOD: usize = 3;

/// The first reply of a SOCKS4 proxy that refuses.
const SOCKS4_REFUSED: usize = 91;

/// What that and the next ones mean, as netcat says it.
const SOCKS4_REPLIES: [&str; 3] = [
    "Request rejected or failed",
    "SOCKS server cannot connect to identd on the client",
    "Client program and identd report different user-ids",
];

/// Passwords that are asked for, one after another, before it is given up.
const TRIES: u32 = 3;

/// What a proxy made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The socket leads to the target.
    Consent,
    /// It wants to know who asks: it is to be asked again, with a password.
    Who,
}

/// The passwords of one who asks, as they are typed at the terminal.
#[derive(Default)]
pub(super) struct Passwords {
    tries: u32,
    last: Option<String>,
}

impl Passwords {
    /// Asks the person at the terminal, as the proxy has asked who it is.
    ///
    /// # Errors
    /// There is no terminal, or it was asked often enough.
    pub(super) async fn next(&mut self, proxy: &Proxy, console: &Console<'_>) -> Outcome<()> {
        if self.tries > 0 {
            console.say("Proxy authentication failed");
        }
        if self.tries == TRIES {
            return Err(Failure::told("Too many authentication failures"));
        }
        self.tries += 1;
        let user = proxy.user.as_deref().unwrap_or_default();
        let prompt = format!("Proxy password for {user}@{}: ", proxy.host);
        let interrupted = async {
            let mut interrupts = signals(&[SIGINT, SIGTERM, SIGHUP])?;
            interrupts.next().await.map(|_| None)
        };
        let typed = async { terminal(&prompt, Echo::Off).await.map(Some) };
        // Whatever ends it, the terminal is set back before.
        self.last = match future::or(typed, interrupted).await {
            Ok(Some(password)) => Some(password),
            Ok(None) => return Err(Failure::Quiet),
            Err(_) => return Err(Failure::told("Unable to read proxy passphrase")),
        };
        Ok(())
    }
}

/// Asks the proxy at the other end of `socket` for a port of `host`.
///
/// # Errors
/// It refuses, or answers otherwise than a proxy of its kind.
pub(super) async fn ask(
    socket: &Socket,
    settings: &Settings,
    asked: &Proxy,
    (host, port): (&str, u16),
    passwords: &Passwords,
) -> Outcome<Answer> {
    let proxy = proxy::Proxy {
        kind: match asked.protocol {
            ProxyProtocol::Socks4 => ProxyKind::Socks4,
            ProxyProtocol::Socks5 => ProxyKind::Socks5,
            ProxyProtocol::Http => ProxyKind::Http(Version::Http10),
        },
        host: asked.host.clone(),
        // It is connected already: this is for messages.
        port: asked.port.parse().unwrap_or_default(),
        credentials: passwords.last.as_ref().map(|password| Credentials {
            user: asked.user.clone().unwrap_or_default().into(),
            password: password.clone().into(),
        }),
    };
    // Only HTTP's proxies are told who asks.
    let is_known = asked.user.is_some() && asked.protocol == ProxyProtocol::Http;
    let limit = settings.connect_limit.unwrap_or(LONGEST);
    match through(&proxy, host, port, socket, limit).await {
        Ok(_) => Ok(Answer::Consent),
        Err(ProxyError {
            cause: ProxyCause::Refused(Refusal::Http(407, _)),
            ..
        }) if is_known => Ok(Answer::Who),
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
        ProxyCause::Refused(Refusal::Malformed(_)) if is_http(error) => {
            match error.came.split_once(r"\n") {
                Some((line, _)) => format!("Proxy error: \"{}\"", line.trim_end_matches(r"\r")),
                None => "proxy read too long".into(),
            }
        }
        ProxyCause::Closed if is_http(error) => "proxy read: Broken pipe".into(),
        ProxyCause::Closed => {
            let (came, expected) = part(error);
            format!("read failed ({came}/{expected}): Broken pipe")
        }
        _ => format!("proxy: {error}"),
    }
}

fn is_http(error: &ProxyError) -> bool {
    matches!(error.proxy.kind, ProxyKind::Http(_))
}

/// How much had come of the part of an answer that the original reads at once.
fn part(error: &ProxyError) -> (usize, usize) {
    let came = error.received;
    match (error.proxy.kind, error.phase) {
        (ProxyKind::Socks4 | ProxyKind::Socks4a, _) => (came, SOCKS4_REPLY),
        (_, ProxyPhase::Request) if came >= SOCKS5_REPLY => {
            let is_v6 = error.came.starts_with(r"\x05\x00\x00\x04");
            let address = if is_v6 { SOCKS5_V6 } else { SOCKS5_V4 };
            (came - SOCKS5_REPLY, address)
        }
        (_, ProxyPhase::Request) => (came, SOCKS5_REPLY),
        _ => (came, SOCKS5_METHOD),
    }
}

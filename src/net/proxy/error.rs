//! Why there is no way through a proxy, in words and as plain data.

use std::fmt;
use std::io;
use std::time::Duration;

use super::{Proxy, ProxyKind};
use crate::net::dial::DialError;
use crate::net::resolve::ResolveError;
use crate::protocol::proxy::{Refusal, Unsendable};
use crate::units;

/// There is no way through a proxy.
#[derive(Debug)]
pub struct ProxyError {
    /// The proxy.
    pub proxy: Proxy,
    /// `HOST:PORT` of the target.
    pub target: String,
    /// What it failed at.
    pub phase: ProxyPhase,
    /// What came of the answer: escaped, cut after 200 bytes.
    pub came: String,
    /// How many bytes of it came.
    pub received: usize,
    /// Why.
    pub cause: ProxyCause,
}

/// What a way through a proxy takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyPhase {
    /// A connection to the proxy.
    Dial,
    /// A target that can be asked for.
    Target,
    /// An answer to the greeting (SOCKS5).
    Greeting,
    /// An answer to user and password (SOCKS5).
    Login,
    /// An answer to the request.
    Request,
}

/// Why a phase failed.
#[derive(Debug)]
pub enum ProxyCause {
    /// There is no connection to the proxy.
    Dial(DialError),
    /// SOCKS4 wants an IPv4 address, and there is none.
    Unresolved(ResolveError),
    /// It cannot be asked for.
    Unsendable(Unsendable),
    /// The proxy refused, or its answer is none.
    Refused(Refusal),
    /// The proxy closed the connection.
    Closed,
    /// The proxy did not answer within this time.
    Silent(Duration),
    /// The connection broke.
    Broken(io::Error),
}

impl ProxyError {
    pub(super) fn new(proxy: &Proxy, target: String, phase: ProxyPhase, cause: ProxyCause) -> Self {
        Self {
            proxy: proxy.clone(),
            target,
            phase,
            came: String::new(),
            received: 0,
            cause,
        }
    }

    /// Whether it failed on this side: no verdict on anybody.
    #[must_use]
    pub fn is_own_fault(&self) -> bool {
        matches!(&self.cause, ProxyCause::Dial(error) if error.is_own_fault())
    }

    /// What to do or to look at next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let refusal = match &self.cause {
            ProxyCause::Refused(refusal) => refusal,
            ProxyCause::Unresolved(_) => {
                return Some("socks4a and socks5 let the proxy resolve it");
            }
            ProxyCause::Closed if self.came.is_empty() => {
                return Some("is it a proxy of this kind?");
            }
            _ => return None,
        };
        match (refusal, self.proxy.credentials.is_some()) {
            (Refusal::Methods | Refusal::Http(407, _), false) => {
                Some("it wants a user and a password: KIND://USER:PASSWORD@HOST")
            }
            // Some say 401 to a wrong password, which is for servers.
            (Refusal::Http(401 | 407, _) | Refusal::Credentials, true) => {
                Some("check user and password")
            }
            (Refusal::Malformed(_), _) => self.other_kind(),
            _ => None,
        }
    }

    /// What an answer of another kind gives away.
    fn other_kind(&self) -> Option<&'static str> {
        let is_http = matches!(self.proxy.kind, ProxyKind::Http(_));
        match () {
            () if !is_http && self.came.starts_with("HTTP/") => Some("it may be an http:// proxy"),
            () if is_http && self.came.starts_with(r"\x05") => Some("it may be a socks5:// proxy"),
            () => None,
        }
    }
}

impl ProxyPhase {
    /// What the proxy was to answer.
    fn asked(self) -> &'static str {
        match self {
            Self::Greeting => "the greeting",
            Self::Login => "user and password",
            Self::Dial | Self::Target | Self::Request => "the request",
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            proxy,
            target,
            came,
            ..
        } = self;
        let asked = self.phase.asked();
        write!(f, "cannot connect to {target} through {proxy}: ")?;
        match (&self.cause, came.is_empty()) {
            (ProxyCause::Dial(error), _) => error.fmt(f),
            (ProxyCause::Unresolved(error), _) => {
                write!(f, "SOCKS4 needs an IPv4 address: {}", error.reason)
            }
            (ProxyCause::Unsendable(unsendable), _) => unsendable.fmt(f),
            (ProxyCause::Refused(Refusal::Malformed(expected)), _) => {
                write!(f, "it answered {asked} with `{came}` (expected {expected})")
            }
            (ProxyCause::Refused(refusal), _) => refusal.fmt(f),
            (ProxyCause::Closed, true) => write!(f, "it closed without an answer to {asked}"),
            (ProxyCause::Closed, false) => {
                write!(f, "it closed within its answer to {asked}: `{came}`")
            }
            (ProxyCause::Silent(limit), true) => {
                write!(f, "no answer to {asked} within {}", units::limit(*limit))
            }
            (ProxyCause::Silent(limit), false) => {
                let limit = units::limit(*limit);
                write!(f, "no whole answer to {asked} within {limit}: `{came}`")
            }
            (ProxyCause::Broken(error), _) => write!(f, "no answer to {asked}: {error}"),
        }?;
        match self.hint() {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ProxyError {}

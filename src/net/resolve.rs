//! From a name to its addresses, as the system's resolver sees them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType};

use super::families::Families;
use crate::reactor::{blocking, now, timeout};
use crate::units;

/// How long the system may take for a name that is built in: it stands in the
/// hosts file or nowhere, and a name server that is down must not hold it up.
const BUILT_IN_PATIENCE: Duration = Duration::from_secs(1);

/// A name's addresses.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// In the order of the system's resolver (RFC 6724); at least one.
    pub addresses: Vec<SocketAddr>,
    /// How long the resolver took; absent if it was not asked.
    pub took: Option<Duration>,
    /// The system did not know the name; netkit did.
    pub built_in: bool,
}

/// A name that has no address, or a resolver that could not say.
#[derive(Debug, Clone)]
pub struct ResolveError {
    /// The name asked for.
    pub host: String,
    /// Why, in words.
    pub reason: String,
    /// What to look at next.
    pub hint: String,
    /// How long the resolver took.
    pub took: Duration,
    /// Whether it was given up at the limit: more time might have helped.
    pub cut_short: bool,
    /// Whether it is known that there is no such address; else nobody could say.
    pub is_known: bool,
}

impl Resolved {
    /// The addresses, with `port`.
    pub fn at_port(&self, port: u16) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().map(move |it| with_port(*it, port))
    }
}

/// `HOST:PORT`, with brackets where the host holds colons.
#[must_use]
pub fn host_with_port(host: &str, port: u16) -> String {
    // Made for every result of a scan: without the machinery of `format!`.
    let mut shown = String::with_capacity(host.len() + "[]:65535".len());
    let (open, close) = match host.contains(':') {
        true => ("[", "]:"),
        false => ("", ":"),
    };
    for part in [open, host, close] {
        shown.push_str(part);
    }
    shown.push_str(itoa::Buffer::new().format(port));
    shown
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host, reason, hint, ..
        } = self;
        write!(f, "cannot resolve `{host}`: {reason} (hint: {hint})")
    }
}

impl std::error::Error for ResolveError {}

/// Resolves `host` with getaddrinfo(3) on the helper pool, within `limit`.
///
/// Numeric addresses, also with a zone (`fe80::1%eth0`), never leave the loop.
/// `localhost`, `ip6-localhost` and `ip6-loopback` are built in for systems
/// that do not know them. A drop gives up, as does the limit, though the helper
/// stays busy until the system answers.
///
/// # Errors
/// The name has no address of the wanted families, or nobody could say.
pub async fn resolve(
    host: &str,
    port: u16,
    families: Families,
    limit: Duration,
) -> Result<Resolved, ResolveError> {
    let started = now();
    let fail = |reason: String, hint: &str, cut_short| ResolveError {
        host: host.into(),
        reason,
        hint: hint.into(),
        took: now().saturating_duration_since(started),
        cut_short,
        is_known: !cut_short,
    };
    if let Some(Err(zone)) = numeric(host, port) {
        let reason = format!("there is no interface `{zone}`");
        return Err(fail(reason, "see `ip link`", false));
    }
    if let Some(Ok(address)) = numeric(host, port) {
        if families.allow_socket(&address) {
            return Ok(Resolved {
                addresses: vec![address],
                took: None,
                built_in: false,
            });
        }
        let reason = format!("it is not an {families} address");
        return Err(fail(reason, "leave out -4 or -6", false));
    }
    let asked = Arc::new(AtomicBool::new(false));
    let (found, built_in) = match timeout(limit, look_up(host, &asked)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let (reason, hint) = explain(&error);
            return Err(ResolveError {
                is_known: matches!(
                    error.kind(),
                    LookupErrorKind::NoName | LookupErrorKind::NoData
                ),
                ..fail(reason, hint, false)
            });
        }
        Err(_) => {
            let (reason, hint) = silence(&asked, limit);
            return Err(fail(reason, hint, true));
        }
    };
    let all = found.len();
    let found = found.into_iter().map(|address| with_port(address, port));
    let addresses: Vec<_> = found.filter(|it| families.allow_socket(it)).collect();
    if addresses.is_empty() {
        let reason = format!("none of its {all} addresses is {families}");
        return Err(fail(reason, "leave out -4 or -6", false));
    }
    Ok(Resolved {
        addresses,
        took: Some(now().saturating_duration_since(started)),
        built_in,
    })
}

/// The system's answer, or the built-in one, which is marked and logged.
async fn look_up(
    host: &str,
    asked: &Arc<AtomicBool>,
) -> Result<(Vec<SocketAddr>, bool), LookupError> {
    let (name, flag) = (host.to_owned(), Arc::clone(asked));
    let answer = blocking(move || {
        flag.store(true, Ordering::Relaxed);
        ask_system(&name)
    });
    let Some(built_in) = built_in(host) else {
        return answer.await.map(|it| (it, false));
    };
    if let Ok(Ok(addresses)) = timeout(BUILT_IN_PATIENCE, answer).await {
        return Ok((addresses, false));
    }
    log::info!("the system does not know `{host}`: using loopback");
    let addresses = built_in.iter().map(|&ip| SocketAddr::new(ip, 0));
    Ok((addresses.collect(), true))
}

/// The port of a service by its name in the services file (services(5)).
#[must_use]
pub fn service_port(name: &str, datagrams: bool) -> Option<u16> {
    let kind = match datagrams {
        true => SockType::DGram,
        false => SockType::Stream,
    };
    let hints = AddrInfoHints {
        socktype: kind.into(),
        ..AddrInfoHints::default()
    };
    let found = dns_lookup::getaddrinfo(None, Some(name), Some(hints)).ok()?;
    found.flatten().map(|it| it.sockaddr.port()).next()
}

fn ask_system(host: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let mut addresses = Vec::new();
    for found in dns_lookup::getaddrinfo(Some(host), None, Some(hints))?.flatten() {
        if !addresses.contains(&found.sockaddr) {
            addresses.push(found.sockaddr);
        }
    }
    Ok(addresses)
}

fn built_in(host: &str) -> Option<&'static [IpAddr]> {
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match name.as_str() {
        "localhost" => Some(&[V6, V4]),
        "ip6-localhost" | "ip6-loopback" => Some(&[V6]),
        _ => None,
    }
}

/// The address that `host` spells out, or the zone of it that does not exist.
fn numeric(host: &str, port: u16) -> Option<Result<SocketAddr, String>> {
    if let Ok(address) = host.parse() {
        return Some(Ok(SocketAddr::new(address, port)));
    }
    let (address, zone) = host.split_once('%')?;
    let address = address.parse().ok()?;
    let number = zone.parse().ok();
    match number.or_else(|| nix::net::if_::if_nametoindex(zone).ok()) {
        Some(number) => Some(Ok(SocketAddrV6::new(address, port, 0, number).into())),
        None => Some(Err(zone.into())),
    }
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// Nothing came in time: from the system, or, where other names keep every
/// helper busy, because it was never asked.
fn silence(asked: &AtomicBool, limit: Duration) -> (String, &'static str) {
    let limit = units::limit(limit);
    match asked.load(Ordering::Relaxed) {
        true => (
            format!("the resolver did not answer within {limit}"),
            "check the name servers in /etc/resolv.conf",
        ),
        false => (
            format!("not asked within {limit}: other names keep every look-up busy"),
            "check fewer names at once, or raise --timeout",
        ),
    }
}

fn explain(error: &LookupError) -> (String, &'static str) {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => (
            "no such name, or it has no address".into(),
            "check the spelling, the hosts file and the search domain",
        ),
        LookupErrorKind::Again => (
            "the resolver got no answer".into(),
            "check the name servers in /etc/resolv.conf",
        ),
        LookupErrorKind::Fail => (
            "the name server answered with a failure".into(),
            "ask the name server's log",
        ),
        _ => (
            std::io::Error::from(LookupError::new(error.error_num())).to_string(),
            "check the resolver's set-up",
        ),
    }
}

//! The client: one port after another, of each one address after another, in the
//! order of the system's resolver.

use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use nix::errno::Errno;

use super::console::{Console, Failure, Outcome, reason};
use super::names::{Question, numeric_host, service};
use super::pass::pass;
use super::ports::{listenable, ports, shuffle};
use super::proxied::{self, Answer, Passwords};
use super::settings::{Compat, Family, Settings, Task};
use super::talk::{Talker, Whom};
use crate::finding::Exit;
use crate::net::{Name, Socket};
use crate::reactor::{sleep, timeout};

/// One-byte datagrams that ask whether anybody refuses them.
const QUESTIONS: usize = 5;

/// Seconds for which a scan waits for a refusal of its datagrams, without `-w`.
const REFUSAL_SECONDS: usize = 3;

/// Connects to each of `words`, ports of `host`.
///
/// # Errors
/// What ends all of it at once: a name that is none, an option that the kernel
/// does not take.
pub(super) async fn ports_of(
    host: &str,
    words: &[String],
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Exit> {
    let strict = settings.compat == Compat::Obsd;
    let mut ports = ports(words, settings.transport, strict)?;
    if settings.shuffle {
        shuffle(&mut ports);
    }
    let mut talker = Talker::new(settings)?;
    let (mut connected, mut broken) = (false, false);
    for (index, &port) in ports.iter().enumerate() {
        if let (Some(pause), 1.., false) = (settings.pause, index, strict) {
            sleep(pause).await;
        }
        let Some(link) = reach(host, port, settings, console).await? else {
            continue;
        };
        if !is_there(&link, settings, console).await {
            continue;
        }
        connected = true;
        match settings.task {
            Task::PassSocket => {
                pass(&link.socket)?;
                return Ok(Exit::Good);
            }
            Task::Scan => {}
            Task::Talk | Task::Listen { .. } => {
                let whom = Whom::Server(format!("{host} {port}"));
                match talker.talk(&link.socket, &whom).await {
                    Err(Failure::Told(text)) => {
                        console.warn(&text);
                        broken = true;
                    }
                    outcome => outcome.map(|_| ())?,
                }
            }
        }
    }
    Ok(match connected && !broken {
        true => Exit::Good,
        false => Exit::Bad,
    })
}

/// A connection, and how it is called.
struct Link {
    socket: Socket,
    host: String,
    port: u16,
    /// The address, where it does not say the same as the host.
    address: Option<String>,
}

/// Connects to a port of `host`, if one of its addresses takes it.
async fn reach(
    host: &str,
    port: u16,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Option<Link>> {
    let Some(proxy) = &settings.proxy else {
        return link(host, &port.to_string(), port, settings, console).await;
    };
    let mut passwords = Passwords::default();
    loop {
        let reached = link(&proxy.host, &proxy.port, port, settings, console).await?;
        let Some(link) = reached else {
            return Ok(None);
        };
        let target = (host, port);
        match proxied::ask(&link.socket, settings, proxy, target, &passwords).await? {
            Answer::Consent => {
                return Ok(Some(Link {
                    host: host.to_owned(),
                    address: None,
                    ..link
                }));
            }
            Answer::Who => {
                drop(link);
                passwords.next(proxy, console).await?;
            }
        }
    }
}

/// Connects to a port of `host` by name or number, for the sake of the port `wanted`.
async fn link(
    host: &str,
    port: &str,
    wanted: u16,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Option<Link>> {
    let question = Question {
        host: Some(host.to_owned()),
        port: Some(port.to_owned()),
        family: settings.family,
        transport: settings.transport,
        numeric: settings.numeric,
    };
    let addresses = question.ask().await.map_err(|words| {
        let text = format!("getaddrinfo for host \"{host}\" port {port}: {words}");
        Failure::Told(text)
    })?;
    for address in addresses {
        let Some(socket) = prepared(address, settings).await? else {
            continue;
        };
        let figures = numeric_host(address);
        let shown = (!settings.numeric && figures != host).then_some(figures);
        let connecting = socket.connect(Name::Internet(address));
        let failure = match settings.connect_limit {
            None => connecting.await.err().map(|it| ("failed", it)),
            Some(limit) => match timeout(limit, connecting).await {
                Ok(outcome) => outcome.err().map(|it| ("failed", it)),
                Err(_) => Some(("timed out", Errno::EINPROGRESS.into())),
            },
        };
        let Some((how, error)) = failure else {
            let host = host.to_owned();
            return Ok(Some(Link {
                socket,
                host,
                port: wanted,
                address: shown,
            }));
        };
        if console.verbose {
            let protocol = settings.transport.protocol();
            let shown = shown.map_or_else(String::new, |it| format!(" ({it})"));
            let why = reason(&error);
            console.warn(&format!(
                "connect to {host}{shown} port {port} ({protocol}) {how}: {why}"
            ));
        }
    }
    Ok(None)
}

/// A socket for `address` as the flags want it; nothing where the system does not
/// have its family.
async fn prepared(address: SocketAddr, settings: &Settings) -> Outcome<Option<Socket>> {
    let name = Name::Internet(address);
    let Ok(socket) = Socket::new(name, settings.transport.is_datagrams()) else {
        return Ok(None);
    };
    let source = &settings.source;
    if settings.compat != Compat::Obsd {
        source.port.as_deref().map_or(Ok(()), listenable)?;
    }
    if source.host.is_some() || source.port.is_some() {
        let question = Question {
            host: source.host.clone(),
            port: source.port.clone(),
            family: Family::from(address),
            transport: settings.transport,
            numeric: settings.numeric,
        };
        let own = question.ask().await;
        let own = own.map_err(|words| Failure::Told(format!("getaddrinfo: {words}")))?;
        if let Some(&own) = own.first() {
            let bound = socket.bind(Name::Internet(own));
            bound.map_err(|error| Failure::system("bind failed", &error))?;
        }
    }
    settings.socket.set(&socket, address.is_ipv6())?;
    Ok(Some(socket))
}

/// Whether the link is one, as far as can be told: said with `-v`.
async fn is_there(link: &Link, settings: &Settings, console: &Console<'_>) -> bool {
    if !console.verbose {
        return true;
    }
    let asks = settings.transport.is_datagrams() && settings.task == Task::Scan;
    if asks && is_refused(&link.socket, settings).await {
        return false;
    }
    let protocol = settings.transport.protocol();
    let service = match settings.numeric {
        true => None,
        false => service(link.port, settings.transport),
    };
    let service = service.as_deref().unwrap_or("*");
    let Link { host, port, .. } = link;
    let address = link.address.as_ref();
    let address = address.map_or_else(String::new, |it| format!(" ({it})"));
    console.say(&format!(
        "Connection to {host}{address} {port} port [{protocol}/{service}] succeeded!"
    ));
    true
}

/// Sends a few datagrams of one byte, and says whether one was refused. Silence is
/// no refusal.
async fn is_refused(mut socket: &Socket, settings: &Settings) -> bool {
    let limit = settings.talk.idle.map(|it| it.as_secs());
    let limit = limit.and_then(|it| usize::try_from(it).ok());
    let seconds = limit.unwrap_or(REFUSAL_SECONDS).min(REFUSAL_SECONDS);
    let at_once = QUESTIONS - REFUSAL_SECONDS;
    for index in 0..at_once + seconds {
        if index >= at_once {
            sleep(Duration::from_secs(1)).await;
        }
        if socket.write(b"X").await.is_err() {
            return true;
        }
    }
    false
}

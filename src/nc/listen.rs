//! The server: one client after another, or datagrams from whoever sends some.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use nix::errno::Errno;

use super::console::{Console, Failure, Outcome, reason};
use super::names::{Question, shown};
use super::ports::listenable;
use super::settings::{Compat, Family, Settings};
use super::talk::{Talker, Then, Whom};
use super::unix::claim;
use crate::finding::Exit;
use crate::net::{Name, Socket};

/// Clients that wait in the kernel while another is served.
const BACKLOG: i32 = 128;

/// Listens at `place` and serves whoever comes: the first, or, `again` and again,
/// everybody.
///
/// # Errors
/// It cannot be listened there; or, unless it goes on, a client broke off.
pub(super) async fn serve(
    place: &Endpoint,
    again: bool,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Exit> {
    let socket = place.bind(settings, console).await?;
    let mut talker = Talker::new(settings)?;
    let datagrams = settings.transport.is_datagrams();
    loop {
        let outcome = match (datagrams, again) {
            (true, true) => talker.hear_all(&socket).await,
            (true, false) => {
                // A sender that is gone has left its words all the same.
                let peer = socket.adopt_sender().await.unwrap_or_default();
                let whom = place.welcome(peer, settings, console).await;
                talker.talk(&socket, &whom).await
            }
            (false, _) => {
                let accepted = socket.accept().await;
                let (client, peer) = accepted.map_err(|error| Failure::system("accept", &error))?;
                let whom = place.welcome(peer, settings, console).await;
                talker.talk(&client, &whom).await
            }
        };
        match outcome {
            Ok(Then::GoOn) if again => {}
            Ok(_) => return Ok(Exit::Good),
            Err(Failure::Told(text)) if again => console.warn(&text),
            Err(failure) => return Err(failure),
        }
    }
}

/// Where to listen.
pub(super) enum Endpoint {
    /// A path, or `@` and a name.
    Unix(String),
    /// A host, if one is named, and a port.
    Internet(Option<String>, String),
}

impl Endpoint {
    async fn bind(&self, settings: &Settings, console: &Console<'_>) -> Outcome<Socket> {
        match self {
            Self::Unix(path) => bind_unix(path, &claim(path)?, settings, console),
            Self::Internet(host, port) => {
                bind_internet(host.clone(), port, settings, console).await
            }
        }
    }

    /// Says who has come.
    async fn welcome(
        &self,
        peer: Option<SocketAddr>,
        settings: &Settings,
        console: &Console<'_>,
    ) -> Whom {
        let name = match (self, peer) {
            (Self::Unix(path), _) => path.clone(),
            // A name that nobody reads is not looked for.
            (Self::Internet(..), Some(peer)) => {
                named(peer, settings.numeric || !console.verbose).await
            }
            (Self::Internet(..), None) => "the peer".to_owned(),
        };
        console.remark(&format!("Connection received on {name}"));
        Whom::Client(name)
    }
}

async fn named(address: SocketAddr, numeric: bool) -> String {
    let (host, port) = shown(address, numeric).await;
    format!("{host} {port}")
}

fn bind_unix(
    path: &str,
    place: &Path,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Socket> {
    let datagrams = settings.transport.is_datagrams();
    let bind = || -> io::Result<Socket> {
        let socket = Socket::new(Name::Unix(place), datagrams)?;
        socket.bind(Name::Unix(place))?;
        if !datagrams {
            socket.listen(BACKLOG)?;
        }
        Ok(socket)
    };
    let socket = bind().map_err(|error| Failure::Told(reason(&error)))?;
    console.remark(&format!("Bound on {path}"));
    if !datagrams {
        console.remark(&format!("Listening on {path}"));
    }
    Ok(socket)
}

async fn bind_internet(
    host: Option<String>,
    port: &str,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Socket> {
    if settings.compat != Compat::Obsd {
        listenable(port)?;
    }
    let datagrams = settings.transport.is_datagrams();
    let question = Question {
        host,
        port: Some(port.to_owned()),
        family: settings.family,
        transport: settings.transport,
        numeric: settings.numeric,
    };
    let addresses = question.ask().await;
    let mut addresses =
        addresses.map_err(|words| Failure::Told(format!("getaddrinfo: {words}")))?;
    if settings.compat == Compat::Ncat && settings.family == Family::Any {
        // Both families, where the system lets one socket have both.
        addresses.sort_by_key(SocketAddr::is_ipv4);
    }
    let mut last = io::Error::from(Errno::EADDRNOTAVAIL);
    for address in addresses {
        let Ok(socket) = Socket::new(Name::Internet(address), datagrams) else {
            continue;
        };
        let shared = socket.share_port();
        shared.map_err(|error| Failure::system("Couldn't set SO_REUSEADDR", &error))?;
        settings.socket.set(&socket, address.is_ipv6())?;
        let bound = socket.bind(Name::Internet(address));
        let bound = bound.and_then(|()| match datagrams {
            true => Ok(()),
            false => socket.listen(BACKLOG),
        });
        if let Err(error) = bound {
            last = error;
            continue;
        }
        if console.verbose {
            let how = match datagrams {
                true => "Bound",
                false => "Listening",
            };
            let own = socket.local_addr().unwrap_or(address);
            let own = named(own, settings.numeric).await;
            console.say(&format!("{how} on {own}"));
        }
        return Ok(socket);
    }
    Err(Failure::Told(reason(&last)))
}

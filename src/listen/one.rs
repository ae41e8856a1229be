//! One client, and then the end.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use futures_lite::future;

use super::{Options, Place, TARGET, introduction, secure};
use crate::finding::Exit;
use crate::net::{self, Listening, TcpListener, TcpStream, UnixAddress, UnixListener};
use crate::serve::{self, Stop};
use crate::stream::Peer;
use crate::transfer::exec::Ends;
use crate::transfer::{Observer, Transfer};

/// Listens for the first client, and talks to it until its end.
pub(super) async fn listen(
    place: &Place,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    observer: Observer<'_>,
) -> anyhow::Result<Exit> {
    let mut stop = Stop::catch()?;
    let serving = async {
        match place {
            Place::Port(host, port) => {
                on_port(host.as_deref(), *port, options, announce, observer).await
            }
            Place::Unix(address) => on_socket(address, options, announce, observer).await,
        }
    };
    let stopped = async { Ok(Exit::by_signal(stop.wait().await?)) };
    future::or(serving, stopped).await
}

async fn on_port(
    host: Option<&str>,
    port: u16,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    observer: Observer<'_>,
) -> anyhow::Result<Exit> {
    let identity = options.secure.identity()?;
    let listening = net::listen(host, port, options.families).await?;
    for note in &listening.notes {
        log::warn!(target: TARGET, "{note}");
    }
    let addresses = listening.sockets.iter().map(TcpListener::local_addr);
    let addresses: io::Result<Vec<_>> = addresses.collect();
    let servers = options.of_servers(host);
    serve::tell("listen", None, "tcp", &addresses?, &servers, announce)?;
    if let Some((_, line)) = &identity {
        announce(line);
    }
    let (stream, peer) = first(listening, options).await?;
    let ends = introduction::ends(&stream, peer, options).await;
    let ends = ends.with_context(|| format!("{peer} is not introduced"))?;
    let peer = ends.peer.unwrap_or(peer);
    let identity = identity.as_ref().map(|(identity, _)| identity);
    let client = secure::peer(&stream, identity).await;
    let client = client.with_context(|| format!("no TLS with {peer}"))?;
    talk(client, peer.to_string(), ends, options, observer).await
}

async fn on_socket(
    address: &UnixAddress,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    observer: Observer<'_>,
) -> anyhow::Result<Exit> {
    let listener = match UnixListener::bind(address) {
        Ok(listener) => listener,
        Err(error) => bail!(
            "cannot listen on `{address}`: {error} (hint: what stands there is never removed; do \
             so if no server uses it)"
        ),
    };
    announce(&format!("listening listen {address}/unix"));
    let stream = listener.accept().await?;
    drop(listener);
    let peer = Peer::of(&stream, &stream);
    talk(
        peer,
        address.to_string(),
        Ends::default(),
        options,
        observer,
    )
    .await
}

/// The first client that is admitted; nobody else is taken.
async fn first(listening: Listening, options: &Options) -> anyhow::Result<(TcpStream, SocketAddr)> {
    let accepting = listening.sockets.iter().map(|it| accept(it, options));
    let accepting: Vec<_> = accepting.map(Box::pin).collect();
    let mut accepting = accepting;
    std::future::poll_fn(|context| {
        for one in &mut accepting {
            let accepted = one.as_mut().poll(context);
            if accepted.is_ready() {
                return accepted;
            }
        }
        std::task::Poll::Pending
    })
    .await
}

async fn accept(
    listener: &TcpListener,
    options: &Options,
) -> anyhow::Result<(TcpStream, SocketAddr)> {
    loop {
        listener.readable().await;
        match listener.try_accept() {
            Ok((stream, peer)) if options.admits(peer.ip()) => {
                log::info!(target: TARGET, "{peer} connected");
                return Ok((stream, peer));
            }
            Ok((stream, peer)) => {
                log::info!(target: TARGET, "{peer} is not admitted (--allow, --deny)");
                stream.reset_on_close();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn talk(
    peer: Peer<'_>,
    name: String,
    ends: Ends,
    options: &Options,
    observer: Observer<'_>,
) -> anyhow::Result<Exit> {
    let program = options.program.program()?;
    let transfer = Transfer::new(&options.transfer, name, ends, false);
    transfer.run(peer, program.as_ref(), observer).await
}

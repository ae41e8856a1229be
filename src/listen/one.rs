//! One client, and then the end.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use futures_lite::future;

use super::{Options, Place, TARGET, introduction, secure};
use crate::finding::Exit;
use crate::net::{self, Listening, TcpListener, TcpStream, UnixAddress, UnixListener};
use crate::serve::{self, LOOPBACK, Stop};
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
    let stop = Stop::catch()?;
    match place {
        Place::Port(host, port) => {
            on_port(host.as_deref(), *port, options, announce, observer, stop).await
        }
        Place::Unix(address) => on_socket(address, options, announce, observer, stop).await,
    }
}

/// Does `work`, unless a signal comes first: then it is left with that status.
async fn unless_stopped<T>(
    stop: &mut Stop,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Result<T, Exit>> {
    let done = async { work.await.map(Ok) };
    let stopped = async { Ok(Err(Exit::by_signal(stop.wait().await?))) };
    future::or(done, stopped).await
}

async fn on_port(
    host: Option<&str>,
    port: u16,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    observer: Observer<'_>,
    mut stop: Stop,
) -> anyhow::Result<Exit> {
    let identity = options.secure.identity()?;
    // A program is for this machine alone, unless it is said otherwise.
    let local = options.program.program()?.map(|_| LOOPBACK);
    let listening = net::listen(host.or(local), port, options.families).await?;
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
    let accepted = unless_stopped(&mut stop, first(listening, options)).await?;
    let (stream, peer) = match accepted {
        Ok(accepted) => accepted,
        Err(exit) => return Ok(exit),
    };
    let entering = async {
        let ends = introduction::ends(&stream, peer, options).await;
        let ends = ends.with_context(|| format!("{peer} is not introduced"))?;
        let identity = identity.as_ref().map(|(identity, _)| identity);
        let client = secure::peer(&stream, identity).await;
        Ok((client.with_context(|| format!("no TLS with {peer}"))?, ends))
    };
    let (client, ends) = match unless_stopped(&mut stop, entering).await? {
        Ok(entered) => entered,
        Err(exit) => return Ok(exit),
    };
    let name = ends.peer.unwrap_or(peer).to_string();
    talk(client, name, ends, options, observer, stop).await
}

async fn on_socket(
    address: &UnixAddress,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    observer: Observer<'_>,
    mut stop: Stop,
) -> anyhow::Result<Exit> {
    let listener = match UnixListener::bind(address) {
        Ok(listener) => listener,
        Err(error) => bail!(
            "cannot listen on `{address}`: {error} (hint: what stands there is never removed; do \
             so if no server uses it)"
        ),
    };
    announce(&format!("listening listen {address}/unix"));
    let accepting = async { Ok(listener.accept().await?) };
    let stream = match unless_stopped(&mut stop, accepting).await? {
        Ok(stream) => stream,
        Err(exit) => return Ok(exit),
    };
    drop(listener);
    let peer = Peer::of(&stream, &stream);
    let (name, ends) = (address.to_string(), Ends::default());
    talk(peer, name, ends, options, observer, stop).await
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
    mut stop: Stop,
) -> anyhow::Result<Exit> {
    let program = options.program.program()?;
    let transfer = Transfer::new(&options.transfer, name, ends, false);
    let stopped = async { stop.wait().await.map(Exit::by_signal) };
    let program = program.as_ref();
    transfer.run(peer, program, observer, stopped).await
}

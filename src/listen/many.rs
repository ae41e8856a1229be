//! Any number of clients, at once and one after another.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use futures_io::AsyncRead;
use futures_lite::{AsyncReadExt, future};

use super::chat::{Speaker, announcement};
use super::hub::{Delivery, Hub, Membership, Outbox};
use super::{Options, TARGET, introduction, secure};
use crate::finding::{End, Exit};
use crate::net::{Identity, room_for_clients, stdin, stdout};
use crate::reactor::{Buffer, Task, spawn};
use crate::serve::{self, Client, Kind};
use crate::stream::{Crlf, Cut, Flow, Input, Local, Peer, Terms, pump};
use crate::transfer::exec::{Ends, Program};

/// Descriptors of a client with a program: its connection, two pipes, and what
/// tells the program's end.
const DESCRIPTORS_EACH: u64 = 4;

/// Descriptors that stay for everything else, the start of a program included.
const OWN_DESCRIPTORS: u64 = 24;

/// What becomes of what clients say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It goes to standard output.
    Output,
    /// It goes to all other clients.
    Broker,
    /// It goes to them line by line, with a name.
    Chat,
}

/// Serves until SIGTERM or SIGINT.
pub(super) async fn listen(
    host: Option<&str>,
    port: u16,
    options: &Options,
    announce: &mut dyn FnMut(&str),
) -> anyhow::Result<Exit> {
    let program = options.program.program()?;
    let kind = Kind {
        name: "listen",
        target: TARGET,
        scheme: None,
        port,
        is_local: program.is_some(),
        confinement: None,
    };
    let mut servers = options.of_servers(host);
    let identity = options.secure.identity()?;
    if let Some((_, line)) = &identity {
        announce(line);
    }
    let identity = identity.map(|(identity, _)| identity);
    let options = Rc::new(options.clone());
    if let Some(program) = program {
        // Others wait in the kernel's queue until there is room for their program.
        servers
            .max_connections
            .get_or_insert_with(|| room_for_clients(DESCRIPTORS_EACH, OWN_DESCRIPTORS));
        let handle = async move |client: &Client| match admitted(client, &options) {
            true => run(client, &program, identity.as_ref(), &options).await,
            false => Ok(End::Local),
        };
        serve::run(kind, &servers, announce, handle).await?;
        return Ok(Exit::Good);
    }
    let manner = match (options.chat, options.broker) {
        (true, _) => Manner::Chat,
        (_, true) => Manner::Broker,
        _ => Manner::Output,
    };
    let prints = manner == Manner::Output && !options.transfer.send_only;
    let hub = Hub::new(if prints { Some(stdout()?) } else { None });
    let _speaking = match options.transfer.recv_only {
        true => None,
        false => Some(speak(Rc::clone(&hub), options.transfer.crlf, manner)?),
    };
    let handle = async move |client: &Client| match admitted(client, &options) {
        true => talk(client, &hub, manner, identity.as_ref(), &options).await,
        false => Ok(End::Local),
    };
    serve::run(kind, &servers, announce, handle).await?;
    Ok(Exit::Good)
}

/// Whether the client is served; if not, it learns so by a reset.
fn admitted(client: &Client, options: &Options) -> bool {
    let admits = options.admits(client.peer().ip());
    if !admits {
        client.note("is not admitted (--allow, --deny)");
        client.stream.reset_on_close();
    }
    admits
}

/// Sends standard input to every client. A drop ends that.
fn speak(hub: Rc<Hub>, crlf: bool, manner: Manner) -> io::Result<Task<()>> {
    let input = stdin()?;
    let mut input: Box<dyn AsyncRead + Unpin> = match crlf {
        true => Box::new(Crlf::new(input)),
        false => Box::new(input),
    };
    Ok(spawn(async move {
        let mut host = Speaker::new("host".into());
        let mut buffer = Buffer::take();
        loop {
            match input.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => {
                    let piece = match manner {
                        Manner::Chat => host.hear(&buffer[..count]),
                        _ => Rc::from(&buffer[..count]),
                    };
                    hub.post(None, &piece).await;
                }
                Err(error) => {
                    log::warn!(target: TARGET, "cannot read standard input: {error}");
                    break;
                }
            }
        }
        hub.post(None, &host.rest()).await;
        // Clients that talk to each other go on.
        if manner == Manner::Output {
            hub.end();
        }
    }))
}

/// One client among the others.
async fn talk(
    client: &Client,
    hub: &Rc<Hub>,
    manner: Manner,
    identity: Option<&Identity>,
    options: &Options,
) -> io::Result<End> {
    let Some((secured, ends)) = entered(client, identity, options).await else {
        return Ok(End::Local);
    };
    let membership = hub.join();
    let number = membership.number();
    let name = format!("user{number}");
    let speaker = Rc::new(RefCell::new(Speaker::new(name.clone())));
    let peer = ends.peer.unwrap_or(client.peer());
    if manner == Manner::Chat {
        let text = format!("{peer} is connected as <{name}>.");
        hub.post(None, &announcement(&text)).await;
    }
    let is_silent = options.transfer.recv_only && manner == Manner::Output;
    let local = Local {
        input: (!is_silent).then(|| Input::Bytes(Box::new(membership.inbox()))),
        output: Some(Box::new(outbox(hub, &membership, &speaker, manner))),
    };
    let pumped = pumped(client, secured, local, options);
    let stuck = async {
        membership.stuck().await;
        client.note("took nothing of what was sent: dropped");
        client.stream.reset_on_close();
        Ok(End::Idle)
    };
    let outcome = future::or(pumped, stuck).await;
    drop(membership);
    if manner == Manner::Chat {
        let rest = speaker.borrow_mut().rest();
        hub.post(Some(number), &rest).await;
        let text = format!("<{name}> is gone.");
        hub.post(None, &announcement(&text)).await;
    }
    outcome
}

/// Where what a client says goes.
fn outbox(
    hub: &Rc<Hub>,
    membership: &Membership,
    speaker: &Rc<RefCell<Speaker>>,
    manner: Manner,
) -> Outbox<impl FnMut(&[u8]) -> Delivery + Unpin + use<>> {
    let (hub, number) = (Rc::clone(hub), membership.number());
    let speaker = Rc::clone(speaker);
    membership.outbox(move |bytes: &[u8]| -> Delivery {
        let hub = Rc::clone(&hub);
        let piece: Rc<[u8]> = match manner {
            Manner::Chat => speaker.borrow_mut().hear(bytes),
            _ => bytes.into(),
        };
        match manner {
            Manner::Output => Box::pin(async move { hub.print(&piece).await }),
            _ => Box::pin(async move {
                hub.post(Some(number), &piece).await;
                Ok(())
            }),
        }
    })
}

/// One client and a program of its own.
async fn run(
    client: &Client,
    program: &Program,
    identity: Option<&Identity>,
    options: &Options,
) -> io::Result<End> {
    let Some((secured, ends)) = entered(client, identity, options).await else {
        return Ok(End::Local);
    };
    let mut child = match program.start(&ends) {
        Ok(child) => child,
        Err(error) => {
            log::error!(target: TARGET, "{error:#}");
            client.note(&format!("{error:#}"));
            client.stream.reset_on_close();
            return Ok(End::Local);
        }
    };
    let local = Local {
        input: Some(Input::Bytes(Box::new(&child.output))),
        output: Some(Box::new(&mut child.input)),
    };
    let outcome = pumped(client, secured, local, options).await;
    if let Ok(End::Fin) = outcome
        && let Ok(status) = child.wait().await
        && !status.success()
    {
        client.note(&format!("its program ended with {status}"));
    }
    outcome
}

/// The client, introduced by its proxy and over TLS where that is asked for;
/// nothing if that did not happen.
async fn entered<'a>(
    client: &'a Client,
    identity: Option<&Identity>,
    options: &Options,
) -> Option<(Peer<'a>, Ends)> {
    let ends = match introduction::ends(&client.stream, client.peer(), options).await {
        Ok(ends) => ends,
        Err(error) => {
            client.note(&format!("is not introduced: {error:#}"));
            client.stream.reset_on_close();
            return None;
        }
    };
    if let (true, Some(peer)) = (options.proxy_protocol, ends.peer) {
        client.note(&format!("speaks for {peer}"));
    }
    match secure::peer(&client.stream, identity).await {
        Ok(peer) => Some((peer, ends)),
        Err(error) => {
            client.note(&format!("no TLS: {error:#}"));
            None
        }
    }
}

/// What has moved, which the client is told also when it is cut off.
struct Counted<'a> {
    client: &'a Client,
    flow: Flow,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let Flow { received, sent, .. } = &self.flow;
        self.client.count(received.get(), sent.get());
    }
}

/// Moves bytes until the end, and counts them.
async fn pumped(
    client: &Client,
    peer: Peer<'_>,
    local: Local<'_>,
    options: &Options,
) -> io::Result<End> {
    let terms = Terms {
        idle: options.transfer.idle_timeout,
        ..Terms::default()
    };
    let counted = Counted {
        client,
        flow: Flow::default(),
    };
    match pump(local, peer, &terms, &counted.flow).await {
        Ok(end) => Ok(end),
        Err(Cut::Peer(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            client.note("closed without ending TLS, what came may be cut short");
            Ok(End::Rst)
        }
        Err(Cut::Peer(error)) => Err(error),
        Err(Cut::Output(error) | Cut::Input(error)) => {
            client.note(&format!("what it said cannot be passed on: {error}"));
            Ok(End::Local)
        }
    }
}

//! coordinator: compares its copy of a file with the peer's, and answers with
//! one or both.
//!
//! The peer is asked for every file. When it is down, slow, or breaks off, its
//! copy counts as absent: what came of it is neither compared nor sent.

mod copies;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use futures_lite::future;

use super::peer::{SHOWN, USUAL_ROOT, find};
use super::{Client, Confinement, Kind, NoRequest, Running, Server};
use crate::files::{Missing, RegularFile, Root, SpoolDirectory};
use crate::finding::End;
use crate::net::{Families, Resolved, dial_resolved, resolve};
use crate::probe::{self, copies::Broken};
use crate::protocol::coordinator::{PORT, Reply};
use crate::protocol::input::Input;
use crate::protocol::peer::Request;
use crate::protocol::raw::escape_head;
use crate::units::parse_positive_duration;

use copies::{Comparing, Copy};

/// The service's name.
const NAME: &str = "coordinator";

/// Its name in logs.
const TARGET: &str = "serve::coordinator";

/// How long the peer's name may take to be resolved, at the start.
const RESOLVE_TIME: Duration = Duration::from_secs(10);

/// Options of `netkit serve coordinator`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = PORT)]
    pub port: u16,
    /// Compare and serve the files beneath DIR
    #[arg(long, value_name = "DIR", default_value = USUAL_ROOT)]
    pub root: PathBuf,
    /// Where the peer is, as `HOST[:PORT]`; its name is resolved at the start
    #[arg(long, value_name = "HOST:PORT")]
    pub peer: String,
    /// How long the peer may take to be connected, to answer, and for each 64 KiB
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_positive_duration)]
    pub peer_timeout: Duration,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// Where the peer is, and how long it may take.
#[derive(Debug, Clone)]
pub struct Peer {
    /// As it was given.
    pub name: String,
    /// Its addresses.
    pub addresses: Resolved,
    /// For the connection, the answer, and each 64 KiB of it.
    pub timeout: Duration,
}

/// What answers need.
struct Coordinator {
    root: Root,
    peer: Peer,
    spool: SpoolDirectory,
}

/// Serves until SIGTERM or SIGINT, asking the peer called `host` at `port`;
/// calls `announce` with a line for each socket once it accepts.
///
/// # Errors
/// There is no root, the peer's name has no address, no address could be bound,
/// or the port file not be written.
pub async fn serve(
    options: &Options,
    (host, port): (&str, u16),
    announce: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let root = super::open_root(&options.root)?;
    let resolved = resolve(host, port, Families::default(), RESOLVE_TIME).await;
    let peer = Peer {
        name: options.peer.clone(),
        addresses: resolved.with_context(|| format!("cannot ask the peer `{}`", options.peer))?,
        timeout: options.peer_timeout,
    };
    let coordinator = Rc::new(Coordinator::new(root, peer));
    let served = Rc::clone(&coordinator);
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port,
        is_local: false,
        confinement: Some(Confinement {
            read: vec![coordinator.root.directory()],
            spool: vec![coordinator.spool.path()],
            ..Confinement::default()
        }),
    };
    let handle = async move |client: &Client| served.answer(client).await;
    super::run(kind, &options.server, announce, handle).await
}

/// Starts the service on the files of `root` and says where.
///
/// # Errors
/// There is no root, or no address could be bound.
pub async fn start(
    port: u16,
    root: &Path,
    peer: Peer,
    options: &super::Options,
) -> anyhow::Result<(Running, Vec<SocketAddr>)> {
    let coordinator = Coordinator::new(super::open_root(root)?, peer);
    let server = Server::bind(TARGET, port, options).await?;
    let addresses = server.addresses()?;
    let handle = async move |client: &Client| coordinator.answer(client).await;
    Ok((server.start(handle), addresses))
}

impl Coordinator {
    fn new(root: Root, peer: Peer) -> Self {
        let spool = SpoolDirectory::of_system();
        if !spool.path().is_dir() {
            let path = spool.path().display();
            log::warn!(target: TARGET, "`{path}` is no directory: large copies that differ cannot be kept (hint: see TMPDIR)");
        }
        Self { root, peer, spool }
    }

    /// One client: one request, one answer.
    async fn answer(&self, client: &Client) -> io::Result<End> {
        let mut input = Input::default();
        let request = match client.request(&mut input, Request::decode).await? {
            Ok(request) if request.path.is_empty() => {
                client.note("GET of nothing → sent ERROR BADREQUEST");
                return refuse(client).await;
            }
            Ok(request) => request,
            Err(NoRequest::Malformed(wrong)) => {
                client.note(&format!("{wrong} → sent ERROR BADREQUEST"));
                return refuse(client).await;
            }
            Err(NoRequest::Ended(End::Deadline)) if !input.is_empty() => {
                client.note("no whole request in time → sent ERROR BADREQUEST");
                client.send(&Reply::BadRequest.encode()).await?;
                return Ok(End::Deadline);
            }
            Err(NoRequest::Ended(end)) => return Ok(end),
        };
        let asked = escape_head(request.path.as_bytes(), SHOWN);
        client.note(&format!("GET {asked}: the client left before the answer"));
        let decided = async { Ok(self.decide(&request, &asked).await) };
        let left = async { Err(client.vanished().await) };
        let (reply, copies, decision) = future::or(decided, left).await?;
        client.note(&format!("GET {asked}: {decision}"));
        let body = copies.iter().map(Copy::length).sum();
        client.send_head(&reply.encode(), body).await?;
        for copy in &copies {
            copy.send(client).await?;
        }
        client.part(&input, body).await;
        Ok(End::Fin)
    }

    /// What to answer to the request, which is told as `asked`, from both sides,
    /// and how the decision is told.
    async fn decide(&self, request: &Request, asked: &str) -> (Reply, Vec<Copy>, String) {
        let internal = |why: String| {
            log::warn!(target: TARGET, "GET {asked}: {why}");
            let decision = format!("{why} → sent ERROR INTERNAL");
            (Reply::Internal, Vec::new(), decision)
        };
        let (own, aside) = match find(&self.root, &request.path) {
            Ok(file) => (Some(file), String::new()),
            Err(Missing::Absent(_)) => (None, String::new()),
            Err(missing @ (Missing::Outside(_) | Missing::Special)) => {
                (None, format!(" (on SERVER1: {missing})"))
            }
            // What cannot be read is a failure of ours, not an absence.
            Err(failure @ (Missing::Denied(_) | Missing::Failed(_))) => {
                return internal(failure.to_string());
            }
        };
        let peers = match self.peers(own.as_ref(), request).await {
            Ok(peers) => peers,
            Err(error) if is_own_fault(&error) => return internal(format!("{error:#}")),
            Err(error) => {
                let name = &self.peer.name;
                log::warn!(target: TARGET, "the peer {name} is taken not to have {asked}: {error:#}");
                None
            }
        };
        let (reply, copies, decision) = match (own, peers) {
            (Some(own), Some(peers)) if peers.same => (
                Reply::One(own.length),
                vec![own.into()],
                "Both matched → sent ONE",
            ),
            (Some(own), Some(peers)) => (
                Reply::Both(own.length, peers.copy.length()),
                vec![own.into(), peers.copy],
                "Versions differ → sent BOTH",
            ),
            (Some(own), None) => {
                let reply = Reply::One(own.length);
                (reply, vec![own.into()], "Only SERVER1 had it → sent ONE")
            }
            (None, Some(peers)) => {
                let reply = Reply::One(peers.copy.length());
                (reply, vec![peers.copy], "Only SERVER2 had it → sent ONE")
            }
            (None, None) => (Reply::NotFound, Vec::new(), "Not found on either"),
        };
        (reply, copies, format!("{decision}{aside}"))
    }

    /// The peer's copy, whole, and whether it is the same as ours.
    async fn peers(
        &self,
        own: Option<&RegularFile>,
        request: &Request,
    ) -> anyhow::Result<Option<copies::Peers>> {
        let Peer {
            name,
            addresses,
            timeout,
        } = &self.peer;
        let dialed = dial_resolved(name, addresses.clone(), *timeout).await?;
        let mut comparing = Comparing::new(own, self.spool.clone());
        let peer = &probe::peer::SERVICE;
        peer.receive(dialed.stream, request, (*timeout).into(), &mut comparing)
            .await?;
        Ok(comparing.finish())
    }
}

/// Whether the disk of this side failed: that says nothing about the peer.
fn is_own_fault(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Broken::Kept(_)))
}

/// Answers what is no request; more of it may be on its way.
async fn refuse(client: &Client) -> io::Result<End> {
    client.send(&Reply::BadRequest.encode()).await?;
    client.linger().await;
    Ok(End::Local)
}

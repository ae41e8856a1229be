//! cluster: members elect a leader, and any file of any of them can be had from
//! each.
//!
//! No coordination service: without fencing and without a majority, each part
//! of a divided network has a leader of its own.

mod answers;
mod election;
mod files;
mod forward;
mod heart;
mod lists;
mod member;
mod members;
mod news;
mod turns;

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_lite::future;

use super::peer::USUAL_ROOT;
use super::{Client, Confinement, Kind};
use crate::files::{Root, SpoolDirectory};
use crate::net::room_for_clients;
use crate::probe::cluster::exchange::ask;
use crate::protocol::cluster::{Reply, Request};
use crate::reactor::Limit;
use crate::units::parse_positive_duration;

use member::Member;
use members::Places;

pub use members::{MOST_MEMBERS, Members};

/// The service's name.
const NAME: &str = "cluster";

/// Its name in logs.
const TARGET: &str = "serve::cluster";

/// How long it is looked, before the start, for another one of our number.
const LOOK: Duration = Duration::from_secs(1);

/// Descriptors of a client: its connection, the look for its file, that of the
/// member that has it, and what is kept of it meanwhile.
const DESCRIPTORS_EACH: u64 = 4;

/// Descriptors that stay for everything else.
const OWN_DESCRIPTORS: u64 = 16;

/// Connections to each other member: to announce, to tell, to collect.
const DESCRIPTORS_A_MEMBER: u64 = 3;

/// Options of `netkit serve cluster`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The number of this member, from 1 on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub id: u32,
    /// All members, as `1=HOST:PORT,2=HOST:PORT…`, or how many there are: on loopback, ports 3681…
    #[arg(long, value_name = "MEMBERS", value_parser = Members::parse)]
    pub members: Members,
    /// Port to listen on; 0 picks one that is free [default: this member's in --members]
    #[arg(long, short, value_name = "PORT")]
    pub port: Option<u16>,
    /// Serve the files in DIR
    #[arg(long, value_name = "DIR", default_value = USUAL_ROOT)]
    pub root: PathBuf,
    /// How often members announce themselves; one that misses three is down
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_positive_duration)]
    pub heartbeat: Duration,
    /// How long a member may take to be connected, to answer, and for each 64 KiB
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_positive_duration)]
    pub member_timeout: Duration,
    /// Where the leader keeps everybody's list of files: not in the directory that is served
    #[arg(long, value_name = "FILE", default_value = "peer_files.log")]
    pub peer_log: PathBuf,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// Serves until SIGTERM or SIGINT; calls `announce` with a line for each
/// socket once it accepts. Listens where `--members` says that it is, unless
/// told another host.
///
/// # Errors
/// There is no root, a member's name has no address, another one has this
/// number, no address could be bound, or the port file not be written.
pub async fn serve(options: &Options, announce: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let root = Arc::new(super::open_root(&options.root)?);
    let peer_log = resolved(&options.peer_log)?;
    let log_folder = folder_of(&peer_log, &root)?;
    let places = Places::resolve(&options.members, options.id).await?;
    let (host, port) = options.members.0[&options.id].clone();
    let mut server = options.server.clone();
    server.host.get_or_insert(host);
    // Others wait in the kernel's queue: a member that could ask nobody would lead.
    let members = options.members.0.len() as u64;
    let own = OWN_DESCRIPTORS + DESCRIPTORS_A_MEMBER * (members - 1);
    server
        .max_connections
        .get_or_insert_with(|| room_for_clients(DESCRIPTORS_EACH, own));
    refuse_twins(&places).await?;
    let spool = SpoolDirectory::of_system();
    let member = Member::new(options, peer_log, places, Arc::clone(&root), spool.clone());
    let member = Rc::new(member);
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port.unwrap_or(port),
        is_local: false,
        confinement: Some(Confinement {
            read: vec![root.directory()],
            write: vec![log_folder.directory()],
            spool: vec![spool.path()],
        }),
    };
    // Nobody is asked, and no thread started, before all is bound and confined.
    let gate = Limit::new(1);
    let mut closed = gate.try_acquire();
    let mut announce = |line: &str| {
        announce(line);
        drop(closed.take());
    };
    let beating = Rc::clone(&member);
    let heart = async {
        let _open = gate.acquire().await;
        heart::beat(beating).await
    };
    let handle = async move |client: &Client| member.answer(client).await;
    let serving = super::run(kind, &server, &mut announce, handle);
    future::or(serving, heart).await
}

/// Where the list of everybody's files is written: where a link leads now, since
/// it is written through links. What is no file is written to by its own name.
fn resolved(log: &Path) -> anyhow::Result<PathBuf> {
    match std::fs::metadata(log) {
        Ok(metadata) if metadata.is_file() => std::fs::canonicalize(log).with_context(cannot(log)),
        Err(error) if log.is_symlink() => Err(error).with_context(cannot(log)),
        _ => Ok(log.to_owned()),
    }
}

/// The folder in which that is, outside of what is served.
fn folder_of(log: &Path, root: &Root) -> anyhow::Result<Root> {
    let cannot = cannot(log);
    let parent = log.parent().filter(|it| !it.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let folder = std::fs::canonicalize(parent).with_context(cannot)?;
    let served = identity(root).with_context(cannot)?;
    for above in folder.ancestors() {
        let above = Root::open(above).and_then(|it| identity(&it));
        ensure!(
            !above.is_ok_and(|it| it == served),
            "{}: it would be served (hint: name a FILE elsewhere with --peer-log)",
            cannot()
        );
    }
    Root::open(&folder).with_context(cannot)
}

fn cannot(log: &Path) -> impl Fn() -> String + Copy {
    move || format!("cannot keep the list of files in `{}`", log.display())
}

/// What no two directories have in common.
fn identity(root: &Root) -> io::Result<(u64, u64)> {
    let opened = std::fs::File::from(root.directory().try_clone_to_owned()?);
    let metadata = opened.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes sure that nobody is there yet who is this member.
async fn refuse_twins(places: &Places) -> anyhow::Result<()> {
    let Some(own) = places.own() else {
        return Ok(());
    };
    let Ok(stream) = member::connect(places, own.address, LOOK).await else {
        return Ok(());
    };
    let answer = ask(stream, &Request::Announce(places.own), LOOK).await;
    let is_twin = matches!(answer, Ok(Reply::Identity(id)) if id == places.own);
    // One that is running says so to whom claims its number.
    let is_twin = is_twin || matches!(answer, Ok(Reply::Forbidden));
    ensure!(
        !is_twin,
        "cannot be member {}: there is one at {} already (hint: each member has an --id of its own)",
        places.own,
        own.name
    );
    Ok(())
}

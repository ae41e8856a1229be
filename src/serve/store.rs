//! store: keeps users' files on four shard servers, coded so that any two of
//! them give every file back.
//!
//! The servers keep the bytes; the store keeps accounts, sizes and checksums. It
//! is no object store, and shares nothing between stores: one store, one rack.

mod accounts;
mod carried;
mod catalogue;
mod collision;
mod connection;
mod decision;
mod disk;
mod engine;
mod get;
mod hashing;
mod list;
mod login;
mod put;
mod repair;
mod session;
mod settle;
mod shards;
mod spool;
mod turns;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use super::{Client, Confinement, Kind};
use crate::files::Tree;
use crate::net::{Families, resolve};
use crate::protocol::coding::quarter_length;
use crate::protocol::shard::Ending;
use crate::protocol::store::PORT;
use crate::reactor::spawn;
use crate::units::{parse_positive_duration, parse_size};

use accounts::Accounts;
use catalogue::{Catalogue, SPOOL};
use engine::Engine;
use shards::{Located, Shards};

/// The service's name.
const NAME: &str = "store";

/// Its name in logs.
const TARGET: &str = "serve::store";

/// How long the name of a shard server may take to be resolved, at the start.
const RESOLVE_TIME: Duration = Duration::from_secs(10);

/// Options of `netkit serve store`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = PORT)]
    pub port: u16,
    /// Keep accounts and checksums in DIR, which is made if it is missing, and each file while it
    /// is stored or fetched: a full disk there stops both
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub root: PathBuf,
    /// Where the four shard servers are, in their order; their names are resolved at the start
    #[arg(
        long,
        value_name = "HOST:PORT,…",
        required = true,
        value_delimiter = ','
    )]
    pub shards: Vec<String>,
    /// How long a shard server may take to be connected, to answer, and for each 64 KiB
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_positive_duration)]
    pub shard_timeout: Duration,
    /// End neither usernames nor LOGOUT, as the original shard servers want it
    #[arg(long)]
    pub original_shards: bool,
    /// The largest file that is taken
    #[arg(long, value_name = "SIZE", default_value = "100MB", value_parser = parse_size)]
    pub max_file: usize,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// What sessions need.
struct Store {
    accounts: Accounts,
    engine: Rc<Engine>,
    max_file: u64,
}

/// Serves until SIGTERM or SIGINT, with shard servers called so at these ports;
/// calls `announce` with a line for each socket once it accepts.
///
/// # Errors
/// The root cannot be made or understood, the name of a shard server has no
/// address, no address could be bound, or the port file not be written.
pub async fn serve(
    options: &Options,
    shards: &[(String, u16); 4],
    announce: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let root = &options.root;
    let opening = || {
        // Its lock is held as long as the store serves.
        let tree = Tree::open(root, SPOOL)?;
        Ok::<_, std::io::Error>((tree, Accounts::open(root)?, Catalogue::open(root)?))
    };
    let (tree, accounts, catalogue) =
        opening().with_context(|| format!("cannot keep a store in `{}`", root.display()))?;
    let shards = Shards {
        places: locate(shards).await?,
        limit: options.shard_timeout,
        ending: match options.original_shards {
            true => Ending::Pause,
            false => Ending::Line,
        },
        longest: quarter_length(options.max_file as u64),
    };
    let engine = Rc::new(Engine::new(catalogue, shards));
    let store = Store {
        accounts,
        engine: Rc::clone(&engine),
        max_file: options.max_file as u64,
    };
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port,
        is_local: true,
        confinement: Some(Confinement {
            write: vec![tree.directory()],
            ..Confinement::default()
        }),
    };
    let handle = async move |client: &Client| session::converse(&store, client).await;
    let mut looking = None;
    // Once it is confined, which it is before the loop's next turn.
    let mut announce = |line: &str| {
        announce(line);
        looking.get_or_insert_with(|| spawn(settle::look_after(Rc::clone(&engine))));
    };
    super::run(kind, &options.server, &mut announce, handle).await
}

/// Resolves the names of the shard servers.
async fn locate(shards: &[(String, u16); 4]) -> anyhow::Result<[Located; 4]> {
    let mut places = Vec::new();
    for (host, port) in shards {
        let name = crate::net::host_with_port(host, *port);
        let resolved = resolve(host, *port, Families::default(), RESOLVE_TIME).await;
        places.push(Located {
            addresses: resolved.with_context(|| format!("cannot use the shard server `{name}`"))?,
            name,
        });
    }
    places
        .try_into()
        .map_err(|_| anyhow::anyhow!("there are four shard servers"))
}

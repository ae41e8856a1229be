//! shard: keeps blocks of files for a store, two of the eight of each file.
//!
//! It knows nothing of files: a block is bytes under a name in a directory of a
//! user. What it has said it has survives a kill and a loss of power.

mod backups;
mod blocks;
mod session;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Client, Confinement, Kind};
use crate::files::Tree;
use crate::net::room_for_clients;
use crate::protocol::shard::{OWN, PORT};
use crate::reactor::spawn;
use crate::units::{parse_positive_duration, parse_size};

/// The service's name.
const NAME: &str = "shard";

/// Its name in logs.
const TARGET: &str = "serve::shard";

/// Descriptors of a client: its connection, its user's directory, and its block
/// with the way there.
const DESCRIPTORS_EACH: u64 = 4;

/// Descriptors that stay for everything else.
const OWN_DESCRIPTORS: u64 = 16;

/// Descriptors of a backup: some in each directory on the way to the deepest block.
const BACKUP_DESCRIPTORS: u64 = 128;

/// Options of `netkit serve shard`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Which of the store's four servers this is, for the port and the directory
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    pub id: u16,
    /// Port to listen on; 0 picks one that is free on both families [default: 51130 + the id]
    #[arg(long, short, value_name = "PORT")]
    pub port: Option<u16>,
    /// Keep the blocks beneath DIR, which is made if there is none [default: shard with the id, here]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Refuse blocks of more bytes, such as 25MB or 64MiB; a block is a quarter of a file
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "64MiB")]
    pub max_block: usize,
    /// Keep a copy of everything in DIR/backup, made anew each TIME; it costs no room while nothing changes
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration)]
    pub backup_every: Option<Duration>,
    /// Keep the newest N copies
    #[arg(long, value_name = "N", default_value_t = 1, requires = "backup_every", value_parser = clap::value_parser!(u16).range(1..))]
    pub backups: u16,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// What all sessions share.
struct Shard {
    tree: Arc<Tree>,
    /// Bytes of the largest block.
    most: u64,
}

/// Serves until SIGTERM or SIGINT; calls `announce` with a line for each
/// socket once it accepts.
///
/// # Errors
/// The root cannot be made, or another server has it; no address could be bound,
/// or the port file not be written.
pub async fn serve(options: &Options, announce: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let usual = || PathBuf::from(format!("shard{}", options.id));
    let root = options.root.clone().unwrap_or_else(usual);
    let tree = Arc::new(super::open_tree(&root, OWN)?);
    let shard = Shard {
        tree: Arc::clone(&tree),
        most: options.max_block as u64,
    };
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port.unwrap_or(PORT + options.id),
        is_local: true,
        confinement: Some(Confinement {
            write: vec![tree.directory()],
            ..Confinement::default()
        }),
    };
    let most = options.backups.into();
    let backups = options
        .backup_every
        .map(|every| spawn(backups::keep(Arc::clone(&tree), every, most)));
    let handle = async move |client: &Client| session::attend(&shard, client).await;
    let mut server = options.server.clone();
    let own = OWN_DESCRIPTORS + backups.as_ref().map_or(0, |_| BACKUP_DESCRIPTORS);
    // Whoever is served can store; others wait in the kernel's queue.
    server
        .max_connections
        .get_or_insert_with(|| room_for_clients(DESCRIPTORS_EACH, own));
    super::run(kind, &server, announce, handle).await?;
    drop(backups);
    Ok(())
}

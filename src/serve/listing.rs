//! listing: what the root holds, then what the upstream lists.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_lite::future;

use super::{Client, Confinement, Kind};
use crate::files::{self, Root};
use crate::finding::End;
use crate::net::{Families, Resolved, dial_resolved, resolve};
use crate::probe::listing::receive;
use crate::protocol::listing::{self, Entry, Line, PORT};
use crate::reactor::{Limit, blocking, now};
use crate::units::parse_positive_duration;

/// The service's name.
const NAME: &str = "listing";

/// Its name in logs.
const TARGET: &str = "serve::listing";

/// Names of the own directory that are listed at most.
const MOST_OWN: usize = 100_000;

/// Lists that are held at once, each up to some ten MiB: further clients wait
/// for their turn. What a socket takes at once is not held.
const MOST_LISTS: usize = 16;

/// Bytes of an upstream's list that are kept until it has ended.
const LARGEST_UPSTREAM: usize = 16 << 20;

/// How long the upstream's name may take to be resolved, at the start.
const RESOLVE_TIME: Duration = Duration::from_secs(10);

/// Options of `netkit serve listing`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = PORT)]
    pub port: u16,
    /// List DIR
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub root: PathBuf,
    /// List what this server lists too, as `HOST[:PORT]`; it must not ask back
    #[arg(long, value_name = "HOST:PORT")]
    pub upstream: Option<String>,
    /// How long the upstream's list may take in all
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_positive_duration)]
    pub upstream_timeout: Duration,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// What is listed, and for how many at once.
struct Lister {
    root: Arc<Root>,
    upstream: Option<Upstream>,
    lists: Limit,
}

/// Lines as they are sent, and how many of them are names.
#[derive(Default)]
struct List {
    bytes: Vec<u8>,
    names: u64,
}

/// Whom else to ask, and how long.
struct Upstream {
    name: String,
    addresses: Resolved,
    timeout: Duration,
}

/// Serves until SIGTERM or SIGINT, asking the upstream called `host` at `port`;
/// calls `announce` with a line for each socket once it accepts.
///
/// # Errors
/// There is no root, the upstream's name has no address, no address could be
/// bound, or the port file not be written.
pub async fn serve(
    options: &Options,
    upstream: Option<(&str, u16)>,
    announce: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let root = Arc::new(super::open_root(&options.root)?);
    let upstream = match upstream {
        Some((host, port)) => {
            let resolved = resolve(host, port, Families::default(), RESOLVE_TIME).await;
            Some(Upstream {
                name: host.into(),
                addresses: resolved.context("cannot ask the upstream")?,
                timeout: options.upstream_timeout,
            })
        }
        None => None,
    };
    let lister = Lister {
        root: Arc::clone(&root),
        upstream,
        lists: Limit::new(MOST_LISTS),
    };
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port,
        is_local: false,
        confinement: Some(Confinement {
            read: vec![root.directory()],
            ..Confinement::default()
        }),
    };
    let handle = async move |client: &Client| lister.answer(client).await;
    super::run(kind, &options.server, announce, handle).await
}

impl Lister {
    /// One client, which asks nothing: both lists, then the end.
    async fn answer(&self, client: &Client) -> io::Result<End> {
        let turn = async { Ok(self.lists.acquire().await) };
        let left = async { Err(client.vanished().await) };
        let turn = future::or(turn, left).await?;
        let list = self.list().await;
        client.note(&format!("listed {} names", list.names));
        client.promise(true);
        client.send(&list.bytes).await?;
        client.promise(false);
        drop((list, turn));
        client.linger().await;
        Ok(End::Fin)
    }

    async fn list(&self) -> List {
        let root = Arc::clone(&self.root);
        let mut list = blocking(move || own(&root)).await;
        if let Some(upstream) = &self.upstream {
            match upstream.list().await {
                Ok(theirs) => list.append(theirs),
                Err(error) => {
                    log::warn!(target: TARGET, "the upstream {} lists nothing: {error:#}", upstream.name);
                    list.add(&Line::Warning(format!("upstream: {error:#}")));
                }
            }
        }
        list.add(&Line::End(list.names));
        list
    }
}

impl List {
    fn add(&mut self, line: &Line) {
        self.names += u64::from(matches!(line, Line::Entry(_)));
        self.bytes.extend(line.encode());
    }

    fn append(&mut self, mut other: Self) {
        self.names += other.names;
        self.bytes.append(&mut other.bytes);
    }
}

/// What the root holds; it reads the disk.
fn own(root: &Root) -> List {
    let mut list = List::default();
    match root.entries(MOST_OWN) {
        Ok(found) => {
            let entries = found.entries.into_iter();
            entries.for_each(|it| list.add(&Line::Entry(entry(it))));
            if found.more {
                let more = format!("more than {MOST_OWN} names: the rest is left out");
                list.add(&Line::Warning(more));
            }
        }
        Err(error) => {
            log::warn!(target: TARGET, "cannot list the root: {error}");
            list.add(&Line::Warning(format!("cannot list the root: {error}")));
        }
    }
    list
}

fn entry(found: files::Entry) -> Entry {
    Entry {
        kind: match found.kind {
            files::Kind::File => listing::Kind::File,
            files::Kind::Directory => listing::Kind::Directory,
            files::Kind::Link => listing::Kind::Link,
            files::Kind::Other => listing::Kind::Other,
        },
        size: found.length,
        modified: found.modified,
        name: found.name,
    }
}

impl Upstream {
    /// All that it lists; of a list that is cut short, nothing.
    async fn list(&self) -> anyhow::Result<List> {
        let deadline = now() + self.timeout;
        let dialed = dial_resolved(&self.name, self.addresses.clone(), self.timeout).await;
        let mut stream = dialed?.stream;
        let mut list = List::default();
        let mut take = |line: Line| {
            list.add(&line);
            match list.bytes.len() > LARGEST_UPSTREAM {
                true => Err(String::from("its list is longer than 16 MiB")),
                false => Ok(()),
            }
        };
        receive(&mut stream, deadline, &mut take).await?;
        Ok(list)
    }
}

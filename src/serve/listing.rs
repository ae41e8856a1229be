//! listing: what the root holds, then what the upstream lists.

use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use super::{Client, Confinement, Kind};
use crate::files::{self, Root};
use crate::finding::End;
use crate::net::{Families, Resolved, dial_resolved, resolve};
use crate::probe::listing::receive;
use crate::protocol::listing::{self, Entry, Line, PORT};
use crate::reactor::now;
use crate::units::parse_positive_duration;

/// The service's name.
const NAME: &str = "listing";

/// Its name in logs.
const TARGET: &str = "serve::listing";

/// Names of the own directory that are listed at most.
const MOST_OWN: usize = 100_000;

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
    let root = Rc::new(super::open_root(&options.root)?);
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
    let served = Rc::clone(&root);
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port,
        confinement: Some(Confinement {
            read: vec![root.directory()],
            ..Confinement::default()
        }),
    };
    let handle = async move |client: &Client| answer(&served, upstream.as_ref(), client).await;
    super::run(kind, &options.server, announce, handle).await
}

/// One client, which asks nothing: both lists, then the end.
async fn answer(root: &Root, upstream: Option<&Upstream>, client: &Client) -> io::Result<End> {
    let mut list = own(root);
    if let Some(upstream) = upstream {
        match upstream.list().await {
            Ok(theirs) => list.extend(theirs),
            Err(error) => {
                log::warn!(target: TARGET, "the upstream {} lists nothing: {error:#}", upstream.name);
                list.push(Line::Warning(format!("upstream: {error:#}")));
            }
        }
    }
    let count = list
        .iter()
        .filter(|it| matches!(it, Line::Entry(_)))
        .count();
    client.note(&format!("listed {count} names"));
    list.push(Line::End(count as u64));
    for lines in list.chunks(LINES_AT_ONCE) {
        let bytes: Vec<u8> = lines.iter().flat_map(Line::encode).collect();
        client.send(&bytes).await?;
    }
    client.linger().await;
    Ok(End::Fin)
}

/// Lines that are written in one go.
const LINES_AT_ONCE: usize = 512;

fn own(root: &Root) -> Vec<Line> {
    match root.entries(MOST_OWN) {
        Ok(found) => {
            let entries = found.entries.into_iter().map(|it| Line::Entry(entry(it)));
            let more = format!("more than {MOST_OWN} names: the rest is left out");
            let more = found.more.then_some(Line::Warning(more));
            entries.chain(more).collect()
        }
        Err(error) => {
            log::warn!(target: TARGET, "cannot list the root: {error}");
            vec![Line::Warning(format!("cannot list the root: {error}"))]
        }
    }
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
    async fn list(&self) -> anyhow::Result<Vec<Line>> {
        let deadline = now() + self.timeout;
        let dialed = dial_resolved(&self.name, self.addresses.clone(), self.timeout).await;
        let mut stream = dialed?.stream;
        let (mut lines, mut size) = (Vec::new(), 0);
        let mut take = |line: Line| {
            size += line.encode().len();
            lines.push(line);
            match size > LARGEST_UPSTREAM {
                true => Err(String::from("its list is longer than 16 MiB")),
                false => Ok(()),
            }
        };
        receive(&mut stream, deadline, &mut take).await?;
        Ok(lines)
    }
}

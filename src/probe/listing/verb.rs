//! `netkit probe listing`: the list of one server, or the drift between two.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::List;
use super::drift::{Drift, compare};
use crate::finding::{Exit, Listed, Record, Reply, State};
use crate::net::{Families, dial};
use crate::probe::copies::Place;
use crate::protocol::listing::{Entry, encode_name};
use crate::reactor::{now, signals};
use crate::units::parse_positive_duration;

/// Options of `netkit probe listing`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The server: `HOST[:PORT]`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// A second server: how do the two differ?
    #[arg(value_name = "TARGET")]
    pub other: Option<String>,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
    /// How long each list may take in all
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
}

/// Prints the list of `server`, or how it differs from that of `other`; `say`
/// gets lines for a person, `tell` a reply for each server.
///
/// # Errors
/// A server cannot be reached, or its list is cut short.
pub async fn probe(
    options: &Options,
    server: &Place,
    other: Option<&Place>,
    say: &dyn Fn(&str),
    tell: &dyn Fn(Record),
) -> anyhow::Result<Exit> {
    let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let interrupted = async { Ok(Exit::by_signal(interrupts.next().await?)) };
    let work = async {
        let first = fetch(options, server, tell).await?;
        let second = match other {
            Some(other) => Some(fetch(options, other, tell).await?),
            None => None,
        };
        Ok(show(&first, second.as_ref(), say))
    };
    future::or(work, interrupted).await
}

/// Fetches a list and tells what came of it, good or bad.
async fn fetch(options: &Options, server: &Place, tell: &dyn Fn(Record)) -> anyhow::Result<List> {
    let started = now();
    let mut reply = Reply {
        protocol: "listing".into(),
        target: server.name.clone(),
        ..Reply::default()
    };
    let received = receive(options, server, &mut reply).await;
    reply.phases.total = Some(now().saturating_duration_since(started));
    match &received {
        Ok(list) => {
            reply.kind = "END".into();
            reply.ok = true;
            reply.reason = list.warnings.first().cloned();
            reply.entries = list.entries.iter().map(record).collect();
        }
        Err(error) => reply.reason = Some(error.root_cause().to_string()),
    }
    tell(Record::from(reply));
    received
}

/// Receives a list; `reply` gets what is known as far as it went.
async fn receive(options: &Options, server: &Place, reply: &mut Reply) -> anyhow::Result<List> {
    let deadline = now() + options.timeout;
    let dialed = dial(&server.host, server.port, options.families, options.timeout).await;
    let mut dialed = dialed.inspect_err(|error| {
        let last = error.attempts().last();
        let state = last.map_or(State::Unresolved, |it| it.state);
        reply.kind = state.as_str().into();
    })?;
    reply.kind = State::Mismatch.as_str().into();
    reply.address = Some(dialed.address);
    reply.phases.resolve = dialed.resolved.took;
    reply.phases.connect = dialed.connect;
    let list = List::receive(&mut dialed.stream, deadline).await;
    list.with_context(|| format!("cannot list {}", server.name))
}

fn record(entry: &Entry) -> Listed {
    Listed {
        kind: entry.kind.letter().into(),
        size_bytes: entry.size,
        modified: time(entry.modified),
        name: encode_name(&entry.name),
    }
}

fn time(moment: SystemTime) -> String {
    humantime::format_rfc3339_seconds(moment).to_string()
}

/// Says all of it; bad is a drift.
fn show(first: &List, second: Option<&List>, say: &dyn Fn(&str)) -> Exit {
    let warnings = first
        .warnings
        .iter()
        .chain(second.iter().flat_map(|it| &it.warnings));
    for warning in warnings {
        log::warn!("the list is incomplete: {warning}");
    }
    let Some(second) = second else {
        first.entries.iter().for_each(|entry| say(&line(entry)));
        return Exit::Good;
    };
    let drift = compare(&first.entries, &second.entries);
    for drift in &drift {
        let note = match drift {
            Drift::Differs(a, b) => format!("   ({} and {} bytes)", a.size, b.size),
            _ => String::new(),
        };
        say(&format!("{:8} {}{note}", drift.word(), line(drift.entry())));
    }
    match drift.iter().all(|it| matches!(it, Drift::Same(_))) {
        true => Exit::Good,
        false => Exit::Bad,
    }
}

fn line(entry: &Entry) -> String {
    let (kind, name) = (entry.kind.letter(), encode_name(&entry.name));
    format!("{kind} {:>12} {} {name}", entry.size, time(entry.modified))
}

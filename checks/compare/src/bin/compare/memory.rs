//! What connections cost that do nothing.

use std::error::Error;

use netkit_compare::samples::Samples;
use serde_json::Value;

use crate::load;
use crate::options::Options;
use crate::placement::{Placement, quiet_moment};
use crate::server::Contestant;
use crate::table::{Table, middle, spread};

/// As many as a server of one process is asked to hold.
const MANY: usize = 10_000;

/// As many as one with a process for each connection is asked to hold.
const FEW: usize = 200;

/// A server's memory and what idle connections do to a busy one.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// The server.
    pub(crate) who: &'static str,
    connections: usize,
    /// Resident bytes when it has started.
    pub(crate) at_start: Samples,
    /// Resident bytes while it holds them all.
    pub(crate) holding: Samples,
    /// Bytes for each connection.
    pub(crate) each: Samples,
    /// p50 of a busy connection among idle ones, divided by p50 alone.
    pub(crate) slowdown: Samples,
    alone: Samples,
    among: Samples,
}

/// Measures each server's memory, and a busy connection among idle ones.
pub(crate) fn measure(
    options: &Options,
    placement: Placement,
    contestants: &[Contestant],
    faults: &mut Vec<String>,
) -> Vec<Idle> {
    let mut all: Vec<Idle> = contestants.iter().map(Idle::new).collect();
    for round in 0..options.rounds(5, 1) {
        for place in 0..contestants.len() {
            let place = (place + round) % contestants.len();
            let (who, idle) = (&contestants[place], &mut all[place]);
            // Peers are no goal here: once says enough.
            if !who.reference && round > 0 {
                continue;
            }
            if let Err(error) = idle.measure(options, placement, who) {
                faults.push(format!("{}, idle: {error}", who.name));
            }
        }
    }
    all
}

impl Idle {
    fn new(who: &Contestant) -> Self {
        Self {
            who: who.name,
            connections: if who.forks { FEW } else { MANY },
            ..Self::default()
        }
    }

    fn measure(
        &mut self,
        options: &Options,
        placement: Placement,
        who: &Contestant,
    ) -> Result<(), Box<dyn Error>> {
        let count = self.connections;
        let server = who.start(placement)?;
        let arguments = format!("idle --connections {count}");
        let outcome = load::run(placement, &server, &arguments, options.window())?;
        self.memory(&outcome, who.forks)?;
        drop(server);
        if who.forks {
            return Ok(());
        }
        let server = who.start(placement)?;
        quiet_moment(options.patience());
        let arguments = format!("active-among-idle --connections {count}");
        let outcome = load::run(placement, &server, &arguments, options.window())?;
        let (alone, among) = (number(&outcome, "alone_p50_us"), number(&outcome, "p50_us"));
        self.alone.push(alone);
        self.among.push(among);
        self.slowdown.push(among / alone);
        none_lost(&outcome)
    }

    /// Of several processes, what they share is counted once.
    fn memory(&mut self, outcome: &Value, shared: bool) -> Result<(), Box<dyn Error>> {
        let kind = if shared { "proportional" } else { "resident" };
        let before = number(outcome, &format!("{kind}_before_bytes"));
        let after = number(outcome, &format!("{kind}_bytes"));
        self.at_start.push(before);
        self.holding.push(after);
        self.each
            .push((after - before) / number(outcome, "connections"));
        none_lost(outcome)
    }
}

fn none_lost(outcome: &Value) -> Result<(), Box<dyn Error>> {
    match outcome["errors"].as_u64() {
        Some(0) => Ok(()),
        lost => Err(format!("{} connections were lost", lost.unwrap_or(0)).into()),
    }
}

fn number(outcome: &Value, key: &str) -> f64 {
    outcome[key].as_f64().unwrap_or(f64::NAN)
}

/// Memory and the busy connection, as a table.
pub(crate) fn table(all: &[Idle]) -> String {
    let columns = [
        "server",
        "at start MiB",
        "connections",
        "holding MiB",
        "B each",
        "p50 alone µs",
        "p50 among µs",
        "among ÷ alone",
    ];
    let title = "idle connections (resident memory; of forking servers the proportional share)";
    let mut table = Table::new(title, &columns);
    for idle in all {
        table.row(vec![
            idle.who.to_owned(),
            middle(&mebibytes(&idle.at_start)),
            idle.connections.to_string(),
            middle(&mebibytes(&idle.holding)),
            middle(&idle.each),
            middle(&idle.alone),
            middle(&idle.among),
            spread(&idle.slowdown),
        ]);
    }
    table.text()
}

fn mebibytes(bytes: &Samples) -> Samples {
    let mut all = Samples::default();
    if let Some(median) = bytes.median() {
        all.push(median / 1_048_576.0);
    }
    all
}

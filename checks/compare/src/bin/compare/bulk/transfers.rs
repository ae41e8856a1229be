//! A file from one netcat to another of its kind, in rounds.

use std::error::Error;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::file::Files;
use super::netcats::{Netcat, names};
use super::processes::{Cats, Chain, Ends, wait_for};
use crate::load;
use crate::options::Options;
use crate::placement::Placement;
use crate::results::{Results, Unit};
use crate::server::{own_address, reserve};

/// What is sent, unless told otherwise.
const MEBIBYTES: usize = 1024;

/// The same where time is short.
const QUICK_MEBIBYTES: usize = 256;

/// What every transfer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it may take beyond that, in bytes a second.
const SLOWEST: f64 = 20e6;

/// A kind of transfer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    /// Its name in tables.
    pub(super) name: &'static str,
    /// Between files and netcats are `cat`s and pipes.
    pipes: bool,
    /// What comes is kept and compared.
    kept: bool,
}

/// From a file to a file.
pub(super) const FILES: Scenario = Scenario {
    name: "file to file",
    pipes: false,
    kept: true,
};
/// From a file to nowhere.
pub(super) const NOWHERE: Scenario = Scenario {
    name: "file to /dev/null",
    pipes: false,
    kept: false,
};
/// From a pipe to a pipe.
pub(super) const PIPES: Scenario = Scenario {
    name: "through pipes",
    pipes: true,
    kept: true,
};

/// All of them.
pub(super) const SCENARIOS: [Scenario; 3] = [FILES, NOWHERE, PIPES];

/// Measures everyone in every way; who begins changes from round to round.
pub(super) fn measure(
    options: &Options,
    placement: Placement,
    netcats: &[Netcat],
) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::default();
    let files = Files::new(size(options))?;
    let rounds = options.rounds(5, 2);
    for round in 0..rounds {
        crate::note(&format!("round {} of {rounds}", round + 1));
        for (turn, scenario) in wanted(options).enumerate() {
            for place in 0..netcats.len() {
                let who = &netcats[(place + round + turn) % netcats.len()];
                // Each end may have to wait for the other.
                let outcome =
                    load::quietest(options, false, || scenario.transfer(who, placement, &files));
                results.record((scenario.name, Unit::Transfer), who.name, round, outcome);
            }
        }
    }
    Ok(results)
}

fn wanted(options: &Options) -> impl Iterator<Item = Scenario> {
    SCENARIOS.into_iter().filter(|it| options.wants(it.name))
}

/// A table for each way, and what went wrong.
pub(super) fn tables(results: &Results, options: &Options, netcats: &[Netcat]) -> String {
    let who: Vec<_> = netcats.iter().map(|it| it.name).collect();
    let bases: &[_] = &[names::COPY, names::NC, names::NCAT];
    let table = |it: Scenario| results.table((it.name, Unit::Transfer), &who, [bases, bases]);
    let mebibytes = size(options) / 1024 / 1024;
    let compared = format!("{mebibytes} MiB each, every byte compared but for /dev/null's");
    wanted(options).map(table).collect::<String>() + &results.verdict(&compared)
}

fn size(options: &Options) -> usize {
    let usual = if options.quick {
        QUICK_MEBIBYTES
    } else {
        MEBIBYTES
    };
    options.mebibytes.unwrap_or(usual) * 1024 * 1024
}

/// How long so many bytes may take before they count as stuck.
pub(super) fn patience(size: usize) -> Duration {
    PATIENCE + Duration::from_secs_f64(size as f64 / SLOWEST)
}

impl Scenario {
    /// One transfer, as an outcome with the keys of our own load's.
    fn transfer(
        self,
        who: &Netcat,
        placement: Placement,
        files: &Files,
    ) -> Result<Value, Box<dyn Error>> {
        let address = reserve(own_address())?;
        let [of_sender, of_receiver] = [true, false].map(|sends| Cats {
            before: self.pipes && sends,
            behind: self.pipes && !sends,
        });
        let kept = if self.kept {
            files.to_keep()?
        } else {
            Stdio::null()
        };
        placement.as_measured()?;
        let mut receiver = Chain::start(who.receiver(address), of_receiver, Stdio::null(), kept)?;
        receiver.process.wait_until_listening(address)?;
        placement.as_load()?;
        let (sent, start) = (files.to_send()?, Instant::now());
        let sender = Chain::start(who.sender(address), of_sender, sent, Stdio::null())?;
        let ends = wait_for(vec![receiver, sender], patience(files.size))?;
        let ends = ends.ok_or("it did not end")?;
        let whole = if self.kept {
            files.came_whole()?
        } else {
            // The receiver's; what there is in it, nobody knows any more.
            ends.processes[0].written >= files.size as u64
        };
        if !whole {
            // An error, or a quieter repetition would hide it.
            return Err("something else came than was sent".into());
        }
        Ok(outcome(files.size, start, &ends))
    }
}

fn outcome(size: usize, start: Instant, Ends { processes, cats }: &Ends) -> Value {
    let last = processes.iter().chain(cats).map(|it| it.at).max();
    let elapsed = last.map_or(Duration::ZERO, |last| last - start);
    let seconds = elapsed.as_secs_f64();
    let cpu: Duration = processes.iter().map(|it| it.cpu).sum();
    // A netcat shares its CPU with its `cat`: to wait for that is no harm.
    let of_cats: Duration = cats.iter().map(|it| it.cpu).sum();
    let waited: Duration = processes.iter().map(|it| it.waited).sum();
    json!({
        "seconds": seconds,
        "bytes": size,
        "mb_per_second": size as f64 / seconds / 1e6,
        "cpu_us": cpu.as_secs_f64() * 1e6,
        "waited_share": waited.saturating_sub(of_cats).as_secs_f64() / seconds,
        "mismatches": 0,
        "errors": 0,
    })
}

//! The code of the store: how fast files become blocks and blocks files, beside a
//! copy of the same memory.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use netkit_compare::samples::Samples;
use serde_json::Value;

use crate::goals::{Bound, Goals};
use crate::options::Options;
use crate::placement::{self, Placement};
use crate::table::{Table, middle, spread};

/// Bytes of a quarter, and what they are called: in the first cache, in the
/// second, in the last, and in none.
const QUARTERS: [(usize, &str); 4] = [
    (16 << 10, "16 KiB"),
    (256 << 10, "256 KiB"),
    (4 << 20, "4 MiB"),
    (64 << 20, "64 MiB"),
];

/// What is compared, as the program calls it.
const WORKS: [&str; 8] = [
    "copy",
    "encode",
    "decode 1, 2",
    "decode 1, 3",
    "decode 1, 4",
    "decode 2, 3",
    "decode 2, 4",
    "decode 3, 4",
];

/// With what.
const BASE: &str = WORKS[0];

/// Of those two the goal is known to be reachable.
const JUDGED: [&str; 2] = ["256 KiB", "4 MiB"];

/// Rates of one round, by what is measured.
type Round = BTreeMap<String, f64>;

/// Measures everything and prints it; what the code is to reach is handed back.
pub(crate) fn compare(options: &Options) -> Result<Goals, Box<dyn Error>> {
    let placement = Placement::new()?;
    let program = options.netkit.as_deref().ok_or("nothing to measure")?;
    let rounds = options.rounds(15, 5);
    let mut measured: BTreeMap<&str, Vec<Round>> = BTreeMap::new();
    for round in 0..rounds {
        crate::note(&format!("round {} of {rounds}", round + 1));
        let mut sizes = QUARTERS;
        sizes.rotate_left(round % QUARTERS.len());
        for (size, name) in sizes.into_iter().filter(|it| options.wants(it.1)) {
            placement::quiet_moment(options.patience());
            placement.as_measured()?;
            let rates = run(program, options, size, round)?;
            measured.entry(name).or_default().push(rates);
        }
    }
    let mut goals = Goals::default();
    for (_, name) in QUARTERS {
        let Some(rounds) = measured.get(name) else {
            continue;
        };
        crate::print(&table(name, rounds));
        if JUDGED.contains(&name) {
            let ratio = ratios(rounds, "encode").median();
            let area = format!("coding, quarters of {name}");
            goals.add(&area, "encode ÷ copy", Bound::AtLeast(0.8), ratio);
        }
    }
    Ok(goals)
}

/// One round: all of them on quarters of so many bytes, another one first each
/// time. The program itself makes sure that what comes out is right.
fn run(
    program: &Path,
    options: &Options,
    size: usize,
    round: usize,
) -> Result<Round, Box<dyn Error>> {
    let window = if options.quick { 40 } else { 150 };
    let mut command = Command::new(program);
    command.args([size, window, round % WORKS.len()].map(|it| it.to_string()));
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` failed: {said}", program.display()).into());
    }
    let mut rates = Round::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line: Value = serde_json::from_str(line)?;
        let (work, rate) = (line["work"].as_str(), line["bytes_per_second"].as_f64());
        let (Some(work), Some(rate)) = (work, rate) else {
            return Err(format!("`{}` says `{line}`", program.display()).into());
        };
        rates.insert(work.to_owned(), rate);
    }
    Ok(rates)
}

fn table(name: &str, rounds: &[Round]) -> String {
    let title = format!("quarters of {name}, GB/s of file");
    let mut table = Table::new(&title, &["what", "GB/s", "÷ copy"]);
    for work in WORKS {
        let mut rates = Samples::default();
        for round in rounds {
            rates.push(round.get(work).map_or(f64::NAN, |it| it / 1e9));
        }
        let ratio = middle(&ratios(rounds, work));
        table.row(vec![work.to_owned(), spread(&rates), ratio]);
    }
    table.text()
}

/// What is measured, divided by the copy of the same round.
fn ratios(rounds: &[Round], work: &str) -> Samples {
    let mut ratios = Samples::default();
    for round in rounds {
        if let (Some(rate), Some(base)) = (round.get(work), round.get(BASE)) {
            ratios.push(rate / base);
        }
    }
    ratios
}

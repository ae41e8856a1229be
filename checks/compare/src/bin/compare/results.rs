//! What loads brought, server by server; ratios within a round.

use std::error::Error;

use netkit_compare::samples::Samples;
use serde_json::Value;

use crate::table::{Table, middle, spread};

/// What is counted under a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A message and its echo.
    RoundTrip,
    /// Bytes, a little at a time.
    Mebibyte,
    /// A connection with one echo.
    Connection,
    /// A file that is asked for and comes.
    Request,
    /// Bytes of one large file.
    Gigabyte,
    /// The same from one process to another; both are measured.
    Transfer,
}

/// What one window brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Operations or megabytes a second.
    pub(crate) rate: f64,
    /// Microseconds of CPU for each operation or MiB; milliseconds for a GB, of
    /// a transfer seconds.
    pub(crate) cpu: f64,
    p50: f64,
    p99: f64,
    /// The server's share of its CPU; of a transfer, both ends' shares together.
    busy: f64,
}

/// A column of medians alone.
type Column = (&'static str, fn(&Sample) -> f64);

const P50: Column = ("p50 µs", |it| it.p50);
const P99: Column = ("p99 µs", |it| it.p99);
const BUSY: Column = ("busy", |it| it.busy);

#[derive(Debug)]
struct Cell {
    load: &'static str,
    who: &'static str,
    round: usize,
    disturbed: bool,
    sample: Sample,
}

/// What all windows brought.
#[derive(Debug, Default)]
pub(crate) struct Results {
    cells: Vec<Cell>,
    windows: usize,
    disturbed: usize,
    /// Wrong bytes, failed connections, and what could not be measured.
    pub(crate) faults: Vec<String>,
}

impl Unit {
    /// The headings of CPU time and rate.
    fn headings(self) -> [&'static str; 2] {
        match self {
            Self::RoundTrip => ["CPU µs/rt", "rt/s"],
            Self::Mebibyte => ["CPU µs/MiB", "MB/s"],
            Self::Connection => ["CPU µs/conn", "conn/s"],
            Self::Request => ["CPU µs/req", "req/s"],
            Self::Gigabyte => ["CPU ms/GB", "MB/s"],
            Self::Transfer => ["CPU s/GB", "MB/s"],
        }
    }

    fn sample(self, outcome: &Value) -> Sample {
        let figure = |key: &str| outcome[key].as_f64().unwrap_or(f64::NAN);
        let (rate, count) = match self {
            Self::Mebibyte => ("mb_per_second", figure("bytes") / 1_048_576.0),
            Self::Gigabyte => ("mb_per_second", figure("bytes") / 1e6),
            Self::Transfer => ("mb_per_second", figure("bytes") / 1e3),
            Self::RoundTrip | Self::Connection | Self::Request => ("rate", figure("operations")),
        };
        Sample {
            rate: figure(rate),
            cpu: figure("cpu_us") / count,
            p50: figure("p50_us"),
            p99: figure("p99_us"),
            busy: figure("cpu_us") / figure("seconds") / 1e6,
        }
    }
}

impl Results {
    /// Keeps what a window brought, or why it brought nothing.
    pub(crate) fn record(
        &mut self,
        (load, unit): (&'static str, Unit),
        who: &'static str,
        round: usize,
        outcome: Result<Value, Box<dyn Error>>,
    ) {
        self.windows += 1;
        let place = format!("{who}, {load}");
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return self.faults.push(format!("{place}: {error}")),
        };
        for kind in ["mismatches", "errors"] {
            if outcome[kind] != 0 {
                self.faults
                    .push(format!("{place}: {} {kind}", outcome[kind]));
            }
        }
        let disturbed = outcome["disturbed"] == true;
        self.disturbed += usize::from(disturbed);
        self.cells.push(Cell {
            load,
            who,
            round,
            disturbed,
            sample: unit.sample(&outcome),
        });
    }

    /// One figure of one server: of the rounds that nobody disturbed or, if
    /// there are none, of all.
    pub(crate) fn figures(&self, load: &str, who: &str, figure: fn(&Sample) -> f64) -> Samples {
        let cells = self.cells_of(load, who);
        undisturbed(cells.map(|cell| (cell.disturbed, figure(&cell.sample))))
    }

    /// One figure of one server divided by that of another in the same round.
    pub(crate) fn ratios(
        &self,
        load: &str,
        who: &str,
        base: &str,
        figure: fn(&Sample) -> f64,
    ) -> Samples {
        let pairs = self.cells_of(load, who).filter_map(|cell| {
            let mut bases = self.cells_of(load, base);
            let base = bases.find(|base| base.round == cell.round)?;
            let disturbed = cell.disturbed || base.disturbed;
            Some((disturbed, figure(&cell.sample) / figure(&base.sample)))
        });
        undisturbed(pairs)
    }

    fn cells_of(&self, load: &str, who: &str) -> impl Iterator<Item = &Cell> {
        let cells = self.cells.iter();
        cells.filter(move |it| it.load == load && it.who == who)
    }

    /// A load's table: CPU time and rate, each also divided by that of `bases`.
    pub(crate) fn table(
        &self,
        (load, unit): (&'static str, Unit),
        servers: &[&'static str],
        [cpu_bases, rate_bases]: [&[&str]; 2],
    ) -> String {
        // Of a name, the first word is enough.
        let over = |base: &&str| format!("÷ {}", base.split([' ', ',']).next().unwrap_or(base));
        let [cpu, rate] = unit.headings().map(String::from);
        let (kind, others): (_, &[Column]) = match unit {
            Unit::Transfer => ("tool", &[BUSY]),
            _ => ("server", &[P50, P99, BUSY]),
        };
        let mut columns = vec![kind.to_owned(), cpu];
        columns.extend(cpu_bases.iter().map(over));
        columns.push(rate);
        columns.extend(rate_bases.iter().map(over));
        columns.extend(others.iter().map(|(name, _)| (*name).to_owned()));
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut table = Table::new(load, &columns);
        for who in servers {
            let figures = |figure| self.figures(load, who, figure);
            let mut cells = vec![(*who).to_owned(), spread(&figures(|it| it.cpu))];
            let ratios = |base: &&str| spread(&self.ratios(load, who, base, |it| it.cpu));
            cells.extend(cpu_bases.iter().map(ratios));
            cells.push(spread(&figures(|it| it.rate)));
            let ratios = |base: &&str| middle(&self.ratios(load, who, base, |it| it.rate));
            cells.extend(rate_bases.iter().map(ratios));
            let middles = |(_, figure): &Column| middle(&figures(*figure));
            cells.extend(others.iter().map(middles));
            table.row(cells);
        }
        table.text()
    }

    /// How many windows there were, and what went wrong; `compared` says which
    /// bytes were looked at.
    pub(crate) fn verdict(&self, compared: &str) -> String {
        let (windows, disturbed) = (self.windows, self.disturbed);
        let faults = match self.faults.as_slice() {
            [] => "no mismatch, no error".to_owned(),
            faults => format!("faults:\n- {}", faults.join("\n- ")),
        };
        format!(
            "\n{windows} windows, {disturbed} of them disturbed by others to the end and left \
             out where there are better ones; {compared}: {faults}."
        )
    }

    /// How many of the faults are those of a server whose name begins so.
    pub(crate) fn faults_of(&self, who: &str) -> f64 {
        let faults = self.faults.iter().filter(|it| it.starts_with(who));
        faults.count() as f64
    }
}

/// Those values that were not disturbed; all, if all were.
fn undisturbed(values: impl Iterator<Item = (bool, f64)>) -> Samples {
    let (mut clean, mut all) = (Samples::default(), Samples::default());
    for (disturbed, value) in values {
        all.push(value);
        if !disturbed {
            clean.push(value);
        }
    }
    if clean.count() > 0 { clean } else { all }
}

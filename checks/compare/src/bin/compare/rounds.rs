//! Loads that every server gets, in rounds; ratios within a round.

use netkit_compare::samples::Samples;
use serde_json::Value;

use crate::load;
use crate::options::Options;
use crate::placement::Placement;
use crate::server::{Contestant, Server, names};
use crate::table::{Table, middle, spread};

/// A load and how it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// Its name in tables.
    pub(crate) name: &'static str,
    arguments: &'static str,
    unit: Unit,
    /// Whether a process for each connection is reasonable.
    forks: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    RoundTrip,
    Mebibyte,
    Connection,
}

const fn scenario(
    name: &'static str,
    arguments: &'static str,
    unit: Unit,
    forks: bool,
) -> Scenario {
    Scenario {
        name,
        arguments,
        unit,
        forks,
    }
}

/// 64 connections, small messages.
pub(crate) const SMALL: Scenario = scenario(
    "64 × 64 B",
    "round-trips --connections 64 --size 64",
    Unit::RoundTrip,
    true,
);
/// 1000 connections, small messages.
pub(crate) const MANY: Scenario = scenario(
    "1000 × 64 B",
    "round-trips --connections 1000 --size 64",
    Unit::RoundTrip,
    false,
);
/// 64 connections, large messages.
pub(crate) const LARGE: Scenario = scenario(
    "64 × 16 KiB",
    "round-trips --connections 64 --size 16384",
    Unit::RoundTrip,
    true,
);
/// Full duplex, one connection.
pub(crate) const STREAM: Scenario = scenario(
    "stream, 1 connection",
    "stream --connections 1",
    Unit::Mebibyte,
    true,
);
/// Full duplex, eight connections.
pub(crate) const STREAMS: Scenario = scenario(
    "stream, 8 connections",
    "stream --connections 8",
    Unit::Mebibyte,
    true,
);
/// New connections.
pub(crate) const CHURN: Scenario = scenario(
    "churn, 16 at once",
    "churn --parallel 16 --size 64",
    Unit::Connection,
    true,
);

/// All of them.
pub(crate) const SCENARIOS: [Scenario; 6] = [SMALL, MANY, LARGE, STREAM, STREAMS, CHURN];

/// What one window brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Operations or megabytes a second.
    pub(crate) rate: f64,
    /// Microseconds of CPU for each operation or MiB.
    pub(crate) cpu: f64,
    p50: f64,
    p99: f64,
    /// The server's share of its CPU.
    busy: f64,
}

#[derive(Debug)]
struct Cell {
    scenario: &'static str,
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

impl Results {
    /// Measures everyone under every load; who begins changes from round to
    /// round.
    pub(crate) fn measure(
        options: &Options,
        placement: Placement,
        contestants: &[Contestant],
    ) -> Self {
        let mut results = Self::default();
        let (all, with_peers) = (options.rounds(7, 3), options.rounds(3, 1));
        for round in 0..all {
            crate::note(&format!("round {} of {all}", round + 1));
            let mut servers = Vec::new();
            for who in contestants {
                if !who.reference && round >= with_peers {
                    continue;
                }
                match who.start(placement) {
                    Ok(server) => servers.push((who, server)),
                    Err(error) => results.faults.push(format!("{}: {error}", who.name)),
                }
            }
            let count = servers.len().max(1);
            servers.rotate_left(round % count);
            for scenario in SCENARIOS.into_iter().filter(|it| options.wants(it.name)) {
                servers.rotate_left(1 % count);
                for (who, server) in &servers {
                    if scenario.forks || !who.forks {
                        results.window(options, placement, scenario, who, server, round);
                    }
                }
            }
        }
        results
    }

    fn window(
        &mut self,
        options: &Options,
        placement: Placement,
        scenario: Scenario,
        who: &Contestant,
        server: &Server,
        round: usize,
    ) {
        self.windows += 1;
        let place = format!("{}, {}", who.name, scenario.name);
        let arguments = scenario.arguments;
        let window = match scenario.unit {
            // How sockets' buffers fill and drain varies slowly.
            Unit::Mebibyte => options.window() * 2,
            Unit::RoundTrip | Unit::Connection => options.window(),
        };
        let outcome =
            load::run_quietly(options, placement, server, arguments, window, who.reference);
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
            disturbed,
            scenario: scenario.name,
            who: who.name,
            round,
            sample: sample(&outcome, scenario.unit),
        });
    }

    /// One figure of one server: of the rounds that nobody disturbed or, if
    /// there are none, of all.
    pub(crate) fn figures(
        &self,
        scenario: Scenario,
        who: &str,
        figure: fn(&Sample) -> f64,
    ) -> Samples {
        let cells = self.cells_of(scenario, who);
        undisturbed(cells.map(|cell| (cell.disturbed, figure(&cell.sample))))
    }

    /// One figure of one server divided by that of another in the same round.
    pub(crate) fn ratios(
        &self,
        scenario: Scenario,
        who: &str,
        base: &str,
        figure: fn(&Sample) -> f64,
    ) -> Samples {
        let pairs = self.cells_of(scenario, who).filter_map(|cell| {
            let mut bases = self.cells_of(scenario, base);
            let base = bases.find(|base| base.round == cell.round)?;
            let disturbed = cell.disturbed || base.disturbed;
            Some((disturbed, figure(&cell.sample) / figure(&base.sample)))
        });
        undisturbed(pairs)
    }

    fn cells_of(&self, scenario: Scenario, who: &str) -> impl Iterator<Item = &Cell> {
        let cells = self.cells.iter();
        cells.filter(move |it| it.scenario == scenario.name && it.who == who)
    }

    /// A table for each load.
    pub(crate) fn tables(&self, options: &Options, contestants: &[Contestant]) -> String {
        let measured = SCENARIOS.iter().filter(|it| options.wants(it.name));
        let tables = measured.map(|it| self.table(*it, contestants));
        let verdict = match self.faults.as_slice() {
            [] => "no mismatch, no error".to_owned(),
            faults => format!("faults:\n- {}", faults.join("\n- ")),
        };
        let (windows, disturbed) = (self.windows, self.disturbed);
        tables.collect::<String>()
            + &format!(
                "\n{windows} windows, {disturbed} of them disturbed by others to the end and left \
                 out where there are better ones; every byte compared: {verdict}."
            )
    }

    fn table(&self, scenario: Scenario, contestants: &[Contestant]) -> String {
        let (cpu, rate) = match scenario.unit {
            Unit::RoundTrip => ("CPU µs/rt", "rt/s"),
            Unit::Mebibyte => ("CPU µs/MiB", "MB/s"),
            Unit::Connection => ("CPU µs/conn", "conn/s"),
        };
        let columns = [
            "server", cpu, "÷ raw", "÷ tokio", rate, "÷ raw", "p50 µs", "p99 µs", "busy",
        ];
        let mut table = Table::new(scenario.name, &columns);
        for who in contestants {
            if who.forks && !scenario.forks {
                continue;
            }
            let figures = |figure| self.figures(scenario, who.name, figure);
            let ratios = |base, figure| self.ratios(scenario, who.name, base, figure);
            table.row(vec![
                who.name.to_owned(),
                spread(&figures(|it| it.cpu)),
                spread(&ratios(names::RAW, |it| it.cpu)),
                spread(&ratios(names::TOKIO, |it| it.cpu)),
                spread(&figures(|it| it.rate)),
                middle(&ratios(names::RAW, |it| it.rate)),
                middle(&figures(|it| it.p50)),
                middle(&figures(|it| it.p99)),
                middle(&figures(|it| it.busy)),
            ]);
        }
        table.text()
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

fn sample(outcome: &Value, unit: Unit) -> Sample {
    let figure = |key: &str| outcome[key].as_f64().unwrap_or(f64::NAN);
    let (rate, operations) = match unit {
        Unit::Mebibyte => (figure("mb_per_second"), figure("bytes") / 1_048_576.0),
        Unit::RoundTrip | Unit::Connection => (figure("rate"), figure("operations")),
    };
    Sample {
        rate,
        cpu: figure("cpu_us") / operations,
        p50: figure("p50_us"),
        p99: figure("p99_us"),
        busy: figure("cpu_us") / figure("seconds") / 1e6,
    }
}

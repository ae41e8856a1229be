//! Loads that every echo server gets, in rounds.

use std::error::Error;

use serde_json::Value;

use crate::load;
use crate::options::Options;
use crate::placement::Placement;
use crate::results::{Results, Unit};
use crate::server::{Contestant, Server};

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

/// Measures everyone under each of `scenarios`; who begins changes from round
/// to round.
pub(crate) fn measure(
    options: &Options,
    placement: Placement,
    contestants: &[Contestant],
    scenarios: &[Scenario],
) -> Results {
    let mut results = Results::default();
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
        for scenario in scenarios.iter().filter(|it| options.wants(it.name)) {
            servers.rotate_left(1 % count);
            for (who, server) in &servers {
                if scenario.forks || !who.forks {
                    let outcome = scenario.window(options, placement, who, server);
                    results.record((scenario.name, scenario.unit), who.name, round, outcome);
                }
            }
        }
    }
    results
}

impl Scenario {
    /// The same under another name.
    pub(crate) const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    fn window(
        self,
        options: &Options,
        placement: Placement,
        who: &Contestant,
        server: &Server,
    ) -> Result<Value, Box<dyn Error>> {
        let window = match self.unit {
            // How sockets' buffers fill and drain varies slowly.
            Unit::Mebibyte => options.window() * 2,
            _ => options.window(),
        };
        load::run_quietly(
            options,
            placement,
            server,
            self.arguments,
            window,
            who.reference,
        )
    }
}

/// A table for each load, with CPU time and rate divided by those of `bases`,
/// and what went wrong.
pub(crate) fn tables(
    results: &Results,
    options: &Options,
    contestants: &[Contestant],
    scenarios: &[Scenario],
    bases: [&[&str]; 2],
) -> String {
    let measured = scenarios.iter().filter(|it| options.wants(it.name));
    let tables = measured.map(|it| {
        let takes_part = |who: &&Contestant| it.forks || !who.forks;
        let servers = contestants.iter().filter(takes_part);
        let servers: Vec<_> = servers.map(|who| who.name).collect();
        results.table((it.name, it.unit), &servers, bases)
    });
    tables.collect::<String>() + &results.verdict("every byte compared")
}

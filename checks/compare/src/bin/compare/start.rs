//! From a server's start until it takes connections.

use netkit_compare::samples::Samples;

use crate::options::Options;
use crate::placement::{Placement, quiet_moment};
use crate::server::{Contestant, names};
use crate::table::{Table, middle, spread};

/// Milliseconds of each start, in the order of the contestants.
#[derive(Debug)]
pub(crate) struct Starts {
    all: Vec<(&'static str, Samples)>,
}

impl Starts {
    /// Starts each of them several times, in turn.
    pub(crate) fn measure(
        options: &Options,
        placement: Placement,
        contestants: &[Contestant],
        faults: &mut Vec<String>,
    ) -> Self {
        let mut all: Vec<_> = contestants
            .iter()
            .map(|it| (it.name, Samples::default()))
            .collect();
        for round in 0..options.rounds(31, 11) {
            quiet_moment(options.patience());
            for place in 0..contestants.len() {
                let place = (place + round) % contestants.len();
                let who = &contestants[place];
                match who.start(placement) {
                    Ok(server) => all[place].1.push(server.started_in.as_secs_f64() * 1e3),
                    Err(error) => faults.push(format!("{}: {error}", who.name)),
                }
            }
        }
        Self { all }
    }

    /// The median of one, divided by that of another.
    pub(crate) fn ratio(&self, who: &str, base: &str) -> Option<f64> {
        let of = |name| self.all.iter().find(|(who, _)| *who == name)?.1.median();
        Some(of(who)? / of(base)?)
    }

    /// As a table.
    pub(crate) fn table(&self) -> String {
        let columns = ["server", "ms", "÷ raw"];
        let mut table = Table::new("start until the first connection is taken", &columns);
        for (who, samples) in &self.all {
            let mut ratio = Samples::default();
            ratio.push(self.ratio(who, names::RAW).unwrap_or(f64::NAN));
            table.row(vec![(*who).to_owned(), spread(samples), middle(&ratio)]);
        }
        table.text()
    }
}

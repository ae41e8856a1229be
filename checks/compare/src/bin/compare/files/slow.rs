//! What downloads cost that have begun and stall.

use std::error::Error;

use netkit_compare::samples::Samples;

use super::folder::{Folder, LARGE};
use super::rounds::question;
use super::servers::FileServer;
use crate::load;
use crate::options::Options;
use crate::placement::{Placement, quiet_moment};
use crate::table::{Table, middle, spread};

/// Their name for `--only`.
pub(super) const NAME: &str = "slow downloads";

/// How many there are at once.
const MANY: usize = 5_000;

const MEBIBYTE: f64 = 1_048_576.0;

/// A server's memory, and what slow downloads do to a quick one.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// The server.
    pub(super) who: &'static str,
    /// MiB at most until it has started.
    at_start: Samples,
    /// MiB beyond that at most while it serves them all.
    pub(super) beyond: Samples,
    alone_ms: Samples,
    among_ms: Samples,
    slowdown: Samples,
}

/// Measures those servers that serve many clients at once.
pub(super) fn measure(
    options: &Options,
    placement: Placement,
    folder: &Folder,
    servers: &[FileServer],
    faults: &mut Vec<String>,
) -> Vec<Slow> {
    let servers: Vec<_> = servers.iter().filter(|it| it.concurrent).collect();
    let mut all: Vec<Slow> = servers.iter().map(|it| Slow::new(it)).collect();
    for round in 0..options.rounds(3, 1) {
        for place in 0..servers.len() {
            let place = (place + round) % servers.len();
            if let Err(error) = all[place].measure(options, placement, folder, servers[place]) {
                faults.push(format!("{}, {NAME}: {error}", servers[place].name));
            }
        }
    }
    all
}

impl Slow {
    fn new(who: &FileServer) -> Self {
        Self {
            who: who.name,
            ..Self::default()
        }
    }

    fn measure(
        &mut self,
        options: &Options,
        placement: Placement,
        folder: &Folder,
        who: &FileServer,
    ) -> Result<(), Box<dyn Error>> {
        let server = who.start(folder, placement)?;
        quiet_moment(options.patience());
        let question = question(who.protocol, LARGE);
        let arguments = format!("slow --connections {MANY} {question}");
        let outcome = load::run(placement, &server, &arguments, options.window())?;
        let figure = |key: &str| outcome[key].as_f64().unwrap_or(f64::NAN);
        let at_start = figure("peak_before_bytes");
        self.at_start.push(at_start / MEBIBYTE);
        self.beyond
            .push((figure("peak_bytes") - at_start) / MEBIBYTE);
        let (alone, among) = (figure("alone_p50_us"), figure("p50_us"));
        self.alone_ms.push(alone / 1e3);
        self.among_ms.push(among / 1e3);
        self.slowdown.push(among / alone);
        match outcome["errors"].as_u64() {
            Some(0) => Ok(()),
            lost => Err(format!("{} downloads could not go on", lost.unwrap_or(0)).into()),
        }
    }
}

/// Memory and the quick download, as a table.
pub(super) fn table(all: &[Slow]) -> String {
    let title = format!("{MANY} {NAME} of 16 MiB at once (peak of memory), and a quick one");
    let columns = [
        "server",
        "at start MiB",
        "beyond MiB",
        "alone ms",
        "among ms",
        "among ÷ alone",
    ];
    let mut table = Table::new(&title, &columns);
    for slow in all {
        table.row(vec![
            slow.who.to_owned(),
            middle(&slow.at_start),
            spread(&slow.beyond),
            middle(&slow.alone_ms),
            middle(&slow.among_ms),
            spread(&slow.slowdown),
        ]);
    }
    table.text()
}

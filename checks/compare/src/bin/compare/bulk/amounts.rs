//! Amounts of every odd size there and back, both ways at once, to the end.

use std::error::Error;
use std::process::Command;

use super::file::Files;
use super::netcats::Netcat;
use super::processes::{Cats, Chain, wait_for};
use super::transfers::patience;
use crate::load;
use crate::options::Options;
use crate::placement::Placement;
use crate::server::{Contestant, Server, bare, with_cats};
use crate::table::{NOTHING, Table};

/// Their name for `--only`.
pub(super) const NAME: &str = "both ways at once";

/// Around the sizes of pages, pipes, buffers and windows.
const AMOUNTS: [usize; 21] = [
    1,
    2,
    4_095,
    4_096,
    4_097,
    16_385,
    65_482,
    65_535,
    65_536,
    65_537,
    131_071,
    262_143,
    262_144,
    262_145,
    524_289,
    1_048_573,
    4_194_305,
    16_777_213,
    67_108_863,
    268_435_459,
    1_073_741_824,
];

/// More than this takes too long where time is short.
const LARGEST_IF_QUICK: usize = 67_108_863;

/// What became of one amount.
enum Fate {
    /// All of it came back, and then the end.
    Whole,
    /// Nothing moved any more.
    Stalled,
    /// Something else came back, or the end too early.
    Broken(String),
}

/// What became of all amounts, with one tool in one place.
#[derive(Debug)]
pub(super) struct Row {
    who: &'static str,
    place: &'static str,
    whole: usize,
    stalled: usize,
    broken: usize,
    /// The first amount that did not come back whole.
    first: Option<usize>,
}

/// Who has to bear it.
#[derive(Debug, Clone, Copy)]
enum Subject<'a> {
    /// A client of an echo server, between files or, by `cat`s, pipes.
    Client { netcat: &'a Netcat, pipes: bool },
    /// A server with a `cat` for each connection.
    Server(&'a Contestant),
}

/// Sends every amount through everyone.
pub(super) fn measure(
    options: &Options,
    placement: Placement,
    netcats: &[Netcat],
) -> Result<Vec<Row>, Box<dyn Error>> {
    let servers = with_cats(options);
    let clients = netcats.iter().filter(|it| it.exchanges.is_some());
    let subjects: Vec<_> = clients
        .flat_map(|netcat| [false, true].map(|pipes| Subject::Client { netcat, pipes }))
        .chain(servers.iter().map(Subject::Server))
        .collect();
    let mut rows: Vec<_> = subjects.iter().map(Row::new).collect();
    let echo = bare()?.start(placement)?;
    let rounds = options.rounds(2, 1);
    for round in 0..rounds {
        crate::note(&format!("{NAME}, round {} of {rounds}", round + 1));
        for amount in AMOUNTS {
            if options.quick && amount > LARGEST_IF_QUICK {
                continue;
            }
            let files = Files::new(amount)?;
            for (subject, row) in subjects.iter().zip(&mut rows) {
                let fate = subject.bear(placement, &files, &echo);
                let broken = |it: Box<dyn Error>| Fate::Broken(it.to_string());
                row.add(amount, fate.unwrap_or_else(broken));
            }
        }
    }
    Ok(rows)
}

impl Subject<'_> {
    fn bear(
        self,
        placement: Placement,
        files: &Files,
        echo: &Server,
    ) -> Result<Fate, Box<dyn Error>> {
        match self {
            Self::Client { netcat, pipes } => {
                placement.as_load()?;
                let command = netcat.exchanger(echo.address).ok_or("it cannot")?;
                through_client(command, pipes, files)
            }
            Self::Server(who) => {
                // What a stuck one leaves behind is not the next one's.
                let server = who.start(placement)?;
                through_server(&server, placement, files.size)
            }
        }
    }
}

fn through_client(command: Command, pipes: bool, files: &Files) -> Result<Fate, Box<dyn Error>> {
    let cats = Cats {
        before: pipes,
        behind: pipes,
    };
    let chain = Chain::start(command, cats, files.to_send()?, files.to_keep()?)?;
    if wait_for(vec![chain], patience(files.size))?.is_none() {
        return Ok(Fate::Stalled);
    }
    if files.came_whole()? {
        return Ok(Fate::Whole);
    }
    Ok(Fate::Broken("something else came back".to_owned()))
}

fn through_server(
    server: &Server,
    placement: Placement,
    size: usize,
) -> Result<Fate, Box<dyn Error>> {
    let arguments = format!("whole --size {size}");
    let outcome = load::run(placement, server, &arguments, patience(size))?;
    Ok(match outcome["fate"].as_str() {
        Some("whole") => Fate::Whole,
        Some("stalled") => Fate::Stalled,
        fate => {
            let (fate, count) = (fate.unwrap_or("unknown"), &outcome["bytes"]);
            Fate::Broken(format!("{fate} after {count} B"))
        }
    })
}

impl Row {
    fn new(subject: &Subject) -> Self {
        let (who, place) = match subject {
            Subject::Client {
                netcat,
                pipes: false,
            } => (netcat.name, "files"),
            Subject::Client {
                netcat,
                pipes: true,
            } => (netcat.name, "pipes"),
            Subject::Server(who) => (who.name, "a `cat` for each connection"),
        };
        Self {
            who,
            place,
            whole: 0,
            stalled: 0,
            broken: 0,
            first: None,
        }
    }

    fn add(&mut self, amount: usize, fate: Fate) {
        let what = match fate {
            Fate::Whole => {
                self.whole += 1;
                return;
            }
            Fate::Stalled => {
                self.stalled += 1;
                "stalled".to_owned()
            }
            Fate::Broken(what) => {
                self.broken += 1;
                what
            }
        };
        if self.first.is_none() {
            crate::note(&format!("{}, {}, {amount} B: {what}", self.who, self.place));
        }
        self.first = Some(self.first.map_or(amount, |first| first.min(amount)));
    }
}

/// How many amounts did not come back whole to those whose name begins so.
pub(super) fn not_whole(rows: &[Row], who: &str) -> Option<f64> {
    let rows: Vec<_> = rows.iter().filter(|it| it.who.starts_with(who)).collect();
    let count: usize = rows.iter().map(|it| it.stalled + it.broken).sum();
    (!rows.is_empty()).then_some(count as f64)
}

/// What became of them all, as a table.
pub(super) fn table(rows: &[Row], options: &Options) -> String {
    let largest = if options.quick { "64 MiB" } else { "1 GiB" };
    let title = format!("1 B to {largest} {NAME}, to the end");
    let columns = [
        "tool",
        "between",
        "whole",
        "stalled",
        "lost or wrong",
        "from B on",
    ];
    let mut table = Table::new(&title, &columns);
    for row in rows {
        table.row(vec![
            row.who.to_owned(),
            row.place.to_owned(),
            row.whole.to_string(),
            row.stalled.to_string(),
            row.broken.to_string(),
            row.first
                .map_or_else(|| NOTHING.to_owned(), |it| it.to_string()),
        ]);
    }
    table.text()
}

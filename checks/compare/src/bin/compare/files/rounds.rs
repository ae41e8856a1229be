//! Loads that every file server gets, in rounds.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::folder::{Content, Folder, HUGE, MIDDLE, QUICK_HUGE, SMALL};
use super::servers::{FileServer, Protocol, names};
use super::wrk;
use crate::load;
use crate::options::Options;
use crate::placement::Placement;
use crate::programs::WRK;
use crate::results::{Results, Unit};
use crate::server::Server;

/// A load and how it is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    /// Its name in tables.
    pub(super) name: &'static str,
    protocol: Protocol,
    content: Content,
    way: Way,
}

/// How files are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// So many clients, a connection for each request.
    Get,
    /// One file, once.
    Fetch,
    /// Connections that stay.
    Wrk,
}

/// Small files of the file service.
pub(super) const PEER_SMALL: Scenario = Scenario {
    name: "peer, 1 KiB, 16 at once",
    protocol: Protocol::Peer,
    content: SMALL,
    way: Way::Get,
};
/// A large one.
pub(super) const PEER_HUGE: Scenario = Scenario {
    name: "peer, 1 GiB",
    protocol: Protocol::Peer,
    content: HUGE,
    way: Way::Fetch,
};
/// One not so large.
const QUICK_PEER_HUGE: Scenario = Scenario {
    name: "peer, 256 MiB",
    content: QUICK_HUGE,
    ..PEER_HUGE
};
/// Small files of the Web.
pub(super) const HTTP_SMALL: Scenario = Scenario {
    name: "http, 1 KiB, 64 connections",
    protocol: Protocol::Http,
    content: SMALL,
    way: Way::Wrk,
};
/// Larger ones.
pub(super) const HTTP_MIDDLE: Scenario = Scenario {
    name: "http, 1 MiB, 64 connections",
    content: MIDDLE,
    ..HTTP_SMALL
};

/// How long one window of wrk is, which takes whole seconds.
const WRK_WINDOW: Duration = Duration::from_secs(1);

/// All of them that are wanted.
pub(super) fn scenarios(options: &Options) -> Vec<Scenario> {
    let huge = if options.quick {
        QUICK_PEER_HUGE
    } else {
        PEER_HUGE
    };
    let mut all = vec![PEER_SMALL, huge, HTTP_SMALL, HTTP_MIDDLE];
    all.retain(|it| options.wants(it.name));
    all
}

/// Measures everyone under every load; who begins changes from round to round.
pub(super) fn measure(
    options: &Options,
    placement: Placement,
    folder: &Folder,
    servers: &[FileServer],
) -> Results {
    let mut results = Results::default();
    let mut scenarios = scenarios(options);
    let uses_wrk = scenarios.iter().any(|it| it.way == Way::Wrk);
    let wrk = uses_wrk.then(|| WRK.find()).flatten();
    scenarios.retain(|it| it.way != Way::Wrk || wrk.is_some());
    let rounds = options.rounds(7, 3);
    for round in 0..rounds {
        crate::note(&format!("round {} of {rounds}", round + 1));
        for protocol in [Protocol::Peer, Protocol::Http] {
            let scenarios = scenarios.iter().filter(|it| it.protocol == protocol);
            let mut running = Vec::new();
            for who in servers.iter().filter(|it| it.protocol == protocol) {
                match who.start(folder, placement) {
                    Ok(server) => running.push((who, server)),
                    Err(error) => results.faults.push(format!("{}: {error}", who.name)),
                }
            }
            let count = running.len().max(1);
            running.rotate_left(round % count);
            for scenario in scenarios {
                running.rotate_left(1 % count);
                for (who, server) in &running {
                    let outcome = scenario.window(options, placement, server, wrk.as_ref());
                    results.record((scenario.name, scenario.unit()), who.name, round, outcome);
                }
            }
        }
    }
    results
}

impl Scenario {
    fn unit(&self) -> Unit {
        match self.way {
            Way::Get | Way::Wrk => Unit::Request,
            Way::Fetch => Unit::Gigabyte,
        }
    }

    fn window(
        &self,
        options: &Options,
        placement: Placement,
        server: &Server,
        wrk: Option<&PathBuf>,
    ) -> Result<Value, Box<dyn Error>> {
        let window = options.window();
        let question = question(self.protocol, self.content);
        match self.way {
            Way::Get => {
                let arguments = format!("get --parallel 16 {question}");
                load::run_quietly(options, placement, server, &arguments, window, true)
            }
            Way::Fetch => {
                let arguments = format!("fetch {question}");
                // One connection may keep both of them waiting.
                load::run_quietly(options, placement, server, &arguments, window, false)
            }
            Way::Wrk => {
                let wrk = wrk.ok_or("wrk is missing")?;
                load::quietest(options, true, || {
                    wrk::run(wrk, placement, server, self.content.name, WRK_WINDOW)
                })
            }
        }
    }

    /// As a table; each one divided by those that netkit is compared with.
    pub(super) fn table(&self, results: &Results, servers: &[FileServer]) -> String {
        let bases: &[&str] = match self.protocol {
            Protocol::Peer => &[names::PYTHON],
            Protocol::Http => &[names::NGINX, names::MINISERVE],
        };
        let servers = servers.iter().filter(|it| it.protocol == self.protocol);
        let servers: Vec<_> = servers.map(|it| it.name).collect();
        results.table((self.name, self.unit()), &servers, [bases, bases])
    }
}

/// What our own load is told to ask for.
pub(super) fn question(protocol: Protocol, content: Content) -> String {
    let (protocol, Content { name, size }) = (protocol.name(), content);
    format!("--protocol {protocol} --path {name} --size {size}")
}

//! `netkit probe peer` and `netkit probe coordinator`: the clients of the file
//! service.

use std::ffi::OsString;

use anyhow::ensure;
use clap::CommandFactory;

use super::super::{Invocation, Parsed, Replying, Verb, attended, complain, parse};
use super::one_server;
use crate::finding::{Exit, Record};
use crate::probe::copies::{FileProbe, Options, Place, Screen, Service};
use crate::probe::{coordinator, listing, peer};
use crate::protocol::listing::PORT;
use crate::protocol::peer::Request;
use crate::report::{self, Destination, Format, Reporter};

pub(super) const CLIENTS: &[Verb] = &[
    Verb {
        name: "probe peer",
        about: "Fetch a file from a peer, and compare it with another's",
        examples: "Examples:
  netkit probe peer 172.31.16.124 file1.txt      the copy of SERVER2
  netkit probe peer backup file1.txt --output copy.txt
  netkit probe peer a file1.txt --compare b:5002 have both the same?",
        parser: Invocation::<Replying<Options>>::command,
        run: |verb, arguments| run(&peer::SERVICE, verb, arguments),
    },
    Verb {
        name: "probe coordinator",
        about: "Fetch a file from the file service, and see whether its sides agree",
        examples: "Examples:
  netkit probe coordinator 172.31.34.27 file1.txt
  netkit probe coordinator 172.31.34.27 file1.txt --diff
  netkit probe coordinator 172.31.34.27 file1.txt --require-match -o json",
        parser: Invocation::<Replying<Options>>::command,
        run: |verb, arguments| run(&coordinator::SERVICE, verb, arguments),
    },
    Verb {
        name: "probe listing",
        about: "List a server's directory, or how two servers differ",
        examples: "Examples:
  netkit probe listing 172.31.34.27              what it has
  netkit probe listing 172.31.34.27 172.31.16.124:31334",
        parser: Invocation::<Replying<listing::Options>>::command,
        run: list,
    },
];

fn run(service: &'static Service, verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying { options, report } = options;
    let report = report::Options::from(report);
    let is_text = report.format == Format::Text && !global.quiet;
    let probe = match prepare(service, options, is_text) {
        Ok(probe) => probe,
        Err(error) => return Ok(complain(&error)),
    };
    let reporter = match global.reporter_to(Destination::Stdout, &report, 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let screen = reporter.clone();
    let records = reporter.clone();
    attended(&reporter, async move {
        let tell = |record: Record| match &record {
            // A person has seen the copies; what is wrong with them is left.
            Record::Reply(reply) if is_text => {
                reply.reason.iter().for_each(|it| records.note(it));
                records.keep(&record);
            }
            _ => records.tell(&record),
        };
        probe.run(&screen, &tell).await
    })
}

fn prepare(service: &'static Service, options: Options, shows: bool) -> anyhow::Result<FileProbe> {
    let server = place(service.name, service.port, &options.target)?;
    let request = Request::for_path(&options.path).map_err(anyhow::Error::msg)?;
    let peer = &peer::SERVICE;
    ensure!(
        service.name != peer.name || !(options.diff || options.require_match),
        "a peer has one copy: --diff and --require-match are for coordinators (hint: `--compare \
         HOST:PORT` asks another peer)"
    );
    let compared = options.compare.as_deref();
    let compared = compared
        .map(|it| place(peer.name, peer.port, it))
        .transpose()?;
    Ok(FileProbe {
        service,
        request,
        server,
        compared: compared.map(|it| (peer, it)),
        options,
        shows,
    })
}

/// One server of a protocol, at its usual port where none is given.
pub(super) fn place(protocol: &str, port: u16, text: &str) -> anyhow::Result<Place> {
    let server = one_server(protocol, text)?;
    Ok(Place {
        host: server.host,
        port: server.port.unwrap_or(port),
        name: server.name,
    })
}

fn list(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<listing::Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying { options, report } = options;
    let report = report::Options::from(report);
    let servers = || -> anyhow::Result<(Place, Option<Place>)> {
        let other = options.other.as_deref();
        let other = other.map(|it| place("listing", PORT, it)).transpose()?;
        Ok((place("listing", PORT, &options.target)?, other))
    };
    let (server, other) = match servers() {
        Ok(servers) => servers,
        Err(error) => return Ok(complain(&error)),
    };
    let reporter = match global.reporter_to(Destination::Stdout, &report, 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let records = reporter.clone();
    attended(&reporter, async move {
        let say = |line: &str| records.line(line);
        let tell = |record: Record| match records.is_for_people() {
            true => records.keep(&record),
            false => records.tell(&record),
        };
        listing::probe(&options, &server, other.as_ref(), &say, &tell).await
    })
}

impl Screen for Reporter {
    fn line(&self, text: &str) {
        if self.is_for_people() {
            self.announce(text);
        }
    }

    fn bytes(&self, bytes: &[u8]) {
        self.body(bytes);
    }

    fn expect(&self, bytes: u64) {
        self.expect_bytes(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.advance_bytes(bytes);
    }
}

//! `netkit listen`: from the words of the command line to one place.

use std::ffi::OsString;

use anyhow::{Context, anyhow, ensure};

use super::connect::own_faults;
use super::{Parsed, Replying, Verb, attended, complain, parse};
use crate::finding::{Exit, Record};
use crate::listen::{Options, Place, listen};
use crate::net::{UnixAddress, service_port};
use crate::report::{Destination, Format, LogKeeper};
use crate::transfer::Observer;

pub(super) const EXAMPLES: &str = "Examples:
  netkit listen --recv-only 9000 > file          one client, and the truth about its end
  netkit listen 0 --port-file port               a free port, told to a script
  netkit listen -k 9000 --exec cat               a program for each client
  netkit listen --chat 9000 --allow 172.31.0.0/16
  netkit listen --tls 9000                       over TLS, with a new certificate
  netkit listen -u 9000                          datagrams of anybody, who is answered
  netkit listen unix:///run/app.sock             a Unix socket";

pub(super) fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying { options, report } = options;
    let place = understand(&options);
    let checked = |place: Place| match options.check(&place) {
        Ok(()) => Ok(place),
        Err(text) => Err(anyhow!(text)),
    };
    let place = match place.and_then(checked) {
        Ok(place) => place,
        Err(error) => return Ok(complain(&error)),
    };
    let is_text = report.format == Format::Text;
    // Standard output is the peer's: where it listens is said beside it.
    let reporter = match global.reporter_to(Destination::Stderr, &report.into(), 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let records = reporter.clone();
    attended(&reporter, async move {
        let log = LogKeeper::start()?;
        let tell = |record: Record| match is_text {
            true => records.keep(&record),
            false => records.tell(&record),
        };
        let observer = Observer {
            tell: &tell,
            expect: &|bytes| records.expect_bytes(bytes),
            advance: &|bytes| records.advance_bytes(bytes),
        };
        let mut announce = |line: &str| records.note(line);
        let listening = listen(&place, &options, &mut announce, observer);
        own_faults(log.beside(listening).await)
    })
}

fn understand(options: &Options) -> anyhow::Result<Place> {
    options.program.program()?;
    let text = &options.target;
    if let Some(name) = text.strip_prefix("unix://") {
        ensure!(
            !name.is_empty(),
            "`{text}` names no socket (expected unix:///PATH or unix://@NAME)"
        );
        return Ok(Place::Unix(UnixAddress::new(name)));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (Some(host), port),
        None => (None, text.as_str()),
    };
    let number = port.parse().ok();
    let number = number.or_else(|| service_port(port, options.udp));
    let port = number.with_context(|| format!("`{port}` is no port (expected [HOST:]PORT)"))?;
    let host = host.map(|it| it.trim_start_matches('[').trim_end_matches(']'));
    let host = host.filter(|it| !it.is_empty());
    Ok(Place::Port(host.map(String::from), port))
}

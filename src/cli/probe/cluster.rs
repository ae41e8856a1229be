//! `netkit probe cluster`: from the words of the command line to a member.

use std::ffi::OsString;
use std::io;

use clap::CommandFactory;

use super::super::{Invocation, Parsed, Replying, Verb, attended, complain, parse, print};
use super::files::place;
use crate::finding::Exit;
use crate::finding::Record;
use crate::probe::cluster::{CLUSTER, ClusterProbe, Options};
use crate::protocol::cluster::PORT;
use crate::report::{Destination, Format};

pub(super) const CLIENT: Verb = Verb {
    name: "probe cluster",
    about: "Ask a member of a cluster who leads, who is there, and for any file",
    examples: "Examples:
  netkit probe cluster localhost leader          `leader ID HOST:PORT`, as member 1 sees it
  netkit probe cluster localhost:3682 leader --wait 10s
  netkit probe cluster localhost members         who is up
  netkit probe cluster localhost files           a line for each file of each member
  netkit probe cluster localhost get notes.txt --output copy.txt",
    parser: Invocation::<Replying<Options>>::command,
    run,
};

fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying { options, report } = options;
    let is_text = report.format == Format::Text && !global.quiet;
    let server = place(CLUSTER.name, PORT, &options.target);
    let probe = match server.and_then(|server| ClusterProbe::prepare(options, server)) {
        Ok(probe) => probe,
        Err(error) => return Ok(complain(&error)),
    };
    let reporter = match global.reporter_to(Destination::Stdout, &report.into(), 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let (screen, records) = (reporter.clone(), reporter.clone());
    attended(&reporter, async move {
        let note = |text: &str| records.note(text);
        let tell = |record: Record| match is_text {
            true => records.keep(&record),
            false => records.tell(&record),
        };
        let outcome = probe.run(&screen, &note, &tell).await;
        Ok(outcome.unwrap_or_else(|trouble| {
            print(&format!("netkit: {:#}\n", trouble.error), io::stderr());
            trouble.exit
        }))
    })
}

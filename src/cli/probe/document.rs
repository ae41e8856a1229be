//! `netkit probe document`: the client of a shared text.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use clap::CommandFactory;

use super::super::{
    Invocation, Parsed, Replying, Verb, attended, cannot_tell, complain, parse, print,
};
use super::files::place;
use crate::finding::{Exit, Record};
use crate::net::DialError;
use crate::probe::document::{self, Console, Options};
use crate::protocol::document::PORT;
use crate::report::{Destination, Reporter};

pub(super) const CLIENT: Verb = Verb {
    name: "probe document",
    about: "Add lines to a shared text, and see what others add",
    examples: "Examples:
  netkit probe document localhost                type lines; Ctrl-D ends
  netkit probe document localhost --history      the text as it is
  netkit probe document localhost < notes.txt    a line is an update
  netkit probe document localhost --follow -o ndjson < /dev/null",
    parser: Invocation::<Replying<Options>>::command,
    run,
};

fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying { options, report } = options;
    let server = match place("document", PORT, &options.target) {
        Ok(server) => server,
        Err(error) => return Ok(complain(&error)),
    };
    let reporter = match global.reporter_to(Destination::Stdout, &report.into(), 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    if !options.history && io::stdin().is_terminal() {
        reporter.note("type a line to send it; Ctrl-D ends");
    }
    let records = reporter.clone();
    attended(&reporter, async move {
        let tell = |record: Record| match &record {
            // A person has read it.
            Record::Reply(_) if records.is_for_people() => records.keep(&record),
            _ => records.tell(&record),
        };
        let outcome = document::probe(&options, &server, &records, &tell).await;
        outcome.or_else(|error| match error.downcast_ref::<DialError>() {
            Some(dial) if dial.is_own_fault() => Ok(cannot_tell(&error)),
            _ if options.exit_detail => match document::class(&error) {
                Some(exit) => {
                    print(&format!("netkit: {error:#}\n"), io::stderr());
                    Ok(exit)
                }
                None => Err(error),
            },
            _ => Err(error),
        })
    })
}

impl Console for Reporter {
    fn is_for_people(&self) -> bool {
        Self::is_for_people(self)
    }

    fn text(&self, text: &str) {
        self.body(text.as_bytes());
    }

    fn draw(&self, sequence: &str) {
        Self::draw(self, sequence);
    }

    fn note(&self, line: &str) {
        Self::note(self, line);
    }
}

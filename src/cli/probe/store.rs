//! `netkit probe store`: the client of a store of coded files.

use std::ffi::OsString;

use clap::CommandFactory;

use super::super::{Invocation, Parsed, Replying, Verb, attended, complain, parse};
use super::files::place;
use crate::finding::{Exit, Record};
use crate::net::DialError;
use crate::probe::copies::Place;
use crate::probe::store::{Options, Trouble, Work, is_usage, probe};
use crate::protocol::store::PORT;
use crate::report::Destination;

pub(super) const CLIENT: Verb = Verb {
    name: "probe store",
    about: "Keep files in a store, fetch them, and repair its shard servers",
    examples: "Examples:
  netkit probe store 172.31.34.27 --user alice --create login
  netkit probe store 172.31.34.27 --user alice put report.pdf docs/
  netkit probe store 172.31.34.27 --user alice get docs/report.pdf --output copy.pdf
  netkit probe store 172.31.34.27 --user alice --password-file secret ls
  netkit probe store 172.31.34.27 --user alice status
  netkit probe store 172.31.34.27 --user alice repair -o json

The password comes from --password-file, NETKIT_PASSWORD, or the terminal.",
    parser: Invocation::<Replying<Options>>::command,
    run,
};

fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying { options, report } = options;
    let understood = || -> anyhow::Result<(Place, Work)> {
        let work = options.work().map_err(anyhow::Error::msg)?;
        Ok((place("store", PORT, &options.target)?, work))
    };
    let (server, work) = match understood() {
        Ok(understood) => understood,
        Err(error) => return Ok(complain(&error)),
    };
    let reporter = match global.reporter_to(Destination::Stdout, &report.into(), 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let screen = reporter.clone();
    let records = reporter.clone();
    attended(&reporter, async move {
        let warn = |text: &str| records.note(&format!("netkit: {text}"));
        let tell = |record: Record| match records.is_for_people() {
            // A person has seen it.
            true => records.keep(&record),
            false => records.tell(&record),
        };
        match probe(&options, &work, &server, &screen, &warn, &tell).await {
            Err(error) if is_usage(&error) => Ok(complain(&error)),
            // A fault of this side is no verdict on the store.
            Err(error) if options.exit_detail || class(&error) == Exit::Unknown => {
                let class = class(&error);
                complain(&error);
                Ok(class)
            }
            outcome => outcome,
        }
    })
}

/// The class of a failure, for `--exit-detail`.
fn class(error: &anyhow::Error) -> Exit {
    if let Some(trouble) = error.downcast_ref::<Trouble>() {
        return trouble.class();
    }
    match error.downcast_ref::<DialError>() {
        Some(dial) => dial
            .attempts()
            .last()
            .map_or(Exit::Name, |it| Exit::of_failure(it.state, None)),
        None => Exit::Unknown,
    }
}

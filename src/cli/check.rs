//! `netkit check`: from its arguments to its exit status.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::rc::Rc;

use super::{
    Global, Parsed, Reporting, Verb, attended, cannot_tell, command, complain, parse, print,
};
use crate::check;
use crate::finding::{Exit, Record};
use crate::report::{self, Destination};

pub(super) fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let parsed = match only_targets(arguments) {
        Some(targets) => Ok(Parsed::plain(targets).logging()),
        None => parse::<Reporting<check::Options>>(verb, arguments),
    };
    let Parsed { global, options } = match parsed {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let checks = match check::prepare(&options.options) {
        Ok(checks) => checks,
        Err(error) => return Ok(complain(&error)),
    };
    if options.options.explain.is_some() && checks.count() > 0 {
        let sentences: String = checks.sentences().map(|it| it + "\n").collect();
        return Ok(print(&sentences, io::stdout()));
    }
    // The standard output of what runs in netkit's place is its own.
    let to = match options.options.command.is_empty() {
        true => Destination::Stdout,
        false => Destination::Stderr,
    };
    let reporter = match global.reporter_to(to, &options.report, checks.count()) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let tell = reporter.clone();
    let verdict = Rc::new(Cell::new(None));
    let found = Rc::clone(&verdict);
    let exit = attended(&reporter, async move {
        let tell = Rc::new(move |record: Record| tell.tell(&record));
        let exit = checks.run(tell).await;
        found.set(exit.as_ref().ok().copied());
        exit.or_else(|error| Ok(cannot_tell(&error)))
    })?;
    // A reader that is gone ends the run early, and well, but proves nothing.
    match (exit, verdict.get()) {
        (Exit::Good, Some(Exit::Good)) => Ok(command::replace_by(&options.options.command)),
        _ => Ok(exit),
    }
}

/// The arguments of a check, if none of them is an option: to build the parser
/// of some forty options costs more than to check a port.
fn only_targets(arguments: &[OsString]) -> Option<Vec<String>> {
    let target = |it: &OsString| {
        it.to_str()
            .filter(|it| !it.starts_with('-'))
            .map(str::to_owned)
    };
    arguments.iter().map(target).collect()
}

impl Parsed<Reporting<check::Options>> {
    /// What targets without any option mean.
    fn plain(targets: Vec<String>) -> Self {
        Self {
            global: Global::default(),
            options: Reporting {
                options: check::Options {
                    targets,
                    ..check::Options::default()
                },
                report: report::Options::default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{VERBS, read};
    use super::*;

    #[test]
    fn targets_alone_mean_the_same_with_and_without_the_parser() {
        let verb = VERBS.iter().find(|it| it.name == "check").unwrap();
        let arguments = ["localhost:80".into(), "-".into()];
        assert!(only_targets(&arguments).is_none());
        let arguments = ["localhost:80".into(), "[::1]:22=closed".into()];
        let plain = Parsed::plain(only_targets(&arguments).unwrap());
        let parsed = read::<Reporting<check::Options>>(verb, &arguments).unwrap();
        assert_eq!(plain.global, parsed.global);
        assert_eq!(plain.options.options, parsed.options.options);
        assert_eq!(plain.options.report, parsed.options.report);
    }
}

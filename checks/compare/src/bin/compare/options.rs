//! What the runner is told to do.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::{Long, Value, ValueExt};

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// Echo servers.
    Echo,
    /// Port checks.
    Check,
    /// File servers.
    Files,
    /// Netcats.
    Bulk,
    /// The code of the store.
    Coding,
}

/// Everything from the command line.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// What is compared.
    pub(crate) subject: Subject,
    /// The binary to measure; without it the references measure themselves.
    pub(crate) netkit: Option<PathBuf>,
    /// Whether tools that are no reference take part.
    pub(crate) peers: bool,
    /// About a minute, for a first impression.
    pub(crate) quick: bool,
    /// A missed goal is a failure.
    pub(crate) gate: bool,
    /// Only the loads whose names contain this.
    pub(crate) only: Option<String>,
    /// How much a netcat has to move, other than usual.
    pub(crate) mebibytes: Option<usize>,
    rounds: Option<usize>,
}

const USAGE: &str = "compare echo|check|files|bulk|coding (--netkit PATH | --without-netkit) \
[--without-peers] [--only TEXT] [--rounds N] [--mebibytes N] [--quick] [--gate]";

impl Options {
    /// Reads the arguments; `QUICK=1` in the environment is `--quick`.
    pub(crate) fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let (mut subject, mut netkit, mut without) = (None, None, false);
        let (mut peers, mut gate, mut rounds, mut only) = (true, false, None, None);
        let mut mebibytes = None;
        let mut quick = env::var_os("QUICK").is_some_and(|it| !it.is_empty() && it != "0");
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(word) if word == "echo" => subject = Some(Subject::Echo),
                Value(word) if word == "check" => subject = Some(Subject::Check),
                Value(word) if word == "files" => subject = Some(Subject::Files),
                Value(word) if word == "bulk" => subject = Some(Subject::Bulk),
                Value(word) if word == "coding" => subject = Some(Subject::Coding),
                Long("netkit") => netkit = Some(PathBuf::from(arguments.value()?)),
                Long("without-netkit") => without = true,
                Long("without-peers") => peers = false,
                Long("only") => only = Some(arguments.value()?.string()?),
                Long("rounds") => rounds = Some(arguments.value()?.parse()?),
                Long("mebibytes") => mebibytes = Some(arguments.value()?.parse()?),
                Long("quick") => quick = true,
                Long("gate") => gate = true,
                other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
            }
        }
        let netkit = if without {
            None
        } else {
            Some(netkit.ok_or(USAGE)?)
        };
        if let Some(path) = netkit.as_deref().filter(|path| !path.is_file()) {
            return Err(format!("cannot find netkit at `{}`", path.display()).into());
        }
        Ok(Self {
            subject: subject.ok_or(USAGE)?,
            netkit,
            peers,
            quick,
            gate,
            only,
            mebibytes,
            rounds,
        })
    }

    /// Whether a load or a series of that name takes part.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }

    /// `--rounds`, or as many as this kind of run usually has.
    pub(crate) fn rounds(&self, full: usize, quick: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { full })
    }

    /// How long to wait for others to be quiet before each measurement.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(if self.quick { 100 } else { 500 })
    }

    /// How long one measured window is.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(if self.quick { 200 } else { 450 })
    }
}

/// A program of this package: they all lie beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let own = env::current_exe()?;
    let path = own.parent().unwrap_or(Path::new(".")).join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("cannot find `{}`: build the whole package", path.display()).into())
}

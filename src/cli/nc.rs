//! `netkit nc`, and the program under netcat's names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use clap::{Arg, ArgAction, Command};

use super::{Verb, print};
use crate::finding::Exit;
use crate::nc::{FLAGS, Flag, Voice, run as talk};

pub(super) const EXAMPLES: &str = "Examples:
  netkit nc -l 5002                              listen, as OpenBSD's nc does
  echo hello | netkit nc -N 172.31.16.124 5002   send a line and end
  netkit nc -zv 172.31.16.124 20-30,80           which ports are open?
  netkit nc --explain -- -l -p 5002              what other netcats make of it
  ln -s netkit nc                                the same under its own name";

/// What help and completions show: the words are read by netcat's own rules.
pub(super) fn parser() -> Command {
    let flags = FLAGS.iter().map(|Flag { name, value, about }| {
        let arg = Arg::new(*name).help(*about);
        let arg = match (name.len(), name.chars().next()) {
            (1, Some(letter)) => arg.short(letter),
            _ => arg.long(*name),
        };
        match value {
            Some(value) => arg.value_name(*value),
            None => arg.action(ArgAction::SetTrue),
        }
    });
    let help = Arg::new("help").long("help").action(ArgAction::Help);
    let host = Arg::new("host").help("a host, or with -U a path");
    let ports = Arg::new("ports").help("ports: 22, http, 20-30, 22,80-90");
    Command::new("nc")
        .disable_help_flag(true)
        .args(flags)
        .arg(help.help("prints this, as the verbs of netkit do"))
        .arg(host)
        .arg(ports.num_args(0..))
}

// As every verb's.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    if arguments.first().is_some_and(|it| it == "--help") {
        let help = verb.parser().bin_name("netkit nc").render_help();
        return Ok(print(&help.to_string(), io::stdout()));
    }
    Ok(under_name("nc", arguments))
}

/// The name by which netcat was called, if `program` is one of its names.
pub(super) fn name(program: &OsStr) -> Option<&str> {
    let name = Path::new(program).file_name()?.to_str()?;
    ["nc", "netcat"].contains(&name).then_some(name)
}

/// Runs netcat under `name`.
pub(super) fn under_name(name: &str, arguments: &[OsString]) -> Exit {
    let words: Vec<String> = arguments
        .iter()
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    let voice = Voice {
        name,
        tell: &|line| {
            print(&format!("{line}\n"), io::stderr());
        },
        show: &|text| {
            print(&format!("{text}\n"), io::stdout());
        },
        delegate: &|words| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            super::run(&words).unwrap_or_else(|error| {
                print(&format!("{name}: {error:#}\n"), io::stderr());
                Exit::Bad
            })
        },
    };
    talk(&words, &voice)
}

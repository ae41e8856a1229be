//! A program in the place of standard input and output.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, anyhow, ensure};

use crate::net::Child;

/// What is about standard input and output, which a program stands for.
const MEANINGLESS: [&str; 8] = [
    "send_only",
    "recv_only",
    "crlf",
    "output",
    "hex",
    "trace",
    "timestamps",
    "sha256",
];

/// Options of verbs that can run a program.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Program")]
pub struct Options {
    /// Run a program, and let it talk to the other end
    #[arg(long, value_name = "COMMAND")]
    #[arg(conflicts_with_all = MEANINGLESS)]
    pub exec: Option<String>,
    /// The same, by way of /bin/sh
    #[arg(long, value_name = "COMMAND")]
    #[arg(conflicts_with = "exec", conflicts_with_all = MEANINGLESS)]
    pub sh_exec: Option<String>,
}

/// Between whom a program stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ends {
    /// The other end.
    pub peer: Option<SocketAddr>,
    /// Ours.
    pub local: Option<SocketAddr>,
}

/// A program, as its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Vec<String>);

impl Options {
    /// The program that is asked for.
    ///
    /// # Errors
    /// There are no words, or a quotation without its end.
    pub fn program(&self) -> anyhow::Result<Option<Program>> {
        if let Some(line) = &self.sh_exec {
            let words = ["/bin/sh", "-c", line];
            return Ok(Some(Program(words.map(String::from).into())));
        }
        let Some(line) = &self.exec else {
            return Ok(None);
        };
        let words = shlex::split(line);
        let words = words.ok_or_else(|| anyhow!("`{line}` has a quotation without its end"))?;
        ensure!(!words.is_empty(), "--exec names no program");
        Ok(Some(Program(words)))
    }
}

impl Program {
    /// Starts it, and tells it in its environment between whom it stands.
    ///
    /// # Errors
    /// There is no such program, or it may not be run.
    pub fn start(&self, ends: &Ends) -> anyhow::Result<Child> {
        let Self(words) = self;
        let (name, arguments) = words.split_first().context("no program")?;
        let mut command = Command::new(name);
        command.args(arguments);
        for (end, address) in [("REMOTE", ends.peer), ("LOCAL", ends.local)] {
            if let Some(address) = address {
                command.env(format!("NETKIT_{end}_ADDR"), address.ip().to_string());
                command.env(format!("NETKIT_{end}_PORT"), address.port().to_string());
            }
        }
        Child::start(&mut command).with_context(|| format!("cannot run `{name}`"))
    }
}

//! `netkit nc` beside Debian's own: the same arguments and the same peers for both, and the same
//! output and exit status, except where the original is at fault; each of those has a test too.

/// Arguments: what is wrong with them, help, other netcats' flags.
mod asking;

/// UDP.
mod datagrams;

/// What happens when one side or the other ends.
mod ends;

/// `-e` and `-c`, with leave.
mod executing;

/// `-l`.
mod listening;

/// `--compat ncat`.
mod ncat;

/// `-F`.
mod passing;

/// `-z`, ports, addresses, time limits.
mod scanning;

/// `-x` and `-X`.
mod proxies;

/// The connectivity check of the file service, on hosts with its addresses.
mod service;

/// `-i`, `-C`, `-t`, `-d`, `-W`: what is done to the bytes.
mod shaping;

/// `-U`.
mod unix;

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Output, Process, finish, netkit};
use std::net::SocketAddr;
use std::process::Command;

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Netcat {
    /// OpenBSD's, of Debian's package netcat-openbsd.
    Debian,
    /// `netkit nc`.
    Ours,
}

pub(crate) const BOTH: [Netcat; 2] = [Netcat::Debian, Netcat::Ours];

impl Netcat {
    pub(crate) fn command(self, arguments: &[&str]) -> Command {
        match self {
            Self::Debian => {
                let mut command = Command::new("nc.openbsd");
                command.args(arguments);
                command
            }
            Self::Ours => netkit(&[&["nc"], arguments].concat()),
        }
    }

    pub(crate) fn start(self, arguments: &[&str]) -> Process {
        Process::start(self.command(arguments))
    }

    /// Runs it to its end.
    pub(crate) fn run(self, arguments: &[&str], input: &[u8]) -> Seen {
        Seen::of(&finish(self.command(arguments), input, PATIENCE))
    }

    /// The same on `host`.
    pub(crate) fn run_on(self, host: &Host, arguments: &[&str], input: &[u8]) -> Seen {
        let command = host.enter(&self.command(arguments));
        Seen::of(&finish(command, input, PATIENCE))
    }

    /// Listens on a port of 127.0.0.1 that the system picks, which `-v` tells.
    pub(crate) fn listen(self, letters: &str) -> Listener {
        Listener::of(self.start(&[&format!("-lvn{letters}"), "127.0.0.1", "0"]))
    }
}

/// What a netcat left behind, under the name of `nc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Seen {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout.clone(),
            stderr: output.stderr.replace("nc.openbsd: ", "nc: "),
        }
    }

    /// The same, with a port that is another each time as `PORT`.
    pub(crate) fn with_port(self, address: SocketAddr) -> Self {
        let port = address.port().to_string();
        Self {
            stderr: self.stderr.replace(&port, "PORT"),
            ..self
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, code: i32, stdout: &str, stderr: &str) {
        let expected = Self {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        assert_eq!(*self, expected);
    }
}

/// What both leave behind, which must be the same: each talks with a peer of its own that `serve`
/// makes, whose address stands for the words `HOST` and `PORT`.
#[track_caller]
pub(crate) fn alike(arguments: &[&str], input: &[u8], serve: impl Fn() -> SocketAddr) -> Seen {
    let [debian, ours] = BOTH.map(|netcat| against(netcat, arguments, input, serve()));
    assert_eq!(debian, ours, "Debian's and ours, {arguments:?}");
    ours
}

/// Runs one of them against the peer at `address`.
pub(crate) fn against(
    netcat: Netcat,
    arguments: &[&str],
    input: &[u8],
    address: SocketAddr,
) -> Seen {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let words: Vec<String> = arguments
        .iter()
        .map(|it| it.replace("HOST", &host).replace("PORT", &port))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    netcat.run(&words, input).with_port(address)
}

/// One that listens, or is bound to a port.
pub(crate) struct Listener {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// Waits until it says where it listens.
    #[track_caller]
    pub(crate) fn of(process: Process) -> Self {
        let line = process.stderr.wait_for_line(" on ", PATIENCE);
        let address = line.rsplit_once(" on ").expect("an address").1;
        let (host, port) = address.split_once(' ').expect("an address and a port");
        Self {
            address: SocketAddr::new(
                host.parse().expect("an address in figures"),
                port.parse().expect("a port"),
            ),
            process,
        }
    }

    /// What it leaves behind, with its own port as `PORT` and its clients' as `CLIENT`.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Seen {
        let seen = Seen::of(&self.process.end(PATIENCE)).with_port(self.address);
        let lines = seen.stderr.lines().map(|line| match line.rsplit_once(' ') {
            Some((head, _)) if head.starts_with("Connection received on ") => {
                format!("{head} CLIENT\n")
            }
            _ => format!("{line}\n"),
        });
        Seen {
            stderr: lines.collect(),
            ..seen
        }
    }
}

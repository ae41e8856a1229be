//! A netkit server under test, from its `listening` line to its end.

use super::process::{Process, netkit, netkit_through, send_signal};
use super::text::Text;
use super::{PATIENCE, becomes_true};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// One `listening NAME ADDRESS/PROTOCOL` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listening {
    /// The service's name.
    pub(crate) name: String,
    /// Where it listens, as printed.
    pub(crate) address: SocketAddr,
    /// `tcp` or `udp`.
    pub(crate) protocol: String,
}

impl Listening {
    fn parse(line: &str) -> Option<Self> {
        let (name, socket) = line.strip_prefix("listening ")?.split_once(' ')?;
        let (address, protocol) = socket.split_once('/')?;
        // A URL may follow.
        let protocol = protocol.split(' ').next()?;
        Some(Self {
            name: name.to_owned(),
            address: address.parse().ok()?,
            protocol: protocol.to_owned(),
        })
    }
}

/// A running server. Dropping it ends it: SIGTERM, the same again for "at once", then SIGKILL.
pub(crate) struct Server {
    process: Process,
    listening: Listening,
}

impl Server {
    /// Starts `netkit ARGUMENTS` and waits for its first `listening` line.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        Self::of(netkit(arguments))
    }

    /// The same by way of another program, for example `prlimit --nofile=16:16`, which must
    /// replace itself by netkit so that the process number stays.
    pub(crate) fn through(wrapper: &[&str], arguments: &[&str]) -> Self {
        Self::of(netkit_through(wrapper, arguments))
    }

    /// An echo server on a port that the system picks, with further `arguments`.
    pub(crate) fn echo(arguments: &[&str]) -> Self {
        Self::start(&[&["echo-server", "--port", "0"], arguments].concat())
    }

    /// Starts any command that prints a `listening` line, and waits for the line.
    pub(crate) fn of(command: Command) -> Self {
        let process = Process::start(command);
        // The two streams are read apart, so a start that fails shows why.
        let stderr = process.stderr.clone();
        let listening = process
            .stdout
            .wait_for("`listening` line", PATIENCE, |lines| {
                let said = stderr.so_far();
                assert!(!said.contains("netkit: cannot"), "did not start: {said}");
                lines.iter().find_map(|line| Listening::parse(line))
            });
        Self { process, listening }
    }

    /// The first socket that it announced.
    pub(crate) fn listening(&self) -> &Listening {
        &self.listening
    }

    /// All sockets, once there are `count`.
    pub(crate) fn wait_for_sockets(&self, count: usize) -> Vec<Listening> {
        self.process
            .stdout
            .wait_for(&format!("{count} sockets"), PATIENCE, |lines| {
                let all: Vec<Listening> = lines
                    .iter()
                    .filter_map(|line| Listening::parse(line))
                    .collect();
                (all.len() >= count).then_some(all)
            })
    }

    /// The port of the first socket.
    pub(crate) fn port(&self) -> u16 {
        self.listening.address.port()
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn ipv4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port()).into()
    }

    /// Its port on `::1`.
    pub(crate) fn ipv6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.port()).into()
    }

    /// Where a client on this machine reaches the first socket.
    pub(crate) fn address(&self) -> SocketAddr {
        match self.listening.address.ip() {
            IpAddr::V4(address) if address.is_unspecified() => self.ipv4(),
            IpAddr::V6(address) if address.is_unspecified() => self.ipv6(),
            _ => self.listening.address,
        }
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its standard output so far.
    pub(crate) fn output(&self) -> &Text {
        &self.process.stdout
    }

    /// Its log (standard error) so far.
    pub(crate) fn log(&self) -> &Text {
        &self.process.stderr
    }

    /// Waits for a log line that contains `words`.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) -> String {
        self.log().wait_for_line(words, PATIENCE)
    }

    /// Sends it the signal called `name`.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Stops it until [`Server::resume`], and waits until it has stopped.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
        let stat = format!("/proc/{}/stat", self.id());
        let stopped = becomes_true(PATIENCE, || {
            std::fs::read_to_string(&stat).is_ok_and(|text| {
                text.rsplit(')')
                    .next()
                    .is_some_and(|rest| rest.trim_start().starts_with('T'))
            })
        });
        assert!(stopped, "the server did not stop");
    }

    /// Lets it run again.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// How it ended; the test fails when it still runs after `within`.
    #[track_caller]
    pub(crate) fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        self.process.wait_for_exit(within)
    }

    /// Fails the test unless it still runs.
    #[track_caller]
    pub(crate) fn expect_running(&mut self) {
        let ended = self.process.exits(Duration::ZERO);
        assert_eq!(ended, None, "the server ended: {}", self.log().so_far());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for _ in 0..2 {
            if self.process.exits(Duration::ZERO).is_some() {
                return;
            }
            send_signal(self.process.id(), "TERM");
            if self.process.exits(Duration::from_millis(300)).is_some() {
                return;
            }
        }
    }
}

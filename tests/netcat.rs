//! netcat's two ends, `netkit connect` and `netkit listen`, from outside.

/// UDP: whoever sends is heard and answered, whatever the size.
mod datagrams;

/// How a connection ends: resets, early closes, silence, signals; and what is said of it.
mod ends;

/// Programs of other makes at the other end, over TCP, TLS and Unix sockets.
mod interop;

/// The PROXY protocol: clients that are introduced, to nginx and to each other.
mod introductions;

/// `netkit listen`: one client, many of them, and those that are not wanted.
mod listening;

/// What `--output`, `--sha256`, `--hex`, `--retry` and their like promise.
mod options;

/// `--exec`: programs that talk to the other end.
mod programs;

/// Standard input and output of every kind, and that they are left as they were.
mod streams;

/// The lines of a netcat tutorial, with the verbs of netkit.
mod tutorial;
use crate::check::records;
use crate::support::PATIENCE;
use crate::support::process::{Output, Process, netkit};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

/// For what takes long in a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// Addresses of which nothing but the port matters.
const ANY_PORT: &str = "127.0.0.1:0";

/// A running `netkit listen`.
struct Listener {
    process: Process,
    address: SocketAddr,
}

impl Listener {
    /// `netkit listen` on a free port of 127.0.0.1, from its `listening` line on.
    #[track_caller]
    fn start(arguments: &[&str]) -> Self {
        Self::of(netkit(&[&["listen", ANY_PORT], arguments].concat()))
    }

    /// Any command that says on standard error where it listens.
    #[track_caller]
    fn of(command: Command) -> Self {
        let process = Process::start(command);
        let line = process.stderr.wait_for_line("listening listen ", PATIENCE);
        let address = line.split([' ', '/']).nth(2);
        let address = address.and_then(|it| it.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in `{line}`"));
        Self { process, address }
    }

    fn target(&self) -> String {
        self.address.to_string()
    }

    /// Waits for a line of its log.
    #[track_caller]
    fn wait_for_log(&self, words: &str) -> String {
        self.process.stderr.wait_for_line(words, PATIENCE)
    }

    /// What it leaves behind.
    #[track_caller]
    fn end(&mut self) -> Output {
        self.process.end(PATIENCE)
    }

    #[track_caller]
    fn expect_running(&mut self) {
        let ended = self.process.exits(Duration::ZERO);
        let said = self.process.stderr.so_far();
        assert_eq!(ended, None, "it ended: {said}");
    }
}

/// `netkit connect ADDRESS` with further arguments.
fn connecting(address: SocketAddr, arguments: &[&str]) -> Command {
    netkit(&[&["connect", &address.to_string()], arguments].concat())
}

/// The only record of `netkit connect -o ndjson`, which is one of a connection.
#[track_caller]
fn record(stderr: &str) -> Value {
    let lines: Vec<&str> = stderr.split_inclusive('\n').collect();
    let lines = lines.into_iter().filter(|it| it.starts_with('{'));
    let mut records = records::records(&lines.collect::<String>());
    assert_eq!(records.len(), 1, "{stderr}");
    let record = records.remove(0);
    assert_eq!(record["type"], "connection", "{record}");
    record
}

/// Random bytes, the same for all tests of a run.
fn noise(count: usize) -> &'static [u8] {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        use std::io::Read;
        let mut bytes = vec![0; 2 * interop::total()];
        let source = std::fs::File::open("/dev/urandom");
        let filled = source.and_then(|mut it| it.read_exact(&mut bytes));
        filled.expect("cannot read /dev/urandom");
        bytes
    });
    &NOISE[..count]
}

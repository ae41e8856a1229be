//! The full backlog of a server that does not accept: its kernel throws away every first packet.

use super::expect_state;
use crate::check::records::{Checked, check_on};
use crate::support::PATIENCE;
use crate::support::becomes_true;
use crate::support::namespace::Host;
use crate::support::process::{Output, Process};
use std::io::Write;

/// Listens with the smallest backlog, fills it, prints its port, accepts once a line comes.
const FULL: &str = "
import socket, sys
listener = socket.create_server(('127.0.0.1', 0), backlog=0)
filling = socket.create_connection(listener.getsockname())
print(listener.getsockname()[1])
sys.stdin.readline()
accepted = [listener.accept() for _ in range(2)]
print('drained')
sys.stdin.readline()
";

struct Full {
    host: Host,
    server: Process,
    target: String,
}

impl Full {
    fn new() -> Self {
        let host = Host::new();
        let server = Process::start(host.python(FULL, &[]));
        let port = server
            .stdout
            .wait_for("a port", PATIENCE, |lines| lines.first().cloned());
        let target = format!("127.0.0.1:{port}");
        Self {
            host,
            server,
            target,
        }
    }

    /// First packets that the server's kernel has thrown away.
    fn dropped(&self) -> u64 {
        self.host.counter("ListenOverflows")
    }
}

#[test]
fn a_full_backlog_is_filtered_and_shows_the_repeated_packets() {
    let full = Full::new();
    let before = full.dropped();
    let checked = check_on(&full.host, &["--timeout", "1500ms", &full.target]).expect_code(1);
    let result = checked.only();
    expect_state(result, "filtered");
    assert!(result["syn_retransmits"].as_u64() >= Some(1), "{result}");
    let hint = result["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("backlog"), "{result}");
    assert!(full.dropped() >= before + 2, "the backlog was not full");
}

#[test]
fn it_is_open_once_the_backlog_is_drained() {
    let mut full = Full::new();
    let mut order = full.server.take_stdin();
    let before = full.dropped();
    let arguments = ["check", "-o", "ndjson", "--timeout", "20s", &full.target];
    let mut check = Process::start(full.host.netkit(&arguments));
    let dropped = becomes_true(PATIENCE, || full.dropped() > before);
    assert!(dropped, "the backlog was not full");
    assert_eq!(check.stdout.so_far(), "", "a verdict while it is full");
    order.write_all(b"accept\n").expect("cannot order");
    let status = check.wait_for_exit(PATIENCE);
    let (stdout, _) = check.stdout.wait_for_end(PATIENCE);
    let (stderr, _) = check.stderr.wait_for_end(PATIENCE);
    let checked = Checked::of(Output {
        status,
        stdout,
        stderr,
    })
    .expect_code(0);
    let result = checked.only();
    expect_state(result, "open");
    assert!(result["syn_retransmits"].as_u64() >= Some(1), "{result}");
    full.server.stdout.wait_for_line("drained", PATIENCE);
}

#[test]
fn text_says_how_often_the_packet_was_repeated() {
    let full = Full::new();
    let arguments = ["check", "--timeout", "1500ms", &full.target];
    let output = full.host.run(&arguments).expect_code(1);
    assert!(output.stdout.starts_with("filtered "), "{output:?}");
    assert!(output.stdout.contains(" SYN retransmitted)"), "{output:?}");
}

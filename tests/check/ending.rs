//! How a check ends: the exit status, signals, and standard output that cannot be written to.

use super::records::{Checked, check, check_on, finished};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::{Process, finish, netkit, netkit_through, run, send_signal};
use crate::support::server::Server;
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

#[test]
fn as_expected_is_0_and_not_as_expected_is_1() {
    let server = Server::echo(&["--host", "127.0.0.1"]);
    let (_held, refused) = peer::refusing();
    let (open, refused) = (server.ipv4().to_string(), refused.to_string());
    check(&[&open]).expect_code(0);
    check(&[&refused]).expect_code(1);
    check(&[&open, &refused]).expect_code(1);
    check(&[&open, &format!("{refused}=closed")]).expect_code(0);
    check(&[&format!("{open}=closed")]).expect_code(1);
}

#[test]
fn nothing_to_check_is_3() {
    let output = run(&["check"], b"").expect_code(3);
    assert_eq!(output.stdout, "");
    assert!(!output.stderr.is_empty(), "not a word about it");
    let output = run(&["check", "--allow-empty"], b"").expect_code(0);
    assert_eq!(output.stdout, "");
}

#[test]
fn out_of_descriptors_is_4() {
    let (_held, refused) = peer::refusing();
    let wrapper = [
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "inject=socket:error=EMFILE",
    ];
    let target = refused.to_string();
    let arguments = ["check", "-o", "ndjson", "--timeout", "300ms", &target];
    let checked = finished(netkit_through(&wrapper, &arguments)).expect_code(4);
    assert_eq!(checked.only()["state"], "unknown");
    assert_eq!(checked.only()["errno"], 24, "{checked:?}");
    let reason = checked.only()["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("descriptors"), "{checked:?}");
}

/// Connects to the port in its argument and holds the connection until its input ends.
const HOLD_A_CONNECTION: &str = "
import socket, sys
held = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
print('connected')
sys.stdin.read()
";

#[test]
fn out_of_local_ports_is_4_and_a_definite_answer_comes_before_it() {
    let host = Host::new();
    let server = Server::of(host.netkit(&["echo-server", "--port", "0", "-4"]));
    host.sysctl("net/ipv4/ip_local_port_range", "61000 61000");
    let port = server.port().to_string();
    let holding = Process::start(host.python(HOLD_A_CONNECTION, &[&port]));
    holding.stdout.wait_for_line("connected", PATIENCE);
    let target = format!("127.0.0.1:{port}");
    let checked = check_on(&host, &["--timeout", "300ms", &target]).expect_code(4);
    assert_eq!(checked.only()["state"], "unknown", "{checked:?}");
    let checked = check_on(&host, &["--timeout", "300ms", &target, "127.0.0.2:9"]);
    assert_eq!(checked.summary["unknown"], 1, "{checked:?}");
    checked.expect_code(1);
}

#[test]
fn sigint_is_130_and_sigterm_143_with_what_is_known_so_far() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let host = Host::new();
        host.firewall("input", "tcp dport 22 drop");
        let arguments = [
            "check",
            "-o",
            "ndjson",
            "--timeout",
            "60s",
            "127.0.0.1:9,22",
        ];
        let mut process = Process::start(host.netkit(&arguments));
        process.stdout.wait_for_line("refused", PATIENCE);
        send_signal(process.id(), signal);
        let checked = Checked::of(process.end(PATIENCE)).expect_code(code);
        assert_eq!(checked.states(), ["refused"], "{checked:?}");
        let left = "interrupted before it was done: 127.0.0.1:9,22";
        assert_eq!(checked.summary["notes"], json!([left]), "{checked:?}");
    }
}

#[test]
fn many_that_an_interrupt_leaves_are_counted() {
    let host = Host::new();
    host.firewall("input", "ip daddr 127.1.0.0/16 drop");
    let arguments = ["check", "-o", "ndjson", "127.0.0.1:9", "127.1.0.[1-20]:9"];
    let mut process =
        Process::start(host.netkit(&[&arguments[..], &["--timeout", "60s"]].concat()));
    process.stdout.wait_for_line("refused", PATIENCE);
    send_signal(process.id(), "INT");
    let checked = Checked::of(process.end(PATIENCE)).expect_code(130);
    let note = checked.summary["notes"][0].as_str().expect("a note");
    assert!(note.contains("127.1.0.1:9, "), "{note}");
    assert!(note.ends_with("127.1.0.8:9 and 12 more"), "{note}");
}

#[test]
fn sigint_ends_a_look_up_that_hangs() {
    let host = Host::new();
    host.firewall("input", "udp dport 53 drop");
    host.resolv_conf("nameserver 127.0.0.1\n");
    let arguments = ["check", "--timeout", "60s", "silent.test:80", "127.0.0.1:9"];
    let mut process = Process::start(host.netkit(&arguments));
    process.stdout.wait_for_line("refused", PATIENCE);
    send_signal(process.id(), "INT");
    let output = process.end(PATIENCE).expect_code(130);
    assert!(output.stderr.contains("1 checked"), "{output:?}");
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_success() {
    let host = Host::new();
    for format in ["text", "ndjson", "json"] {
        let mut child = host
            .netkit(&["check", "-o", format, "127.0.0.1:1-20000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cannot start netkit");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("cannot read");
        assert!(line.ends_with('\n'), "{line}");
        drop(stdout);
        let mut stderr = String::new();
        let mut said = child.stderr.take().expect("a pipe");
        said.read_to_string(&mut stderr).expect("cannot read");
        let status = child.wait().expect("cannot wait");
        assert_eq!(status.code(), Some(0), "{format}: {stderr}");
        assert_eq!(stderr, "", "{format}");
    }
}

#[test]
fn a_full_device_is_a_message_and_4() {
    let (_held, refused) = peer::refusing();
    let target = refused.to_string();
    for format in ["text", "ndjson", "json"] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let output = netkit(&["check", "-o", format, &target])
            .stdin(Stdio::null())
            .stdout(full.expect("cannot open /dev/full"))
            .output()
            .expect("cannot start netkit");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{format}: {stderr}");
        let told = "netkit: cannot write the results: No space left on device";
        let lines = stderr.lines().filter(|line| line.starts_with("netkit: "));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), 1, "{format}: {stderr}");
        assert!(lines[0].starts_with(told), "{format}: {stderr}");
    }
}

#[test]
fn standard_input_is_never_read() {
    let (_held, refused) = peer::refusing();
    let target = format!("{refused}=closed");
    let mut process = Process::start(netkit(&["check", &target]));
    // Open until the end: who waits for it waits for ever.
    let _input = process.take_stdin();
    assert_eq!(process.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn closed_standard_streams_do_no_harm() {
    let (_held, refused) = peer::refusing();
    let target = format!("{refused}=closed");
    for closing in ["0<&-", "1>&-", "2>&-", "0<&- 2>&-"] {
        let script = format!("exec \"$@\" {closing}");
        let command = netkit_through(&["sh", "-c", &script, "sh"], &["check", &target]);
        let output = finish(command, b"", PATIENCE).expect_code(0);
        if !closing.contains('1') {
            assert!(
                output.stdout.starts_with("refused "),
                "{closing}: {output:?}"
            );
        }
    }
}

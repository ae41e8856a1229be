//! How often and how fast: retries, stability, back-off, rate, caps, and ending early.

use super::records::{Checked, check_on};
use super::waiting::start;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::Process;
use crate::support::server::Server;
use std::io::{ErrorKind, Read};
use std::sync::mpsc;

/// A port of a host of its own, where nobody else is.
const PORT: &str = "8080";

fn echo_server(host: &Host) -> Server {
    Server::of(host.netkit(&["echo-server", "--port", PORT]))
}

#[track_caller]
fn end(mut process: Process) -> Checked {
    Checked::of(process.end(PATIENCE))
}

#[test]
fn a_late_pass_is_flaky_and_good() {
    let host = Host::new();
    let target = format!("127.0.0.1:{PORT}");
    let arguments = [
        "check",
        "-o",
        "ndjson",
        "--retries",
        "1000",
        "--interval",
        "20ms",
        "-v",
        &target,
    ];
    let check = Process::start(host.netkit(&arguments));
    check
        .stdout
        .wait_for_line("\"state\":\"refused\"", PATIENCE);
    let _server = echo_server(&host);
    let mut check = check;
    let output = check.end(PATIENCE).expect_code(0);
    let results: Vec<&str> = output
        .stdout
        .lines()
        .filter(|it| it.contains("\"type\":\"result\""))
        .collect();
    let [result] = results[..] else {
        panic!("{output:?}");
    };
    let result: serde_json::Value = serde_json::from_str(result).expect("a record");
    assert_eq!(
        (result["state"].as_str(), result["flaky"].as_bool()),
        (Some("open"), Some(true))
    );
    assert!(result["attempts"].as_u64() >= Some(2), "{result}");
}

#[test]
fn retries_end_and_are_counted() {
    let host = Host::new();
    let target = format!("127.0.0.1:{PORT}");
    let checked = check_on(&host, &["--retries", "3", "--interval", "1ms", &target]).expect_code(1);
    assert_eq!(checked.only()["attempts"], 4);
    assert_eq!(checked.only().get("flaky"), None);
    // What is as expected is not tried again.
    let target = format!("127.0.0.1:{PORT}=closed");
    let checked = check_on(&host, &["--retries", "3", &target]).expect_code(0);
    assert_eq!(checked.only()["attempts"], 1);
}

#[test]
fn what_comes_and_goes_is_not_stable() {
    let host = Host::new();
    let server = echo_server(&host);
    let check = start(&host, &["--stable", "500ms", &format!("127.0.0.1:{PORT}")]);
    check.stdout.wait_for_line("\"to\":\"open\"", PATIENCE);
    drop(server);
    check.stdout.wait_for_line("\"to\":\"refused\"", PATIENCE);
    let _server = echo_server(&host);
    let checked = end(check).expect_code(0);
    assert_eq!(checked.only()["state"], "open");
    let words: Vec<_> = checked
        .transitions
        .iter()
        .map(|it| it["to"].as_str())
        .collect();
    assert_eq!(
        words,
        [Some("open"), Some("refused"), Some("open")],
        "{checked:?}"
    );
    let opened = checked.transitions[2]["at_us"].as_u64().expect("a time");
    let elapsed = checked.summary["elapsed_us"].as_u64().expect("a time");
    assert!(elapsed >= opened + 500_000, "{checked:?}");
}

#[test]
fn a_deadline_before_it_is_stable_says_so() {
    let host = Host::new();
    let _server = echo_server(&host);
    let target = format!("127.0.0.1:{PORT}");
    let checked = check_on(
        &host,
        &[
            "--wait",
            "300ms",
            "--interval",
            "20ms",
            "--stable",
            "1h",
            &target,
        ],
    )
    .expect_code(124);
    assert_eq!(checked.only()["ok"], false);
    let reason = checked.only()["reason"].as_str().expect("a reason");
    assert!(reason.contains("not yet for 1h"), "{reason}");
}

#[test]
fn back_off_makes_attempts_rarer() {
    let host = Host::new();
    let target = format!("127.0.0.1:{PORT}");
    let pace = ["--wait", "1s", "--interval", "10ms", "--backoff", "10s"];
    let checked = check_on(&host, &[&pace[..], &[&target]].concat()).expect_code(124);
    // 10 + 20 + 40 + … ms: some seven, where there were a hundred otherwise.
    let attempts = checked.only()["attempts"].as_u64();
    assert!((Some(2)..Some(12)).contains(&attempts), "{checked:?}");
}

#[test]
fn new_connections_come_at_the_rate_asked_for() {
    let host = Host::new();
    let checked = check_on(&host, &["--rate", "50", "127.0.0.1:1-26=closed"]).expect_code(0);
    let elapsed = checked.summary["elapsed_us"].as_u64();
    assert!(elapsed >= Some(490_000), "{checked:?}");
}

#[test]
fn one_host_has_no_more_connections_than_allowed() {
    let host = Host::new();
    host.firewall("input", "tcp dport 1-4 drop");
    let arguments = [
        "--timeout",
        "200ms",
        "--per-host",
        "1",
        "127.0.0.[1-2]:1-4=filtered",
    ];
    let checked = check_on(&host, &arguments).expect_code(0);
    assert_eq!(checked.results.len(), 8);
    // Each host's four one after another.
    let elapsed = checked.summary["elapsed_us"].as_u64();
    assert!(elapsed >= Some(800_000), "{checked:?}");
}

#[test]
fn the_first_failure_can_be_the_end() {
    let host = Host::new();
    host.firewall("input", "tcp dport 1 drop");
    let arguments = [
        "--fail-fast",
        "--timeout",
        "1h",
        "127.0.0.1:1",
        "127.0.0.1:2",
    ];
    let checked = check_on(&host, &arguments).expect_code(1);
    assert_eq!(checked.only()["address"], "127.0.0.1:2");
    assert_eq!(checked.summary["checks"], 1);
}

#[test]
fn the_exit_status_can_tell_what_failed() {
    let host = Host::new();
    host.hosts_file("");
    host.resolv_conf("");
    host.firewall(
        "input",
        "tcp dport 1 drop\ntcp dport 2 reject with icmpx admin-prohibited",
    );
    let status = |code: i32, target: &str| {
        let arguments = ["--exit-detail", "--timeout", "100ms", target];
        check_on(&host, &arguments).expect_code(code);
    };
    status(10, "127.0.0.1:3");
    status(11, "127.0.0.1:1");
    status(12, "127.0.0.1:2");
    status(13, "nowhere.test:1");
    status(0, "127.0.0.1:3=closed");
    let _server = echo_server(&host);
    status(15, &format!("127.0.0.1:{PORT}=closed"));
}

#[test]
fn a_connection_can_be_too_slow() {
    let server = Server::echo(&[]);
    let target = format!("127.0.0.1:{}", server.port());
    let checked = super::records::check(&["--max-connect", "1ns", &target]).expect_code(1);
    assert_eq!(checked.only()["state"], "mismatch");
    let reason = checked.only()["reason"].as_str().expect("a reason");
    assert!(reason.contains("to connect, more than"), "{reason}");
    super::records::check(&["--max-connect", "1h", &target]).expect_code(0);
}

/// What a server reads first from a connection that `netkit check ARGUMENTS` makes.
fn seen_by_the_server(arguments: &[&str]) -> Result<usize, ErrorKind> {
    let (tell, told) = mpsc::channel();
    let address = peer::tcp(move |mut stream| {
        let outcome = stream.read(&mut [0; 16]).map_err(|error| error.kind());
        let _ = tell.send(outcome);
    });
    super::records::check(&[arguments, &[&address.to_string()]].concat()).expect_code(0);
    told.recv_timeout(PATIENCE)
        .expect("the server saw something")
}

#[test]
fn connections_are_closed_in_order_or_by_a_reset() {
    assert_eq!(seen_by_the_server(&[]), Ok(0));
    assert_eq!(seen_by_the_server(&["--close", "fin"]), Ok(0));
    assert_eq!(
        seen_by_the_server(&["--close", "rst"]),
        Err(ErrorKind::ConnectionReset)
    );
}

//! `--wait`: again and again, until everything is as expected or the time is up.

use super::records::{Checked, check_on};
use crate::support::namespace::Host;
use crate::support::process::Process;
use crate::support::server::Server;
use crate::support::{PATIENCE, becomes_true};
use std::time::{Duration, Instant};

const NAME_SERVER: &str = include_str!("../hosts/name_server.py");

/// A port of a host of its own, where nobody else is.
const PORT: &str = "8080";

/// A check that waits, and looks often.
pub(crate) fn start(host: &Host, arguments: &[&str]) -> Process {
    let options = [
        "check",
        "-o",
        "ndjson",
        "--wait",
        "20s",
        "--interval",
        "20ms",
    ];
    Process::start(host.netkit(&[&options, arguments].concat()))
}

#[track_caller]
fn end(mut process: Process) -> Checked {
    Checked::of(process.end(PATIENCE))
}

#[test]
fn it_succeeds_once_the_server_appears_and_says_what_changed() {
    let host = Host::new();
    let target = format!("127.0.0.1:{PORT}");
    let check = start(&host, &[&target]);
    check.stdout.wait_for_line("\"to\":\"refused\"", PATIENCE);
    let _server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    let checked = end(check).expect_code(0);
    assert_eq!(checked.only()["state"], "open");
    assert!(
        checked.only()["attempts"].as_u64() >= Some(2),
        "{checked:?}"
    );
    let states = |index: usize| {
        let transition = &checked.transitions[index];
        (transition["from"].as_str(), transition["to"].as_str())
    };
    assert_eq!(checked.transitions.len(), 2, "{checked:?}");
    assert_eq!(states(0), (None, Some("refused")));
    assert_eq!(states(1), (Some("refused"), Some("open")));
    let at = |index: usize| checked.transitions[index]["at_us"].as_u64();
    assert!(at(0) < at(1), "{checked:?}");
    for transition in &checked.transitions {
        assert_eq!(transition["address"], target);
        assert_eq!(transition["target"], target);
    }
}

#[test]
fn it_waits_until_a_server_is_gone() {
    let host = Host::new();
    let server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    let check = start(&host, &[&format!("127.0.0.1:{PORT}=closed")]);
    check.stdout.wait_for_line("\"to\":\"open\"", PATIENCE);
    drop(server);
    let checked = end(check).expect_code(0);
    assert_eq!(checked.only()["state"], "refused");
}

#[test]
fn it_waits_for_a_name_to_appear() {
    let host = Host::new();
    host.resolv_conf("");
    host.hosts_file("");
    let _server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    let check = start(&host, &[&format!("name.test:{PORT}")]);
    check
        .stdout
        .wait_for_line("\"to\":\"unresolved\"", PATIENCE);
    host.hosts_file("127.0.0.1 name.test\n");
    let checked = end(check).expect_code(0);
    assert_eq!(checked.only()["state"], "open");
    assert_eq!(checked.only()["address"], format!("127.0.0.1:{PORT}"));
}

#[test]
fn it_waits_for_a_name_server_to_answer() {
    let host = Host::new();
    host.hosts_file("");
    host.resolv_conf("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    host.firewall("input", "udp dport 53 counter drop");
    let _server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    let names = Process::start(host.python(NAME_SERVER, &[]));
    names.stdout.wait_for_line("ready", PATIENCE);
    let check = start(&host, &["--timeout", "50ms", &format!("name.test:{PORT}")]);
    // Until look-ups that nobody waits for any more have taken every helper thread.
    let asked_often = becomes_true(PATIENCE, || {
        let rules = host.shell("nft list chain inet filter input");
        let count = rules.split("packets ").nth(1);
        let count = count.and_then(|it| it.split(' ').next()?.parse::<u32>().ok());
        count.expect("a count") >= 32
    });
    assert!(asked_often, "{}", check.stdout.so_far());
    host.shell("nft delete table inet filter");
    let checked = end(check).expect_code(0);
    assert_eq!(checked.only()["state"], "open");
}

#[test]
fn it_waits_for_a_firewall_to_open() {
    let host = Host::new();
    let _server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    host.firewall("input", &format!("tcp dport {PORT} drop"));
    let check = start(&host, &["--timeout", "200ms", &format!("127.0.0.1:{PORT}")]);
    check.stdout.wait_for_line("\"to\":\"filtered\"", PATIENCE);
    host.shell("nft delete table inet filter");
    let checked = end(check).expect_code(0);
    assert_eq!(checked.only()["state"], "open");
}

#[test]
fn text_tells_changes_on_standard_error() {
    let host = Host::new();
    let target = format!("127.0.0.1:{PORT}");
    let arguments = ["check", "--wait", "20s", "--interval", "20ms", &target];
    let mut check = Process::start(host.netkit(&arguments));
    check.stderr.wait_for_line("refused", PATIENCE);
    let _server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    assert_eq!(check.wait_for_exit(PATIENCE).code(), Some(0));
    let (stdout, _) = check.stdout.wait_for_end(PATIENCE);
    let (stderr, _) = check.stderr.wait_for_end(PATIENCE);
    assert!(
        stdout.starts_with(&format!("open        {target}")),
        "{stdout}"
    );
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let timeline = stderr.lines().find(|it| it.contains(" → open "));
    let timeline = timeline.unwrap_or_else(|| panic!("{stderr}"));
    assert!(
        timeline.starts_with(&format!("{target}: refused ")),
        "{stderr}"
    );
}

#[test]
fn what_passes_at_once_is_not_waited_for() {
    let host = Host::new();
    let started = Instant::now();
    let checked = check_on(&host, &["--wait", "60s", "127.0.0.1:1-100=closed"]).expect_code(0);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(checked.transitions.is_empty(), "{checked:?}");
    assert!(checked.results.iter().all(|it| it["attempts"] == 1));
}

#[test]
fn past_the_deadline_it_is_124_with_what_stands() {
    let host = Host::new();
    let options = ["--wait", "2s", "--interval", "20ms"];
    let targets = ["127.0.0.1:9", "127.0.0.1:11=closed"];
    let started = Instant::now();
    let checked = check_on(&host, &[options.as_slice(), &targets].concat()).expect_code(124);
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let refused = checked.at("127.0.0.1:9");
    assert_eq!(refused["state"], "refused");
    assert_eq!(refused["ok"], false);
    assert!(refused["attempts"].as_u64() >= Some(2), "{refused}");
    assert_eq!(checked.at("127.0.0.1:11")["ok"], true);
    assert_eq!(checked.summary["exit"], 124);
}

#[test]
fn the_deadline_also_ends_an_attempt_and_a_look_up() {
    let host = Host::new();
    host.firewall("input", "tcp dport 22 drop\nudp dport 53 drop");
    host.resolv_conf("nameserver 127.0.0.1\n");
    let options = ["--wait", "500ms", "--timeout", "60s"];
    for target in ["127.0.0.1:22", "silent.test:22"] {
        let started = Instant::now();
        let checked = check_on(&host, &[options.as_slice(), &[target]].concat()).expect_code(124);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "{target}: {took:?}");
        assert_eq!(checked.results.len(), 1, "{target}: {checked:?}");
    }
}

#[test]
fn one_late_target_does_not_hold_back_the_results_of_others() {
    let host = Host::new();
    let check = start(&host, &["127.0.0.1:9=closed", &format!("127.0.0.1:{PORT}")]);
    let result = "\"type\":\"result\"";
    let line = check.stdout.wait_for_line(result, PATIENCE);
    assert!(line.contains("127.0.0.1:9"), "{line}");
    let _server = Server::of(host.netkit(&["echo-server", "--port", PORT]));
    let checked = end(check).expect_code(0);
    assert_eq!(checked.states(), ["refused", "open"]);
}

#[test]
fn sigint_while_waiting_tells_what_stands() {
    let host = Host::new();
    let mut check = start(&host, &[&format!("127.0.0.1:{PORT}")]);
    check.stdout.wait_for_line("\"to\":\"refused\"", PATIENCE);
    crate::support::process::send_signal(check.id(), "INT");
    check.wait_for_exit(PATIENCE);
    let checked = end(check).expect_code(130);
    assert_eq!(checked.only()["state"], "refused");
    assert_eq!(checked.only()["ok"], false);
}

#[test]
fn a_run_that_waits_does_not_spin() {
    let host = Host::new();
    let script = "\"$@\"; cat /proc/$$/stat";
    let command = crate::support::process::netkit_through(
        &["sh", "-c", script, "sh"],
        &[
            "check",
            "--wait",
            "3s",
            "--interval",
            "100ms",
            "127.0.0.1:9",
        ],
    );
    let output = crate::support::process::finish(host.enter(&command), b"", PATIENCE);
    let stat = output
        .stdout
        .lines()
        .last()
        .expect("the shell's statistics");
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split(' ').collect();
    // User and system time of the shell's children, proc_pid_stat(5), in hundredths of a second.
    let ticks: u64 = fields[13..15]
        .iter()
        .map(|it| it.parse::<u64>().expect("a time"))
        .sum();
    assert!(ticks < 30, "{ticks} hundredths of a second in 3 s: {stat}");
}

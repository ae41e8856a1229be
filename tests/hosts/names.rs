//! Names that cannot be resolved, and name servers that misbehave: a clear verdict in bounded
//! time, and everybody else's checks go on meanwhile.

use super::{echo_server, expect_state};
use crate::check::records::{check_on, records};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::Process;
use serde_json::Value;
use std::collections::HashSet;
use std::time::{Duration, Instant};

const NAME_SERVER: &str = include_str!("name_server.py");

/// A host with a name server of its own that misbehaves as the name asks it to.
fn host_with_name_server() -> (Host, Process) {
    let host = Host::new();
    host.hosts_file("127.0.0.1 known.test\n");
    host.resolv_conf("nameserver 127.0.0.1\n");
    let server = Process::start(host.python(NAME_SERVER, &[]));
    server.stdout.wait_for_line("ready", PATIENCE);
    (host, server)
}

/// The verdict on a name that cannot be resolved, and how long the whole run took.
#[track_caller]
fn unresolved(host: &Host, name: &str, timeout: &str) -> (Value, Duration) {
    let started = Instant::now();
    let target = format!("{name}:80");
    let checked = check_on(host, &["--timeout", timeout, &target]).expect_code(1);
    let result = checked.only();
    expect_state(result, "unresolved");
    assert_eq!(result["target"], target);
    assert_eq!(result.get("address"), None, "{result}");
    assert!(result["hint"].is_string(), "{result}");
    (result.clone(), started.elapsed())
}

#[test]
fn a_name_that_does_not_exist_is_unresolved() {
    let (host, server) = host_with_name_server();
    let (result, _) = unresolved(&host, "nxdomain.test", "15s");
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains("no such name"), "{result}");
    server.stdout.wait_for_line("asked nxdomain.test", PATIENCE);
    let resolving = result["resolve_us"].as_u64().expect("a time");
    assert!(resolving < 5_000_000, "{result}");
}

#[test]
fn answers_that_are_no_answers_are_unresolved() {
    let (host, server) = host_with_name_server();
    for name in ["servfail", "loop"] {
        let (_, took) = unresolved(&host, &format!("{name}.test"), "15s");
        assert!(took < Duration::from_secs(15), "{name}: {took:?}");
        server
            .stdout
            .wait_for_line(&format!("asked {name}"), PATIENCE);
    }
}

#[test]
fn a_name_server_that_never_answers_is_bounded_by_the_timeout() {
    let (host, _server) = host_with_name_server();
    // Neither does nothing but garbage count as an answer, nor a stream that stays silent.
    for name in ["silent", "garbage", "cut"] {
        let (result, took) = unresolved(&host, &format!("{name}.test"), "700ms");
        let reason = result["reason"].as_str().expect("a reason");
        assert!(reason.contains("did not answer within 700ms"), "{result}");
        assert!(took >= Duration::from_millis(700), "{name}: {took:?}");
        assert!(took < Duration::from_secs(4), "{name}: {took:?}");
    }
}

#[test]
fn without_a_name_server_it_is_said_so_at_once() {
    let host = Host::new();
    // Nobody listens on 127.0.0.1, which an empty file means, nor does a route lead to the other.
    for text in ["", "nameserver 10.1.1.1\n"] {
        host.resolv_conf(text);
        let (_, took) = unresolved(&host, "name.test", "15s");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn other_checks_go_on_while_a_name_is_looked_up() {
    let (host, _server) = host_with_name_server();
    let open = echo_server(&host);
    let good = [
        format!("127.0.0.1:{}", open.port()),
        format!("known.test:{}", open.port()),
        format!("right.test:{}", open.port()),
    ];
    let arguments = ["check", "-o", "ndjson", "--timeout", "5s", "silent.test:80"];
    let arguments = [&arguments, good.each_ref().map(String::as_str).as_slice()].concat();
    let mut check = Process::start(host.netkit(&arguments));
    let lines = check.stdout.wait_for_lines("\"open\"", 3, PATIENCE);
    assert_eq!(check.exits(Duration::ZERO), None, "{lines:?}");
    assert_eq!(check.wait_for_exit(PATIENCE).code(), Some(1));
    let (all, _) = check.stdout.wait_for_end(PATIENCE);
    assert_eq!(records(&all).len(), 5, "{all}");
}

#[test]
fn fifteen_silent_names_do_not_hold_up_a_good_one() {
    let (host, _server) = host_with_name_server();
    let open = echo_server(&host);
    let mut targets: Vec<String> = (0..15)
        .map(|it| format!("silent.name{it}.test:80"))
        .collect();
    targets.push(format!("right.test:{}=open", open.port()));
    let targets = targets.iter().map(String::as_str).collect::<Vec<_>>();
    let started = Instant::now();
    let arguments = [&["--timeout", "1s"], targets.as_slice()].concat();
    let checked = check_on(&host, &arguments).expect_code(1);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(checked.summary["by_state"]["unresolved"], 15, "{checked:?}");
    assert_eq!(checked.summary["by_state"]["open"], 1, "{checked:?}");
}

#[test]
fn each_of_two_hundred_addresses_is_checked() {
    let (host, server) = host_with_name_server();
    let open = echo_server(&host);
    let target = format!("many.test:{}", open.port());
    let checked = check_on(&host, &["--timeout", "10s", &target]).expect_code(0);
    let addresses = checked.results.iter().map(|it| it["address"].to_string());
    assert_eq!(addresses.collect::<HashSet<_>>().len(), 200);
    for result in &checked.results {
        expect_state(result, "open");
        assert_eq!(result["target"], target);
        assert!(result["resolve_us"].is_u64(), "{result}");
    }
    server.stdout.wait_for_line("many.test 1 tcp", PATIENCE);
}

#[test]
fn echo_says_that_a_name_is_not_there() {
    let (host, _server) = host_with_name_server();
    let output = host
        .run(&["echo", "--host", "nxdomain.test", "--port", "7"])
        .expect_code(1);
    assert!(
        output
            .stderr
            .contains("netkit: cannot resolve `nxdomain.test`"),
        "{output:?}"
    );
}

#[test]
fn echo_waits_no_longer_than_its_timeout_for_a_name() {
    let (host, _server) = host_with_name_server();
    let started = Instant::now();
    let arguments = [
        "echo",
        "--host",
        "silent.test",
        "--port",
        "7",
        "--timeout",
        "500ms",
    ];
    let output = host.run(&arguments).expect_code(1);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(
        output.stderr.contains("did not answer within 500ms"),
        "{output:?}"
    );
}

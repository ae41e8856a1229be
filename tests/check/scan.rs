//! All ports of a host, and a thousand targets of which most are silent, with few descriptors.

use super::records::finished;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{finish, netkit_through};
use crate::support::server::Server;
use std::collections::HashSet;
use std::time::{Duration, Instant};

#[test]
fn every_port_of_loopback_is_closed_with_1024_descriptors() {
    let host = Host::new();
    let wrapper = ["prlimit", "--nofile=1024:1024"];
    // Three times: a port in the ephemeral range may connect to itself by chance.
    for address in ["127.0.0.1", "127.0.0.1", "[::1]"] {
        let target = format!("{address}:1-65535=closed");
        let command = netkit_through(&wrapper, &["check", &target]);
        let output = finish(host.enter(&command), b"", 3 * PATIENCE).expect_code(0);
        let mut found = HashSet::new();
        for line in output.stdout.lines() {
            let mut words = line.split_whitespace();
            assert_eq!(words.next(), Some("refused"), "{line}");
            found.insert(words.next().unwrap_or_default());
        }
        assert_eq!(found.len(), 65_535, "{address}");
        assert_eq!(output.stdout.lines().count(), 65_535, "{address}");
        let summary = "65535 checked: 65535 as expected, 0 not (65535 refused) in ";
        assert!(output.stderr.contains(summary), "{}", output.stderr);
    }
}

#[test]
fn every_port_that_is_open_is_found() {
    let host = Host::new();
    let servers: Vec<Server> = (0..5)
        .map(|_| Server::of(host.netkit(&["echo-server", "--port", "0"])))
        .collect();
    let output = finish(
        host.netkit(&["check", "127.0.0.1:1-65535=closed"]),
        b"",
        3 * PATIENCE,
    )
    .expect_code(1);
    let mut open: Vec<String> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("open"))
        .filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned))
        .collect();
    open.sort_unstable();
    let mut expected: Vec<String> = servers.iter().map(|it| it.ipv4().to_string()).collect();
    expected.sort_unstable();
    assert_eq!(open, expected);
}

#[test]
fn a_thousand_targets_most_of_them_silent_take_few_descriptors() {
    let host = Host::new();
    host.firewall("input", "tcp dport 101-1000 drop");
    let wrapper = ["prlimit", "--nofile=128:128"];
    let options = [
        "check",
        "-o",
        "ndjson",
        "--timeout",
        "200ms",
        "--parallel",
        "64",
    ];
    let arguments = [&options[..], &["127.0.0.1:1-1000"]].concat();
    let started = Instant::now();
    let command = netkit_through(&wrapper, &arguments);
    let checked = finished(host.enter(&command)).expect_code(1);
    let took = started.elapsed();
    assert_eq!(checked.results.len(), 1_000);
    assert_eq!(checked.summary["by_state"]["refused"], 100, "{checked:?}");
    assert_eq!(checked.summary["by_state"]["filtered"], 900, "{checked:?}");
    // 900 in groups of 64 are 15 turns of 200 ms; a busy machine adds to that.
    assert!(took >= Duration::from_millis(2_800), "{took:?}");
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[test]
fn without_parallel_the_descriptors_decide() {
    let host = Host::new();
    host.firewall("input", "tcp dport 101-1000 drop");
    let wrapper = ["prlimit", "--nofile=64:64"];
    let arguments = [
        "check",
        "-o",
        "ndjson",
        "--timeout",
        "100ms",
        "127.0.0.1:1-1000",
    ];
    let command = netkit_through(&wrapper, &arguments);
    let checked = finished(host.enter(&command)).expect_code(1);
    assert_eq!(checked.summary["by_state"]["refused"], 100);
    assert_eq!(checked.summary["by_state"]["filtered"], 900);
}

#[test]
fn more_in_parallel_than_descriptors_is_as_many_as_there_are() {
    let host = Host::new();
    host.firewall("input", "tcp dport 101-300 drop");
    let options = ["check", "-o", "ndjson", "--timeout", "300ms"];
    let arguments = [&options[..], &["--parallel", "200", "127.0.0.1:101-300"]].concat();
    // A limit that netkit may raise by itself, and one that it may not.
    for limits in ["--nofile=64:4096", "--nofile=64:64"] {
        let command = netkit_through(&["prlimit", limits], &arguments);
        let checked = finished(host.enter(&command)).expect_code(1);
        assert_eq!(checked.summary["by_state"]["filtered"], 200, "{limits}");
    }
}

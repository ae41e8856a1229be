//! What else is said of results that are not as expected: what listens instead, what to look at
//! next, and what all of them together mean.

use super::records::{Checked, check_on};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{finish, netkit_through};
use crate::support::server::Server;
use serde_json::{Value, json};

/// An echo server on `host` with these options.
fn server(host: &Host, options: &[&str]) -> Server {
    Server::of(host.netkit(&[&["echo-server"], options].concat()))
}

/// A host that knows `both.test` as `::1` and `127.0.0.1`, and has `10.0.0.1` and `10.0.0.2`.
fn host() -> Host {
    let host = Host::new();
    host.hosts_file("::1 both.test\n127.0.0.1 both.test\n");
    host.shell("ip address add 10.0.0.1/32 dev lo; ip address add 10.0.0.2/32 dev lo");
    host
}

fn notes(checked: &Checked) -> Vec<&str> {
    let notes = checked.summary.get("notes").and_then(Value::as_array);
    let notes = notes.into_iter().flatten();
    notes.filter_map(Value::as_str).collect()
}

const STARTED: &str = "is the service started, and does it listen on that address?";

#[test]
fn a_refusal_names_what_listens_on_the_same_port() {
    let host = host();
    let _server = server(&host, &["--port", "5002", "--host", "127.0.0.1"]);
    for refused in ["[::1]:5002", "10.0.0.1:5002", "127.0.0.2:5002"] {
        let checked = check_on(&host, &[refused]).expect_code(1);
        let result = checked.only();
        let reason = "nothing listens there; 127.0.0.1:5002 does";
        assert_eq!(result["reason"], reason, "{result}");
        assert_eq!(result.get("hint"), None, "{result}");
    }
}

#[test]
fn a_refusal_names_the_nearest_ports_that_listen() {
    let host = host();
    let options: [&[&str]; 4] = [
        &["--port", "5010", "--host", "127.0.0.1"],
        &["--port", "8080"],
        &["--port", "80", "-4"],
        &["--port", "9000", "--host", "::1"],
    ];
    let _servers = options.map(|options| server(&host, options));
    let hints = [
        ("127.0.0.1:5002", "80, 5010 and 8080 do listen on 127.0.0.1"),
        ("[::1]:5002", "8080 and 9000 do listen on ::1"),
        ("10.0.0.1:81", "80 and 8080 do listen on 10.0.0.1"),
    ];
    for (refused, hint) in hints {
        let checked = check_on(&host, &[refused]).expect_code(1);
        assert_eq!(checked.only()["reason"], "nothing listens there");
        assert_eq!(checked.only()["hint"], hint);
    }
}

#[test]
fn a_reset_in_place_of_a_listener_is_the_firewalls() {
    let host = host();
    host.firewall("input", "tcp dport 5002 reject with tcp reset");
    let _server = server(&host, &["--port", "5002", "-4"]);
    let checked = check_on(&host, &["127.0.0.1:5002"]).expect_code(1);
    let result = checked.only();
    assert_eq!(result["state"], "refused");
    assert_eq!(result["reason"], "refused, although 0.0.0.0:5002 listens");
    let hint = result["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("firewall"), "{result}");
}

#[test]
fn of_other_machines_nothing_is_known() {
    let (near, far) = crate::hosts::pair();
    let _here = server(&near, &["--port", "5002"]);
    let _there = server(&far, &["--port", "5003", "--host", "127.0.0.1"]);
    for refused in ["10.0.0.2:5002", "[fd00::2]:5002", "10.0.0.2:5003"] {
        let checked = check_on(&near, &[refused]).expect_code(1);
        assert_eq!(checked.only()["reason"], "nothing listens there");
        assert_eq!(checked.only()["hint"], STARTED);
    }
}

#[test]
fn neither_scans_nor_expected_refusals_are_explained() {
    let host = host();
    for (target, code, explained) in [
        ("127.0.0.1:1-16", 1, true),
        ("127.0.0.1:1-17", 1, false),
        ("127.0.0.1:1=closed", 0, false),
        ("127.0.0.1:1=any", 0, false),
    ] {
        let checked = check_on(&host, &[target]).expect_code(code);
        for result in &checked.results {
            assert_eq!(result["state"], "refused");
            let hint = explained.then(|| json!(STARTED));
            assert_eq!(result.get("hint"), hint.as_ref(), "{target}: {result}");
        }
    }
}

#[test]
fn a_scan_does_not_look_at_who_listens() {
    let host = host();
    let log = tempfile::NamedTempFile::new().expect("cannot make a temporary file");
    let path = log.path().to_str().expect("a path in UTF-8");
    for (target, looks) in [("127.0.0.1:1-16", true), ("127.0.0.1:1-17", false)] {
        let wrapper = ["strace", "-f", "-o", path];
        let command = netkit_through(&wrapper, &["check", target]);
        finish(host.enter(&command), b"", PATIENCE).expect_code(1);
        let calls = std::fs::read_to_string(path).expect("cannot read the log");
        assert!(calls.contains("connect("), "nothing traced: {calls}");
        assert_eq!(calls.contains("NETLINK_SOCK_DIAG"), looks, "{target}");
    }
}

#[test]
fn whatever_is_not_as_expected_has_a_hint() {
    let host = host();
    host.resolv_conf("");
    host.firewall(
        "input",
        "tcp dport 22 drop\ntcp dport 23 reject with icmpx type admin-prohibited",
    );
    host.firewall("output", "tcp dport 24 reject");
    host.shell("ip route add prohibit 10.1.0.0/16; ip route add blackhole 10.2.0.0/16");
    let _server = server(&host, &["--port", "80"]);
    let targets = [
        "127.0.0.1:9,22,23,24",
        "10.1.0.1:80",
        "10.2.0.1:80",
        "10.3.0.1:80",
        "[fe80::1]:80",
        "[fd00::1]:80",
        "nobody.test:80",
        "127.0.0.1:80=closed",
    ];
    let options = ["--timeout", "300ms"];
    let checked = check_on(&host, &[&options[..], &targets].concat()).expect_code(1);
    for result in &checked.results {
        assert_eq!(result["ok"], false, "{result}");
        // That it is open says enough.
        let explained = result["hint"].is_string() || result["state"] == "open";
        assert!(explained, "no hint: {result}");
    }
    assert_eq!(checked.results.len(), 11);
    let slow = check_on(&host, &["--max-connect", "1ns", "127.0.0.1:80"]).expect_code(1);
    assert!(slow.only()["hint"].is_string(), "{slow:?}");
}

#[test]
fn a_server_of_one_family_is_told_by_the_addresses_of_its_name() {
    let host = host();
    let _server = server(&host, &["--port", "80", "-4"]);
    let checked = check_on(&host, &["both.test:80"]).expect_code(1);
    let note = "both.test:80: ::1 refused, 127.0.0.1 open: it is open on IPv4 only";
    assert_eq!(notes(&checked), [note]);
    let waited = check_on(&host, &["--wait", "1s", "-i", "50ms", "both.test:80"]);
    assert_eq!(notes(&waited.expect_code(124)), [note]);
    let _other = server(&host, &["--port", "81", "--host", "::1"]);
    let checked = check_on(&host, &["both.test:81"]).expect_code(1);
    let note = "both.test:81: 127.0.0.1 refused, ::1 open: it is open on IPv6 only";
    assert_eq!(notes(&checked), [note]);
}

#[test]
fn what_is_as_expected_needs_no_sentence() {
    let host = host();
    let _server = server(&host, &["--port", "80", "-4"]);
    for target in [
        &["--any", "both.test:80"][..],
        &["-4", "both.test:80"],
        &["both.test:9=closed"],
        &["both.test:80=any"],
    ] {
        let checked = check_on(&host, target).expect_code(0);
        assert_eq!(checked.summary.get("notes"), None, "{checked:?}");
    }
    // An end that was not awaited says nothing about the rest.
    let checked = check_on(&host, &["--fail-fast", "both.test:80"]).expect_code(1);
    assert_eq!(notes(&checked), [""; 0]);
}

#[test]
fn addresses_of_one_family_that_differ_are_told() {
    let host = host();
    let names = (1..=5).map(|it| format!("127.0.0.{it} many.test\n"));
    let few = "127.0.0.1 few.test\n127.0.0.2 few.test\n".to_owned();
    host.hosts_file(&names.chain([few]).collect::<String>());
    let _server = server(&host, &["--port", "80", "--host", "127.0.0.2"]);
    let checked = check_on(&host, &["few.test:80"]).expect_code(1);
    let conclusion = "a client fails or not by the address that it picks";
    let note = format!("few.test:80: 127.0.0.1 refused, 127.0.0.2 open: {conclusion}");
    assert_eq!(notes(&checked), [note]);
    let checked = check_on(&host, &["many.test:80"]).expect_code(1);
    let note = format!("many.test:80: of 5 addresses 1 open, 4 refused: {conclusion}");
    assert_eq!(notes(&checked), [note]);
}

#[test]
fn silence_of_every_address_is_told_once() {
    let host = host();
    host.firewall("input", "tcp dport 80 drop");
    let checked = check_on(&host, &["--timeout", "1s", "both.test:80"]).expect_code(1);
    let notes = notes(&checked);
    assert_eq!(notes.len(), 1, "{checked:?}");
    let start = "both.test:80: 127.0.0.1 filtered, ::1 filtered: a firewall drops it, ";
    assert!(notes[0].starts_with(start), "{checked:?}");
}

#[test]
fn a_family_without_a_route_is_told_once_for_all_names() {
    let host = host();
    host.hosts_file("fd00::2 one.test two.test\n10.0.0.2 one.test two.test\nfd00::2 six.test\n");
    let _server = server(&host, &["--port", "80", "-4"]);
    let note = "this machine has no way to any IPv6 address of these names: -4 leaves them out";
    let targets = ["one.test:80", "two.test:80"];
    let checked = check_on(&host, &targets).expect_code(1);
    assert_eq!(notes(&checked), [note]);
    // What has no other address would not be left out but lost.
    let targets = ["one.test:80", "six.test:80"];
    let checked = check_on(&host, &targets).expect_code(1);
    assert!(!notes(&checked).contains(&note), "{checked:?}");
}

#[test]
fn the_ports_of_one_host_show_that_it_is_up() {
    let host = host();
    host.firewall("input", "tcp dport 443 drop");
    let _server = server(&host, &["--port", "22", "-4"]);
    let options = ["--timeout", "300ms"];
    let checked = check_on(
        &host,
        &[&options[..], &["10.0.0.1:22,80,443,8080"]].concat(),
    );
    let up = "10.0.0.1: ports 80, 8080 refused, port 22 open: the host is up, ";
    let dropped = "10.0.0.1: port 443 filtered, port 22 open: the host is up, most likely a ";
    let said = notes(&checked);
    assert_eq!(said.len(), 2, "{checked:?}");
    assert!(
        said[0].starts_with(up) && said[1].starts_with(dropped),
        "{checked:?}"
    );
    let many = check_on(&host, &["10.0.0.1:22,80-89"]).expect_code(1);
    let ports = "ports 80, 81, 82, 83 and 6 more refused";
    assert!(notes(&many)[0].contains(ports), "{many:?}");
    // Of this machine nobody doubts it, and without an open port nobody knows.
    for target in ["127.0.0.1:22,80", "10.0.0.2:80,443"] {
        let checked = check_on(&host, &[&options[..], &[target]].concat()).expect_code(1);
        assert_eq!(notes(&checked), [""; 0], "{target}");
    }
}

#[test]
fn when_nothing_at_all_works_it_may_be_this_machine() {
    let host = host();
    host.resolv_conf("");
    host.firewall("input", "tcp dport 80 drop");
    let cases: [(&[&str], &str); 3] = [
        (
            &["10.9.0.[1-20]:80"],
            "this machine has no way to any of the 20 addresses: is its network up?",
        ),
        (
            &["--timeout", "300ms", "10.0.0.[1-2]:80"],
            "none of the 2 addresses answers: does a firewall hold this machine back?",
        ),
        (
            &["web[1-5].test:80"],
            "none of the 5 names could be resolved: see the name servers in /etc/resolv.conf",
        ),
    ];
    for (arguments, note) in cases {
        let checked = check_on(&host, arguments).expect_code(1);
        assert_eq!(notes(&checked), [note]);
    }
    // One that works is enough to acquit it.
    let mixed = ["10.9.0.1:80", "10.9.0.2:80", "10.9.0.3:80=any"];
    let checked = check_on(&host, &mixed).expect_code(1);
    assert_eq!(notes(&checked), [""; 0]);
}

#[test]
fn at_most_ten_sentences_and_none_of_a_scan() {
    let host = host();
    let _server = server(&host, &["--port", "80", "--host", "127.0.0.1"]);
    let names: Vec<String> = (1..=20).map(|it| format!("both{it}.test")).collect();
    let names = names.join(" ");
    host.hosts_file(&format!(
        "::1 both.test {names}\n127.0.0.1 both.test {names}\n"
    ));
    let checked = check_on(&host, &["both[1-20].test:80"]).expect_code(1);
    assert_eq!(notes(&checked).len(), 10);
    // The last of 512 ports at two addresses each is the 1024th result.
    for (target, count) in [("both.test:80-591", 1), ("both.test:80-592", 0)] {
        let checked = check_on(&host, &[target]).expect_code(1);
        assert_eq!(notes(&checked).len(), count, "{target}");
    }
}

#[test]
fn people_read_the_sentences_before_the_summary() {
    let host = host();
    let _server = server(&host, &["--port", "80", "-4"]);
    let output = host.run(&["check", "both.test:80"]).expect_code(1);
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{output:?}");
    assert!(
        lines[0].starts_with("both.test:80: ::1 refused, "),
        "{output:?}"
    );
    assert!(lines[1].starts_with("2 checked: "), "{output:?}");
}

//! A name with several addresses, some of them dead, and hosts without IPv6.

use super::{echo_server, expect_state};
use crate::check::records::{check_on, records};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::namespace::without_ipv6;
use crate::support::process::{Output, finish};
use crate::support::server::Server;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A host that knows `name.test` as `::1` and `127.0.0.1`.
fn host_with_a_name() -> Host {
    let host = Host::new();
    host.hosts_file("::1 name.test\n127.0.0.1 name.test\n");
    host
}

/// `netkit echo --host NAME` on `host`, with `options`; one line is sent.
fn echo(host: &Host, name: &str, port: u16, options: &[&str]) -> Output {
    let port = port.to_string();
    let arguments = [&["echo", "--host", name, "--port", &port], options].concat();
    finish(host.netkit(&arguments), b"hello\n", PATIENCE)
}

/// The line of standard error that tells what became of `address`: its state, and all of it.
#[track_caller]
fn attempt<'a>(output: &'a Output, address: &str) -> (&'a str, &'a str) {
    let found = output.stderr.lines().find_map(|line| {
        let (state, rest) = line.split_once(' ')?;
        let told = rest.trim_start().split(' ').next() == Some(address);
        told.then_some((state, line))
    });
    found.unwrap_or_else(|| panic!("nothing of {address} in {output:?}"))
}

#[test]
fn a_black_hole_at_ipv6_costs_less_than_half_a_second() {
    let host = host_with_a_name();
    let server = echo_server(&host);
    let port = server.port();
    host.firewall("input", "ip6 daddr ::1 meta l4proto tcp drop");
    // The machine may be busy with other tests; the promise is netkit's own.
    let fastest = (0..5).map(|_| {
        let started = Instant::now();
        let output = echo(&host, "name.test", port, &[]).expect_code(0);
        let took = started.elapsed();
        assert!(output.stdout.ends_with("  hello\n"), "{output:?}");
        assert_eq!(attempt(&output, &format!("[::1]:{port}")).0, "filtered");
        assert_eq!(attempt(&output, &format!("127.0.0.1:{port}")).0, "open");
        took
    });
    let fastest = fastest.min().expect("five runs");
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
}

#[test]
fn both_outcomes_are_records_too() {
    let host = host_with_a_name();
    let server = echo_server(&host);
    host.firewall("input", "ip6 daddr ::1 meta l4proto tcp drop");
    let options = ["-c", "3", "-i", "1ms", "-o", "ndjson"];
    let output = echo(&host, "name.test", server.port(), &options).expect_code(0);
    let records = records(&output.stdout);
    let attempt = |family: &str| -> &Value {
        let of_family = |it: &&Value| it["type"] == "attempt" && it["family"] == family;
        let found = records.iter().find(of_family);
        found.unwrap_or_else(|| panic!("no {family}: {output:?}"))
    };
    let (dead, alive) = (attempt("ipv6"), attempt("ipv4"));
    expect_state(dead, "filtered");
    expect_state(alive, "open");
    assert_eq!([&dead["winner"], &alive["winner"]], [false, true]);
    // What the other one had as a start: 250 ms (RFC 8305).
    let start = dead["connect_us"].as_u64().expect("a time");
    assert!((250_000..3_000_000).contains(&start), "{dead}");
    let latency = records.iter().find(|it| it["type"] == "latency");
    assert_eq!(latency.expect("a latency record")["lost"], 0);
}

#[test]
fn a_black_hole_at_ipv4_costs_nothing() {
    let host = host_with_a_name();
    let server = echo_server(&host);
    let port = server.port();
    host.firewall("input", "ip daddr 127.0.0.1 meta l4proto tcp drop");
    let output = echo(&host, "name.test", port, &[]).expect_code(0);
    assert_eq!(attempt(&output, &format!("[::1]:{port}")).0, "open");
}

#[test]
fn a_server_for_a_name_listens_at_each_of_its_addresses() {
    let host = host_with_a_name();
    let arguments = ["echo-server", "--host", "name.test", "--port", "0"];
    let server = Server::of(host.netkit(&arguments));
    let sockets = server.wait_for_sockets(2);
    assert_eq!(sockets[0].address.port(), sockets[1].address.port());
    let target = format!("name.test:{}", server.port());
    let checked = check_on(&host, &[&target]).expect_code(0);
    assert_eq!(checked.states(), ["open", "open"]);
}

#[test]
fn a_refusal_hands_over_at_once() {
    let host = host_with_a_name();
    let server = Server::of(host.netkit(&["echo-server", "--port", "0", "-4"]));
    let port = server.port();
    let options = ["-c", "1", "-o", "ndjson"];
    let output = echo(&host, "name.test", port, &options).expect_code(0);
    let records = records(&output.stdout);
    expect_state(&records[0], "refused");
    expect_state(&records[1], "open");
    assert_eq!(records[0]["address"], format!("[::1]:{port}"));
}

#[test]
fn everything_refused_is_a_line_per_address_and_status_1() {
    let host = host_with_a_name();
    host.hosts_file("::1 name.test\n127.0.0.1 name.test\n127.0.0.2 name.test\n");
    let output = echo(&host, "name.test", 9, &[]).expect_code(1);
    assert_eq!(output.stdout, "");
    for address in ["[::1]:9", "127.0.0.1:9", "127.0.0.2:9"] {
        assert_eq!(attempt(&output, address).0, "refused", "{output:?}");
    }
    let last = output.stderr.lines().last().expect("a last line");
    assert!(
        last.starts_with("netkit: cannot connect to name.test:9: "),
        "{last}"
    );
}

#[test]
fn every_address_dead_ends_with_the_timeout() {
    let host = host_with_a_name();
    host.firewall("input", "meta l4proto tcp drop");
    let started = Instant::now();
    let output = echo(&host, "name.test", 9, &["--timeout", "700ms"]).expect_code(1);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(700), "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    for address in ["[::1]:9", "127.0.0.1:9"] {
        assert_eq!(attempt(&output, address).0, "filtered", "{output:?}");
    }
}

#[test]
fn a_check_judges_every_address_on_its_own() {
    let host = host_with_a_name();
    let server = echo_server(&host);
    host.firewall("input", "ip6 daddr ::1 meta l4proto tcp drop");
    let target = format!("name.test:{}", server.port());
    let checked = check_on(&host, &["--timeout", "500ms", &target]).expect_code(1);
    expect_state(checked.at(&format!("[::1]:{}", server.port())), "filtered");
    expect_state(checked.at(&format!("127.0.0.1:{}", server.port())), "open");
}

#[test]
fn with_ipv6_switched_off_everything_works_over_ipv4() {
    let host = host_with_a_name();
    host.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
    let server = echo_server(&host);
    let port = server.port();
    let output = echo(&host, "127.0.0.1", port, &[]).expect_code(0);
    assert!(output.stdout.ends_with("  hello\n"), "{output:?}");
    let checked = check_on(&host, &[&format!("[::1]:{port}")]).expect_code(1);
    expect_state(checked.only(), "unreachable");
    let output = echo(&host, "name.test", port, &[]).expect_code(0);
    assert_eq!(attempt(&output, &format!("127.0.0.1:{port}")).0, "open");
}

#[test]
fn with_ipv6_switched_off_a_server_for_a_name_says_what_it_lacks() {
    let host = host_with_a_name();
    host.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
    let arguments = ["echo-server", "--host", "name.test", "--port", "0"];
    let server = Server::of(host.netkit(&arguments));
    assert!(server.listening().address.is_ipv4());
    server.wait_for_log("[::1]");
    echo(&host, "127.0.0.1", server.port(), &[]).expect_code(0);
}

#[test]
fn a_kernel_without_ipv6_serves_ipv4_and_says_so() {
    let host = Host::new();
    let command = without_ipv6(&host.netkit(&["echo-server", "--port", "0"]));
    let server = Server::of(command);
    assert_eq!(server.listening().address.ip().to_string(), "0.0.0.0");
    server.wait_for_log("no IPv6");
    echo(&host, "127.0.0.1", server.port(), &[]).expect_code(0);
}

#[test]
fn a_kernel_without_ipv6_finds_it_unreachable() {
    let host = Host::new();
    let command = host.netkit(&["check", "-o", "ndjson", "[::1]:80"]);
    let checked = crate::check::records::finished(without_ipv6(&command)).expect_code(1);
    expect_state(checked.only(), "unreachable");
    // EAFNOSUPPORT
    assert_eq!(checked.only()["errno"], 97);
}

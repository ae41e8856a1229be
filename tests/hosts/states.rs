//! Open, refused, filtered, and no host at all: two hosts and a cable.

use super::{echo_server, expect_icmp, expect_state};
use crate::check::records::check_on;
use crate::support::namespace::Host;
use std::time::{Duration, Instant};

/// Two hosts on one cable: `10.0.0.1`, also `fd00::1`, and `10.0.0.2`, also `fd00::2`.
pub(crate) fn pair() -> (Host, Host) {
    let (near, far) = (Host::new(), Host::new());
    near.link(
        &far,
        &["10.0.0.1/24", "fd00::1/64"],
        &["10.0.0.2/24", "fd00::2/64"],
    );
    // From here on both know each other's link address: looking it up delays no first packet.
    check_on(&near, &["10.0.0.2:9=closed", "[fd00::2]:9=closed"]).expect_code(0);
    (near, far)
}

#[test]
fn open_refused_and_filtered_are_told_apart() {
    let (near, far) = pair();
    far.firewall(
        "input",
        "tcp dport 22 drop\ntcp dport 23 reject with tcp reset",
    );
    let server = echo_server(&far);
    let ports = format!("{},9,22,23", server.port());
    let targets = [format!("10.0.0.2:{ports}"), format!("[fd00::2]:{ports}")];
    let checked = check_on(&near, &["--timeout", "1500ms", &targets[0], &targets[1]]);
    for host in ["10.0.0.2", "[fd00::2]"] {
        let at = |port: u16| checked.at(&format!("{host}:{port}"));
        expect_state(at(server.port()), "open");
        expect_state(at(9), "refused");
        expect_state(at(22), "filtered");
        expect_state(at(23), "refused");
        assert_eq!(at(9)["errno"], 111, "{}", at(9));
        assert_eq!(at(22).get("icmp"), None, "{}", at(22));
    }
    assert_eq!(checked.results.len(), 8);
    checked.expect_code(1);
}

#[test]
fn open_comes_with_the_round_trip_time_of_the_kernel() {
    let (near, far) = pair();
    let server = echo_server(&far);
    let target = format!("10.0.0.2:{}", server.port());
    let checked = check_on(&near, &[&target]).expect_code(0);
    let result = checked.only();
    let rtt = result["rtt_us"].as_u64().expect("a round-trip time");
    assert!(rtt > 0 && rtt < 1_000_000, "{result}");
    assert_eq!(result["syn_retransmits"], 0, "{result}");
    assert!(result["connect_us"].as_u64() <= result["total_us"].as_u64());
}

#[test]
fn filtered_takes_the_timeout_and_shows_the_repeated_packets() {
    let (near, far) = pair();
    far.firewall("input", "meta l4proto tcp drop");
    let started = Instant::now();
    let checked = check_on(
        &near,
        &["--timeout", "1500ms", "10.0.0.2:22", "[fd00::2]:22"],
    );
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1_500), "{took:?}");
    for result in &checked.results {
        expect_state(result, "filtered");
        // The kernel repeats the first packet after a second; on a busy machine twice until netkit
        // gets its turn.
        assert!(result["syn_retransmits"].as_u64() >= Some(1), "{result}");
        let waited = result["connect_us"].as_u64().expect("a time");
        assert!((1_490_000..10_000_000).contains(&waited), "{result}");
    }
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    let (near, _far) = pair();
    near.give_up_on_neighbours_early("link0");
    let checked = check_on(&near, &["10.0.0.77:80", "[fd00::77]:80"]).expect_code(1);
    // This host says so itself, in a message to itself.
    expect_icmp(checked.at("10.0.0.77:80"), 3, 1, "10.0.0.1");
    expect_icmp(checked.at("[fd00::77]:80"), 1, 3, "fd00::1");
}

#[test]
fn each_address_has_its_line_in_words() {
    let (near, far) = pair();
    far.firewall(
        "input",
        "tcp dport 22 drop\ntcp dport 23 reject with icmp type host-prohibited",
    );
    let server = echo_server(&far);
    let target = format!("10.0.0.2:{},9,22,23", server.port());
    let output = near
        .run(&["check", "--timeout", "300ms", &target])
        .expect_code(1);
    let states = ["open", "refused", "filtered", "unreachable"];
    let ports = [server.port(), 9, 22, 23];
    for (state, port) in states.iter().zip(ports) {
        let start = format!("{state:12}10.0.0.2:{port}");
        let line = output.stdout.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("no {start} in {output:?}"));
        assert!(line.contains(" ms"), "no time: {line}");
    }
    assert_eq!(output.stdout.lines().count(), 4, "{output:?}");
    assert!(
        output.stdout.contains("no answer within 300ms"),
        "{output:?}"
    );
    assert!(output.stdout.contains("from 10.0.0.2"), "{output:?}");
}

#[test]
fn a_cable_that_is_pulled_out_is_filtered_or_unreachable() {
    let (near, far) = pair();
    far.shell("ip link set link0 down");
    let checked = check_on(
        &near,
        &["--timeout", "500ms", "10.0.0.2:22", "[fd00::2]:22"],
    );
    for state in checked.states() {
        assert!(["filtered", "unreachable"].contains(&state), "{checked:?}");
    }
    checked.expect_code(1);
}

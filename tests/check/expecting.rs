//! What is expected of a target, which of its addresses count, and how many are asked at once.

use super::records::{Checked, check_on};
use crate::support::namespace::Host;
use crate::support::process::run;
use crate::support::server::Server;
use std::time::{Duration, Instant};

/// A host where port `open` of the server is open, 9 refused, 22 filtered and 23 unreachable, that
/// knows `both.test` as `::1` and `127.0.0.1`.
fn host_with_every_state() -> (Host, Server) {
    let host = Host::new();
    host.hosts_file("::1 both.test\n127.0.0.1 both.test\n");
    host.firewall(
        "input",
        "tcp dport 22 drop\ntcp dport 23 reject with icmpx type admin-prohibited",
    );
    let server = Server::of(host.netkit(&["echo-server", "--port", "0", "-4"]));
    (host, server)
}

#[test]
fn each_expectation_allows_its_states_and_no_other() {
    let (host, server) = host_with_every_state();
    let ports = [
        ("open", server.port()),
        ("refused", 9),
        ("filtered", 22),
        ("unreachable", 23),
    ];
    let expectations: [(&str, &[&str]); 5] = [
        ("open", &["open"]),
        ("closed", &["refused"]),
        ("filtered", &["filtered"]),
        ("down", &["refused", "filtered", "unreachable"]),
        ("any", &["open", "refused", "filtered", "unreachable"]),
    ];
    let list = ports.map(|(_, port)| port.to_string()).join(",");
    for (expected, allowed) in expectations {
        let target = format!("127.0.0.1:{list}={expected}");
        let checked = check_on(&host, &["--timeout", "300ms", &target]);
        for (state, port) in ports {
            let result = checked.at(&format!("127.0.0.1:{port}"));
            assert_eq!(result["state"], state, "{result}");
            assert_eq!(result["expected"], expected, "{result}");
            assert_eq!(result["ok"], allowed.contains(&state), "{result}");
        }
        checked.expect_code(i32::from(allowed.len() < 4));
    }
}

#[test]
fn a_name_without_an_address_is_down_but_not_closed() {
    let host = Host::new();
    host.hosts_file_alone();
    for (expected, code) in [("down", 0), ("any", 0), ("closed", 1), ("filtered", 1)] {
        let target = format!("nobody.test:80={expected}");
        let checked = check_on(&host, &[&target]).expect_code(code);
        assert_eq!(checked.only()["state"], "unresolved");
    }
}

#[test]
fn both_families_count_unless_told_otherwise() {
    let (host, server) = host_with_every_state();
    let target = format!("both.test:{}", server.port());
    let families = |checked: &Checked| -> Vec<String> {
        let mut families: Vec<_> = checked
            .results
            .iter()
            .map(|it| it["family"].to_string())
            .collect();
        families.sort_unstable();
        families
    };
    let all = check_on(&host, &[&target]).expect_code(1);
    assert_eq!(families(&all), ["\"ipv4\"", "\"ipv6\""]);
    let ipv4 = check_on(&host, &["-4", &target]).expect_code(0);
    assert_eq!(families(&ipv4), ["\"ipv4\""]);
    let ipv6 = check_on(&host, &["-6", &target]).expect_code(1);
    assert_eq!(families(&ipv6), ["\"ipv6\""]);
    assert_eq!(ipv6.only()["state"], "refused");
    for (family, address) in [("-4", "[::1]:9"), ("-6", "127.0.0.1:9")] {
        let output = run(&["check", family, address], b"").expect_code(2);
        let said = format!("not of the family that {family} asks for");
        assert!(output.stderr.contains(&said), "{output:?}");
    }
}

#[test]
fn with_any_one_good_address_is_enough() {
    let (host, server) = host_with_every_state();
    let target = format!("both.test:{}", server.port());
    let checked = check_on(&host, &["--any", &target]).expect_code(0);
    let mut states = checked.states();
    states.sort_unstable();
    assert_eq!(states, ["open", "refused"], "each address is still told");
    let checked =
        check_on(&host, &["--any", "--timeout", "300ms", "both.test:9,22"]).expect_code(1);
    assert_eq!(checked.results.len(), 4, "{checked:?}");
    // Enough at each port, not at one of them.
    let mixed = format!("both.test:{},9", server.port());
    check_on(&host, &["--any", &mixed]).expect_code(1);
}

#[test]
fn silent_targets_are_waited_for_together() {
    let (host, _server) = host_with_every_state();
    host.firewall("output", "tcp dport 1-100 drop");
    let started = Instant::now();
    let checked = check_on(&host, &["--timeout", "1s", "127.0.0.1:1-100=filtered"]).expect_code(0);
    let took = started.elapsed();
    assert_eq!(checked.results.len(), 100);
    assert!(
        took < Duration::from_secs(10),
        "one after another: {took:?}"
    );
}

#[test]
fn parallel_limits_how_many_are_waited_for() {
    let (host, _server) = host_with_every_state();
    host.firewall("output", "tcp dport 1-9 drop");
    let took = |parallel: &str| {
        let options = ["--timeout", "300ms", "--parallel", parallel];
        let target = ["127.0.0.1:1-9=filtered"];
        let checked = check_on(&host, &[&options[..], &target].concat()).expect_code(0);
        assert_eq!(checked.results.len(), 9);
        let micros = checked.summary["elapsed_us"].as_u64().expect("a time");
        Duration::from_micros(micros)
    };
    // Nine in threes take three turns, one by one nine.
    assert!(took("3") >= Duration::from_millis(900));
    assert!(took("1") >= Duration::from_millis(2_700));
    assert!(took("9") < Duration::from_millis(2_700));
}

#[test]
fn each_result_is_told_the_moment_it_is_known() {
    let (host, server) = host_with_every_state();
    let targets = format!("127.0.0.1:22,{}", server.port());
    let arguments = ["check", "--timeout", "20s", &targets];
    let mut check = crate::support::process::Process::start(host.netkit(&arguments));
    check.stdout.wait_for_line("open", crate::support::PATIENCE);
    assert_eq!(check.exits(Duration::ZERO), None, "over already");
}

//! Local routes that lead nowhere: nothing is sent, and the result says so at once.

use super::expect_state;
use crate::check::records::check_on;
use crate::support::namespace::Host;
use std::time::{Duration, Instant};

#[test]
fn no_route_at_all_is_unreachable() {
    let host = Host::new();
    let checked = check_on(&host, &["10.1.1.1:80", "[fd01::1]:80"]).expect_code(1);
    for result in &checked.results {
        expect_state(result, "unreachable");
        // ENETUNREACH
        assert_eq!(result["errno"], 101, "{result}");
    }
}

#[test]
fn unreachable_prohibit_and_blackhole_routes_are_unreachable() {
    let host = Host::new();
    // With an error number of its own each, so the reason can tell them apart.
    let kinds = [("unreachable", 113), ("prohibit", 13), ("blackhole", 22)];
    let mut reasons = Vec::new();
    for (index, (kind, errno)) in kinds.iter().enumerate() {
        host.shell(&format!(
            "ip route add {kind} 10.{index}.0.0/16
             ip -6 route add {kind} fd0{index}::/64"
        ));
        let addresses = [format!("10.{index}.1.1:80"), format!("[fd0{index}::1]:80")];
        let checked = check_on(&host, &[&addresses[0], &addresses[1]]).expect_code(1);
        for result in &checked.results {
            expect_state(result, "unreachable");
            assert_eq!(result["errno"], *errno, "{result}");
            assert_eq!(result.get("icmp"), None, "{result}");
            assert!(result["hint"].is_string(), "{result}");
        }
        reasons.push(checked.results[0]["reason"].clone());
    }
    assert!(reasons[0] != reasons[1] && reasons[1] != reasons[2] && reasons[2] != reasons[0]);
}

#[test]
fn a_scan_of_unreachable_ports_is_over_at_once() {
    let host = Host::new();
    let started = Instant::now();
    let checked = check_on(&host, &["10.1.1.1:1-1000", "--timeout", "20s"]).expect_code(1);
    assert_eq!(checked.results.len(), 1_000);
    assert!(checked.states().iter().all(|it| *it == "unreachable"));
    let took = started.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "waited for nothing: {took:?}"
    );
}

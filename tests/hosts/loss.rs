//! First packets that get lost on the way.

use super::{echo_server, expect_state};
use crate::check::records::check_on;
use crate::support::namespace::Host;

/// Matches the first packet of a connection.
const SYN: &str = "tcp flags & (syn | ack) == syn";

#[test]
fn two_lost_packets_are_counted_and_forgiven() {
    let host = Host::new();
    let server = echo_server(&host);
    host.firewall("input", &format!("{SYN} numgen inc mod 1000 < 2 drop"));
    let target = format!("127.0.0.1:{}", server.port());
    let checked = check_on(&host, &["--timeout", "20s", &target]).expect_code(0);
    let result = checked.only();
    expect_state(result, "open");
    assert_eq!(result["syn_retransmits"], 2, "{result}");
    // The kernel repeats it after one second, then after one or two more.
    assert!(result["connect_us"].as_u64() >= Some(1_990_000), "{result}");
}

#[test]
fn random_loss_is_never_taken_for_a_refusal() {
    let host = Host::new();
    let server = echo_server(&host);
    host.firewall("input", &format!("{SYN} numgen random mod 100 < 30 drop"));
    let target = format!("127.0.0.1:{}", server.port());
    let targets = vec![target.as_str(); 200];
    let arguments = [&["--timeout", "300ms"], targets.as_slice()].concat();
    let checked = check_on(&host, &arguments).expect_code(1);
    let lost = checked
        .states()
        .iter()
        .filter(|it| **it == "filtered")
        .count();
    let open = checked.states().iter().filter(|it| **it == "open").count();
    assert_eq!(lost + open, 200, "neither open nor filtered: {checked:?}");
    // 60 on average; fewer than 20 or more than 110 once in a billion runs.
    assert!((20..=110).contains(&lost), "{lost} lost of 200");
}

#[test]
fn random_loss_is_overcome_by_waiting() {
    let host = Host::new();
    let server = echo_server(&host);
    host.firewall("input", &format!("{SYN} numgen random mod 100 < 30 drop"));
    let target = format!("127.0.0.1:{}", server.port());
    let targets = vec![target.as_str(); 50];
    let options = ["--wait", "20s", "--timeout", "200ms", "--interval", "20ms"];
    let checked = check_on(&host, &[&options, targets.as_slice()].concat()).expect_code(0);
    assert!(
        checked.states().iter().all(|it| *it == "open"),
        "{checked:?}"
    );
    for transition in &checked.transitions {
        let states = [&transition["from"], &transition["to"]];
        assert!(states.iter().all(|it| **it != "refused"), "{transition}");
    }
}

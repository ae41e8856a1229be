//! `udp://`: answers, ICMP, silence, and the questions that netkit knows by itself.

use crate::check::records::{Checked, check, check_on};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::Process;
use crate::support::server::Server;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// Answers each datagram so.
fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    peer::datagrams(move |_, datagram| vec![answer(datagram)])
}

fn check_at(address: SocketAddr, options: &[&str]) -> Checked {
    let target = format!("udp://{address}");
    check(&[&[target.as_str(), "--timeout", "2s"], options].concat())
}

#[track_caller]
fn expect_state(checked: Checked, state: &str, words: &str) -> Value {
    let code = i32::from(state != "open");
    let checked = checked.expect_code(code);
    let result = checked.only();
    assert_eq!(result["state"], state, "{result}");
    let reason = result["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(words), "no `{words}`: {result}");
    assert_eq!(result.get("connect_us"), None, "{result}");
    result.clone()
}

#[test]
fn an_echo_server_answers_every_payload() {
    let server = Server::echo(&["--udp"]);
    for address in [server.ipv4(), server.ipv6()] {
        for payload in ["echo", "hex:00 ff", "hex:"] {
            let result = expect_state(check_at(address, &["--payload", payload]), "open", "");
            assert!(result["first_byte_us"].is_u64(), "{result}");
        }
        let options = [
            "--send", "ping\\n", "--expect", "^ping$", "--reject", "pong",
        ];
        let result = expect_state(check_at(address, &options), "open", "");
        assert_eq!(result["seen"], "ping\\n", "{result}");
    }
}

#[test]
fn a_wrong_answer_is_a_mismatch() {
    let shouting = || answering(<[u8]>::to_ascii_uppercase);
    let options = ["--send", "ping", "--expect", "^ping$"];
    let words = r#""PING" does not match --expect ^ping$"#;
    let result = expect_state(check_at(shouting(), &options), "mismatch", words);
    assert_eq!(result["seen"], "PING", "{result}");
    let options = ["--send", "ping", "--reject", "PI"];
    let words = r#""PING" matches --reject PI"#;
    expect_state(check_at(shouting(), &options), "mismatch", words);
    let short = answering(|question| question[..9].to_vec());
    let words = "9 of 64 bytes came back";
    expect_state(check_at(short, &["--payload", "echo"]), "mismatch", words);
    let echo = peer::lossy_udp(|_| false);
    let words = "it is no answer to the question";
    expect_state(check_at(echo, &["--payload", "dns"]), "mismatch", words);
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let address = peer::lossy_udp(|number| number == 0);
    let target = format!("udp://{address}");
    let checked = check(&[&target, "--payload", "echo", "--timeout", "15s"]);
    let result = expect_state(checked, "open", "");
    assert!(
        result["first_byte_us"].as_u64() >= Some(1_000_000),
        "{result}"
    );
}

#[test]
fn silence_proves_nothing() {
    let address = peer::lossy_udp(|_| true);
    let words = "no answer within 1s 500ms, which proves nothing (an empty datagram, sent twice)";
    let options = ["--timeout", "1500ms"];
    let target = format!("udp://{address}");
    let silent = |state: &str| {
        let target = format!("{target}{state}");
        check(&[&[target.as_str()], &options[..]].concat())
    };
    let result = expect_state(silent(""), "silent", words);
    assert!(
        result["hint"]
            .as_str()
            .is_some_and(|it| it.contains("--payload")),
        "{result}"
    );
    silent("=filtered").expect_code(0);
    silent("=down").expect_code(0);
    silent("=closed").expect_code(1);
}

#[test]
fn a_closed_port_is_refused_by_icmp() {
    let host = Host::new();
    let checked = check_on(&host, &["udp://127.0.0.1:9=closed", "udp://[::1]:9=closed"]);
    for (address, kind, code) in [("127.0.0.1:9", 3, 3), ("[::1]:9", 1, 4)] {
        let result = checked.at(address);
        assert_eq!(result["state"], "refused", "{result}");
        assert_eq!(result["reason"], "nothing listens there", "{result}");
        assert_eq!(result["icmp"]["type"], kind, "{result}");
        assert_eq!(result["icmp"]["code"], code, "{result}");
        assert_eq!(result["errno"], 111, "{result}");
    }
    checked.expect_code(0);
}

/// Two hosts on a cable, with a firewall on the far one.
fn behind(rules: &str) -> (Host, Host) {
    let (near, far) = (Host::new(), Host::new());
    near.link(
        &far,
        &["10.0.0.1/24", "fd00::1/64"],
        &["10.0.0.2/24", "fd00::2/64"],
    );
    far.firewall("input", rules);
    (near, far)
}

#[test]
fn a_firewall_is_silent_or_says_so() {
    let (near, _far) = behind(
        "udp dport 5 drop
         meta nfproto ipv4 udp dport 6 reject with icmp type admin-prohibited
         meta nfproto ipv6 udp dport 6 reject with icmpv6 type admin-prohibited",
    );
    let targets = [
        "udp://10.0.0.2:5-7",
        "udp://[fd00::2]:5-7",
        "--timeout",
        "1s",
    ];
    let checked = check_on(&near, &targets).expect_code(1);
    for (host, from, kind, code) in [
        ("10.0.0.2", "10.0.0.2", 3, 13),
        ("[fd00::2]", "fd00::2", 1, 1),
    ] {
        let at = |port: u16| checked.at(&format!("{host}:{port}"));
        assert_eq!(at(5)["state"], "silent", "{checked:?}");
        assert_eq!(at(6)["state"], "unreachable", "{checked:?}");
        let icmp = serde_json::json!({"type": kind, "code": code, "from": from});
        assert_eq!(at(6)["icmp"], icmp, "{checked:?}");
        assert!(at(6)["reason"].as_str().is_some_and(|it| it.contains(from)));
        assert_eq!(at(7)["state"], "refused", "{checked:?}");
    }
    let targets = ["udp://10.0.0.2:5=filtered", "--timeout", "300ms"];
    check_on(&near, &targets).expect_code(0);
}

#[test]
fn a_port_that_a_router_calls_unreachable_is_not_refused() {
    let (near, router) = behind("accept");
    router.forward_packets();
    router.firewall(
        "forward",
        "udp dport 6 reject with icmp type port-unreachable",
    );
    let far = Host::new();
    router.link(&far, &["10.0.1.1/24"], &["10.0.1.2/24"]);
    near.shell("ip route add default via 10.0.0.2");
    far.shell("ip route add default via 10.0.1.1");
    let checked = check_on(&near, &["udp://10.0.1.2:6-7"]).expect_code(1);
    assert_eq!(
        checked.at("10.0.1.2:6")["state"],
        "unreachable",
        "{checked:?}"
    );
    assert_eq!(checked.at("10.0.1.2:6")["icmp"]["from"], "10.0.0.2");
    assert_eq!(checked.at("10.0.1.2:7")["state"], "refused", "{checked:?}");
}

#[test]
fn a_host_that_cannot_be_reached_is_unreachable() {
    let (near, _far) = behind("accept");
    near.give_up_on_neighbours_early("link0");
    let targets = ["udp://10.0.0.77:53", "udp://10.9.9.9:53", "--timeout", "5s"];
    let checked = check_on(&near, &targets).expect_code(1);
    assert_eq!(checked.at("10.0.0.77:53")["state"], "unreachable");
    assert_eq!(checked.at("10.0.0.77:53")["icmp"]["code"], 1, "{checked:?}");
    let nowhere = checked.at("10.9.9.9:53");
    assert_eq!(nowhere["state"], "unreachable", "{nowhere}");
    assert_eq!(nowhere["reason"], "no local route leads there", "{nowhere}");
}

#[test]
fn a_name_server_is_asked_a_small_question() {
    let host = Host::new();
    let mut command = Command::new("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
    ]);
    command.args([
        "--no-hosts",
        "--pid-file",
        "--log-facility=-",
        "--user=root",
    ]);
    command.args(["--listen-address=127.0.0.1,::1", "--bind-interfaces"]);
    let server = Process::start(host.enter(&command));
    server.stderr.wait_for_line("started", PATIENCE);
    // By the port alone, and by name.
    for options in [
        &["udp://127.0.0.1:53", "udp://[::1]:53"][..],
        &["udp://127.0.0.1:53", "--payload", "dns"],
    ] {
        let checked = check_on(&host, options).expect_code(0);
        assert!(
            checked.states().iter().all(|it| *it == "open"),
            "{checked:?}"
        );
    }
}

/// Sends back what a time server would: mode 4, and the request's timestamp.
fn tell_the_time(mode: u8) -> SocketAddr {
    answering(move |question| {
        assert_eq!((question.len(), question[0]), (48, 0x23));
        let mut answer = vec![0; 48];
        answer[0] = 0x20 | mode;
        answer[24..32].copy_from_slice(&question[40..48]);
        answer
    })
}

#[test]
fn a_time_server_is_asked_for_the_time() {
    let ntp = ["--payload", "ntp"];
    expect_state(check_at(tell_the_time(4), &ntp), "open", "");
    let words = "an NTP packet of mode 5 came";
    expect_state(check_at(tell_the_time(5), &ntp), "mismatch", words);
    let other = answering(|_| vec![0x24; 48]);
    let words = "it answers a request that was not made";
    expect_state(check_at(other, &ntp), "mismatch", words);
}

#[test]
fn a_datagram_that_is_too_long_is_told() {
    let server = Server::echo(&["--udp"]);
    let target = format!("udp://{}", server.ipv4());
    let much = "x".repeat(70_000);
    let checked = check(&[&target, "--send", &much]).expect_code(4);
    let reason = checked.only()["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("too long"), "{checked:?}");
}

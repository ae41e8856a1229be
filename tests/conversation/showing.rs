//! `netkit probe raw`: lines, dumps, records, exit status.

use super::passing::file_service;
use crate::check::records::records;
use crate::support::client::{answers, reset};
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::{Output, Process, finish, netkit, run, send_signal};
use crate::support::{PATIENCE, client};
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;

fn probe(address: SocketAddr, options: &[&str]) -> Output {
    run(
        &[&["probe", "raw", &address.to_string()], options].concat(),
        b"",
    )
}

/// The lines without their times, each of which must have one.
#[track_caller]
fn events(output: &Output) -> Vec<&str> {
    let lines = output.stdout.lines();
    let event = |line| {
        let (time, event) = split_time(line).unwrap_or_else(|| panic!("no time: {output:?}"));
        assert!(time.trim_start().parse::<f64>().is_ok(), "{line}");
        event
    };
    lines.map(event).collect()
}

fn split_time(line: &str) -> Option<(&str, &str)> {
    line.split_once(" ms  ").or_else(|| line.split_once(" s  "))
}

/// The only record of `-o ndjson`, a reply.
#[track_caller]
fn reply(address: SocketAddr, options: &[&str], code: i32) -> Value {
    let output = probe(address, &[&["-o", "ndjson"], options].concat()).expect_code(code);
    let mut records = records(&output.stdout);
    assert_eq!(records.len(), 1, "{output:?}");
    let reply = records.remove(0);
    assert_eq!(reply["type"], "reply", "{reply}");
    assert_eq!(reply["protocol"], "raw", "{reply}");
    assert_eq!(reply["ok"], code == 0, "{reply}");
    reply
}

#[test]
fn a_service_can_be_looked_at_by_hand() {
    let address = file_service();
    let output = probe(address, &["--send", "GET file1.txt\\n"]).expect_code(0);
    let connected = format!("connected to {address}");
    let expected = [
        connected.as_str(),
        "> GET file1.txt\\n",
        "< OK ONE 5\\n",
        "< hello",
        "the peer closed the connection",
    ];
    assert_eq!(events(&output), expected, "{output:?}");
}

#[test]
fn steps_are_told_as_they_are_done() {
    let steps = [
        "--send",
        "GET file1.txt\\n",
        "--expect",
        "^OK",
        "--read",
        "7",
    ];
    let output = probe(file_service(), &steps).expect_code(0);
    let events = events(&output);
    assert!(
        events.contains(&"step 2 (--expect ^OK): \"OK\""),
        "{events:?}"
    );
    assert!(events.contains(&"step 3 (--read 7): 7 bytes"), "{events:?}");
    let steps = ["--send", "GET other\\n", "--expect", "^OK"];
    let output = probe(file_service(), &steps).expect_code(1);
    let last = output.stdout.lines().last().expect("lines");
    let words = "mismatch: step 2 (--expect ^OK): the connection was closed after 15 bytes";
    assert!(last.contains(words), "{output:?}");
}

#[test]
fn a_dump_has_offsets_in_each_direction() {
    let address = peer::answering(|_| (0..20).collect());
    let options = [
        "--hex",
        "--send",
        "0123456789abcdefg\\n",
        "--timeout",
        "300ms",
    ];
    let output = probe(address, &options).expect_code(0);
    let expected = [
        "> 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
        "> 00000010  67 0a                                             |g.|",
        "< 00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|",
        "< 00000010  10 11 12 13                                       |....|",
        "nothing more within 300ms",
    ];
    assert_eq!(events(&output)[1..], expected, "{output:?}");
}

#[test]
fn nothing_from_the_network_steers_the_terminal() {
    let address = peer::tcp(|mut stream| drop(stream.write_all(b"\x1b]0;title\x07\x9b31m\n")));
    let output = probe(address, &[]).expect_code(0);
    let shown = "< \\x1b]0;title\\x07\\x9b31m\\n";
    assert!(events(&output).contains(&shown), "{output:?}");
}

#[test]
fn the_record_holds_every_step() {
    let address = file_service();
    let reply = reply(
        address,
        &["--send", "GET file1.txt\\n", "--expect", "OK"],
        0,
    );
    assert_eq!(reply["kind"], "matched", "{reply}");
    assert_eq!(reply["address"], address.to_string(), "{reply}");
    assert_eq!(reply["sizes_bytes"], serde_json::json!([14]), "{reply}");
    let steps = reply["steps"].as_array().expect("steps");
    let whats: Vec<&str> = steps.iter().filter_map(|it| it["what"].as_str()).collect();
    let kinds = ["connected", "sent", "received", "matched", "ended"];
    // What comes may come in pieces, also after the match.
    assert_eq!(whats.iter().find(|it| !kinds.contains(it)), None, "{reply}");
    assert_eq!(whats[..3], kinds[..3], "{reply}");
    assert_eq!(steps[1]["text"], "GET file1.txt\\n", "{reply}");
    assert_eq!(steps[1]["size_bytes"], 14, "{reply}");
    let times: Vec<u64> = steps.iter().filter_map(|it| it["at_us"].as_u64()).collect();
    assert!(times.is_sorted(), "{reply}");
}

#[test]
fn the_kind_is_how_it_ended() {
    assert_eq!(
        reply(file_service(), &["--send", "?\\n"], 0)["kind"],
        "closed"
    );
    let options = ["--send", "?\\n", "--expect", "^OK"];
    assert_eq!(reply(file_service(), &options, 1)["kind"], "mismatch");
    let silent = reply(peer::silent(), &["--timeout", "300ms"], 1);
    assert_eq!(silent["kind"], "timeout", "{silent}");
    let reason = "nothing came within 300ms";
    assert_eq!(silent["reason"], reason, "{silent}");
    for (first, kind) in [(&["--read", "4"][..], "matched"), (&[], "reset")] {
        let address = peer::tcp(|mut stream| {
            drop(stream.write_all(b"half"));
            answers(&stream, PATIENCE);
            reset(stream);
        });
        let torn = reply(address, &[first, &["--send", "?"]].concat(), 0);
        assert_eq!(torn["kind"], kind, "{torn}");
        let last = torn["steps"].as_array().and_then(|it| it.last());
        let ended = last.map(|it| &it["text"]).expect("a step");
        assert_eq!(ended, "the peer reset the connection", "{torn}");
    }
    let (_held, address) = peer::refusing();
    let refused = reply(address, &[], 1);
    assert_eq!(refused["kind"], "refused", "{refused}");
    assert_eq!(refused["reason"], "nothing listens there", "{refused}");
}

#[test]
fn more_than_max_bytes_is_not_shown() {
    let address = peer::tcp(
        |mut stream| {
            while stream.write_all(&[b'x'; 10_000]).is_ok() {}
        },
    );
    let output = probe(address, &["--max-bytes", "5000"]).expect_code(0);
    let shown = output.stdout.matches('x').count() - output.stdout.matches("max-bytes").count();
    assert_eq!(shown, 5_000, "{output:?}");
    assert!(output.stdout.contains("(hint: --max-bytes)"), "{output:?}");
    assert!(output.stdout.contains(", which is enough"), "{output:?}");
}

#[test]
fn addresses_are_tried_in_turn_and_each_failure_is_shown() {
    let host = Host::new();
    host.hosts_file("127.0.0.1 web\n127.0.0.2 web\n");
    let server = crate::support::server::Server::of(host.netkit(&[
        "echo-server",
        "--host",
        "127.0.0.2",
        "--port",
        "0",
    ]));
    let target = format!("web:{}", server.port());
    let arguments = [
        "probe",
        "raw",
        "-4",
        &target,
        "--send",
        "hi",
        "--timeout",
        "300ms",
    ];
    let output = host.run(&arguments).expect_code(0);
    let events = events(&output);
    let port = server.port();
    let tried = events
        .iter()
        .position(|it| *it == format!("connected to 127.0.0.2:{port}"));
    // The resolver decides about the order.
    if tried == Some(1) {
        let refused = format!("127.0.0.1:{port} refused: nothing listens there");
        assert_eq!(events[0], refused, "{output:?}");
    } else {
        assert_eq!(tried, Some(0), "{output:?}");
    }
    assert!(events.contains(&"< hi"), "{output:?}");
    let output = host.run(&["probe", "raw", "nosuch:1"]).expect_code(1);
    assert!(output.stdout.contains("unresolved: "), "{output:?}");
}

#[test]
fn a_datagram_and_its_answer_are_shown() {
    let address = peer::lossy_udp(|_| false);
    let target = format!("udp://{address}");
    let options = ["--send", "ping", "--expect", "^ping$", "--timeout", "500ms"];
    let output = run(&[&["probe", "raw", &target], &options[..]].concat(), b"").expect_code(0);
    let expected = ["> ping", "< ping", "nothing more within 500ms"];
    assert_eq!(events(&output), expected, "{output:?}");
}

#[test]
fn what_came_before_a_signal_is_told() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"hello\n"));
        client::expect_end(&stream);
    });
    let arguments = ["probe", "raw", &address.to_string(), "--timeout", "1h"];
    let mut probe = Process::start(netkit(&arguments));
    probe.stdout.wait_for_line("< hello\\n", PATIENCE);
    send_signal(probe.id(), "INT");
    assert_eq!(probe.end(PATIENCE).status.code(), Some(130));
}

#[test]
fn a_closed_standard_output_is_quiet() {
    let address = peer::tcp(|mut stream| while stream.write_all(b"x\n").is_ok() {});
    let mut command = std::process::Command::new("sh");
    let line = "\"$1\" probe raw \"$2\" | head -n 1";
    command.args(["-c", line, "sh", env!("CARGO_BIN_EXE_netkit")]);
    command.arg(address.to_string());
    let output = finish(command, b"", PATIENCE);
    assert_eq!(output.stderr, "", "{output:?}");
    assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
}

//! Peers that close, reset, dribble, flood or send garbage: the step is named, and what came.

use super::passing::file_service;
use crate::check::records::{Checked, check, finished};
use crate::support::client::{self, answers};
use crate::support::peer;
use crate::support::process::netkit_through;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a peer is silent between two bytes: it goes on at once when the other side closes.
const PAUSE: Duration = Duration::from_millis(100);

fn check_at(address: SocketAddr, options: &[&str]) -> Checked {
    check(&[&[address.to_string().as_str()], options].concat())
}

#[track_caller]
fn expect_failure(checked: Checked, state: &str, words: &str) -> Value {
    let checked = checked.expect_code(1);
    let result = checked.only();
    assert_eq!(result["state"], state, "{result}");
    assert_eq!(result["ok"], false, "{result}");
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains(words), "no `{words}`: {result}");
    result.clone()
}

#[test]
fn the_failing_step_is_named_with_the_bytes_that_came() {
    let steps = ["--send", "GET file2.txt\\n", "--expect", "^OK"];
    let result = expect_failure(
        check_at(file_service(), &steps),
        "mismatch",
        r#"step 2 (--expect ^OK): the connection was closed after 15 bytes: "ERROR NOTFOUND\n""#,
    );
    assert_eq!(result["seen"], "ERROR NOTFOUND\\n");
}

#[test]
fn a_wrong_answer_of_a_peer_that_stays_ends_with_the_deadline() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"500 no\n"));
        drop(stream.peek(&mut [0]));
    });
    let steps = ["--expect", "^220", "--timeout", "300ms"];
    let words = r#"step 1 (--expect ^220): "500 no\n" came instead"#;
    expect_failure(check_at(address, &steps), "mismatch", words);
}

#[test]
fn a_peer_that_says_nothing_ends_with_the_deadline() {
    let steps = ["--send", "?", "--read", "1", "--timeout", "300ms"];
    let words = "step 2 (--read 1): 0 of 1 byte came within 300ms";
    expect_failure(check_at(peer::silent(), &steps), "mismatch", words);
    let steps = ["--expect", "x", "--timeout", "300ms"];
    let words = "step 1 (--expect x): nothing came within 300ms";
    let result = expect_failure(check_at(peer::silent(), &steps), "mismatch", words);
    assert_eq!(result.get("seen"), None, "{result}");
}

#[test]
fn what_must_not_come_fails_at_once() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"starting\nFATAL: no disk\n"));
        drop(stream.peek(&mut [0]));
    });
    let steps = ["--expect", "ready", "--reject", "^FATAL", "--timeout", "1h"];
    let words = r#"step 2 (--reject ^FATAL): "starting\nFATAL" came"#;
    expect_failure(check_at(address, &steps), "mismatch", words);
}

#[test]
fn a_reset_in_mid_conversation_is_reset() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"half a l"));
        assert!(answers(&stream, crate::support::PATIENCE));
        client::reset(stream);
    });
    let steps = ["--read", "8", "--send", "?", "--read", "until:\\n"];
    let words = "step 3 (--read until:\\n): the connection was reset before anything came";
    expect_failure(check_at(address, &steps), "reset", words);
}

#[test]
fn a_peer_that_closes_says_nothing_more() {
    let address = peer::tcp(|mut stream| drop(stream.write_all(b"12345")));
    let words = r#"step 1 (--read 6): the connection was closed after 5 bytes: "12345""#;
    expect_failure(check_at(address, &["--read", "6"]), "mismatch", words);
    let address = peer::tcp(drop);
    let words = "the connection was closed before anything came";
    expect_failure(check_at(address, &["--expect", "."]), "mismatch", words);
}

#[test]
fn garbage_is_shown_without_its_control_bytes() {
    let garbage: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let address = peer::tcp(move |mut stream| drop(stream.write_all(&garbage)));
    let result = expect_failure(
        check_at(address, &["--expect", "^OK"]),
        "mismatch",
        "the connection was closed after 5000 bytes",
    );
    let seen = result["seen"].as_str().expect("bytes");
    assert!(seen.bytes().all(|it| (b' '..=b'~').contains(&it)), "{seen}");
    // A KiB of bytes, of which each takes four characters at most.
    assert!((1_024..=4_096).contains(&seen.len()), "{}", seen.len());
}

/// Sends the same block until the other side closes.
fn flood(block: &'static [u8]) -> SocketAddr {
    peer::tcp(move |mut stream| {
        let block = block.repeat(65_536 / block.len());
        while stream.write_all(&block).is_ok() {}
    })
}

#[test]
fn an_endless_banner_ends_early() {
    let steps = ["--expect", "ready", "--timeout", "1h"];
    let words = "step 1 (--expect ready): 64 KiB came without a match: \"starting\\nstarting";
    expect_failure(check_at(flood(b"starting\n"), &steps), "mismatch", words);
    let steps = ["--read", "until:ready", "--timeout", "1h"];
    let words = "64 KiB came without a match";
    expect_failure(check_at(flood(b"."), &steps), "mismatch", words);
}

#[test]
fn an_endless_answer_takes_no_memory() {
    let target = flood(b"all work and no play\n").to_string();
    let arguments = [
        "check",
        "-o",
        "ndjson",
        &target,
        "--read",
        "eof",
        "--reject",
        "fun",
        "--timeout",
        "1s",
    ];
    // A second of loopback is some hundred megabytes at least, if nobody looks at them.
    let limited = netkit_through(&["prlimit", "--data=64000000"], &arguments);
    expect_failure(
        finished(limited),
        "mismatch",
        "bytes came within 1s, but no end",
    );
}

/// Sends a byte after each pause until the other side closes.
fn dribble(mut stream: TcpStream) {
    stream
        .set_read_timeout(Some(PAUSE))
        .expect("cannot set a timeout");
    while stream.write_all(b".").is_ok() && stream.peek(&mut [0]).is_err() {}
}

#[test]
fn a_dribble_ends_with_the_deadline() {
    let steps = ["--expect", "ready", "--timeout", "1s"];
    let words = ".\" came instead";
    expect_failure(check_at(peer::tcp(dribble), &steps), "mismatch", words);
    let steps = ["--read", "1000", "--timeout", "1s"];
    let words = " of 1000 bytes came within 1s";
    expect_failure(check_at(peer::tcp(dribble), &steps), "mismatch", words);
}

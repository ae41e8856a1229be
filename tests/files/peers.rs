//! Peers that are down, slow, or lie: the coordinator answers from its own copy, and says why.

use super::{Side, ask};
use crate::support::peer;
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

const OWN: &[u8] = b"OK ONE 3\nown";

/// What a coordinator that has `a` answers beside this peer, with its warning.
#[track_caller]
fn beside(peer: SocketAddr, words: &str) {
    let own = Side::new(&[("a", b"own")]);
    let server = own.coordinator(peer, &["--peer-timeout", "500ms"]);
    assert_eq!(ask(server.ipv4(), b"GET a\n"), OWN);
    let line = server.wait_for_log("is taken not to have a: ");
    assert!(line.contains(words), "no `{words}` in {line}");
    server.wait_for_log("GET a: Only SERVER1 had it → sent ONE");
}

#[track_caller]
fn answering(answer: &[u8], words: &str) {
    let answer = answer.to_vec();
    beside(peer::answering(move |_| answer), words);
}

#[test]
fn a_peer_that_is_down() {
    let (_held, address) = peer::refusing();
    beside(address, "refused");
}

#[test]
fn a_peer_that_lies_about_lengths() {
    answering(b"FOUND -1\n", "`-1` is no length");
    answering(b"FOUND 99999999999999999999\n", "is no length");
    answering(b"FOUND +3\nown", "`+3` is no length");
    answering(b"OK ONE 3\nown", "it answered `OK ONE 3`");
    answering(&vec![b'x'; 20_000], "a line is longer than 8192 bytes");
    answering(b"FOUND 3\nownFOUND 3\nown", "more than it had announced");
}

#[test]
fn a_peer_that_breaks_off() {
    beside(
        peer::breaking_off(b"FOUND 10\n12345"),
        "it closed after 5 of 10 bytes",
    );
    beside(
        peer::breaking_off(b"FOU"),
        "it closed within its answer: `FOU`",
    );
    beside(peer::closing(), "it closed without an answer");
    beside(peer::resetting(), "reset");
}

#[test]
fn a_peer_that_says_nothing_or_too_little() {
    beside(peer::silent(), "too little came within 500ms");
    let dribbling = peer::tcp(|mut stream| {
        drop(stream.read(&mut [0; 64]));
        drop(stream.write_all(b"FOUND 100000\n"));
        // A byte every 20 ms, until the coordinator closes.
        let pause = Some(Duration::from_millis(20));
        stream
            .set_read_timeout(pause)
            .expect("cannot set a timeout");
        while stream.peek(&mut [0]).is_err() && stream.write_all(b"x").is_ok() {}
    });
    beside(dribbling, "within 500ms");
}

#[test]
fn nothing_of_a_vanished_client_is_kept() {
    let own = Side::new(&[("a", &vec![b'x'; 1 << 20])]);
    let other = Side::new(&[("a", &vec![b'y'; 1 << 20])]);
    let peer = other.peer(&[]);
    let server = own.coordinator(peer.ipv4(), &[]);
    ask(server.ipv4(), b"GET a\n");
    let open = (descriptors(server.id()), descriptors(peer.id()));
    for _ in 0..20 {
        let mut stream = crate::support::client::connect(server.ipv4());
        stream.write_all(b"GET a\n").expect("cannot send");
    }
    let freed = becomes_true(PATIENCE, || {
        (descriptors(server.id()), descriptors(peer.id())) == open
    });
    assert!(freed, "descriptors are left open");
    assert!(ask(server.ipv4(), b"GET a\n").starts_with(b"OK BOTH"));
}

//! Clients that lie, stop, or do not read: they are closed, and nobody else notices.

use super::{Client, Site};
use crate::support::PATIENCE;
use crate::support::becomes_true;
use crate::support::client::{expect_end, reset};
use crate::support::usage::{descriptors, resident_bytes};
use std::io::{ErrorKind, Write};
use std::net::Shutdown;

/// What a server says of a client that sends these bytes.
#[track_caller]
fn expect_closed(bytes: &[u8], words: &str) {
    let site = Site::with("text");
    let server = site.serve(&["--max-update", "1000"]);
    let mut good = Client::connect(&server);
    let mut bad = Client::connect(&server);
    assert_eq!((good.hear(), bad.hear()), ("text".into(), "text".into()));
    bad.say("before;");
    assert_eq!(good.hear(), "before;");
    bad.stream.write_all(bytes).expect("cannot send");
    let error = bad.try_hear().expect_err("a frame came").kind();
    assert_eq!(error, ErrorKind::ConnectionReset);
    server.wait_for_log(&format!("said 1 updates ({words}"));
    good.say("after;");
    let mut other = Client::connect(&server);
    good.stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close");
    expect_end(&good.stream);
    assert!(other.hear_bytes(17) == "textbefore;after;");
}

#[test]
fn headers_that_lie() {
    expect_closed(
        b"1001      ",
        "a frame of 1001 bytes is longer than 1000 bytes",
    );
    expect_closed(b"9999999999", "a frame of 9999999999 bytes is longer");
    expect_closed(b"-5        hello", "`-5        ` is no header of a frame");
    expect_closed(b"+5        hello", "`+5        ` is no header of a frame");
    expect_closed(b"5 5       hello", "`5 5       ` is no header of a frame");
    expect_closed(b" 5        hello", "` 5        ` is no header of a frame");
    expect_closed(b"          ", "`          ` is no header of a frame");
    expect_closed(b"0x5       hello", "`0x5       ` is no header of a frame");
    expect_closed(
        b"GET / HTTP/1.1\r\n\r\n",
        "`GET / HTTP` is no header of a frame",
    );
    expect_closed(b"5\0\0\0\0\0\0\0\0\0hello", "`5\\0\\0");
}

#[test]
fn frames_that_are_no_text() {
    expect_closed(b"3         a\xffb", "a frame is no UTF-8 text (at byte 1)");
    expect_closed(
        b"1         \xc31         \xbc",
        "a frame is no UTF-8 text (at byte 0)",
    );
}

#[test]
fn a_length_that_is_too_short_makes_a_header_of_what_follows() {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut client = Client::connect(&server);
    let lie = b"2         hello and more";
    client.stream.write_all(lie).expect("cannot send");
    let error = client.try_hear().expect_err("a frame came").kind();
    assert_eq!(error, ErrorKind::ConnectionReset);
    server.wait_for_log("said 1 updates (`llo and mo` is no header of a frame)");
    assert!(becomes_true(PATIENCE, || site.text() == "he"));
}

#[test]
fn a_client_that_ends_within_a_frame_is_not_heard() {
    let site = Site::new();
    let server = site.serve(&[]);
    for (bytes, words) in [
        (
            &b"5     "[..],
            "it ended within a header: 6 of 10 bytes came",
        ),
        (
            b"5         he",
            "it ended within a frame: 2 of 5 bytes came",
        ),
    ] {
        let mut client = Client::connect(&server);
        client.stream.write_all(bytes).expect("cannot send");
        client
            .stream
            .shutdown(Shutdown::Write)
            .expect("cannot half-close");
        let error = client.try_hear().expect_err("a frame came").kind();
        assert_eq!(error, ErrorKind::ConnectionReset, "{words}");
        server.wait_for_log(words);
    }
    assert_eq!(site.text(), "");
}

#[test]
fn a_client_that_stops_within_a_frame_loses_its_place_while_others_speak() {
    let site = Site::new();
    let server = site.serve(&["--idle-timeout", "500ms"]);
    let mut stuck = Client::connect(&server);
    stuck.stream.write_all(b"5   ").expect("cannot send");
    let mut speaker = Client::connect(&server);
    // What it is told is no reason to wait for it.
    let gone = becomes_true(PATIENCE, || {
        speaker.say("x");
        server
            .log()
            .count_lines_with("it stopped within a header: 4 of 10 bytes came")
            == 1
    });
    assert!(gone, "{}", server.log().so_far());
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_nobody_waits_for_it() {
    let site = Site::new();
    let server = site.serve(&[]);
    let (mut speaker, mut reader) = (Client::connect(&server), Client::connect(&server));
    let mut stuck = Client::connect(&server);
    stuck.say("here");
    assert_eq!(
        (speaker.hear(), reader.hear()),
        ("here".into(), "here".into())
    );
    let before = resident_bytes(server.id());
    // The kernel's buffers take some MiB of their own.
    let update = "x".repeat(1 << 20);
    for _ in 0..32 {
        speaker.say(&update);
        assert!(reader.hear() == update, "another update");
    }
    let line = server.wait_for_log("it does not read, and too much waits for it");
    assert!(line.contains("said 1 updates"), "{line}");
    let lost = std::iter::repeat_with(|| stuck.try_hear())
        .take(32)
        .find_map(Result::err);
    assert_eq!(lost.map(|it| it.kind()), Some(ErrorKind::ConnectionReset));
    // The document itself, which doubles its room as it grows, and what is on its way.
    let grown = resident_bytes(server.id()).saturating_sub(before) >> 20;
    assert!(grown < 140, "{grown} MiB more");
}

#[test]
fn what_is_only_declared_takes_no_memory() {
    let site = Site::new();
    let server = site.serve(&["--max-update", "4MiB", "--max-connections", "200"]);
    Client::connect(&server).say("x");
    server.wait_for_log("said 1 updates");
    let before = resident_bytes(server.id());
    let clients: Vec<Client> = (0..200)
        .map(|_| {
            let mut client = Client::connect(&server);
            client
                .stream
                .write_all(b"4194304   x")
                .expect("cannot send");
            client
        })
        .collect();
    let mut last = Client::connect(&server);
    assert!(last.try_hear().is_err(), "there was a place");
    let grown = resident_bytes(server.id()).saturating_sub(before) >> 20;
    assert!(grown < 16, "{grown} MiB for {} clients", clients.len());
}

#[test]
fn clients_that_vanish_leave_nothing_open() {
    let site = Site::with("text");
    let server = site.serve(&["--max-connections", "100"]);
    let mut witness = Client::connect(&server);
    assert_eq!(witness.hear(), "text");
    let open = descriptors(server.id());
    for number in 0..50 {
        let mut client = Client::connect(&server);
        client.hear();
        match number % 3 {
            0 => reset(client.stream),
            1 => client.stream.write_all(b"5    ").expect("cannot send"),
            _ => client.say("x"),
        }
    }
    assert_eq!(witness.hear_bytes(16), "x".repeat(16));
    let freed = becomes_true(PATIENCE, || descriptors(server.id()) == open);
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(server.id())
    );
}

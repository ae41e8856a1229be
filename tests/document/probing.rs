//! The client, and what `check` makes of a server.

use super::{Client, Site};
use crate::check::records::{assert_valid_document, check, expect_mismatch, records};
use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::{Process, netkit, run, send_signal};
use std::io::{Read, Write};

/// The client with a server's address and no input yet.
fn start(target: &str, more: &[&str]) -> Process {
    Process::start(netkit(&[&["probe", "document", target], more].concat()))
}

#[test]
fn lines_of_a_pipe_become_the_document() {
    let site = Site::new();
    let server = site.serve(&[]);
    let target = server.address().to_string();
    let output = run(
        &["probe", "document", &target],
        "one\n\ngr\u{fc}n".as_bytes(),
    );
    assert_eq!(output.expect_code(0).stdout, "");
    assert_eq!(site.text(), "one\n\ngr\u{fc}n");
    run(&["probe", "document", &target, "-n"], b"a\n\nb\n").expect_code(0);
    assert_eq!(site.text(), "one\n\ngr\u{fc}nab");
    let output = run(&["probe", "document", &target, "--history"], b"x\n").expect_code(0);
    assert_eq!(output.stdout, site.text());
}

#[test]
fn a_large_file_comes_back_as_it_was() {
    let site = Site::new();
    let server = site.serve(&[]);
    let target = server.address().to_string();
    let lines = (0..20_000).map(|it| format!("line {it} of a text\n"));
    let text = lines.collect::<String>() + &"\u{fc}".repeat(200_000);
    run(&["probe", "document", &target], text.as_bytes()).expect_code(0);
    assert!(site.text() == text, "another text");
    let output = run(&["probe", "document", &target, "--history"], b"").expect_code(0);
    assert!(output.stdout == text, "another text came back");
}

#[test]
fn updates_are_shown_as_they_come() {
    let site = Site::with("begin\n");
    let server = site.serve(&[]);
    let target = server.address().to_string();
    let mut client = start(&target, &[]);
    client
        .stdout
        .wait_for_line("Document updated: begin", PATIENCE);
    let mut other = Client::connect(&server);
    assert_eq!(other.hear(), "begin\n");
    other.say("one");
    client
        .stdout
        .wait_for_line("Document updated: one", PATIENCE);
    let mut input = client.take_stdin();
    input.write_all(b"typed\n").expect("cannot type");
    assert_eq!(other.hear(), "typed\n");
    other.say("two\nlines\n");
    client.stdout.wait_for_line("lines", PATIENCE);
    drop(input);
    let output = client.end(PATIENCE).expect_code(0);
    let shown = "Document updated: begin\nDocument updated: one\nDocument updated: two\nlines\n";
    assert_eq!(output.stdout, shown);
}

#[test]
fn with_follow_it_stays_until_the_server_ends() {
    let site = Site::new();
    let server = site.serve(&[]);
    let target = server.address().to_string();
    let mut client = start(&target, &["--follow", "-o", "ndjson"]);
    let mut input = client.take_stdin();
    input.write_all(b"first\n").expect("cannot type");
    drop(input);
    let mut other = Client::connect(&server);
    other.say("after\n");
    client.stdout.wait_for_line("after", PATIENCE);
    drop(server);
    let output = client.end(PATIENCE).expect_code(1);
    assert!(
        output.stderr.contains("the server closed the connection"),
        "{output:?}"
    );
    let told = records(&output.stdout);
    let [.., last, end] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(end["ok"], false, "{end}");
    assert_eq!(
        (&last["kind"], &last["text"]),
        (&"update".into(), &"after\n".into())
    );
    assert_eq!(last["sizes_bytes"][0], 6, "{last}");
}

#[test]
fn a_signal_ends_it() {
    let site = Site::with("text");
    let server = site.serve(&[]);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut client = start(&server.address().to_string(), &[]);
        client
            .stdout
            .wait_for_line("Document updated: text", PATIENCE);
        send_signal(client.id(), name);
        client.end(PATIENCE).expect_code(code);
    }
}

#[test]
fn without_a_connection_it_says_so_and_why() {
    let (_held, refused) = peer::refusing();
    let target = refused.to_string();
    let output = run(&["probe", "document", &target], b"").expect_code(1);
    let (words, cause) = output.stderr.split_once('\n').expect("two lines");
    assert_eq!(
        words,
        "Connection failed. Please check the server and try again."
    );
    assert!(cause.contains("refused"), "{cause}");
    let output = run(&["probe", "document", &target, "-o", "json"], b"").expect_code(1);
    let document = serde_json::from_str(&output.stdout).expect("JSON");
    assert_valid_document(&document);
    assert_eq!(document["results"][0]["ok"], false, "{document}");
}

#[test]
fn an_empty_document_is_silence() {
    let site = Site::new();
    let server = site.serve(&[]);
    let target = server.address().to_string();
    let history = [
        "probe",
        "document",
        &target,
        "--history",
        "--silence",
        "200ms",
    ];
    let output = run(&history, b"").expect_code(0);
    assert_eq!(output.stdout, "");
    let output = run(&[&history[..], &["-o", "json"]].concat(), b"").expect_code(0);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_valid_document(&document);
    assert_eq!(document["results"][0]["text"], "", "{document}");
}

#[test]
fn servers_that_misbehave_are_told_apart() {
    let sending = |bytes: &'static [u8]| {
        let address = peer::tcp(move |mut stream| {
            drop(stream.write_all(bytes));
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // Whatever the client sends is read, or its end would be a reset.
            drop(stream.read_to_end(&mut Vec::new()));
        });
        address.to_string()
    };
    for (bytes, words) in [
        (
            &b"HTTP/1.1 400 Bad"[..],
            "`HTTP/1.1 4` is no header of a frame",
        ),
        (b"5         he", "within a frame: 2 of 5 bytes came"),
        (b"5    ", "within a header: 5 of 10 bytes came"),
        (b"1         \xff", "no UTF-8 text"),
        (
            b"99999999  x",
            "a frame of 99999999 bytes is longer than 67108864",
        ),
    ] {
        for more in [&["--follow"][..], &["--history"]] {
            let target = sending(bytes);
            let output = run(&[&["probe", "document", &target], more].concat(), b"");
            let said = output.expect_code(1).stderr;
            assert!(said.contains(words), "no `{words}` in {said}");
        }
    }
    let target = sending(b"");
    let output = run(&["probe", "document", &target, "--history"], b"").expect_code(1);
    assert!(
        output.stderr.contains("closed the connection (hint:"),
        "{output:?}"
    );
    let silent = peer::silent().to_string();
    let deaf = ["probe", "document", &silent, "--timeout", "300ms"];
    let output = run(&deaf, b"").expect_code(0);
    assert_eq!(output.stdout, "");
    let (_held, until_dropped) = std::sync::mpsc::channel::<()>();
    let stuck = peer::tcp(move |mut stream| {
        drop(stream.read_to_end(&mut Vec::new()));
        let _ = until_dropped.recv();
    });
    let stuck = stuck.to_string();
    let deaf = ["probe", "document", &stuck, "--timeout", "300ms"];
    let output = run(&deaf, b"x\n").expect_code(1);
    assert!(
        output.stderr.contains("did not close within 300ms"),
        "{output:?}"
    );
}

#[test]
fn an_input_that_is_no_text_is_not_sent() {
    let site = Site::with("text");
    let server = site.serve(&[]);
    let target = server.address().to_string();
    let output = run(&["probe", "document", &target], b"good\nb\xffd\n").expect_code(1);
    assert!(
        output.stderr.contains("the input is no UTF-8 text"),
        "{output:?}"
    );
    // A line without its end is no whole update either way.
    assert!(!site.text().contains('b'), "{}", site.text());
}

#[test]
fn check_takes_a_frame_or_silence() {
    let site = Site::with("one\ntwo\n");
    let server = site.serve(&[]);
    let target = format!("document://{}", server.address());
    check(&[&target, "--expect", "two", "--reject", "three"]).expect_code(0);
    expect_mismatch(
        check(&[&target, "--expect", "three"]),
        "nothing matches `three`",
    );
    let empty = Site::new();
    let server = empty.serve(&["--max-connections", "1"]);
    let target = format!("document://{}", server.address());
    check(&[&target]).expect_code(0);
    let _only = Client::connect(&server);
    let full = check(&[&target]);
    expect_mismatch(full, "it closed the connection at once");
    let garbage = peer::tcp(|mut stream| drop(stream.write_all(b"SSH-2.0-OpenSSH_9\r\n")));
    let found = check(&[&format!("document://{garbage}")]);
    expect_mismatch(found, "`SSH-2.0-Op` is no header of a frame");
    let sends = ["--send", "x"];
    let output = run(&[&["check", &target][..], &sends].concat(), b"").expect_code(2);
    assert!(output.stderr.contains("no place in document"), "{output:?}");
}

//! Servers that are slow, full, or gone: the client says so in time.

use super::{Client, Site};
use crate::check::records::assert_valid_document;
use crate::support::PATIENCE;
use crate::support::client::{answers, expect_silence};
use crate::support::peer;
use crate::support::process::{Process, netkit, run};
use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

/// A server that sends the beginning of a frame, and then a byte now and then.
fn dribbling() -> String {
    let address = peer::tcp(|mut stream| {
        let mut sent = stream.write_all(b"1000      ");
        // Nothing comes from the client before it gives up.
        while sent.is_ok() && !answers(&stream, Duration::from_millis(50)) {
            sent = stream.write_all(b"x");
        }
    });
    address.to_string()
}

#[test]
fn a_server_that_dribbles_is_not_waited_for() {
    for more in [&["--history"][..], &["--follow"]] {
        let target = dribbling();
        let own = ["probe", "document", &target, "--timeout", "400ms"];
        let output = run(&[&own, more].concat(), b"").expect_code(1);
        let words = "the server is too slow: less than 64 KiB within 400ms, within a frame:";
        assert!(output.stderr.contains(words), "{output:?}");
        let target = dribbling();
        let own = ["probe", "document", &target, "--timeout", "400ms"];
        run(&[&own, more, &["--exit-detail"]].concat(), b"").expect_code(11);
    }
}

#[test]
fn frames_that_are_far_apart_are_waited_for() {
    let address = peer::tcp(|mut stream| {
        for _ in 0..4 {
            expect_silence(&stream, Duration::from_millis(150));
            drop(stream.write_all(b"1         x"));
        }
    });
    let target = address.to_string();
    let follow = [
        "probe",
        "document",
        &target,
        "--follow",
        "--timeout",
        "300ms",
    ];
    let output = run(&follow, b"").expect_code(1);
    assert_eq!(output.stdout, "Document updated: x\n".repeat(4));
    assert_eq!(output.stderr, "netkit: the server closed the connection\n");
}

#[test]
fn a_server_that_does_not_read_is_not_waited_for() {
    let (_held, until_dropped) = channel::<()>();
    let deaf = peer::tcp(move |stream| {
        let _ = until_dropped.recv();
        drop(stream);
    });
    let target = deaf.to_string();
    // More than the kernel holds for either.
    let text = "a line that nobody reads\n".repeat(3 << 20);
    let words = ["probe", "document", &target, "--timeout", "400ms"];
    let output = run(&words, text.as_bytes()).expect_code(1);
    let said = "the server does not read: it took less than 64 KiB within 400ms";
    assert!(output.stderr.contains(said), "{output:?}");
}

#[test]
fn a_failure_midway_is_a_record_too() {
    let truncating = || {
        let address = peer::tcp(|mut stream| {
            drop(stream.write_all(b"3         one5         he"));
            let _ = stream.shutdown(std::net::Shutdown::Write);
            drop(stream.read_to_end(&mut Vec::new()));
        });
        address.to_string()
    };
    let target = truncating();
    let follow = ["probe", "document", &target, "--follow", "-o", "json"];
    let output = run(&follow, b"").expect_code(1);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_valid_document(&document);
    let told = document["results"].as_array().expect("records");
    assert_eq!(told.len(), 2, "{document}");
    assert_eq!(
        (&told[0]["ok"], &told[0]["text"]),
        (&true.into(), &"one".into())
    );
    assert_eq!(told[1]["ok"], false, "{document}");
    let reason = told[1]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("within a frame: 2 of 5 bytes came"),
        "{reason}"
    );
    let said = format!("netkit: {reason}\n");
    assert_eq!(output.stderr, said, "and it is said once");
    let target = truncating();
    let detailed = ["probe", "document", &target, "--follow", "--exit-detail"];
    let output = run(&detailed, b"").expect_code(14);
    assert_eq!(output.stderr, said);
}

#[test]
fn failures_have_kinds() {
    let garbage = peer::tcp(|mut stream| {
        drop(stream.write_all(b"SSH-2.0-OpenSSH_9\r\n"));
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let (_held, refused) = peer::refusing();
    for (target, code) in [(garbage.to_string(), 15), (refused.to_string(), 10)] {
        let words = ["probe", "document", &target, "--history", "--exit-detail"];
        run(&words, b"").expect_code(code);
    }
}

#[test]
fn a_server_without_a_place_is_told_by_every_client() {
    let site = Site::with("text");
    let server = site.serve(&["--max-connections", "1"]);
    let mut only = Client::connect(&server);
    assert_eq!(only.hear(), "text");
    let target = server.address().to_string();
    for more in [&["--history"][..], &[], &["--follow"]] {
        let words = [&["probe", "document", &target], more].concat();
        // It types nothing, and stays.
        let mut client = Process::start(netkit(&words));
        let output = client.end(PATIENCE).expect_code(1);
        let hint = "the server closed the connection (hint: it may have no place left)";
        assert!(output.stderr.contains(hint), "{output:?}");
    }
    let output = run(&["probe", "document", &target], b"lost\n").expect_code(1);
    assert!(
        output.stderr.contains("(hint: it may have no place left)"),
        "{output:?}"
    );
}

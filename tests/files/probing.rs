//! `netkit probe peer|coordinator`, `peer://` and `coordinator://`.

use super::Side;
use crate::check::records::{check, expect_mismatch, records};
use crate::support::peer;
use crate::support::process::run;
use crate::support::server::Server;
use std::fs;

/// The checksum of `x`.
const X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

struct Service {
    _sides: (Side, Side),
    peer: Server,
    coordinator: Server,
}

impl Service {
    fn new() -> Self {
        let one = Side::new(&[("same", b"x"), ("differs", b"a\nb\n"), ("only1", b"1")]);
        let two = Side::new(&[("same", b"x"), ("differs", b"a\nc\n")]);
        let peer = two.peer(&[]);
        let coordinator = one.coordinator(peer.ipv4(), &[]);
        Self {
            _sides: (one, two),
            peer,
            coordinator,
        }
    }

    fn coordinator(&self) -> String {
        self.coordinator.ipv4().to_string()
    }

    fn peer(&self) -> String {
        self.peer.ipv4().to_string()
    }
}

#[test]
fn copies_are_shown_or_how_they_differ() {
    let service = Service::new();
    let target = service.coordinator();
    let probe = |more: &[&str]| run(&[&["probe", "coordinator", &target], more].concat(), b"");
    let both = "Received BOTH copies:\n--- SERVER1 version ---\na\nb\n\n\
                --- SERVER2 version ---\na\nc\n";
    assert_eq!(probe(&["differs"]).expect_code(0).stdout, both);
    let difference = "--- SERVER1\n+++ SERVER2\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
    assert_eq!(
        probe(&["differs", "--diff"]).expect_code(0).stdout,
        difference
    );
    let output = probe(&["differs", "--require-match"]).expect_code(1);
    assert!(output.stderr.contains("the copies differ"), "{output:?}");
    probe(&["same", "--require-match"]).expect_code(0);
    let output = probe(&["none"]).expect_code(1);
    assert_eq!(output.stdout, "ERROR NOTFOUND\n");
}

#[test]
fn what_two_sides_have_is_told_in_words() {
    let service = Service::new();
    let (coordinator, peer) = (service.coordinator(), service.peer());
    let compare = |path: &str, code: i32| {
        let arguments = [
            "probe",
            "coordinator",
            &coordinator,
            path,
            "--compare",
            &peer,
        ];
        run(&arguments, b"").expect_code(code).stdout
    };
    assert!(compare("same", 0).ends_with("the copies are the same\n"));
    assert!(compare("differs", 1).ends_with("the copies differ\n"));
    assert!(compare("only1", 1).ends_with(&format!("peer://{peer} has no such file\n")));
    assert!(compare("none", 1).ends_with("neither has the file\n"));
    let one = run(
        &["probe", "coordinator", &coordinator, "same", "--diff"],
        b"",
    )
    .expect_code(0);
    assert_eq!(one.stdout, "there is only one copy, or both are the same\n");
}

#[test]
fn what_cannot_be_asked_is_not_asked() {
    let server = peer::breaking_off(b"FOUND 1\nx");
    let target = server.to_string();
    for path in ["", "a\nGET b", " a", &"x".repeat(9000)] {
        let output = run(&["probe", "peer", &target, path], b"").expect_code(2);
        assert!(output.stderr.contains("the path"), "{output:?}");
    }
    for option in ["--diff", "--require-match"] {
        let output = run(&["probe", "peer", &target, "a", option], b"").expect_code(2);
        assert!(output.stderr.contains("a peer has one copy"), "{output:?}");
    }
    let output = run(&["serve", "coordinator", "--peer", "x:"], b"").expect_code(2);
    assert!(output.stderr.contains("x:"), "{output:?}");
}

#[test]
fn programs_learn_of_failures_too() {
    let cut = peer::breaking_off(b"FOUND 10\n12345").to_string();
    let output = run(&["probe", "peer", &cut, "a", "-o", "ndjson"], b"").expect_code(1);
    let record = &records(&output.stdout)[0];
    assert_eq!(record["ok"], false, "{record}");
    let reason = record["reason"].as_str().expect("a reason");
    assert!(
        reason.ends_with("it closed after 5 of 10 bytes"),
        "{reason}"
    );
}

#[test]
fn the_exit_status_can_tell_what_is_missing() {
    let service = Service::new();
    let coordinator = format!("coordinator://{}", service.coordinator());
    let status = |code: i32, target: &str, more: &[&str]| {
        check(&[&["--exit-detail", target], more].concat()).expect_code(code);
    };
    status(17, &format!("{coordinator}/none"), &[]);
    status(17, &format!("peer://{}/only1", service.peer()), &[]);
    status(18, &format!("{coordinator}/differs"), &["--copies", "one"]);
    status(18, &format!("{coordinator}/only1"), &["--sha256", X]);
    status(15, &format!("{coordinator}/same"), &["--copies", "both"]);
    let cut = peer::breaking_off(b"FOUND 10\n12345");
    status(14, &format!("peer://{cut}/file"), &[]);
}

#[test]
fn records_have_lengths_and_checksums() {
    let service = Service::new();
    let arguments = [
        "probe",
        "coordinator",
        &service.coordinator(),
        "differs",
        "-o",
        "ndjson",
    ];
    let output = run(&arguments, b"").expect_code(0);
    let record = &records(&output.stdout)[0];
    assert_eq!(record["kind"], "OK BOTH", "{record}");
    assert_eq!(record["sizes_bytes"], serde_json::json!([4, 4]), "{record}");
    assert_eq!(
        record["sha256"].as_array().map(Vec::len),
        Some(2),
        "{record}"
    );
    assert!(record["first_byte_us"].is_u64(), "{record}");
    let arguments = ["probe", "peer", &service.peer(), "same", "-o", "ndjson"];
    let output = run(&arguments, b"").expect_code(0);
    let record = &records(&output.stdout)[0];
    assert_eq!(record["sha256"][0], X, "{record}");
}

#[test]
fn copies_are_written_whole_or_not_at_all() {
    let service = Service::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy");
    let path = file.to_str().expect("a path in UTF-8");
    let (coordinator, peer) = (service.coordinator(), service.peer());
    let probe = |name: &str| {
        let arguments = ["probe", "coordinator", &coordinator, name, "--output", path];
        run(&arguments, b"")
    };
    probe("same").expect_code(0);
    assert_eq!(fs::read(&file).expect("a copy"), b"x");
    probe("differs").expect_code(0);
    let read = |side: &str| fs::read_to_string(format!("{path}.{side}")).expect("a copy");
    assert_eq!(
        (read("server1"), read("server2")),
        ("a\nb\n".into(), "a\nc\n".into())
    );
    run(&["probe", "peer", &peer, "same", "--output", path], b"").expect_code(0);
    // A copy that breaks off leaves what was there, and nothing beside it.
    let short = peer::breaking_off(b"FOUND 10\n12345");
    let target = short.to_string();
    let output = run(&["probe", "peer", &target, "same", "--output", path], b"").expect_code(1);
    assert!(
        output.stderr.contains("it closed after 5 of 10 bytes"),
        "{output:?}"
    );
    assert_eq!(fs::read(&file).expect("the old copy"), b"x");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
    let nowhere = ["probe", "peer", &peer, "same", "--output", "/nowhere/copy"];
    let output = run(&nowhere, b"").expect_code(1);
    assert!(
        output.stderr.contains("cannot write `/nowhere/copy`"),
        "{output:?}"
    );
}

#[test]
fn two_sides_can_be_compared_without_the_service() {
    let service = Service::new();
    let (coordinator, peer) = (service.coordinator(), service.peer());
    let same = [
        "probe",
        "coordinator",
        &coordinator,
        "same",
        "--compare",
        &peer,
    ];
    let output = run(&same, b"").expect_code(0);
    assert!(
        output.stdout.contains("the copies are the same"),
        "{output:?}"
    );
    assert_eq!(output.stdout.matches(X).count(), 2, "{output:?}");
    let only = [
        "probe",
        "coordinator",
        &coordinator,
        "only1",
        "--compare",
        &peer,
    ];
    let output = run(&only, b"").expect_code(1);
    assert!(output.stderr.contains("has no such file"), "{output:?}");
    let other = Side::new(&[("same", b"y")]).peer(&[]);
    drop(other);
    let side = Side::new(&[("same", b"y")]);
    let other = side.peer(&[]);
    let other = other.ipv4().to_string();
    let differ = [
        "probe",
        "peer",
        &peer,
        "same",
        "--compare",
        &other,
        "-o",
        "ndjson",
    ];
    let output = run(&differ, b"").expect_code(1);
    let all = records(&output.stdout);
    assert_eq!(all.len(), 2, "{output:?}");
    assert!(
        all[1]["reason"]
            .as_str()
            .expect("why")
            .contains("another copy")
    );
}

#[test]
fn checks_count_copies_and_compare_checksums() {
    let service = Service::new();
    let coordinator = |name: &str| format!("coordinator://{}/{name}", service.coordinator());
    let peer = |name: &str| format!("peer://{}/{name}", service.peer());
    let sum = ["--sha256", X];
    check(&[&[coordinator("same").as_str(), &peer("same")], &sum[..]].concat()).expect_code(0);
    check(&[&coordinator("differs"), "--copies", "both"]).expect_code(0);
    check(&[&coordinator("none"), &peer("only1"), "--copies", "none"]).expect_code(0);
    let one = check(&[&coordinator("differs"), "--copies", "one"]);
    expect_mismatch(one, "the copies differ");
    let both = check(&[&coordinator("same"), "--copies", "both"]);
    expect_mismatch(both, "only one copy");
    expect_mismatch(check(&[&peer("only1")]), "the file was not found");
    let other = check(&[&[coordinator("only1").as_str()], &sum[..]].concat());
    expect_mismatch(other, "its checksum is 6b86");
}

#[test]
fn what_makes_no_sense_is_named() {
    for (arguments, words) in [
        (&["peer://127.0.0.1"][..], "it names no file"),
        (
            &["peer://127.0.0.1/a", "--sha256", "12"],
            "`12` is no checksum",
        ),
        (
            &["peer://127.0.0.1/a", "--send", "x"],
            "`--send` has no place in peer",
        ),
        (
            &["127.0.0.1:9", "--copies", "one"],
            "is for peer and coordinator",
        ),
        (
            &["coordinator://127.0.0.1/a", "--copies", "two"],
            "none, one, both",
        ),
    ] {
        let output = run(&[&["check"], arguments].concat(), b"").expect_code(2);
        assert!(output.stderr.contains(words), "no `{words}`: {output:?}");
    }
    run(&["probe", "peer", "127.0.0.1:1-2", "a"], b"").expect_code(2);
    run(&["probe", "peer", "127.0.0.1:9"], b"").expect_code(2);
    run(&["serve", "coordinator"], b"").expect_code(2);
}

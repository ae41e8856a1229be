//! The directory listing: servers, the union, and the drift between two.

use super::{Side, ask};
use crate::check::records::{assert_valid_document, check, expect_mismatch, records};
use crate::support::client::connect;
use crate::support::peer;
use crate::support::process::run;
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::Duration;

/// The lines of a list without the times in them.
fn lines(server: &Server) -> Vec<String> {
    let text = String::from_utf8(ask(server.ipv4(), b"")).expect("text");
    let without_time = |line: &str| match line.splitn(4, ' ').collect::<Vec<_>>().as_slice() {
        [kind, size, _, name] => format!("{kind} {size} {name}"),
        _ => line.to_owned(),
    };
    text.lines().map(without_time).collect()
}

#[test]
fn every_kind_of_name_has_a_line_and_the_end_counts_them() {
    let side = Side::new(&[("a b", b"12"), ("50%", b"")]);
    fs::create_dir(side.root().join("dir")).expect("a folder");
    symlink("/nowhere", side.root().join("link")).expect("a link");
    let odd = std::ffi::OsStr::from_bytes(b"new\nline\xff");
    fs::write(side.root().join(odd), "x").expect("a file");
    let server = side.serve("listing", &[]);
    let listed = lines(&server);
    assert_eq!(listed.len(), 6, "{listed:?}");
    for line in [
        "f 2 a b",
        "f 0 50%25",
        "f 1 new%0Aline%FF",
        "l 8 link",
        "END 5",
    ] {
        assert!(
            listed.iter().any(|it| it == line),
            "no `{line}` in {listed:?}"
        );
    }
    assert!(
        listed
            .iter()
            .any(|it| it.starts_with("d ") && it.ends_with(" dir")),
        "{listed:?}"
    );
    server.wait_for_log("listed 5 names");
}

#[test]
fn an_upstream_is_listed_too_and_the_union_has_no_doubles() {
    let (one, two) = (Side::new(&[("a", b"1")]), Side::new(&[("b", b"22")]));
    fs::hard_link(one.root().join("a"), two.root().join("a")).expect("the same file");
    let upstream = two.serve("listing", &[]);
    let address = upstream.ipv4().to_string();
    let server = one.serve("listing", &["--upstream", &address]);
    assert_eq!(lines(&server), ["f 1 a", "f 1 a", "f 2 b", "END 3"]);
    let target = server.ipv4().to_string();
    let output = run(&["probe", "listing", &target], b"").expect_code(0);
    assert_eq!(output.stdout.lines().count(), 2, "{output:?}");
    let output = run(&["probe", "listing", &target, "-o", "ndjson"], b"").expect_code(0);
    let record = &records(&output.stdout)[0];
    assert_eq!(record["entries"][1]["name"], "b", "{record}");
}

#[test]
fn an_upstream_that_fails_is_a_warning() {
    let side = Side::new(&[("a", b"1")]);
    let (_held, refused) = peer::refusing();
    let cut = peer::tcp(|mut stream| {
        drop(stream.write_all(b"f 1 1970-01-01T00:00:00Z b\n"));
    });
    let lying = peer::tcp(|mut stream| drop(stream.write_all(b"END 7\n")));
    let going_on = peer::tcp(|mut stream| drop(stream.write_all(b"END 0\nmore")));
    for (upstream, words) in [
        (refused, "refused"),
        (cut, "cut short"),
        (lying, "its END says 7"),
        (going_on, "came after the END"),
    ] {
        let upstream = upstream.to_string();
        let server = side.serve(
            "listing",
            &["--upstream", &upstream, "--upstream-timeout", "1s"],
        );
        let listed = lines(&server);
        assert_eq!(
            (listed.len(), &*listed[0], &*listed[2]),
            (3, "f 1 a", "END 1")
        );
        assert!(
            listed[1].starts_with("WARN upstream") && listed[1].contains(words),
            "{listed:?}"
        );
        let target = server.ipv4().to_string();
        let output = run(&["probe", "listing", &target], b"").expect_code(0);
        assert!(
            output.stderr.contains("the list is incomplete"),
            "{output:?}"
        );
    }
}

#[test]
fn the_drift_between_two_servers_is_told_by_name() {
    let one = Side::new(&[("same", b"1"), ("size", b"1"), ("first", b"")]);
    let two = Side::new(&[("same", b"2"), ("size", b"22"), ("second", b"")]);
    let (first, second) = (one.serve("listing", &[]), two.serve("listing", &[]));
    let (first, second) = (first.ipv4().to_string(), second.ipv4().to_string());
    let output = run(&["probe", "listing", &first, &second], b"").expect_code(1);
    let told: Vec<(&str, &str)> = output
        .stdout
        .lines()
        .filter_map(|line| Some((line.split(' ').next()?, line.split("Z ").nth(1)?)))
        .collect();
    let expected = [
        ("first", "first"),
        ("both", "same"),
        ("second", "second"),
        ("differs", "size   (1 and 2 bytes)"),
    ];
    assert_eq!(told, expected, "{output:?}");
    run(&["probe", "listing", &first, &first], b"").expect_code(0);
}

#[test]
fn a_list_without_its_end_is_no_list() {
    let side = Side::new(&[("a", b"1")]);
    let server = side.serve("listing", &[]);
    let target = format!("listing://{}", server.ipv4());
    check(&[&target, "--expect", "^a$", "--reject", "secret"]).expect_code(0);
    expect_mismatch(
        check(&[&target, "--expect", "^b$"]),
        "nothing matches `^b$`",
    );
    let cut = peer::tcp(|mut stream| drop(stream.write_all(b"f 1 1970-01-01T00:00:00Z a\n")));
    let output = run(&["probe", "listing", &cut.to_string()], b"").expect_code(1);
    assert!(output.stderr.contains("cut short"), "{output:?}");
    let garbage = peer::tcp(|mut stream| drop(stream.write_all(&vec![b'x'; 20_000])));
    let found = check(&[&format!("listing://{garbage}")]);
    expect_mismatch(found, "a line is longer than 8192 bytes");
}

#[test]
fn a_list_that_is_none_is_told_as_a_record() {
    let (_held, refused) = peer::refusing();
    let cut = || peer::tcp(|mut stream| drop(stream.write_all(b"f 1 1970-01-01T00:00:00Z a\n")));
    let going_on = peer::tcp(|mut stream| drop(stream.write_all(b"END 0\nEND 0\n")));
    for (server, kind, reason) in [
        (refused, "refused", "refused"),
        (cut(), "mismatch", "the list is cut short: it has no END"),
        (going_on, "mismatch", "more came after the END of the list"),
    ] {
        let name = format!("listing://{server}");
        let output = run(&["probe", "listing", &name, "-o", "ndjson"], b"").expect_code(1);
        let told = records(&output.stdout);
        assert_eq!(told.len(), 1, "{output:?}");
        let record = &told[0];
        assert_eq!(
            (&record["type"], &record["ok"]),
            (&"reply".into(), &false.into())
        );
        assert_eq!(
            (&record["kind"], &record["target"]),
            (&kind.into(), &name.into())
        );
        let said = record["reason"].as_str().expect("a reason");
        assert!(said.contains(reason), "{record}");
        assert!(output.stderr.contains(reason), "{output:?}");
    }
    // The one that is good is told too.
    let side = Side::new(&[("a", b"1")]);
    let server = side.serve("listing", &[]);
    let (good, bad) = (server.ipv4().to_string(), cut().to_string());
    let output = run(&["probe", "listing", &good, &bad, "-o", "json"], b"").expect_code(1);
    let document = serde_json::from_str(&output.stdout).expect("JSON");
    assert_valid_document(&document);
    let told = document["results"].as_array().expect("records");
    let told: Vec<_> = told.iter().map(|it| it["ok"] == true).collect();
    assert_eq!(told, [true, false], "{document}");
}

#[test]
fn only_so_many_lists_are_held_at_once_and_further_clients_wait() {
    const MOST: usize = 16;
    let upstream = TcpListener::bind((peer::HOST, 0)).expect("a listener");
    upstream.set_nonblocking(true).expect("set");
    let address = upstream.local_addr().expect("an address").to_string();
    let side = Side::new(&[("a", b"1")]);
    let arguments = ["--upstream", &address, "--upstream-timeout", "60s"];
    let server = side.serve("listing", &arguments);
    let clients: Vec<TcpStream> = (0..=MOST).map(|_| connect(server.ipv4())).collect();
    // The upstream is asked by whoever has their turn, and holds them there.
    let mut asked = Vec::new();
    let mut is_asked_by = |count: usize, within: Duration| {
        becomes_true(within, || {
            asked.extend(upstream.accept().map(|(stream, _)| stream));
            asked.len() == count
        })
    };
    assert!(is_asked_by(MOST, PATIENCE), "too few have their turn");
    server
        .log()
        .wait_for_lines(" connected", clients.len(), PATIENCE);
    let more = is_asked_by(MOST + 1, Duration::from_secs(1));
    assert!(!more, "too many have their turn");
    asked.remove(0).write_all(b"END 0\n").expect("sent");
    let next = becomes_true(PATIENCE, || upstream.accept().is_ok());
    assert!(next, "the last never has its turn");
}

#[test]
fn a_directory_is_read_beside_the_loop() {
    let side = Side::new(&[("a", b"1")]);
    let server = side.serve("listing", &[]);
    let tracer = Tracer::attach(server.id(), &["-e", "trace=getdents64"]);
    assert_eq!(lines(&server), ["f 1 a", "END 1"]);
    let calls = tracer.detach();
    let reads: Vec<_> = calls
        .iter()
        .filter(|it| it.contains("getdents64("))
        .collect();
    assert!(!reads.is_empty(), "{calls:?}");
    let main = format!("{} ", server.id());
    assert!(reads.iter().all(|it| !it.starts_with(&main)), "{calls:?}");
}

//! Paths that lead out, heads that are none, bodies that nobody reads, clients without end.

use super::site::{CONTENT, Reply, Site};
use crate::support::client::{answers, expect_end, write_until_stuck};
use crate::support::process::finish;
use crate::support::{PATIENCE, becomes_true};
use std::fs::{self, Permissions};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn no_path_leads_out() {
    let mut site = Site::new();
    site.write("inner/b", "b");
    symlink("../secret", site.path("relative")).expect("a link");
    symlink(site.beside().join("secret"), site.path("absolute")).expect("a link");
    symlink("../www_evil", site.path("sibling")).expect("a link");
    symlink("/", site.path("all")).expect("a link");
    symlink("loop", site.path("loop")).expect("a link");
    symlink("nowhere", site.path("dangling")).expect("a link");
    symlink("inner/b", site.path("within")).expect("a link");
    for target in [
        "/../secret",
        "/../www_evil/secret",
        "/inner/../../secret",
        "/%2e%2e/secret",
        "/%2E%2E%2Fsecret",
        "/..%2fsecret",
        "/..%5csecret",
        "/..\\secret",
        "/%252e%252e/secret",
        "/%c0%ae%c0%ae/secret",
        "/%e0%80%ae%e0%80%ae/secret",
        "/%uff0e%uff0e/secret",
        "/..;/secret",
        "/.../secret",
        "/....//secret",
        "/./.././secret",
        "//../secret",
        "/secret",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/all/etc/passwd",
        "/all/",
        "/all",
        "/relative",
        "/absolute",
        "/sibling/secret",
        "/sibling/",
        "/loop",
        "/loop/a",
        "/dangling",
        "http://a/../secret",
    ] {
        let reply = site.get(target, "");
        assert!((400..500).contains(&reply.status), "{target}: {reply:?}");
        assert!(
            !reply.text().contains("secret\n") && reply.text() != "secret",
            "{target}"
        );
        assert!(!reply.text().contains("root:"), "{target}");
    }
    assert_eq!(site.get("/within", "").text(), "b");
    site.server.expect_running();
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let drops = [
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-all",
    ];
    let site = Site::through(&["setpriv", drops[0], drops[1]], &["-v"]);
    let mut command = Command::new("mkfifo");
    command.arg(site.path("fifo"));
    finish(command, b"", PATIENCE).expect_code(0);
    let _socket = std::os::unix::net::UnixListener::bind(site.path("socket")).expect("a socket");
    site.write("unreadable", "secret");
    site.write("closed/a", "secret");
    for name in ["unreadable", "closed"] {
        fs::set_permissions(site.path(name), Permissions::from_mode(0o000)).expect("set");
    }
    for (target, status) in [
        ("/fifo", 404),
        ("/socket", 404),
        ("/unreadable", 403),
        ("/closed/a", 403),
        ("/closed/", 403),
    ] {
        assert_eq!(site.get(target, "").status, status, "{target}");
    }
    let listing = site.get("/", "").text();
    assert!(
        !listing.contains("fifo") && !listing.contains("socket"),
        "{listing}"
    );
    fs::set_permissions(site.path("closed"), Permissions::from_mode(0o700)).expect("set");
}

#[test]
fn long_and_deep_paths_are_answered() {
    let site = Site::new();
    for (target, status) in [
        (format!("/{}", "x".repeat(256)), 404),
        (format!("/{}", "x".repeat(4_096)), 404),
        ("/x".repeat(1_000), 404),
        (format!("/{}", "./".repeat(1_000)), 200),
        (format!("/a.txt?{}", "x".repeat(8_000)), 200),
        (format!("/{}", "x".repeat(9_000)), 414),
        (format!("/a.txt?{}", "x".repeat(9_000)), 414),
        (format!("/{}", "x".repeat(64 << 10)), 431),
        ("/%20%20".into(), 404),
    ] {
        let shown = &target[..target.len().min(40)];
        assert_eq!(site.get(&target, "").status, status, "{shown}");
    }
}

#[test]
fn heads_that_are_none_are_refused() {
    let mut site = Site::new();
    let head = "GET /a.txt HTTP/1.1\r\nHost: a\r\n";
    let mebibyte = "x".repeat(1 << 20);
    for (request, status) in [
        (format!("{head}X: {mebibyte}\r\n\r\n"), 431),
        (format!("{head}{mebibyte}: x\r\n\r\n"), 431),
        (format!("{head}{}\r\n", "X: y\r\n".repeat(10_000)), 431),
        (format!("{head}{}\r\n", "X: y\r\n".repeat(100)), 431),
        (format!("{head}X: a\0b\r\n\r\n"), 400),
        (format!("{head}X: a\rb\r\n\r\n"), 400),
        (format!("{head}X : a\r\n\r\n"), 400),
        (format!("{head}X\r\n\r\n"), 400),
        (format!("{head} folded: a\r\n\r\n"), 400),
        (format!("{head}X: a\r\n folded\r\n\r\n"), 400),
        ("GET /a\0.txt HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /a.txt HTTP/1.2\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /a.txt HTTP/2.0\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /a.txt\r\n\r\n".into(), 400),
        ("GET  /a.txt HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /a .txt HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".into(), 400),
        ("nonsense\r\n\r\n".into(), 400),
    ] {
        let reply = site.one(request.as_bytes());
        assert_eq!(
            reply.status,
            status,
            "{:?}",
            &request[..request.len().min(80)]
        );
    }
    // Lines that end without a carriage return are lines (RFC 9112, section 2.2).
    let bare = site.one(b"GET /a.txt HTTP/1.1\nHost: a\n\n");
    assert_eq!(bare.text(), CONTENT);
    site.server.expect_running();
}

#[test]
fn a_body_is_never_taken_for_a_request() {
    let site = Site::new();
    let inner = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = "GET /a.txt HTTP/1.1\r\nHost: a\r\n";
    for (framing, statuses) in [
        (
            format!("Content-Length: {}\r\n\r\n{inner}", inner.len()),
            &[200][..],
        ),
        (
            format!("Content-Length: 5\r\nContent-Length: 6\r\n\r\n{inner}"),
            &[400],
        ),
        (format!("Content-Length: -1\r\n\r\n{inner}"), &[400]),
        (format!("Content-Length: +5\r\n\r\n{inner}"), &[400]),
        (
            format!("Content-Length: 18446744073709551616\r\n\r\n{inner}"),
            &[400],
        ),
        (format!("Transfer-Encoding: gzip\r\n\r\n{inner}"), &[400]),
        (
            format!("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{inner}"),
            &[400],
        ),
        (
            format!("Transfer-Encoding: chunked\r\n\r\n0x5\r\n{inner}"),
            &[400],
        ),
    ] {
        let replies = site.all(format!("{head}{framing}").as_bytes());
        let got: Vec<u16> = replies.iter().map(|it| it.status).collect();
        assert_eq!(got, statuses, "{framing:?}");
        assert_eq!(
            site.server.log().count_lines_with("GET /inner"),
            0,
            "{framing:?}"
        );
    }
}

#[test]
fn two_lengths_of_one_body_are_refused_and_end_the_connection() {
    let site = Site::new();
    let (length, chunked) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    for (first, second) in [(length, chunked), (chunked, length)] {
        for method in ["GET", "POST"] {
            let stream = site.connect();
            let head = format!("{method} /a.txt HTTP/1.1\r\nHost: a\r\n{first}{second}\r\n");
            let rest = "0\r\n\r\nGET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
            (&stream).write_all((head + rest).as_bytes()).expect("sent");
            let mut reader = BufReader::new(&stream);
            let reply = Reply::read(&mut reader, false).expect("an answer");
            assert_eq!((reply.status, reply.header("connection")), (400, "close"));
            assert!(Reply::read(&mut reader, false).is_none(), "it goes on");
        }
    }
    assert_eq!(site.server.log().count_lines_with("GET /inner"), 0);
}

#[test]
fn a_body_without_end_is_not_read() {
    let site = Site::new();
    let stream = site.connect();
    let request = b"POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n";
    (&stream).write_all(request).expect("sent");
    let reply = Reply::read(&mut BufReader::new(&stream), false).expect("an answer");
    assert_eq!(reply.status, 405);
    let written = write_until_stuck(&stream, 1 << 30, Duration::from_secs(5));
    assert!(written < 64 << 20, "{written} bytes were taken");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let site = Site::new();
    let stream = site.connect();
    for byte in b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" {
        (&stream).write_all(&[*byte]).expect("sent");
    }
    let reply = Reply::read(&mut BufReader::new(&stream), false).expect("an answer");
    assert_eq!(reply.text(), CONTENT);
    expect_end(&stream);
}

#[test]
fn a_head_must_have_come_in_time_however_it_dribbles() {
    let site = Site::with(&["-v", "--idle-timeout", "500ms"]);
    let (silent, dribbling) = (site.connect(), site.connect());
    (&dribbling)
        .write_all(b"GET /a.txt HTTP/1.1\r\nX: ")
        .expect("sent");
    let start = Instant::now();
    let ended = becomes_true(PATIENCE, || {
        answers(&dribbling, Duration::from_millis(20)) || (&dribbling).write_all(b"x").is_err()
    });
    assert!(ended, "it was not closed after {:?}", start.elapsed());
    assert!(start.elapsed() > Duration::from_millis(400));
    expect_refused_as_late(&dribbling);
    expect_end(&silent);
    site.server.log().wait_for_lines(", deadline", 2, PATIENCE);
    // Within a connection, a second head as well; between two, the idle time.
    let (idle, second) = (site.connect(), site.connect());
    for mut stream in [&idle, &second] {
        stream
            .write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("sent");
        Reply::read(&mut BufReader::new(stream), false).expect("an answer");
    }
    (&second).write_all(b"GET /a").expect("sent");
    expect_end(&idle);
    expect_refused_as_late(&second);
    site.server.log().wait_for_lines(", deadline", 3, PATIENCE);
    site.server.wait_for_log(", idle");
}

/// Waits for the answer to who has begun a head, and for the end.
#[track_caller]
fn expect_refused_as_late(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let reply = Reply::read(&mut reader, false).expect("an answer");
    assert_eq!((reply.status, reply.header("connection")), (408, "close"));
    assert!(Reply::read(&mut reader, false).is_none(), "it goes on");
}

#[test]
fn a_client_that_takes_nothing_is_reset() {
    let site = Site::with(&["-v", "--idle-timeout", "500ms"]);
    site.write("large", vec![b'x'; 64 << 20]);
    let stream = site.connect();
    (&stream)
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("sent");
    site.server.wait_for_log(", idle");
    let mut all = Vec::new();
    let outcome = (&stream).read_to_end(&mut all);
    assert!(outcome.is_err(), "{} bytes came, then the end", all.len());
}

//! What a peer and a coordinator answer, byte for byte.

use super::{Side, ask};
use crate::support::client::{connect, expect_bytes, expect_end};
use std::fs;
use std::io::{Read, Write};

#[test]
fn a_peer_serves_its_copy() {
    let side = Side::new(&[("a.txt", b"hello\n"), ("my file", b"1"), ("empty", b"")]);
    fs::create_dir(side.root().join("sub")).expect("a folder");
    side.write("sub/grün", b"2");
    let server = side.peer(&[]);
    for (request, answer) in [
        ("GET a.txt\n", "FOUND 6\nhello\n"),
        ("GET a.txt", "FOUND 6\nhello\n"),
        ("GET  /a.txt \r\n", "FOUND 6\nhello\n"),
        ("GET my file\n", "FOUND 1\n1"),
        ("GET sub/grün\n", "FOUND 1\n2"),
        ("GET empty\n", "FOUND 0\n"),
        ("GET sub\n", "NOTFOUND\n"),
        ("GET \n", "NOTFOUND\n"),
        ("GET b.txt\n", "NOTFOUND\n"),
        ("PUT a.txt\n", "NOTFOUND\n"),
    ] {
        let came = ask(server.ipv4(), request.as_bytes());
        assert_eq!(String::from_utf8_lossy(&came), answer, "{request:?}");
    }
    server.wait_for_log("GET a.txt → sent FOUND: 10 bytes received, 14 bytes sent");
    server.wait_for_log("`PUT a.txt` is not `GET <path>` → sent NOTFOUND");
}

#[test]
fn a_coordinator_answers_all_four_cases() {
    let own = Side::new(&[
        ("same", b"x"),
        ("differs", b"one"),
        ("only1", b"1"),
        ("empty", b""),
    ]);
    let other = Side::new(&[
        ("same", b"x"),
        ("differs", b"two!"),
        ("only2", b"2"),
        ("empty", b""),
    ]);
    let peer = other.peer(&[]);
    let server = own.coordinator(peer.ipv4(), &[]);
    for (request, answer, decision) in [
        (
            "GET same\n",
            "OK ONE 1\nx",
            "GET same: Both matched → sent ONE",
        ),
        (
            "GET differs\n",
            "OK BOTH 3 4\nonetwo!",
            "Versions differ → sent BOTH",
        ),
        (
            "GET only1\n",
            "OK ONE 1\n1",
            "Only SERVER1 had it → sent ONE",
        ),
        ("GET only2", "OK ONE 1\n2", "Only SERVER2 had it → sent ONE"),
        (
            "GET empty\n",
            "OK ONE 0\n",
            "GET empty: Both matched → sent ONE",
        ),
        ("GET none\n", "ERROR NOTFOUND\n", "Not found on either"),
        (
            "GET \n",
            "ERROR BADREQUEST\n",
            "GET of nothing → sent ERROR BADREQUEST",
        ),
        (
            "HELLO\n",
            "ERROR BADREQUEST\n",
            "`HELLO` is not `GET <path>`",
        ),
    ] {
        let came = ask(server.ipv4(), request.as_bytes());
        assert_eq!(String::from_utf8_lossy(&came), answer, "{request:?}");
        server.wait_for_log(decision);
    }
}

#[test]
fn one_byte_at_a_time_is_the_same() {
    let side = Side::new(&[("a.txt", b"hello\n")]);
    let peer = side.peer(&[]);
    let coordinator = side.coordinator(peer.ipv4(), &[]);
    for (server, answer) in [
        (&peer, "FOUND 6\nhello\n"),
        (&coordinator, "OK ONE 6\nhello\n"),
    ] {
        let mut stream = connect(server.ipv4());
        for byte in b"GET a.txt\n" {
            stream.write_all(&[*byte]).expect("cannot send");
        }
        expect_bytes(&stream, answer.as_bytes());
        expect_end(&stream);
    }
}

#[test]
fn copies_that_are_larger_than_the_memory_kept_are_compared_and_sent_whole() {
    let megabytes = |count: usize, last: u8| {
        let mut bytes: Vec<u8> = (0..count << 20)
            .map(|at| u8::try_from(at % 251).expect("a byte"))
            .collect();
        *bytes.last_mut().expect("not empty") = last;
        bytes
    };
    let (one, two) = (megabytes(20, 1), megabytes(20, 2));
    let own = Side::new(&[("same", &one), ("differs", &one)]);
    let other = Side::new(&[("same", &one), ("differs", &two), ("only2", &two)]);
    let peer = other.peer(&[]);
    let server = own.coordinator(peer.ipv4(), &[]);
    let length = one.len();
    let answers = [
        ("same", format!("OK ONE {length}\n"), vec![&one]),
        (
            "differs",
            format!("OK BOTH {length} {length}\n"),
            vec![&one, &two],
        ),
        ("only2", format!("OK ONE {length}\n"), vec![&two]),
    ];
    for (name, head, copies) in answers {
        let mut stream = connect(server.ipv4());
        writeln!(stream, "GET {name}").expect("cannot send");
        expect_bytes(&stream, head.as_bytes());
        for copy in copies {
            let mut came = vec![0; copy.len()];
            stream.read_exact(&mut came).expect("a whole copy");
            assert!(came == *copy, "{name}: another copy");
        }
        expect_end(&stream);
    }
    // What does not fit was in files without a name.
    let left = fs::read_dir(std::env::temp_dir()).expect("a folder of temporary files");
    let names = left.filter_map(|it| Some(it.ok()?.file_name().to_string_lossy().into_owned()));
    assert_eq!(names.filter(|it| it.starts_with(".netkit-")).count(), 0);
}

#[test]
fn a_server_without_its_root_says_what_to_do() {
    for name in ["peer", "coordinator"] {
        let arguments = ["serve", name, "--root", "/nowhere", "--port", "0"];
        let peer: &[&str] = match name {
            "peer" => &[],
            _ => &["--peer", "127.0.0.1:9"],
        };
        let all = [&arguments[..], peer].concat();
        let output = crate::support::process::run(&all, b"").expect_code(1);
        assert!(
            output.stderr.contains("`/nowhere` (hint: make it"),
            "{output:?}"
        );
    }
}

//! Clients and files that misbehave: everybody else is served, and nothing leaves the root.

use super::{Side, ask};
use crate::support::client::{connect, expect_bytes, expect_end};
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

#[test]
fn no_path_leaves_the_root() {
    let side = Side::new(&[("inside", b"in")]);
    let outside = side.folder.path().join("outside");
    fs::write(&outside, "secret").expect("a file outside");
    let sibling = side.folder.path().join("files_evil");
    fs::create_dir(&sibling).expect("a sibling");
    fs::write(sibling.join("x"), "secret").expect("a file in the sibling");
    symlink("../outside", side.root().join("link")).expect("a link");
    symlink(&outside, side.root().join("absolute")).expect("a link");
    symlink("..", side.root().join("up")).expect("a link");
    symlink("loop", side.root().join("loop")).expect("a link");
    symlink("inside", side.root().join("within")).expect("a link");
    let server = side.peer(&[]);
    let absolute = outside.display().to_string();
    for path in [
        "../outside",
        "../files_evil/x",
        "../files/inside",
        "a/../../outside",
        "link",
        "absolute",
        "up/outside",
        "up/files_evil/x",
        "loop",
        "%2e%2e/outside",
        "..%2foutside",
        "..\\outside",
        "inside/",
        "inside\0",
        "./././../outside",
        &absolute,
        "/etc/passwd",
        "/proc/self/environ",
        &"a/".repeat(2000),
        &"x".repeat(300),
    ] {
        let came = ask(server.ipv4(), format!("GET {path}\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&came), "NOTFOUND\n", "{path:?}");
    }
    assert_eq!(ask(server.ipv4(), b"GET within\n"), b"FOUND 2\nin");
    server.wait_for_log("GET link (the path leaves the root) → sent NOTFOUND");
}

#[test]
fn what_is_no_regular_file_is_not_found_and_not_touched() {
    let side = Side::new(&[("inside", b"in")]);
    let fifo = side.root().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let _socket = UnixListener::bind(side.root().join("socket")).expect("a socket");
    let server = side.peer(&[]);
    for name in ["fifo", "socket", ".", "/"] {
        let came = ask(server.ipv4(), format!("GET {name}\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&came), "NOTFOUND\n", "{name}");
    }
    assert_eq!(ask(server.ipv4(), b"GET inside\n"), b"FOUND 2\nin");
}

#[test]
fn a_link_that_is_swapped_all_the_time_never_leads_out() {
    let side = Side::new(&[("inside", b"in")]);
    fs::write(side.folder.path().join("outside"), "secret").expect("a file outside");
    let name = side.root().join("swapped");
    symlink("inside", &name).expect("a link");
    let server = side.peer(&[]);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let folder = side.root();
    let swapping = std::thread::spawn(move || {
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            for aim in ["../outside", "inside"] {
                let next = folder.join("next");
                symlink(aim, &next).expect("a link");
                fs::rename(&next, &name).expect("cannot swap");
            }
        }
    });
    for _ in 0..300 {
        let came = ask(server.ipv4(), b"GET swapped\n");
        let came = String::from_utf8_lossy(&came).into_owned();
        assert!(
            ["FOUND 2\nin", "NOTFOUND\n"].contains(&came.as_str()),
            "{came}"
        );
    }
    drop(stop);
    swapping.join().expect("the swapping thread");
}

#[test]
fn a_request_without_end_is_answered_at_its_limit() {
    let side = Side::new(&[("a", b"x")]);
    let peer = side.peer(&[]);
    let coordinator = side.coordinator(peer.ipv4(), &[]);
    let long = vec![b'x'; 1 << 20];
    for (server, answer) in [(&peer, "NOTFOUND\n"), (&coordinator, "ERROR BADREQUEST\n")] {
        let mut stream = connect(server.ipv4());
        // All of it is taken, or the rest would destroy the answer on its way.
        stream.write_all(b"GET ").expect("cannot send");
        stream.write_all(&long).expect("cannot send");
        expect_bytes(&stream, answer.as_bytes());
        expect_end(&stream);
        server.wait_for_log("a line is longer than 8192 bytes");
    }
}

#[test]
fn a_request_that_never_ends_is_cut_by_the_clock() {
    let side = Side::new(&[("a", b"x")]);
    let server = side.peer(&["--idle-timeout", "300ms"]);
    let mut stream = connect(server.ipv4());
    stream.write_all(b"GET a").expect("cannot send");
    expect_bytes(&stream, b"NOTFOUND\n");
    expect_end(&stream);
    let line = server.wait_for_log("5 bytes received, 9 bytes sent");
    assert!(
        line.contains("no whole request in time") && line.ends_with("deadline"),
        "{line}"
    );
    // Who says nothing is told nothing.
    expect_end(&connect(server.ipv4()));
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_is_cut_and_never_padded() {
    let side = Side::new(&[]);
    let length = 256 << 20;
    let file = File::create(side.root().join("large")).expect("a file");
    file.set_len(length).expect("a large file");
    let server = side.peer(&[]);
    let mut stream = connect(server.ipv4());
    stream.write_all(b"GET large\n").expect("cannot send");
    expect_bytes(&stream, format!("FOUND {length}\n").as_bytes());
    file.set_len(1000).expect("a shorter file");
    let mut rest = Vec::new();
    let error = stream.read_to_end(&mut rest).expect_err("a whole answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert!((rest.len() as u64) < length);
    server.wait_for_log("was cut: the file has only");
}

#[test]
fn a_file_that_grows_while_it_is_sent_is_sent_as_promised() {
    let side = Side::new(&[]);
    let length = 64 << 20;
    let mut file = File::create(side.root().join("large")).expect("a file");
    file.set_len(length).expect("a large file");
    let server = side.peer(&[]);
    let mut stream = connect(server.ipv4());
    stream.write_all(b"GET large\n").expect("cannot send");
    expect_bytes(&stream, format!("FOUND {length}\n").as_bytes());
    file.set_len(length + 5).expect("a longer file");
    file.write_all(b"changed").expect("cannot write");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("a whole answer");
    assert_eq!(rest.len() as u64, length);
}

#[test]
fn clients_that_vanish_or_never_read_leave_nothing_open() {
    let side = Side::new(&[("small", b"x")]);
    let file = File::create(side.root().join("large")).expect("a file");
    file.set_len(256 << 20).expect("a large file");
    let server = side.peer(&["--idle-timeout", "1s"]);
    ask(server.ipv4(), b"GET small\n");
    let open = descriptors(server.id());
    let stuck: Vec<_> = (0..20)
        .map(|number| {
            let mut stream = connect(server.ipv4());
            stream.write_all(b"GET large\n").expect("cannot send");
            // Every other one is gone at once; the rest never reads.
            (number % 2 == 0).then_some(stream)
        })
        .collect();
    assert_eq!(ask(server.ipv4(), b"GET small\n"), b"FOUND 1\nx");
    let freed = becomes_true(PATIENCE, || descriptors(server.id()) == open);
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(server.id())
    );
    // Who was promised more learns that it does not come.
    let mut slow = stuck.into_iter().flatten().next().expect("a client");
    let error = slow
        .read_to_end(&mut Vec::new())
        .expect_err("a whole answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
}

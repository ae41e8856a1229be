//! Clients that lie, stop, dribble or lead astray: nothing of it is kept, nothing leaves the root,
//! and everybody else is served.

use super::{Site, announce, block, get, line, login, names, put, say};
use crate::support::client::{
    answers, connect, expect_bytes, expect_end, reset, write_until_stuck,
};
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::symlink;
use std::time::Duration;

/// All that is said after these bytes and a half-close.
#[track_caller]
fn all(site: &Site, address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(bytes).expect("cannot send");
    stream.shutdown(Shutdown::Write).expect("cannot half-close");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("no whole answer");
    assert!(site.unfinished().is_empty(), "{}", bytes.escape_ascii());
    answer.escape_ascii().to_string()
}

#[test]
fn nobody_has_a_name_that_leads_elsewhere() {
    let site = Site::new();
    let server = site.serve(&[]);
    for name in [
        "",
        ".",
        "..",
        "backup",
        ".netkit",
        "a/b",
        "../x",
        "/etc",
        "a\\b",
        "a\tb",
        "\u{1b}[2J",
        "a\0",
        &"x".repeat(300),
    ] {
        for end in ["\r\n", "\n"] {
            let said = all(&site, server.ipv4(), format!("{name}{end}").as_bytes());
            assert!(
                said.starts_with("ERROR `") && said.ends_with("\\r\\n"),
                "{name:?}: {said}"
            );
        }
    }
    let said = all(&site, server.ipv4(), b"..");
    assert_eq!(said, "ERROR `..` is no name of its own\\r\\n");
    let said = all(&site, server.ipv4(), b"\xff\r\n");
    assert_eq!(said, "ERROR `\\\\xff` is not UTF-8\\r\\n");
    assert_eq!(names(&site.root()), [".netkit"]);
    assert_eq!(names(site.folder.path()), ["blocks"]);
    server.wait_for_log("`..` is no name of its own → sent ERROR");
}

#[test]
fn names_of_blocks_lead_nowhere_else_and_the_session_goes_on() {
    let site = Site::new();
    let server = site.serve(&[]);
    let outside = site.folder.path().join("outside");
    fs::write(&outside, "secret").expect("a file outside");
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", b"x");
    let inside = site.root().join("alice/p");
    symlink("../../../outside", inside.join("link")).expect("a link");
    symlink("../../..", inside.join("up")).expect("a link");
    symlink("n", inside.join("same")).expect("a link");
    fs::create_dir(inside.join("directory")).expect("a directory");
    for (name, path) in [
        ("..", "p"),
        (".", "p"),
        ("a/b", "p"),
        ("../../outside", "p"),
        ("a\\b", "p"),
        ("a\tb", "p"),
        ("outside", "../.."),
        ("outside", "p/up"),
        ("outside", "/"),
        ("n", "p/../p"),
        ("n", "."),
        ("link", "p"),
        ("same", "p"),
        ("directory", "p"),
        ("n", "p/n"),
        (&"x".repeat(256), "p"),
        ("n", &"d/".repeat(33)),
    ] {
        let got = get(&alice, name, path);
        assert!(
            got.is_err_and(|it| it.starts_with("ERROR ")),
            "{name} in {path}"
        );
    }
    for (name, path) in [
        ("..", "p"),
        ("a/b", "p"),
        ("n", ".."),
        ("new", "p/up"),
        ("new", "p/n"),
    ] {
        say(
            &alice,
            format!("STR\r\n1\r\n{name}\r\n{path}\r\n\r\n").as_bytes(),
        );
        if path == "p/up" || path == "p/n" {
            // Known only when it is put there.
            expect_bytes(&alice, b"\0");
            say(&alice, b"y");
        }
        let said = line(&alice);
        assert!(said.starts_with("ERROR "), "{name} in {path}: {said}");
    }
    say(&alice, b"DEL\r\noutside\r\np/up\r\n\r\n");
    expect_bytes(&alice, b"\0");
    // A link in a block's place is replaced, not written through.
    put(&alice, "link", "p", b"mine");
    assert_eq!(get(&alice, "n", "p"), Ok(b"x".into()));
    assert_eq!(fs::read(&outside).expect("the file outside"), b"secret");
    assert_eq!(names(site.folder.path()), ["blocks", "outside"]);
    assert!(site.unfinished().is_empty());
}

#[test]
fn missing_fields_and_sizes_that_are_none_are_said() {
    let site = Site::new();
    let server = site.serve(&["--max-block", "1000"]);
    let alice = login(server.ipv4(), "alice");
    for (request, said) in [
        ("STR\r\n\r\n", "opcode:STR"),
        ("STR\r\n5\r\n\r\n", "opcode:STR"),
        ("STR\r\n5\r\nn\r\n\r\n", "opcode:STR"),
        ("RTV\r\nn\r\n\r\n", "opcode:RTV"),
        ("DEL\r\n\r\n\r\n", "opcode:DEL"),
        ("STR\r\n-1\r\nn\r\np\r\n\r\n", "`-1` is no length"),
        ("STR\r\nfive\r\nn\r\np\r\n\r\n", "`five` is no length"),
        (
            "STR\r\n99999999999999999999\r\nn\r\np\r\n\r\n",
            "is no length",
        ),
        (
            "STR\r\n1001\r\nn\r\np\r\n\r\n",
            "1001 bytes are too many: 1000 at most are kept",
        ),
        (
            "STR\r\n9223372036854775807\r\nn\r\np\r\n\r\n",
            "are too many",
        ),
    ] {
        say(&alice, request.as_bytes());
        let line = line(&alice);
        assert!(
            line.starts_with("ERROR ") && line.contains(said),
            "{request:?}: {line}"
        );
    }
    put(&alice, "n", "p", &block(1, 1000));
    assert_eq!(names(&site.root().join("alice/p")), ["n"]);
}

#[test]
fn what_is_no_request_ends_the_connection() {
    let site = Site::new();
    let server = site.serve(&[]);
    for (bytes, said) in [
        (
            &b"a\r\nGET / HTTP/1.1\r\n\r\n"[..],
            "`GET / HTTP/1.1` is no request",
        ),
        (b"a\r\nstr\r\n", "`str` is no request"),
        (
            b"a\r\nRTV\r\nn\r\np\r\nx\r\n",
            "RTV is not ended by an empty line",
        ),
        (b"a\r\nRTV\r\nn", "a request is cut short: `n`"),
        (b"a\r\n\x00\x01\x02\r\n", "is no request"),
    ] {
        let came = all(&site, server.ipv4(), bytes);
        assert!(came.starts_with("ERROR ") && came.contains(said), "{came}");
    }
    let mut long = b"a\r\nRTV\r\n".to_vec();
    long.resize(9_000, b'x');
    let came = all(&site, server.ipv4(), &long);
    assert_eq!(came, "ERROR a line is longer than 8192 bytes\\r\\n");
    // Without an end, and much more of it than is read.
    let mut endless = connect(server.ipv4());
    write_until_stuck(&endless, 2 << 20, Duration::from_millis(500));
    let mut said = Vec::new();
    let _ = endless.read_to_end(&mut said);
    assert!(
        said.starts_with(b"ERROR a line is longer"),
        "{}",
        said.escape_ascii()
    );
}

#[test]
fn a_client_that_stops_within_a_block_leaves_the_old_one() {
    let site = Site::new();
    let server = site.serve(&[]);
    let old = block(1, 200_000);
    put(&login(server.ipv4(), "alice"), "n", "p", &old);
    let open = descriptors(server.id());
    for sent in [0, 1, 70_000, 299_999] {
        for how in ["fin", "half", "rst"] {
            let stream = login(server.ipv4(), "alice");
            announce(&stream, "n", "p", 300_000);
            say(&stream, &block(2, sent));
            match how {
                "fin" => drop(stream),
                "rst" => reset(stream),
                _ => {
                    stream.shutdown(Shutdown::Write).expect("cannot half-close");
                    expect_end(&stream);
                }
            }
            let freed = becomes_true(PATIENCE, || {
                descriptors(server.id()) <= open && site.unfinished().is_empty()
            });
            assert!(freed, "{sent} bytes, {how}: something was left");
        }
    }
    let alice = login(server.ipv4(), "alice");
    assert!(get(&alice, "n", "p") == Ok(old));
    server.wait_for_log("the client stopped after 70000 of 300000 bytes");
}

#[test]
fn a_size_that_lies_is_believed_and_the_rest_is_no_request() {
    let site = Site::new();
    let server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    announce(&alice, "n", "p", 3);
    say(&alice, b"abcdefg\r\n");
    expect_bytes(&alice, b"\0");
    assert_eq!(line(&alice), "ERROR `defg` is no request");
    expect_end(&alice);
    let alice = login(server.ipv4(), "alice");
    assert_eq!(get(&alice, "n", "p"), Ok(b"abc".into()));
}

#[test]
fn who_sends_too_slowly_is_given_up() {
    let site = Site::new();
    let server = site.serve(&["--idle-timeout", "400ms"]);
    // Always something, never enough: a head, and a block.
    let block = b"alice\r\nSTR\r\n1000000\r\nn\r\np\r\n\r\n";
    for (begin, piece) in [(&b"alice\r\nSTR\r\n"[..], b"1"), (block, b"x")] {
        let mut stream = connect(server.ipv4());
        stream.write_all(begin).expect("cannot send");
        if piece == b"x" {
            expect_bytes(&stream, b"\0");
        }
        let ended = becomes_true(PATIENCE, || {
            answers(&stream, Duration::from_millis(50)) || stream.write_all(piece).is_err()
        });
        assert!(ended, "it goes on with {}", begin.escape_ascii());
    }
    server.wait_for_log("no whole request in time → sent ERROR");
    server.wait_for_log("STR p/n (1000000 bytes): too little came in time");
    assert!(becomes_true(PATIENCE, || site.unfinished().is_empty()));
}

#[test]
fn a_client_that_does_not_read_its_block_harms_nobody() {
    let site = Site::new();
    let folder = site.root().join("alice/p");
    fs::create_dir_all(&folder).expect("a folder");
    let large = fs::File::create(folder.join("n")).expect("a file");
    large.set_len(32 << 20).expect("a large file");
    let server = site.serve(&["--idle-timeout", "3s"]);
    let stuck = login(server.ipv4(), "alice");
    say(&stuck, b"RTV\r\nn\r\np\r\n\r\n");
    assert_eq!(line(&stuck), (32 << 20).to_string());
    let other = login(server.ipv4(), "bob");
    put(&other, "n", "p", b"his");
    assert_eq!(get(&other, "n", "p"), Ok(b"his".into()));
    // What was promised does not look whole.
    server.wait_for_log(" 1 request: 20 bytes received");
    let error = (&stuck).read_to_end(&mut Vec::new());
    assert!(error.is_err(), "a whole block");
}

#[test]
fn a_directory_that_cannot_be_used_is_said() {
    let site = Site::new();
    let server = site.serve(&[]);
    fs::write(site.root().join("file"), "x").expect("a file");
    symlink("..", site.root().join("link")).expect("a link");
    for user in ["file", "link"] {
        let stream = login(server.ipv4(), user);
        let said = line(&stream);
        let expected = format!("ERROR cannot use the directory of {user}: ");
        assert!(said.starts_with(&expected), "{said}");
        expect_end(&stream);
    }
    assert_eq!(names(site.folder.path()), ["blocks"]);
}

#[test]
fn a_block_that_is_refused_is_not_taken_for_requests() {
    let site = Site::new();
    let server = site.serve(&["--max-block", "1000", "-v"]);
    put(&login(server.ipv4(), "alice"), "n", "p", b"kept");
    let body = b"DEL\r\nn\r\np\r\n\r\nSTR\r\n0\r\nm\r\np\r\n\r\n";
    let heads = [
        "STR\r\n1001\r\nlarge\r\np\r\n\r\n",
        "STR\r\n-1\r\nn\r\np\r\n\r\n",
        "STR\r\n40\r\n..\r\np\r\n\r\n",
        "STR\r\n40\r\nn\r\n\r\n",
    ];
    for head in heads {
        // At once, and in pieces of their own.
        for at_once in [true, false] {
            let alice = login(server.ipv4(), "alice");
            if at_once {
                say(&alice, &[head.as_bytes(), body].concat());
            } else {
                let own = alice.local_addr().expect("an address");
                server.wait_for_log(&format!("{own} received 7 bytes"));
                say(&alice, head.as_bytes());
                server.wait_for_log(&format!("{own} received {} bytes", head.len()));
                say(&alice, body);
            }
            let said = line(&alice);
            assert!(said.starts_with("ERROR "), "{head:?}: {said}");
            expect_end(&alice);
        }
    }
    server.wait_for_log("1000 at most are kept, and the client did not wait");
    // Who waits goes on.
    let alice = login(server.ipv4(), "alice");
    for head in heads {
        say(&alice, head.as_bytes());
        let said = line(&alice);
        assert!(said.starts_with("ERROR "), "{head:?}: {said}");
        assert_eq!(get(&alice, "n", "p"), Ok(b"kept".into()), "{head:?}");
    }
    assert_eq!(names(&site.root().join("alice/p")), ["n"]);
}

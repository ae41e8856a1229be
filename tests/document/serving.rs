//! What a server does for its clients: order, places, limits, its end.

use super::{Client, Site};
use crate::support::client::{connect, expect_end, expect_silence};
use crate::support::process::run;
use crate::support::server::Server;
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

/// How long nothing has to come before it counts as nothing.
const QUIET: Duration = Duration::from_millis(300);

fn hundred_updates() -> Vec<String> {
    (0..100).map(|number| format!("{number};")).collect()
}

#[test]
fn who_comes_gets_the_text_and_then_what_the_others_say() {
    let site = Site::with("begin\n");
    let server = site.serve(&[]);
    let (mut a, mut b) = (Client::connect(&server), Client::connect(&server));
    assert_eq!((a.hear(), b.hear()), ("begin\n".into(), "begin\n".into()));
    a.say("one");
    assert_eq!(b.hear(), "one");
    assert_eq!(
        site.text(),
        "begin\none",
        "it is in the file before it is told"
    );
    b.say("gr\u{fc}n\n");
    assert_eq!(a.hear(), "gr\u{fc}n\n");
    let mut late = Client::connect(&server);
    assert_eq!(late.hear(), "begin\nonegr\u{fc}n\n");
    late.say("!");
    assert_eq!((a.hear(), b.hear()), ("!".into(), "!".into()));
    expect_silence(&late.stream, QUIET);
}

#[test]
fn a_document_that_is_missing_begins_empty_and_silent() {
    let site = Site::new();
    let server = site.serve(&[]);
    server.wait_for_log("text not found. Starting with an empty document.");
    assert!(server.listening().address.ip().is_loopback());
    let mut client = Client::connect(&server);
    expect_silence(&client.stream, QUIET);
    // A frame of nothing says nothing.
    client.say("");
    let mut other = Client::connect(&server);
    client.say("x");
    assert_eq!(other.hear(), "x");
}

#[test]
fn a_client_that_finishes_is_closed_once_all_it_said_is_kept() {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut client = Client::connect(&server);
    for update in hundred_updates() {
        client.say(&update);
    }
    client
        .stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close");
    expect_end(&client.stream);
    let all = hundred_updates().concat();
    assert_eq!(site.text(), all);
    let line = server.wait_for_log("said 100 updates:");
    assert!(line.ends_with("fin"), "{line}");
    // One that is gone at once has said it too.
    Client::connect(&server).say("gone");
    assert!(becomes_true(PATIENCE, || site.text() == format!("{all}gone")));
}

#[test]
fn eleven_clients_for_ten_places() {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.say("x");
    }
    for client in &mut clients {
        client.hear_bytes(9);
    }
    for _ in 0..3 {
        let eleventh = connect(server.address());
        expect_end(&eleventh);
    }
    let words = "one too many: 10 are served → closed";
    server.log().wait_for_lines(words, 3, PATIENCE);
    clients[0].say("still here");
    assert_eq!(clients[9].hear(), "still here");
    drop(clients.pop());
    // The place is free once the server has noticed.
    let is_free = becomes_true(PATIENCE, || {
        let mut client = Client::connect(&server);
        client.try_hear().is_ok()
    });
    assert!(is_free, "the place stays taken");
}

#[test]
fn places_can_be_more_and_fewer() {
    let site = Site::with("text");
    let server = site.serve(&["--max-connections", "1"]);
    let mut only = Client::connect(&server);
    assert_eq!(only.hear(), "text");
    expect_end(&connect(server.address()));
    let server = Site::with("text");
    let server = server.serve(&["--max-connections", "40"]);
    let mut clients: Vec<Client> = (0..40).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        assert_eq!(client.hear(), "text");
    }
}

#[test]
fn two_servers_cannot_have_one_document() {
    let site = Site::new();
    let server = site.serve(&[]);
    let file = site.file();
    let file = file.to_str().expect("a path in UTF-8");
    let second = run(&["serve", "document", "--port", "0", "--file", file], b"");
    let said = second.expect_code(1).stderr;
    let words = format!("another server has it (process {})", server.id());
    assert!(said.contains(&words), "{said}");
    drop(server);
    site.serve(&[]);
}

#[test]
fn files_that_cannot_be_served_are_named() {
    let site = Site::new();
    let serve = |path: &std::path::Path| {
        let path = path.to_str().expect("a path in UTF-8");
        run(&["serve", "document", "--port", "0", "--file", path], b"").expect_code(1)
    };
    let said = serve(site.folder.path()).stderr;
    assert!(said.contains("no regular file"), "{said}");
    let said = serve(&site.folder.path().join("no/such")).stderr;
    assert!(
        said.contains("cannot serve `") && said.contains("No such file"),
        "{said}"
    );
    fs::write(site.file(), b"a\xffb").expect("a file");
    let said = serve(&site.file()).stderr;
    assert!(said.contains("no UTF-8 text (at byte 1)"), "{said}");
}

#[test]
fn a_server_that_cannot_listen_leaves_no_file() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let file = site.file();
    let file = file.to_str().expect("a path in UTF-8");
    let serve = ["serve", "document", "--host", "127.0.0.1", "--port", &port];
    let output = run(&[&serve[..], &["--file", file]].concat(), b"").expect_code(1);
    assert!(output.stderr.contains("in use"), "{output:?}");
    let left = fs::read_dir(site.folder.path()).expect("the folder");
    assert_eq!(left.count(), 0);
}

#[test]
fn sizes_have_limits_of_their_own() {
    for (option, size, words) in [
        ("--max-update", "5MiB", "at most 4MiB"),
        ("--max-update", "0", "at least 1 byte"),
        ("--max-document", "20000000000", "9999999999 bytes at most"),
    ] {
        let output = run(&["serve", "document", option, size], b"").expect_code(2);
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

#[test]
fn a_document_that_is_full_takes_no_more() {
    let site = Site::with("12345");
    let server = site.serve(&["--max-document", "10"]);
    let (mut a, mut b) = (Client::connect(&server), Client::connect(&server));
    assert_eq!((a.hear(), b.hear()), ("12345".into(), "12345".into()));
    a.say("678901");
    let error = a.try_hear().expect_err("it was taken");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    server.wait_for_log("the document would exceed 10 bytes");
    b.say("67890");
    b.stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close");
    expect_end(&b.stream);
    assert_eq!(site.text(), "1234567890");
    let file = site.file();
    drop(server);
    let file = file.to_str().expect("a path in UTF-8");
    let small = [
        "serve",
        "document",
        "--port",
        "0",
        "--max-document",
        "9",
        "--file",
        file,
    ];
    let said = run(&small, b"").expect_code(1).stderr;
    assert!(
        said.contains("it has 10 bytes, at most 9 are served"),
        "{said}"
    );
}

#[test]
fn at_its_end_everything_that_came_is_kept_and_told() {
    let site = Site::new();
    let mut server = site.serve(&["--grace", "10s"]);
    let (mut a, mut b) = (Client::connect(&server), Client::connect(&server));
    a.say("first");
    assert_eq!(b.hear(), "first");
    // It cannot read what comes now before it is to end.
    server.pause();
    for update in hundred_updates() {
        a.say(&update);
    }
    a.stream.write_all(b"5         half").expect("cannot send");
    server.signal("TERM");
    server.resume();
    let all = hundred_updates().concat();
    assert_eq!(b.hear_bytes(all.len()), all);
    let more = b.try_hear().expect_err("more came").kind();
    assert_eq!(more, ErrorKind::UnexpectedEof);
    drop((a, b));
    assert!(server.wait_for_exit(PATIENCE).success());
    assert_eq!(site.text(), format!("first{all}"));
    let mark = fs::read_to_string(site.folder.path().join("text.committed"));
    assert!(mark.expect("a mark").contains(" closed "), "no orderly end");
}

#[test]
fn clients_that_say_nothing_do_not_hold_up_the_end() {
    let site = Site::with("text");
    let mut server = site.serve(&["--grace", "30s"]);
    let mut idle = Client::connect(&server);
    assert_eq!(idle.hear(), "text");
    server.signal("TERM");
    expect_end(&idle.stream);
    drop(idle);
    assert!(server.wait_for_exit(PATIENCE).success());
}

#[test]
fn an_idle_client_is_closed_and_one_that_is_told_something_is_not() {
    let site = Site::new();
    let server = site.serve(&["--idle-timeout", "600ms"]);
    let idle = Client::connect(&server);
    expect_end(&idle.stream);
    assert!(server.wait_for_log("said 0 updates").ends_with("idle"));
    let (mut speaker, mut listener) = (Client::connect(&server), Client::connect(&server));
    // Those who are idle at another server tell when the time is over, twice.
    let other = Site::new();
    let clock = other.serve(&["--idle-timeout", "600ms"]);
    let mut number = 0;
    for _ in 0..2 {
        let idle = Client::connect(&clock);
        let waiting = std::thread::spawn(move || expect_end(&idle.stream));
        while !waiting.is_finished() {
            speaker.say(&format!("{number};"));
            assert_eq!(listener.hear(), format!("{number};"));
            number += 1;
        }
        waiting.join().expect("a thread that ends");
    }
}

#[test]
fn what_somebody_wrote_in_between_is_served() {
    let site = Site::new();
    let mut server = site.serve(&[]);
    let mut client = Client::connect(&server);
    client.say("said\n");
    client
        .stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close");
    expect_end(&client.stream);
    server.signal("TERM");
    assert!(server.wait_for_exit(PATIENCE).success());
    fs::write(site.file(), "written\nsaid\n").expect("cannot write");
    let server = site.serve(&[]);
    server.wait_for_log("was changed while no server had it");
    assert_eq!(Client::connect(&server).hear(), "written\nsaid\n");
}

#[test]
fn records_tell_each_client() {
    let site = Site::new();
    let server = site.serve(&["--log", "json"]);
    Client::connect(&server).say("x");
    let line = server.wait_for_log("\"connection\"");
    let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(record["story"], "said 1 updates", "{record}");
    assert_eq!(record["received_bytes"], 11, "{record}");
}

#[test]
fn a_long_document_is_told_whole() {
    let text = "0123456789abcdef".repeat(1 << 19);
    let site = Site::with(&text);
    let server = site.serve(&[]);
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server)).collect();
    clients[0].say("while others still read");
    for (number, client) in clients.iter_mut().enumerate() {
        assert!(client.hear() == text, "not the same text");
        if number > 0 {
            assert_eq!(client.hear(), "while others still read");
        }
    }
}

#[test]
fn other_services_still_let_clients_wait() {
    let server = Server::echo(&["--max-connections", "1"]);
    let mut first = connect(server.ipv4());
    first.write_all(b"x").expect("cannot send");
    first.read_exact(&mut [0]).expect("no echo");
    let mut second = connect(server.ipv4());
    second.write_all(b"y").expect("cannot send");
    expect_silence(&second, QUIET);
    drop(first);
    second.read_exact(&mut [0]).expect("no echo");
}

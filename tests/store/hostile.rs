//! Clients that misbehave: each gets the protocol's own words, and everybody else is served.

use super::{LOGIN, PROCESS, Rack, content, stored};
use crate::support::becomes_true;
use crate::support::client::expect_end;
use crate::support::usage::descriptors;
use std::net::Shutdown;

#[test]
fn wrong_commands_are_answered_in_the_words_of_the_protocol() {
    let rack = Rack::new();
    let mut alice = rack.alice();
    let parameters = |opcode: &str| {
        format!("ERROR Did not receive all the parameters required for opcode:{opcode}")
    };
    let name = "ERROR the file name you gave did not exist in the file system!";
    let path = "ERROR the file path you gave did not exist in the file system!";
    let either = "ERROR The file path or file name you gave did not exist in the file system!";
    for (fields, answer) in [
        (&["XYZ"][..], "ERROR Opcode was invalid!".to_owned()),
        (&["RTV"], parameters("RTV")),
        (&["RTV", "a"], parameters("RTV")),
        (&["DEL", "a"], parameters("DEL")),
        (&["DEL", "a", "b", "c"], parameters("DEL")),
        (&["INF", "x"], parameters("INF")),
        (&["RTV", "a/../b", "docs"], name.to_owned()),
        (&["RTV", "..", "docs"], name.to_owned()),
        (&["RTV", "a\\b", "docs"], name.to_owned()),
        (&["RTV", "a", "../bob"], path.to_owned()),
        (&["RTV", "a", "/"], path.to_owned()),
        (&["RTV", "a", "nothing"], path.to_owned()),
        (&["DEL", "a", "../.."], either.to_owned()),
        (&["DEL", "a", "nothing"], either.to_owned()),
    ] {
        alice.say(fields);
        alice.hear(&answer);
    }
    // The body of a file that nobody may store is taken, and the session goes on.
    for (name, path, answer) in [
        ("a/b", "docs", name),
        ("..", "docs", name),
        ("a", "..", path),
    ] {
        alice.announce(path, name, 70_000);
        alice.send(&content(1, 70_000));
        alice.hear(answer);
    }
    alice.put("docs", "a", b"content");
    alice.expect_file("docs", "a", b"content");
    alice.say(&["RTV", "b", "docs"]);
    alice.hear(name);
}

#[test]
fn a_file_without_a_size_ends_the_session() {
    let rack = Rack::new();
    for fields in [
        &["STR"][..],
        &["STR", "a", "docs"],
        &["STR", "a", "docs", "-1"],
        &["STR", "a", "docs", "+5"],
        &["STR", "a", "docs", "5x"],
        &["STR", "a", "docs", "9223372036854775808"],
    ] {
        let mut alice = rack.alice();
        alice.say(fields);
        alice.hear("ERROR Did not receive all the parameters required for opcode:STR");
        alice.hear_end();
    }
    rack.alice().expect_missing("docs", "a");
}

#[test]
fn sizes_that_lie_change_nothing() {
    let rack = Rack::with(&["--max-file", "100k"]);
    let mut alice = rack.alice();
    alice.put("docs", "a", b"content");
    // More was announced than came.
    let mut liar = rack.alice();
    liar.announce("docs", "a", 50_000);
    liar.send(&content(1, 20_000));
    liar.stream.shutdown(Shutdown::Write).expect("a half-close");
    liar.hear("ERROR Did not receive all the data!");
    liar.hear_end();
    // Less was announced: the rest is no command.
    let mut liar = rack.alice();
    liar.announce("docs", "b", 5);
    liar.send(b"helloXYZ\r\n\r\n");
    liar.hear(&stored("b"));
    liar.hear("ERROR Opcode was invalid!");
    // More than is taken.
    let mut liar = rack.alice();
    liar.announce("docs", "a", 100_001);
    let amiss = "WARN a file has at most 100000 bytes here (--max-file)\n";
    liar.hear(&format!("{amiss}{PROCESS}"));
    liar.hear_end();
    liar = rack.alice();
    liar.announce("docs", "a", usize::MAX / 2);
    liar.hear(&format!("{amiss}{PROCESS}"));
    alice.expect_file("docs", "a", b"content");
    alice.put("docs", "c", &content(2, 100_000));
}

#[test]
fn a_message_without_end_is_refused_at_its_limit() {
    let rack = Rack::new();
    let long = [b'x'; 9000];
    let mut client = rack.client();
    client.say(&["HI"]);
    client.hear(LOGIN);
    client.send(&long);
    client.hear("E\r\nBadly Formatted Message\r\n");
    let mut alice = rack.alice();
    alice.send(&b"x\r\n".repeat(3000));
    alice.hear("WARN a message is longer than 8192 bytes\nERROR Opcode was invalid!");
    alice.hear_end();
}

#[test]
fn who_stops_is_cut_by_the_clock_and_leaves_nothing() {
    let rack = Rack::with(&["--idle-timeout", "400ms"]);
    rack.alice().put("docs", "a", b"content");
    let open = descriptors(rack.store().id());
    let mut within_body = rack.alice();
    within_body.announce("docs", "a", 50_000);
    within_body.send(&content(1, 20_000));
    let mut within_head = rack.alice();
    within_head.send(b"STR\r\na\r\n");
    let idle = rack.alice();
    let silent = rack.client();
    within_body.hear("ERROR Did not receive all the data!");
    for client in [within_body, within_head, idle, silent] {
        expect_end(&client.stream);
    }
    let freed = becomes_true(crate::support::PATIENCE, || {
        descriptors(rack.store().id()) <= open
    });
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(rack.store().id())
    );
    let left = std::fs::read_dir(rack.root().join("spool")).expect("the spool");
    assert_eq!(left.count(), 0);
    rack.alice().expect_file("docs", "a", b"content");
}

#[test]
fn any_fragmentation_is_the_same() {
    let rack = Rack::new();
    let mut alice = rack.alice();
    let commands = b"STR\r\na\r\ndocs\r\n3\r\n\r\nabcRTV\r\na\r\ndocs\r\n\r\nINF\r\n\r\n";
    for byte in commands {
        alice.send(&[*byte]);
    }
    let answers = "File a successfully created and written to3\r\nabcSuccessfully retrieved file a \
                   from the file system\\alice\\docs\n\\alice\\docs\\a\n";
    alice.hear(answers);
    // All at once, as well.
    alice.send(commands);
    alice.hear(answers);
}

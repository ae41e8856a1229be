//! Accounts: made with consent, kept as hashes, and not to be guessed.

use super::{LOGIN, NEW, Rack, UNKNOWN, welcome};
use crate::support::usage::resident_bytes;
use std::fs;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const NO_MATCH: &str =
    "E\r\nPassword did not match username alice\r\n2\r\nUsername: \r\nPassword: \r\n\r\n";
const MALFORMED: &str = "E\r\nBadly Formatted Message\r\n2\r\nUsername: \r\nPassword: \r\n\r\n";

#[test]
fn who_does_not_greet_is_disconnected_at_once() {
    let rack = Rack::new();
    for fields in [&["HELLO"][..], &["alice", "x"], &["STR", "a", "b", "1"]] {
        let mut client = rack.client();
        client.say(fields);
        client.hear_end();
    }
    rack.store().wait_for_log("it did not say HI");
}

#[test]
fn an_account_is_made_as_the_protocol_says() {
    let rack = Rack::new();
    let mut client = rack.client();
    client.say(&["HI"]);
    client.hear(LOGIN);
    client.say(&["alice", "secret"]);
    client.hear(UNKNOWN);
    client.say(&["NO"]);
    client.hear(LOGIN);
    client.say(&["alice", "secret"]);
    client.hear(UNKNOWN);
    client.say(&["YES"]);
    client.hear(NEW);
    client.say(&["alice", "one", "other"]);
    client.hear(
        "E\r\nPasswords did not match...\r\n2\r\nEnter password: \r\nConfirm password: \r\n\r\n",
    );
    client.say(&["one", "one"]);
    client.hear(&welcome("alice"));
    // The next one cannot have the name.
    let mut other = rack.client();
    other.say(&["HI"]);
    other.hear(LOGIN);
    other.say(&["nobody", "x"]);
    other.hear(UNKNOWN);
    other.say(&["YES"]);
    other.hear(NEW);
    other.say(&["alice", "two", "two"]);
    let taken = "E\r\nUsername already exists in database!\r\n3\r\n";
    other.hear(&NEW.replace("L\r\n3\r\n", taken));
    other.say(&["bob", "two", "two"]);
    other.hear(&welcome("bob"));
}

#[test]
fn wrong_passwords_in_a_loop_are_cut_off_and_disturb_nobody() {
    let rack = Rack::new();
    let mut alice = rack.alice();
    for _ in 0..3 {
        let mut guesser = rack.client();
        guesser.say(&["HI"]);
        guesser.hear(LOGIN);
        for guess in 1..=5 {
            guesser.say(&["alice", &format!("guess{guess}")]);
            guesser.hear(NO_MATCH);
            alice.put("docs", "a", b"meanwhile");
        }
        guesser.hear_end();
    }
    rack.store()
        .wait_for_log("gave a wrong password of alice; closed");
}

#[test]
fn the_memory_of_logins_is_bounded() {
    let rack = Rack::new();
    rack.alice();
    for _ in 0..3 {
        let mut guessers: Vec<_> = (0..12).map(|_| rack.client()).collect();
        for guesser in &mut guessers {
            guesser.say(&["HI"]);
            guesser.hear(LOGIN);
        }
        for _ in 1..=5 {
            for guesser in &mut guessers {
                guesser.say(&["alice", "guess"]);
            }
            for guesser in &mut guessers {
                guesser.hear(NO_MATCH);
            }
        }
    }
    let resident = resident_bytes(rack.store().id());
    assert!(resident < 120 << 20, "{resident} bytes");
}

#[test]
fn who_has_finished_sending_is_answered_all_the_same() {
    let rack = Rack::new();
    rack.alice();
    let mut client = rack.client();
    client.say(&["HI"]);
    client.hear(LOGIN);
    client.say(&["alice", "guess"]);
    let ended = client.stream.shutdown(Shutdown::Write);
    ended.expect("a connection");
    client.hear(NO_MATCH);
    client.hear_end();
}

#[test]
fn names_that_lead_elsewhere_are_nobodys() {
    let rack = Rack::new();
    let long = "x".repeat(300);
    let names = ["..", ".", "backup", "a/b", "a\\b", "a\tb", &long];
    for (number, name) in names.iter().enumerate() {
        let mut client = rack.client();
        client.say(&["HI"]);
        client.hear(LOGIN);
        client.say(&[name, "secret"]);
        client.hear(MALFORMED);
        client.say(&[&format!("user{number}"), "secret"]);
        client.hear(UNKNOWN);
        client.say(&["YES"]);
        client.hear(NEW);
        client.say(&[name, "secret", "secret"]);
        client.hear(MALFORMED);
    }
    for fields in [&["alice"][..], &["a", "b", "c"]] {
        let mut client = rack.client();
        client.say(&["HI"]);
        client.hear(LOGIN);
        client.say(fields);
        client.hear(MALFORMED);
    }
}

#[test]
fn a_name_wanted_by_two_at_once_is_one_users() {
    let rack = Rack::new();
    let ask = || {
        let mut client = rack.client();
        client.say(&["HI"]);
        client.hear(LOGIN);
        client.say(&["alice", "x"]);
        client.hear(UNKNOWN);
        client.say(&["YES"]);
        client.hear(NEW);
        client
    };
    let mut clients = [ask(), ask(), ask()];
    for client in &mut clients {
        client.say(&["alice", "new", "new"]);
    }
    let first_line = |client: &mut super::Client| client.line();
    let mut said: Vec<String> = clients.iter_mut().map(first_line).collect();
    said.sort();
    assert_eq!(said, ["E", "E", "S"]);
}

#[test]
fn passwords_are_nowhere_in_clear() {
    let rack = Rack::new();
    rack.alice().put("docs", "a", b"content");
    rack.probe(&["login"]).expect_code(0);
    let accounts = rack.root().join("accounts");
    let text = fs::read_to_string(&accounts).expect("accounts");
    assert!(text.starts_with("alice:$argon2id$"), "{text}");
    let mode = fs::metadata(&accounts)
        .expect("accounts")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut read = 0;
    expect_without(rack.folder.path(), b"wonderland", &mut read);
    assert!(read > 9, "only {read} files");
    let log = rack.store().log().so_far();
    assert!(!log.contains("wonderland"), "{log}");
}

fn expect_without(folder: &Path, secret: &[u8], read: &mut usize) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            expect_without(&path, secret, read);
        } else {
            let bytes = fs::read(&path).expect("a file");
            let holds = bytes.windows(secret.len()).any(|it| it == secret);
            assert!(!holds, "{}", path.display());
            *read += 1;
        }
    }
}

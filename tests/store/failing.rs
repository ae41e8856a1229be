//! Shard servers that are away, answer garbage, hang, break off, or come back with old blocks.

use super::{PROCESS, Rack, content, on_small_disk, stored};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Stands in the place of a shard server, and does `script` with each of its clients until the
/// test ends.
fn stand_in(rack: &mut Rack, number: usize, script: fn(TcpStream)) {
    rack.stop_shard(number);
    let listener = TcpListener::bind(rack.shard_address(number)).expect("its address is free");
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || script(stream));
        }
    });
}

fn garbage(mut stream: TcpStream) {
    while let Ok(1..) = stream.read(&mut [0; 4096]) {
        if stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").is_err() {
            break;
        }
    }
}

fn hanging(mut stream: TcpStream) {
    while let Ok(1..) = stream.read(&mut [0; 4096]) {}
}

fn breaking_off(mut stream: TcpStream) {
    let mut request = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut request) {
        let text = String::from_utf8_lossy(&request[..count]).into_owned();
        if text.contains("RTV") {
            drop(stream.write_all(b"250\r\nonly this"));
            break;
        }
        if text.contains("STR") {
            // Ready, and gone.
            drop(stream.write_all(b"\0"));
            break;
        }
    }
    drop(stream.shutdown(Shutdown::Both));
}

fn endless(mut stream: TcpStream) {
    drop(stream.read(&mut [0; 4096]));
    if stream.write_all(b"9000000000000\r\n").is_ok() {
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    }
}

#[test]
fn reads_and_writes_go_on_without_one_that_misbehaves() {
    let mut rack = Rack::with(&["--shard-timeout", "700ms"]);
    let mut alice = rack.alice();
    let (first, second) = (content(1, 1000), content(2, 2000));
    alice.put("docs", "a", &first);
    for script in [garbage, hanging, breaking_off, endless] {
        stand_in(&mut rack, 1, script);
        alice.expect_file("docs", "a", &first);
        alice.announce("docs", "a", second.len());
        alice.send(&second);
        let warning = alice.line();
        let place = format!("WARN shard server 1 ({}): ", rack.shard_address(1));
        assert!(warning.starts_with(&place), "{warning}");
        assert!(warning.ends_with("; it is behind"), "{warning}");
        alice.hear(&stored("a"));
        alice.expect_file("docs", "a", &second);
        // Its address is free again: the next one has another.
        rack = Rack::with(&["--shard-timeout", "700ms"]);
        alice = rack.alice();
        alice.put("docs", "a", &first);
    }
}

#[test]
fn with_two_that_misbehave_files_are_read_and_none_is_changed() {
    let mut rack = Rack::with(&["--shard-timeout", "700ms"]);
    let mut alice = rack.alice();
    let old = content(1, 100_000);
    alice.put("docs", "a", &old);
    stand_in(&mut rack, 2, breaking_off);
    rack.stop_shard(3);
    alice.expect_file("docs", "a", &old);
    alice.announce("docs", "a", 5);
    alice.send(b"newer");
    let warnings = [alice.line(), alice.line()];
    assert!(
        warnings[0].starts_with("WARN shard server 2 ("),
        "{warnings:?}"
    );
    assert!(
        warnings[1].starts_with("WARN shard server 3 ("),
        "{warnings:?}"
    );
    // What was begun is taken back.
    let mut rest = alice.line();
    while rest.starts_with("WARN shard server") {
        rest = alice.line();
    }
    assert_eq!(rest, "WARN what was there before is as it was");
    alice.hear(PROCESS);
    alice.expect_file("docs", "a", &old);
    rack.start_shard(3);
    alice.expect_file("docs", "a", &old);
}

#[test]
fn fewer_than_three_take_no_file_and_fewer_than_two_give_none() {
    let mut rack = Rack::new();
    let mut alice = rack.alice();
    alice.put("docs", "a", b"content");
    rack.stop_shard(1);
    rack.stop_shard(4);
    alice.announce("docs", "b", 5);
    alice.send(b"newer");
    for number in [1, 4] {
        let warning = alice.line();
        let place = format!(
            "WARN shard server {number} ({}): ",
            rack.shard_address(number)
        );
        assert!(warning.starts_with(&place), "{warning}");
        assert!(warning.contains("refused"), "{warning}");
    }
    alice.hear(PROCESS);
    alice.expect_missing("docs", "b");
    rack.stop_shard(2);
    alice.say(&["RTV", "a", "docs"]);
    for number in [1, 2, 4] {
        let warning = alice.line();
        assert!(
            warning.starts_with(&format!("WARN shard server {number} (")),
            "{warning}"
        );
    }
    alice.hear(PROCESS);
    // They are back: nothing was lost.
    (1..=4).for_each(|number| {
        if number != 3 {
            rack.start_shard(number);
        }
    });
    alice.expect_file("docs", "a", b"content");
    alice.put("docs", "b", b"newer");
}

#[test]
fn old_blocks_of_a_server_that_was_away_are_not_taken_for_new_ones() {
    let mut rack = Rack::new();
    let mut alice = rack.alice();
    let (old, new) = (content(1, 50_000), content(2, 50_000));
    alice.put("docs", "a", &old);
    rack.stop_shard(2);
    alice.announce("docs", "a", new.len());
    alice.send(&new);
    assert!(alice.line().starts_with("WARN shard server 2 ("));
    alice.hear(&stored("a"));
    rack.start_shard(2);
    alice.expect_file("docs", "a", &new);
    rack.store()
        .wait_for_log("its block B1 has another checksum");
    // With one more gone there are two good ones left, with two more only one.
    rack.stop_shard(1);
    alice.expect_file("docs", "a", &new);
    rack.stop_shard(3);
    alice.say(&["RTV", "a", "docs"]);
    let warnings = [alice.line(), alice.line(), alice.line()];
    let bad = format!(
        "WARN shard server 2 ({}): its block B1 has another checksum",
        rack.shard_address(2)
    );
    assert!(warnings.contains(&bad), "{warnings:?}");
    alice.hear(PROCESS);
}

#[test]
fn blocks_of_a_file_that_was_removed_meanwhile_are_removed_later() {
    let mut rack = Rack::new();
    let mut alice = rack.alice();
    alice.put("docs", "a", b"content");
    rack.stop_shard(3);
    alice.say(&["DEL", "a", "docs"]);
    let warning = alice.line();
    assert!(warning.starts_with("WARN shard server 3 ("), "{warning}");
    alice.hear("Successfully removed file a from the file system");
    alice.expect_missing("docs", "a");
    assert!(rack.block(3, "alice/docs/a_O1").exists());
    rack.start_shard(3);
    rack.probe(&["repair"]).expect_code(0);
    assert!(!rack.block(3, "alice/docs/a_O1").exists());
    let left = fs::read_dir(rack.root().join("intents")).expect("a folder");
    assert_eq!(left.count(), 0);
}

#[test]
fn two_full_disks_leave_the_old_file() {
    let mut rack = Rack::new();
    let mut alice = rack.alice();
    let (old, new) = (content(1, 100_000), content(2, 6_000_000));
    alice.put("docs", "a", &old);
    for number in [2, 3] {
        rack.stop_shard(number);
        let root = rack.shard_root(number);
        rack.start_shard_on(number, |arguments| on_small_disk(&root, "1m", arguments));
    }
    rack.probe(&["repair"]).expect_code(0);
    alice.announce("docs", "a", new.len());
    alice.send(&new);
    for number in [2, 3] {
        let warning = alice.line();
        let place = format!("WARN shard server {number} (");
        assert!(warning.starts_with(&place), "{warning}");
        assert!(warning.contains("No space left on device"), "{warning}");
    }
    assert_eq!(alice.line(), "WARN what was there before is as it was");
    alice.hear(PROCESS);
    alice.expect_file("docs", "a", &old);
    rack.probe(&["status"]).expect_code(0);
    // A new file comes to nothing as well, and leaves nothing.
    alice.announce("docs", "b", new.len());
    alice.send(&new);
    let warnings = [alice.line(), alice.line(), alice.line()];
    assert_eq!(warnings[2], "WARN there is no such file, as before");
    alice.hear(PROCESS);
    alice.expect_missing("docs", "b");
    assert!(!rack.block(1, "alice/docs/b_A1").exists());
}

#[test]
fn a_full_disk_of_the_store_is_said_and_the_session_goes_on() {
    let mut rack = Rack::new();
    rack.store = None;
    let root = rack.root();
    rack.start_store_on(|arguments| on_small_disk(&root, "4m", arguments));
    let mut alice = rack.alice();
    alice.put("docs", "a", b"content");
    // Not even the file, and not the file with its other blocks.
    for size in [6_000_000, 3_000_000] {
        alice.announce("docs", "a", size);
        alice.send(&content(1, size));
        let warning = alice.line();
        let said = "WARN the store's disk failed: No space left on device";
        assert!(warning.starts_with(said), "{warning}");
        alice.hear(PROCESS);
        alice.expect_file("docs", "a", b"content");
    }
    alice.put("docs", "a", b"newer content");
    let mut bob = rack.client();
    bob.enter("bob", "builder");
}

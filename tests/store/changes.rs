//! What is stored comes back, whichever two shard servers are left; what is killed leaves the old
//! file or the new one.

use super::{Rack, content, stored};
use crate::support::process::run;
use crate::support::usage::resident_bytes;
use crate::support::{PATIENCE, becomes_true};
use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::DirEntryExt;
use std::path::PathBuf;

const SIZES: [usize; 9] = [0, 1, 2, 3, 4, 5, 1000, 65_536, 300_001];

#[test]
fn blocks_and_directories_do_not_collide() {
    let rack = Rack::new();
    let mut alice = rack.alice();
    let refused = |alice: &mut super::Client, path: &str, name: &str, why: &str| {
        alice.announce(path, name, 1);
        alice.send(b"z");
        let warning = alice.line();
        assert!(warning.contains(why), "{warning}");
        alice.hear(super::PROCESS);
    };
    alice.put("d", "x", b"file x");
    refused(&mut alice, "d/x_A1", "y", "is the name of a block of `d/x`");
    refused(
        &mut alice,
        "d/x_B2/e",
        "y",
        "is the name of a block of `d/x`",
    );
    alice.put("q/w_A1", "y", b"file y");
    refused(&mut alice, "q", "w", "that of `q/w_A1/y`");
    // Nothing came of it, also not on disk, and what was there is as it was.
    alice.put("q/w_A1", "y", b"another y");
    alice.expect_file("d", "x", b"file x");
    alice.expect_file("q/w_A1", "y", b"another y");
    rack.probe(&["status"]).expect_code(0);
}

#[test]
fn any_two_shard_servers_give_every_file_back() {
    let mut rack = Rack::new();
    let mut alice = rack.alice();
    let name = |size: usize| format!("file.{size}.txt");
    for size in SIZES {
        alice.put("docs/all", &name(size), &content(size as u64, size));
    }
    for one in 1..=4 {
        for other in one + 1..=4 {
            rack.stop_shard(one);
            rack.stop_shard(other);
            for size in SIZES {
                alice.expect_file("docs/all", &name(size), &content(size as u64, size));
            }
            rack.start_shard(one);
            rack.start_shard(other);
        }
    }
    assert!(rack.block(1, "alice/docs/all/file_A1.0.txt").exists());
    assert!(rack.block(4, "alice/docs/all/file_O4.1000.txt").exists());
}

#[test]
fn a_file_is_replaced_listed_and_removed() {
    let rack = Rack::new();
    let mut alice = rack.alice();
    alice.say(&["INF"]);
    alice.hear("No files in database");
    alice.put("docs", "a.txt", b"first");
    alice.put("docs", "a.txt", b"second content");
    alice.put("docs/deep", "b", b"");
    alice.expect_file("docs", "a.txt", b"second content");
    alice.expect_file("/docs/", "a.txt", b"second content");
    alice.say(&["INF"]);
    alice
        .hear("\\alice\\docs\n\\alice\\docs\\a.txt\n\\alice\\docs\\deep\n\\alice\\docs\\deep\\b\n");
    // Others see none of it.
    let mut bob = rack.client();
    bob.enter("bob", "builder");
    bob.say(&["INF"]);
    bob.hear("No files in database");
    bob.expect_missing("docs", "a.txt");
    alice.say(&["DEL", "a.txt", "docs"]);
    alice.hear("Successfully removed file a.txt from the file system");
    alice.expect_missing("docs", "a.txt");
    assert!(!rack.block(1, "alice/docs/a_A1.txt").exists());
    alice.say(&["DEL", "a.txt", "docs"]);
    alice.hear("ERROR The file path or file name you gave did not exist in the file system!");
    // The same connection serves somebody else after a log-out.
    alice.say(&["LGO"]);
    alice.enter("bob", "builder");
    alice.say(&["INF"]);
    alice.hear("No files in database");
}

/// The blocks of `docs/a`, with the number of the file that each is in: another once it is
/// replaced.
fn blocks(rack: &Rack) -> HashSet<(PathBuf, u64)> {
    let folders = (1..=4).map(|number| rack.block(number, "alice/docs"));
    let files = folders.flat_map(|it| fs::read_dir(it).expect("a folder of blocks"));
    let numbered = files.filter_map(|it| it.ok().map(|it| (it.path(), it.ino())));
    numbered.collect()
}

#[test]
fn a_store_that_is_killed_has_the_old_file_or_the_new_one() {
    let mut rack = Rack::new();
    let size = 400_000;
    rack.alice().put("docs", "a", &content(0, size));
    let mut old = 0;
    for round in 1..=12 {
        let before = blocks(&rack);
        let mut client = rack.alice();
        client.announce("docs", "a", size + 1);
        let new = content(round, size + 1);
        match round % 4 {
            // Before all of it is there.
            0 => client.send(&new[..size / 2]),
            // At any moment after.
            _ => client.send(&new),
        }
        // Another moment each time: once so many blocks have been replaced.
        if round % 4 != 0 {
            let wanted = usize::try_from(round % 9).expect("a small number");
            let replaced = || blocks(&rack).difference(&before).count() >= wanted;
            assert!(becomes_true(PATIENCE, replaced), "round {round}");
        }
        rack.kill_store();
        let mut client = rack.alice();
        client.say(&["RTV", "a", "docs"]);
        let length = client.line();
        let mut came = vec![0; length.parse().expect("a length")];
        client.stream.read_exact(&mut came).expect("the file");
        client.hear("Successfully retrieved file a from the file system");
        let before = match old {
            0 => content(0, size),
            round => content(round, size + 1),
        };
        assert!(came == new || came == before, "round {round}: a mixture");
        if came == new {
            old = round;
        }
    }
    // Nothing is left of what was not finished.
    rack.probe(&["repair"]).expect_code(0);
    rack.alice().put("docs", "a", b"last");
    rack.alice().expect_file("docs", "a", b"last");
    for folder in ["intents", "spool"] {
        let left = || {
            fs::read_dir(rack.root().join(folder))
                .expect("a folder")
                .count()
        };
        // What was just sent is removed when the last byte of it is.
        assert!(becomes_true(PATIENCE, || left() == 0), "{folder}");
    }
}

#[test]
fn two_who_store_the_same_file_do_so_one_after_the_other() {
    let rack = Rack::new();
    rack.alice().put("docs", "a", b"");
    let contents = [
        content(1, 200_000),
        content(2, 300_000),
        content(3, 100_000),
    ];
    let clients: Vec<_> = contents
        .iter()
        .map(|content| {
            let mut client = rack.alice();
            client.announce("docs", "a", content.len());
            client.send(content);
            client
        })
        .collect();
    for mut client in clients {
        client.hear(&stored("a"));
    }
    let mut alice = rack.alice();
    alice.say(&["RTV", "a", "docs"]);
    let length: usize = alice.line().parse().expect("a length");
    let mut came = vec![0; length];
    alice.stream.read_exact(&mut came).expect("the file");
    assert!(contents.contains(&came), "a mixture of {length} bytes");
    // All four servers have the same one.
    rack.probe(&["status"]).expect_code(0);
}

#[test]
fn a_large_file_takes_little_memory() {
    let rack = Rack::with(&["--max-file", "100MB"]);
    let mut alice = rack.alice();
    alice.put("warm", "up", &content(1, 1_000_000));
    let before = resident_bytes(rack.store().id());
    let size = 24_000_000;
    // A build for tests codes a few megabytes a second.
    let patience = Some(3 * PATIENCE);
    alice.stream.set_read_timeout(patience).expect("a timeout");
    alice.announce("docs", "large", size);
    let piece = content(7, 200_000);
    for _ in 0..size / piece.len() {
        alice.stream.write_all(&piece).expect("cannot send");
    }
    alice.hear(&stored("large"));
    alice.say(&["RTV", "large", "docs"]);
    alice.hear(&format!("{size}\r\n"));
    let mut came = vec![0; piece.len()];
    for _ in 0..size / piece.len() {
        alice.stream.read_exact(&mut came).expect("the file");
        assert!(came == piece, "the file differs");
    }
    alice.hear("Successfully retrieved file large from the file system");
    let grown = resident_bytes(rack.store().id()).saturating_sub(before);
    assert!(grown < 12_000_000, "{grown} bytes more for {size} bytes");
}

#[test]
fn a_store_ends_gracefully_and_finds_everything_again() {
    let mut rack = Rack::new();
    rack.alice().put("docs", "a", b"content");
    // Nobody else has its root meanwhile.
    let root = rack.root();
    let root = root.to_str().expect("UTF-8");
    let second = [
        "serve", "store", "--port", "0", "--shards", "a,b,c,d", "--root", root,
    ];
    let second = run(&second, b"").expect_code(1);
    let said = "another process writes beneath it";
    assert!(second.stderr.contains(said), "{second:?}");
    let idle = rack.alice();
    let mut store = rack.store.take().expect("the store runs");
    store.signal("TERM");
    assert_eq!(store.wait_for_exit(PATIENCE).code(), Some(0));
    idle.hear_end();
    rack.start_store();
    rack.alice().expect_file("docs", "a", b"content");
}

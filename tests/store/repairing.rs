//! Shard servers that were damaged or replaced, and brought back to full.

use super::{Rack, content};
use std::fs;

const SIZES: [usize; 4] = [0, 3, 70_000, 500_001];

fn filled() -> Rack {
    let rack = Rack::new();
    let mut alice = rack.alice();
    for size in SIZES {
        alice.put("docs", &format!("f{size}"), &content(size as u64, size));
    }
    rack
}

fn expect_all(rack: &Rack) {
    let mut alice = rack.alice();
    for size in SIZES {
        alice.expect_file("docs", &format!("f{size}"), &content(size as u64, size));
    }
}

/// How many blocks each server has, and lacks, as `status` tells.
fn blocks(rack: &Rack) -> Vec<(String, String)> {
    let mut alice = rack.alice();
    alice.say(&["STA"]);
    let lines: Vec<String> = (0..4).map(|_| alice.line()).collect();
    assert_eq!(alice.line(), "END");
    let parts = lines.iter().map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        (fields[2].to_owned(), format!("{} {}", fields[3], fields[4]))
    });
    parts.collect()
}

fn told(states: [(&str, &str); 4]) -> Vec<(String, String)> {
    states.map(|(a, b)| (a.to_owned(), b.to_owned())).into()
}

#[test]
fn one_server_damaged_and_one_replaced_are_brought_back() {
    let mut rack = filled();
    assert_eq!(blocks(&rack), told([("up", "8 0"); 4]));
    // One bit of one block, one block cut, one gone; another server is new.
    let damaged = rack.block(1, "alice/docs/f_A2");
    assert!(
        !damaged.exists(),
        "names are not split where there is no dot"
    );
    let path = rack.block(1, "alice/docs/f70000_A1");
    let mut bytes = fs::read(&path).expect("a block");
    bytes[9000] ^= 1;
    fs::write(&path, &bytes).expect("a block");
    let path = rack.block(1, "alice/docs/f500001_A2");
    fs::write(&path, b"short").expect("a block");
    fs::remove_file(rack.block(1, "alice/docs/f3_A1")).expect("a block");
    rack.stop_shard(3);
    fs::remove_dir_all(rack.folder.path().join("shard3")).expect("a root");
    rack.start_shard(3);
    assert_eq!(
        blocks(&rack),
        told([("up", "5 3"), ("up", "8 0"), ("up", "0 8"), ("up", "8 0")])
    );
    // All of it can be read all the while.
    expect_all(&rack);
    rack.probe(&["status"]).expect_code(1);
    let repaired = rack.probe(&["repair"]).expect_code(0);
    assert_eq!(
        repaired.stdout.matches("rebuilt").count(),
        4,
        "{repaired:?}"
    );
    assert_eq!(blocks(&rack), told([("up", "8 0"); 4]));
    rack.probe(&["status"]).expect_code(0);
    // What was rebuilt is good: it is all that is left.
    rack.stop_shard(2);
    rack.stop_shard(4);
    expect_all(&rack);
    let again = rack.probe(&["repair"]).expect_code(1);
    assert_eq!(
        again.stdout.matches("still missing on 2,4").count(),
        4,
        "{again:?}"
    );
}

#[test]
fn a_server_that_was_away_is_brought_up_to_date() {
    let mut rack = filled();
    rack.stop_shard(4);
    let mut alice = rack.alice();
    for size in SIZES {
        alice.announce("docs", &format!("f{size}"), 1000);
        alice.send(&content(99, 1000));
        assert!(alice.line().starts_with("WARN shard server 4 ("));
        alice.hear(&super::stored(&format!("f{size}")));
    }
    assert_eq!(
        blocks(&rack),
        told([("up", "8 0"), ("up", "8 0"), ("up", "8 0"), ("down", "0 8")])
    );
    rack.start_shard(4);
    let mut repairing = rack.alice();
    repairing.say(&["FIX"]);
    let mut lines: Vec<String> = (0..4).map(|_| repairing.line()).collect();
    lines.sort();
    assert_eq!(lines[0], "rebuilt 4 - \\alice\\docs\\f0");
    assert_eq!(repairing.line(), "END");
    rack.stop_shard(1);
    rack.stop_shard(2);
    for size in SIZES {
        alice.expect_file("docs", &format!("f{size}"), &content(99, 1000));
    }
}

#[test]
fn what_two_servers_cannot_rebuild_is_said_to_be_lost() {
    let mut rack = filled();
    for number in [1, 2, 4] {
        rack.stop_shard(number);
        fs::remove_dir_all(rack.folder.path().join(format!("shard{number}"))).expect("a root");
        rack.start_shard(number);
    }
    let output = rack.probe(&["repair"]).expect_code(1);
    assert_eq!(output.stdout.matches("lost").count(), 4, "{output:?}");
    assert!(
        output.stdout.contains("missing or bad on 1,2,4"),
        "{output:?}"
    );
    let output = rack.probe(&["get", "docs/f3"]).expect_code(1);
    assert!(output.stderr.contains("shard server 2"), "{output:?}");
}

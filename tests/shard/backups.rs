//! Copies of everything, by second names, which no client reaches.

use super::{Site, delete, get, line, login, names, put};
use crate::support::client::{expect_end, expect_silence};
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// What the newest copy holds at `path`.
fn backed_up(site: &Site, path: &str) -> Option<Vec<u8>> {
    let backup = site.root().join("backup");
    let newest = names(&backup).pop()?;
    fs::read(backup.join(newest).join(path)).ok()
}

fn copies(site: &Site) -> usize {
    fs::read_dir(site.root().join("backup")).map_or(0, Iterator::count)
}

#[test]
fn a_backup_keeps_what_is_replaced_and_removed_until_the_next() {
    let site = Site::new();
    let server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n_A1", "p", b"old");
    put(&alice, "m_A1", "p", b"removed");
    drop((alice, server));
    let server = site.serve(&["--backup-every", "1h"]);
    server.wait_for_log("backup made: 2 files");
    let made = names(&site.root().join("backup"));
    assert_eq!(made.len(), 1);
    let backed = site.root().join("backup").join(&made[0]);
    let links = || fs::metadata(backed.join("alice/p/n_A1")).map(|it| it.nlink());
    assert_eq!(links().expect("a copy"), 2, "it costs no room");
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n_A1", "p", b"new");
    delete(&alice, "m_A1", "p");
    assert_eq!(links().expect("a copy"), 1);
    assert_eq!(backed_up(&site, "alice/p/n_A1"), Some(b"old".into()));
    assert_eq!(backed_up(&site, "alice/p/m_A1"), Some(b"removed".into()));
    assert_eq!(get(&alice, "n_A1", "p"), Ok(b"new".into()));
    // The next server makes none before it is due.
    drop((alice, server));
    let server = site.serve(&["--backup-every", "1h"]);
    let nobody = login(server.ipv4(), "nobody");
    expect_silence(&nobody, Duration::from_millis(1500));
    assert_eq!(names(&site.root().join("backup")), made);
}

#[test]
fn backups_are_made_again_and_again_and_so_many_are_kept() {
    for most in [1, 3] {
        let site = Site::new();
        let count = most.to_string();
        let server = site.serve(&["--backup-every", "20ms", "--backups", &count]);
        let alice = login(server.ipv4(), "alice");
        for round in 0..20_u8 {
            put(&alice, "n", "p", &[round]);
        }
        let last = || backed_up(&site, "alice/p/n") == Some(vec![19]);
        assert!(
            becomes_true(PATIENCE, last),
            "the last state is not backed up"
        );
        let made = || server.log().count_lines_with("backup made") > 5;
        assert!(becomes_true(PATIENCE, made), "no more than five were made");
        let kept = copies(&site);
        assert!(kept <= most + 1, "{kept} copies");
        let user = login(server.ipv4(), "backup");
        assert_eq!(line(&user), "ERROR `backup` is nobody's name");
        expect_end(&user);
        // The end may come between a new one and the removal of the oldest.
        drop(server);
        let kept = copies(&site);
        assert!([most, most + 1].contains(&kept), "{kept} copies");
    }
}

#[test]
fn a_kill_while_a_backup_is_made_leaves_whole_ones_alone() {
    let site = Site::new();
    let mut server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    for number in 0..200 {
        put(
            &alice,
            &format!("n{number}"),
            &format!("p{}", number % 20),
            b"x",
        );
    }
    for _ in 0..10 {
        drop(server);
        server = site.serve(&["--backup-every", "1ms"]);
        server.wait_for_log("backup made: 200 files");
        server.signal("KILL");
        server.wait_for_exit(PATIENCE);
        for copy in names(&site.root().join("backup")) {
            let users = site.root().join("backup").join(&copy).join("alice");
            let count: usize = names(&users)
                .iter()
                .map(|it| names(&users.join(it)).len())
                .sum();
            assert_eq!(count, 200, "{copy} is not whole");
        }
    }
    let _server = site.serve(&[]);
    assert!(site.unfinished().is_empty());
}

#[test]
fn a_backup_that_fails_is_said_and_blocks_are_kept_all_the_same() {
    let site = Site::new();
    fs::create_dir(site.root()).expect("a root");
    fs::write(site.root().join("backup"), "in the way").expect("a file");
    let server = site.serve(&["--backup-every", "10ms"]);
    server.wait_for_log("cannot make a backup: ");
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", b"x");
    assert_eq!(get(&alice, "n", "p"), Ok(b"x".into()));
    assert!(becomes_true(PATIENCE, || site.unfinished().is_empty()));
}

#[test]
fn a_clock_that_was_set_back_costs_no_backup() {
    let site = Site::new();
    let ahead = site.root().join("backup/2999-01-01T00:00:00.000Z");
    fs::create_dir_all(&ahead).expect("a backup from a time that is to come");
    let server = site.serve(&["--backup-every", "20ms"]);
    server.wait_for_log("ahead of the clock: new ones are stamped after it");
    let alice = login(server.ipv4(), "alice");
    for round in 0..5_u8 {
        put(&alice, "n", "p", &[round]);
        let is_there = || backed_up(&site, "alice/p/n") == Some(vec![round]);
        assert!(
            becomes_true(PATIENCE, is_there),
            "round {round} is not backed up"
        );
    }
    assert!(!ahead.exists());
    assert_eq!(server.log().count_lines_with("ahead of the clock"), 1);
}

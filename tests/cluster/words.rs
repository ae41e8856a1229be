//! The words of the protocol, as they come from anybody.

use super::{Site, address};
use crate::support::PATIENCE;
use crate::support::becomes_true;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn each_word_is_answered_however_it_ends() {
    let site = Site::new(2);
    let _members = site.start_all();
    let view = format!(
        "LEADER 1 {one}\nMEMBER 1 {one} up\nMEMBER 2 {two} up\nEND\n",
        one = address(1),
        two = address(2)
    );
    for (word, answer) in [
        ("SEND", "only2"),
        ("WHO", view.as_str()),
        ("REQ:only2", "content 2"),
        ("REQ:only1", "content 1"),
        ("REQ:nothing", "404 Not Found"),
        ("GET only2", "FOUND 9\ncontent 2"),
        ("GET only1", "NOTFOUND\n"),
        ("HELO", "400 Bad Request\n"),
        ("REQ:", "400 Bad Request\n"),
    ] {
        let is_request = !answer.starts_with("400");
        for (end, then) in [
            ("\n", "pause"),
            ("\r\n", "pause"),
            ("", "end"),
            ("", "pause"),
        ] {
            if is_request || !(end.is_empty() && then == "pause") {
                let came = site.say(2, &format!("{word}{end}"), then);
                assert_eq!(came, answer, "{word:?} {end:?} {then}");
            }
        }
    }
    assert_eq!(site.say(1, "GET only2\n", "pause"), "FOUND 9\ncontent 2");
}

#[test]
fn a_list_has_the_names_of_files_that_can_be_asked_for() {
    let site = Site::new(1);
    for name in ["b c", "a, b", " d", "e\n", "zü"] {
        site.write(1, name, b"x");
    }
    fs::create_dir(site.root(1).join("folder")).expect("a folder");
    symlink("only1", site.root(1).join("link")).expect("a link");
    let server = site.start(1, &[]);
    site.wait_for_leader(1, 1);
    let came = site.say(1, "SEND\n", "pause");
    assert_eq!(came, "b c, only1, z\u{fc}");
    server.wait_for_log("3 files cannot be listed by name");
    for missing in [
        "folder",
        "link",
        "a, b",
        "../peer_files.log",
        "/etc/passwd",
        "..",
        ".",
    ] {
        let came = site.say(1, &format!("REQ:{missing}\n"), "pause");
        assert_eq!(came, "404 Not Found", "{missing}");
    }
    assert_eq!(site.say(1, "REQ:b c\n", "pause"), "x");
}

#[test]
fn the_leader_keeps_everybody_s_list() {
    let site = Site::new(3);
    let members = site.start_all();
    let expected = "Node 1 files: only1\nNode 2 files: only2\nNode 3 files: only3\n";
    let read = || fs::read_to_string(site.peer_log(1)).unwrap_or_default();
    assert!(becomes_true(PATIENCE, || read() == expected), "{}", read());
    site.write(2, "more", b"x");
    let expected = "Node 1 files: only1\nNode 2 files: more, only2\nNode 3 files: only3\n";
    assert!(becomes_true(PATIENCE, || read() == expected), "{}", read());
    // What nobody has listed yet is found as well.
    site.write(3, "new", b"just made");
    assert_eq!(site.say(2, "REQ:new\n", "pause"), "just made");
    drop(members);
    let left = fs::read_dir(site.folder.path().join("member1")).expect("a folder");
    assert_eq!(
        left.count(),
        2,
        "nothing stands beside the log and the files"
    );
    assert!(!site.peer_log(2).exists(), "who does not lead writes none");
}

#[test]
fn a_directory_with_too_many_names_is_listed_in_part() {
    const MOST: usize = 10_000;
    let site = Site::new(1);
    for number in 0..MOST {
        site.write(1, &format!("{number}"), b"");
    }
    let server = site.start(1, &[]);
    let came = site.say(1, "SEND\n", "pause");
    assert_eq!(came.split(", ").count(), MOST);
    server.wait_for_log("more than 10000 names: the rest is left out");
}

#[test]
fn the_log_is_never_served() {
    let site = Site::new(1);
    for log in ["only1.log", "folder/x.log"] {
        fs::create_dir_all(site.root(1).join("folder")).expect("a folder");
        let log = site.root(1).join(log);
        let log = log.to_str().expect("a path in UTF-8");
        let words = site.words(1, &["--peer-log", log]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let words: Vec<&str> = [&words[..8], &words[10..]].concat();
        let output = site.run(&words).expect_code(1);
        assert!(
            output.stderr.contains("it would be served (hint: "),
            "{output:?}"
        );
    }
}

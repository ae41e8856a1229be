//! What a document is after all that can happen to its files.

use tempfile::TempDir;

use super::*;

const MOST: usize = 1000;

/// A folder for a document.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn try_open(&self) -> anyhow::Result<Opened> {
        Ledger::open(&self.path("text"), MOST)
    }

    /// The document, the text it has, and what is said of it.
    fn open(&self) -> (Ledger, String, String) {
        let mut opened = self.try_open().unwrap();
        opened.ledger.keep();
        let text = String::from_utf8(opened.text).unwrap();
        assert_eq!(self.read("text"), text, "the file is what is served");
        (opened.ledger, text, opened.notes.join("\n"))
    }

    fn wrong(&self) -> String {
        format!("{:#}", self.try_open().unwrap_err())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn append(&self, text: &str) {
        let file = OpenOptions::new().append(true).open(self.path("text"));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn write(&self, text: &str) {
        fs::write(self.path("text"), text).unwrap();
    }
}

#[test]
fn what_is_appended_is_there_again() {
    let site = Site::new();
    let (mut ledger, text, note) = site.open();
    assert_eq!(text, "");
    assert!(
        note.ends_with("text not found. Starting with an empty document."),
        "{note}"
    );
    for text in ["one", "two", "\u{1f980}"] {
        ledger.append(text.as_bytes()).unwrap();
    }
    assert_eq!(site.read("text"), "onetwo\u{1f980}");
    drop(ledger);
    let (mut ledger, text, note) = site.open();
    assert_eq!((&*text, &*note), ("onetwo\u{1f980}", ""));
    ledger.append(b"!").unwrap();
    ledger.close().unwrap();
    let (_, text, note) = site.open();
    assert_eq!((&*text, &*note), ("onetwo\u{1f980}!", ""));
    assert_eq!(
        fs::metadata(site.path("text.committed")).unwrap().len(),
        512
    );
}

#[test]
fn a_text_without_a_mark_is_taken_as_it_is() {
    let site = Site::new();
    site.write("written by hand\n");
    let (mut ledger, text, note) = site.open();
    assert_eq!((&*text, &*note), ("written by hand\n", ""));
    ledger.append(b"more").unwrap();
    assert_eq!(site.read("text"), "written by hand\nmore");
}

#[test]
fn a_torn_end_is_cut_off_and_kept() {
    let site = Site::new();
    let (mut ledger, ..) = site.open();
    ledger.append(b"shown").unwrap();
    drop(ledger);
    site.append("torn");
    let (ledger, text, note) = site.open();
    assert_eq!(text, "shown");
    assert!(note.contains("a torn end: 4 bytes"), "{note}");
    drop(ledger);
    let kept = site.read("text.torn");
    site.append("again");
    let (_, text, _) = site.open();
    assert_eq!(text, "shown");
    assert_eq!(
        site.read("text.torn"),
        format!("{kept}again"),
        "none is lost"
    );
}

#[test]
fn what_stands_beside_a_private_text_is_private() {
    let site = Site::new();
    site.write("mine");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(site.path("text"), private).unwrap();
    drop(site.open());
    site.append("torn");
    drop(site.open());
    for name in ["text", "text.committed", "text.torn"] {
        let mode = fs::metadata(site.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_somebody_writes_in_between_is_theirs() {
    // After an orderly end there is nothing torn.
    let site = Site::new();
    let (mut ledger, ..) = site.open();
    ledger.append(b"shown").unwrap();
    ledger.close().unwrap();
    site.append(" and mine");
    let (ledger, text, note) = site.open();
    assert_eq!(text, "shown and mine");
    assert!(
        note.contains("was changed while no server had it"),
        "{note}"
    );
    // After any other, a changed beginning says so too.
    drop(ledger);
    for edited in [
        "Shown and mine",
        "a longer one than before",
        "another of that  length!",
    ] {
        site.write(edited);
        let (ledger, text, note) = site.open();
        assert_eq!(text, edited);
        assert!(note.contains("was changed while"), "{note}");
        drop(ledger);
    }
    assert!(!site.path("text.torn").exists());
}

#[test]
fn an_edit_after_a_kill_is_taken_whole() {
    let site = Site::new();
    let (mut ledger, ..) = site.open();
    for text in ["one\n", "two\n", "three\n"] {
        ledger.append(text.as_bytes()).unwrap();
    }
    drop(ledger);
    // The mark before the latest fits; nothing behind it was torn for all that.
    for edited in ["one\ntwo\nTHREE\n", "one\ntwo\nTHREE\nfour\n"] {
        site.write(edited);
        let (ledger, text, note) = site.open();
        assert_eq!(text, edited);
        assert!(note.contains("was changed while"), "{note}");
        drop(ledger);
        let (mut ledger, text, note) = site.open();
        assert_eq!(
            (&*text, &*note),
            (edited, ""),
            "the edit is what is committed"
        );
        ledger.append(b"more\n").unwrap();
    }
    assert!(!site.path("text.torn").exists());
}

#[test]
fn a_text_that_was_cut_short_is_served_and_both_lengths_are_said() {
    for left in ["one\ntwo\nthree", "one\ntwo\n", "One", ""] {
        for is_orderly in [false, true] {
            let site = Site::new();
            let (mut ledger, ..) = site.open();
            for text in ["one\n", "two\n", "three\n"] {
                ledger.append(text.as_bytes()).unwrap();
            }
            match is_orderly {
                true => ledger.close().unwrap(),
                false => drop(ledger),
            }
            site.write(left);
            let (_, text, note) = site.open();
            assert_eq!(text, left);
            let words = format!("14 bytes were committed, {} are left", left.len());
            assert!(note.contains(&words), "{note}");
            assert!(!site.path("text.torn").exists());
        }
    }
}

#[test]
fn a_start_that_fails_leaves_nothing_that_was_not_there() {
    let names = |site: &Site| {
        let names = fs::read_dir(site.0.path()).unwrap();
        let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    // A file that another server has, by another name.
    let site = Site::new();
    let (first, ..) = site.open();
    fs::hard_link(site.path("text"), site.path("link")).unwrap();
    let said = Ledger::open(&site.path("link"), MOST).unwrap_err();
    assert_eq!(said.to_string(), "another server has it");
    assert_eq!(names(&site), ["link", "text", "text.committed"]);
    drop(first);
    // A file that is no text.
    let site = Site::new();
    fs::write(site.path("text"), b"\xff").unwrap();
    site.wrong();
    assert_eq!(names(&site), ["text"]);
    // A mark that cannot be had.
    let site = Site::new();
    fs::create_dir(site.path("text.committed")).unwrap();
    assert!(site.wrong().ends_with("it is no regular file"));
    assert_eq!(names(&site), ["text.committed"]);
    // And a document that nobody could be served.
    let site = Site::new();
    drop(site.try_open().unwrap());
    assert!(names(&site).is_empty());
    drop(site.open());
    drop(site.try_open().unwrap());
    assert_eq!(names(&site), ["text", "text.committed"]);
}

#[test]
fn what_is_no_mark_is_not_overwritten() {
    let site = Site::new();
    site.write("text");
    let mark = |bytes: &[u8]| fs::write(site.path("text.committed"), bytes).unwrap();
    for other in [&b"mine"[..], &[b'x'; 5000]] {
        mark(other);
        let said = site.wrong();
        assert!(said.contains("is something else than marks"), "{said}");
        assert_eq!(fs::read(site.path("text.committed")).unwrap(), other);
    }
    fs::rename(site.path("text.committed"), site.path("mine")).unwrap();
    for linked in ["mine", "nowhere"] {
        std::os::unix::fs::symlink(linked, site.path("text.committed")).unwrap();
        let said = site.wrong();
        assert!(said.ends_with("it is a symbolic link"), "{said}");
        fs::remove_file(site.path("text.committed")).unwrap();
    }
    assert_eq!(fs::read(site.path("mine")).unwrap(), [b'x'; 5000]);
    assert!(!site.path("nowhere").exists());
    // One that a failing machine left half written at the first start is a new one.
    mark(&[0; 300]);
    assert_eq!(site.open().1, "text");
}

#[test]
fn a_mark_that_is_torn_leaves_the_one_before() {
    let site = Site::new();
    let (mut ledger, ..) = site.open();
    ledger.append(b"one").unwrap();
    let before = fs::read(site.path("text.committed")).unwrap();
    ledger.append(b"two").unwrap();
    drop(ledger);
    let after = fs::read(site.path("text.committed")).unwrap();
    let changed: Vec<usize> = (0..512).filter(|&at| before[at] != after[at]).collect();
    for cut in [
        changed[0] + 1,
        changed[changed.len() / 2],
        *changed.last().unwrap(),
    ] {
        let place = cut / MARK_BYTES * MARK_BYTES;
        let mut torn = before.clone();
        torn[place..cut].copy_from_slice(&after[place..cut]);
        fs::write(site.path("text.committed"), &torn).unwrap();
        site.write("onetwo");
        let (ledger, text, _) = site.open();
        assert_eq!(text, "one", "cut at {cut}");
        drop(ledger);
    }
}

#[test]
fn two_servers_cannot_have_one_document() {
    let site = Site::new();
    let (first, ..) = site.open();
    let said = site.wrong();
    assert_eq!(
        said,
        format!("another server has it (process {})", std::process::id())
    );
    std::os::unix::fs::symlink("text", site.path("other")).unwrap();
    let other = Ledger::open(&site.path("other"), MOST).unwrap_err();
    assert!(
        other.to_string().starts_with("another server has it"),
        "{other}"
    );
    // A file that took its place is another one, but beside the same mark.
    fs::rename(site.path("text"), site.path("old")).unwrap();
    site.write("new");
    assert!(site.wrong().starts_with("another server has it"));
    drop(first);
    site.open();
}

#[test]
fn a_file_that_is_swapped_or_changed_while_it_is_served_takes_nothing() {
    let site = Site::new();
    let (mut ledger, ..) = site.open();
    ledger.append(b"one").unwrap();
    fs::rename(site.path("text"), site.path("old")).unwrap();
    let error = ledger.append(b"two").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    site.write("one");
    let error = ledger.append(b"two").unwrap_err();
    assert!(
        error.to_string().contains("somebody else has replaced"),
        "{error}"
    );
    fs::rename(site.path("old"), site.path("text")).unwrap();
    ledger.append(b"two").unwrap();
    site.append("mine");
    assert!(ledger.append(b"three").is_err());
    assert_eq!(site.read("text"), "onetwomine");
}

#[test]
fn what_is_no_text_or_too_long_is_not_served_and_stays() {
    let site = Site::new();
    fs::write(site.path("text"), b"a\xffb").unwrap();
    assert_eq!(site.wrong(), "it is no UTF-8 text (at byte 1)");
    assert_eq!(fs::read(site.path("text")).unwrap(), b"a\xffb");
    site.write(&"x".repeat(MOST));
    let (ledger, text, _) = site.open();
    assert_eq!(text.len(), MOST);
    drop(ledger);
    fs::remove_file(site.path("text.committed")).unwrap();
    for length in [MOST + 1, MOST + MOST_TORN + 1] {
        let file = OpenOptions::new().write(true).open(site.path("text"));
        file.unwrap().set_len(length as u64).unwrap();
        let said = site.wrong();
        assert!(
            said.starts_with("it has 1001 bytes") || said.contains("--max-document"),
            "{said}"
        );
    }
    fs::remove_file(site.path("text")).unwrap();
    fs::create_dir(site.path("text")).unwrap();
    assert_eq!(site.wrong(), "it is no regular file");
    let nowhere = Ledger::open(&site.path("no/where"), MOST).unwrap_err();
    assert!(nowhere.to_string().starts_with("No such file"), "{nowhere}");
}

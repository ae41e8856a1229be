//! What is written stays or is not there; what leads astray leads nowhere.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::*;
use crate::files::open::Walk;

const OWN: &str = ".own";

/// A tree in a folder that has a secret beside it.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/secret"), "secret").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("deep/root").join(name)
    }

    fn tree(&self) -> Tree {
        Tree::open(&self.path(""), OWN).unwrap()
    }

    fn unfinished(&self) -> usize {
        fs::read_dir(self.path(OWN)).unwrap().count()
    }

    /// The one copy in `backup`.
    fn copy(&self) -> PathBuf {
        let mut names = fs::read_dir(self.path("backup")).unwrap();
        let name = names.next().unwrap().unwrap().path();
        assert!(names.next().is_none(), "one copy");
        name
    }
}

fn put(tree: &Tree, path: &str, name: &str, content: &str) -> io::Result<()> {
    let mut draft = tree.begin()?;
    draft.write_all(content.as_bytes())?;
    draft.finish(tree, path, name)
}

fn get(tree: &Tree, path: &str) -> Result<String, Missing> {
    let found = tree.find(path)?;
    Ok(io::read_to_string(found.file).unwrap())
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_finished_stands_there_and_what_is_dropped_does_not() {
    let site = Site::new();
    let tree = site.tree();
    put(&tree, "a/b/c", "file", "old").unwrap();
    assert_eq!(get(&tree, "a/b/c/file").unwrap(), "old");
    let mut draft = tree.begin().unwrap();
    draft.write_all(b"half").unwrap();
    assert_eq!(site.unfinished(), 1);
    drop(draft);
    assert_eq!(site.unfinished(), 0);
    assert_eq!(get(&tree, "a/b/c/file").unwrap(), "old");
    put(&tree, "a/b/c", "file", "new").unwrap();
    assert_eq!(get(&tree, "a/b/c/file").unwrap(), "new");
    assert_eq!(site.unfinished(), 0);
    assert!(tree.remove("a/b/c", "file").unwrap());
    assert!(!tree.remove("a/b/c", "file").unwrap());
    assert!(!tree.remove("a/nowhere", "file").unwrap());
    assert!(!tree.remove("a/b/c/file", "file").unwrap());
    assert!(matches!(get(&tree, "a/b/c/file"), Err(Missing::Absent(_))));
    let error = tree.remove("a/b", "c").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    for (name, mode) in [("a/b", 0o700), (OWN, 0o700)] {
        let found = fs::metadata(site.path(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name} is nobody else's");
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_is_not_replaced() {
    let site = Site::new();
    let tree = site.tree();
    put(&tree, "a", "b", "x").unwrap();
    assert!(put(&tree, ".", "a", "y").is_err(), "a is a directory");
    assert!(put(&tree, "a/b", "c", "y").is_err(), "a/b is a file");
    assert_eq!(site.unfinished(), 0);
    assert_eq!(get(&tree, "a/b").unwrap(), "x");
    assert!(matches!(tree.find("a"), Err(Missing::Special)));
}

#[test]
fn no_name_and_no_link_leads_out() {
    let site = Site::new();
    for walk in [Walk::Kernel, Walk::Steps] {
        let mut tree = site.tree();
        tree.root.walk = walk;
        put(&tree, "user/p", "file", "x").unwrap();
        for (link, to) in [
            ("out", "../../outside"),
            ("user/out", "../../../outside"),
            ("user/p/secret", "../../../../outside/secret"),
            ("user/p/same", "file"),
            ("user/inside", "p"),
        ] {
            let _ = symlink(to, site.path(link));
        }
        let user = tree.beneath("user").unwrap();
        for path in [
            "../../outside/secret",
            "../user/p/file",
            "..",
            "p/../../out/secret",
            "/etc/passwd",
            "out/secret",
            "p/secret",
            "p/same",
            "inside/file",
        ] {
            assert!(user.find(path).is_err(), "{path}");
        }
        assert_eq!(get(&user, "p/file").unwrap(), "x");
        for path in ["..", "../..", "out", "inside", "a/../..", "/", ""] {
            assert!(put(&user, path, "new", "y").is_err(), "{path}");
            let removed = user.remove(path, "file");
            assert!(!matches!(removed, Ok(true)), "{path}");
        }
        for name in ["../new", "p/new", "..", ".", "", "a\0b"] {
            assert!(put(&user, "p", name, "y").is_err(), "{name}");
            assert!(user.remove("p", name).is_err(), "{name}");
            assert!(tree.beneath(name).is_err(), "{name}");
        }
        assert!(tree.beneath("out").is_err(), "a link is no directory");
        // A link in the place of a file is replaced itself.
        put(&user, "p", "secret", "mine").unwrap();
        assert_eq!(get(&user, "p/secret").unwrap(), "mine");
        assert!(user.remove("p", "secret").unwrap());
        assert!(user.remove("p", "same").unwrap());
        assert_eq!(get(&user, "p/file").unwrap(), "x");
    }
    let outside = site.folder.path().join("outside");
    assert_eq!(names(&outside), ["secret"]);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
}

#[test]
fn what_a_killed_process_left_is_removed_at_the_next_start() {
    let site = Site::new();
    let tree = site.tree();
    put(&tree, "p", "file", "x").unwrap();
    let draft = tree.begin().unwrap();
    // As if killed: nothing of it is dropped in order.
    std::mem::forget(draft);
    fs::create_dir_all(site.path(".own/half/deeper")).unwrap();
    fs::write(site.path(".own/half/deeper/file"), "x").unwrap();
    symlink("../../../outside", site.path(".own/half/out")).unwrap();
    drop(tree);
    let error = Tree::open(&site.path(""), OWN).unwrap_err();
    assert_eq!(error.to_string(), "another process writes beneath it");
    assert_eq!(
        site.unfinished(),
        2,
        "what another process has is not touched"
    );
    // Another folder, for this process holds the lock of the forgotten draft.
    let other = site.folder.path().join("other");
    fs::rename(site.path(""), &other).unwrap();
    let aside = site.folder.path().join("aside");
    fs::rename(other.join(OWN), &aside).unwrap();
    fs::create_dir(other.join(OWN)).unwrap();
    for name in names(&aside) {
        fs::rename(aside.join(&name), other.join(OWN).join(&name)).unwrap();
    }
    let tree = Tree::open(&other, OWN).unwrap();
    assert!(names(&other.join(OWN)).is_empty());
    assert_eq!(get(&tree, "p/file").unwrap(), "x");
    let outside = site.folder.path().join("outside");
    assert_eq!(names(&outside), ["secret"]);
}

#[test]
fn many_threads_make_the_same_directories_and_replace_the_same_file() {
    let site = Site::new();
    let (tree, barrier) = (site.tree(), Barrier::new(8));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..7)
            .map(|number: u32| {
                let (tree, barrier) = (&tree, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for round in 0..20 {
                        let content = number.to_string().repeat(1000);
                        let path = format!("a/b{round}/c");
                        put(tree, &path, "file", &content).unwrap();
                        put(tree, "same", "file", &content).unwrap();
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            barrier.wait();
            while !done.load(Ordering::Relaxed) {
                let Ok(content) = get(&tree, "same/file") else {
                    continue;
                };
                let first = content.chars().next();
                assert!(content.len() == 1000 && content.chars().all(|it| Some(it) == first));
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(site.unfinished(), 0);
}

#[test]
fn a_copy_has_second_names_and_keeps_what_is_replaced_later() {
    let site = Site::new();
    let tree = site.tree();
    put(&tree, "alice/p", "one", "old").unwrap();
    put(&tree, "alice/p/q", "two", "kept").unwrap();
    put(&tree, "bob/backup", "three", "x").unwrap();
    symlink("one", site.path("alice/p/link")).unwrap();
    assert_eq!(tree.newest_snapshot("backup").unwrap(), None);
    let found = tree.snapshot("backup", 1).unwrap();
    assert_eq!((found.files, found.left_out), (3, 1));
    let copy = site.copy();
    assert_eq!(names(&copy), ["alice", "bob"], "neither itself nor drafts");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let second = copy.join("alice/p/q/two");
    assert_eq!(inode(&second), inode(&site.path("alice/p/q/two")));
    put(&tree, "alice/p", "one", "new").unwrap();
    tree.remove("alice/p/q", "two").unwrap();
    assert_eq!(fs::read(copy.join("alice/p/one")).unwrap(), b"old");
    assert_eq!(fs::read(&second).unwrap(), b"kept");
    assert_eq!(get(&tree, "alice/p/one").unwrap(), "new");
    assert_eq!(site.unfinished(), 0);
    assert!(tree.newest_snapshot("backup").unwrap().is_some());
}

#[test]
fn so_many_copies_are_kept_and_what_is_not_one_is_left_alone() {
    let site = Site::new();
    let tree = site.tree();
    fs::create_dir_all(site.path("backup/by hand/p")).unwrap();
    fs::write(site.path("backup/2001-01-01T00:00:00.000Z"), "no directory").unwrap();
    fs::create_dir_all(site.path("backup/2001-01-01T00:00:00Z")).unwrap();
    fs::create_dir_all(site.path("backup/2002-01-01T00:00:00.000Z/p")).unwrap();
    for round in 0..4 {
        put(&tree, "p", "file", &round.to_string()).unwrap();
        assert_eq!(tree.snapshot("backup", 2).unwrap().ahead, None);
    }
    let mut kept = names(&site.path("backup"));
    kept.retain(|it| !it.starts_with("200") && it != "by hand");
    let contents = kept
        .iter()
        .map(|it| fs::read_to_string(site.path("backup").join(it).join("p/file")).unwrap());
    assert_eq!(contents.collect::<Vec<_>>(), ["2", "3"]);
    let others = [
        "2001-01-01T00:00:00.000Z",
        "2001-01-01T00:00:00Z",
        "by hand/p",
    ];
    for other in others {
        assert!(site.path("backup").join(other).exists(), "{other}");
    }
    assert!(!site.path("backup/2002-01-01T00:00:00.000Z").exists());
    assert_eq!(site.unfinished(), 0);
}

#[test]
fn a_copy_is_the_newest_whatever_the_clock_says() {
    let site = Site::new();
    let tree = site.tree();
    for ahead in ["2998-01-01T00:00:00.000Z", "2999-01-01T00:00:00.999Z"] {
        fs::create_dir_all(site.path("backup").join(ahead)).unwrap();
    }
    assert_eq!(tree.newest_snapshot("backup").unwrap(), None, "it is due");
    for round in 0..3 {
        put(&tree, "p", "file", &round.to_string()).unwrap();
        let made = tree.snapshot("backup", 2).unwrap();
        assert!(made.ahead.unwrap() > std::time::Duration::from_secs(900 * 365 * 86_400));
        let kept = names(&site.path("backup"));
        assert_eq!(kept.len(), 2);
        let newest = site.path("backup").join(&kept[1]).join("p/file");
        assert_eq!(fs::read_to_string(newest).unwrap(), round.to_string());
    }
    let kept = ["2999-01-01T00:00:01.001Z", "2999-01-01T00:00:01.002Z"];
    assert_eq!(names(&site.path("backup")), kept);
    assert_eq!(site.unfinished(), 0);
}

#[test]
fn after_the_last_time_that_has_a_name_there_is_no_copy() {
    let site = Site::new();
    let tree = site.tree();
    let last = "9999-12-31T23:59:59.999Z";
    fs::create_dir_all(site.path("backup").join(last)).unwrap();
    let error = tree.snapshot("backup", 1).unwrap_err();
    let said = "no copy can be newer than the newest";
    assert_eq!(error.to_string(), said);
    assert_eq!(names(&site.path("backup")), [last]);
    assert_eq!(site.unfinished(), 0);
}

#[test]
fn directories_too_deep_are_an_error_and_no_half_copy() {
    let site = Site::new();
    let tree = site.tree();
    let deep = vec!["d"; 70].join("/");
    fs::create_dir_all(site.path(&deep)).unwrap();
    let error = tree.snapshot("backup", 1).unwrap_err();
    let said = "more than 64 directories within each other";
    assert_eq!(error.to_string(), said);
    assert!(names(&site.path("backup")).is_empty());
    assert_eq!(site.unfinished(), 0);
}

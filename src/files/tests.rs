//! Names that lead astray, and things that are no files; walked by the kernel
//! and by ourselves.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;

const WALKS: [Walk; 2] = [Walk::Kernel, Walk::Steps];

/// A root `store` beside things that are none of its files.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for directory in ["store/inner/deep", "store_evil", "outside"] {
            fs::create_dir_all(folder.path().join(directory)).unwrap();
        }
        for file in [
            "store/a.txt",
            "store/empty",
            "store/inner/b.txt",
            "store/inner/deep/c.txt",
            "store_evil/secret",
            "outside/secret",
        ] {
            let content = if file.ends_with("empty") { "" } else { file };
            fs::write(folder.path().join(file), content).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self, walk: Walk) -> Root {
        let root = Root::open(&self.path("store")).unwrap();
        assert!(root.follows_links(), "this kernel has openat2");
        Root { walk, ..root }
    }

    fn link(&self, name: &str, to: impl AsRef<Path>) {
        symlink(to, self.path("store").join(name)).unwrap();
    }
}

fn content(root: &Root, path: &str) -> String {
    match root.find(path.as_bytes()) {
        Ok(Found::File(mut found)) => {
            let mut text = String::new();
            found.file.read_to_string(&mut text).unwrap();
            assert_eq!(found.length, text.len() as u64);
            text
        }
        other => panic!("no file at {path}: {other:?}"),
    }
}

#[track_caller]
fn missing(root: &Root, path: &[u8]) -> Missing {
    match root.find(path) {
        Err(missing) => missing,
        Ok(found) => panic!("{} is {found:?}", path.escape_ascii()),
    }
}

#[test]
fn files_and_directories_are_found() {
    let site = Site::new();
    for walk in WALKS {
        let root = site.root(walk);
        assert_eq!(content(&root, "a.txt"), "store/a.txt");
        assert_eq!(content(&root, "///a.txt"), "store/a.txt");
        assert_eq!(
            content(&root, "inner//deep/./c.txt"),
            "store/inner/deep/c.txt"
        );
        assert_eq!(content(&root, "empty"), "");
        for path in ["", "/", ".", "inner", "inner/", "/inner/deep/."] {
            let found = root.find(path.as_bytes());
            assert!(
                matches!(found, Ok(Found::Directory(_))),
                "{path}: {found:?}"
            );
        }
        let Ok(Found::Directory(inner)) = root.find(b"inner") else {
            panic!("no directory");
        };
        assert_eq!(content(&inner, "b.txt"), "store/inner/b.txt");
        // A directory that was found is a root of its own.
        assert!(matches!(missing(&inner, b"../a.txt"), Missing::Outside(_)));
    }
}

#[test]
fn nothing_outside_is_found() {
    let site = Site::new();
    site.link("absolute", site.path("outside/secret"));
    site.link("relative", "../outside/secret");
    site.link("sibling", "../store_evil");
    site.link("root", "/");
    site.link("own", "/proc/self/root");
    for walk in WALKS {
        let root = site.root(walk);
        for path in [
            "../outside/secret",
            "inner/../../outside/secret",
            "../store_evil/secret",
            "..",
            "../store/a.txt",
            "/../../../../../../../../etc/passwd",
        ] {
            let found = missing(&root, path.as_bytes());
            assert!(matches!(found, Missing::Outside(_)), "{path}: {found:?}");
        }
        for path in [
            "absolute",
            "relative",
            "sibling/secret",
            "sibling",
            "root/etc/passwd",
            "own/etc/passwd",
        ] {
            missing(&root, path.as_bytes());
        }
    }
}

#[test]
fn links_within_are_followed_by_the_kernel_alone() {
    let site = Site::new();
    site.link("file", "inner/b.txt");
    site.link("directory", "inner");
    site.link("back", "inner/deep/../../a.txt");
    site.link("chain", "file");
    let root = site.root(Walk::Kernel);
    assert_eq!(content(&root, "file"), "store/inner/b.txt");
    assert_eq!(content(&root, "directory/b.txt"), "store/inner/b.txt");
    assert_eq!(content(&root, "chain"), "store/inner/b.txt");
    assert_eq!(content(&root, "back"), "store/a.txt");
    assert_eq!(content(&root, "inner/../a.txt"), "store/a.txt");
    let root = site.root(Walk::Steps);
    for path in [
        "file",
        "directory/b.txt",
        "directory",
        "directory/",
        "chain",
    ] {
        let found = missing(&root, path.as_bytes());
        assert!(matches!(found, Missing::Absent(_)), "{path}: {found:?}");
    }
    assert!(matches!(
        missing(&root, b"inner/../a.txt"),
        Missing::Outside(_)
    ));
}

#[test]
fn names_that_nothing_has_are_absent() {
    let site = Site::new();
    site.link("dangling", "nowhere");
    site.link("loop", "loop");
    let long = "x".repeat(256);
    let longer = "inner/../".repeat(2_000);
    let deep = "inner/".repeat(1_000);
    for walk in WALKS {
        let root = site.root(walk);
        for path in [
            "b.txt",
            "a.txt/",
            "a.txt/b.txt",
            "dangling",
            "loop",
            "loop/x",
            &long,
            &longer,
            &deep,
            " ",
            "a.txt\0",
            "\0",
            "a.txt ",
            "A.TXT",
            "..;/a.txt",
            "..\\a.txt",
        ] {
            let found = missing(&root, path.as_bytes());
            assert!(matches!(found, Missing::Absent(_)), "{path}: {found:?}");
        }
        assert!(matches!(
            missing(&root, b"\xc0\xae\xc0\xae/a.txt"),
            Missing::Absent(_)
        ));
    }
}

#[test]
fn what_is_no_file_is_not_touched() {
    let site = Site::new();
    let fifo = site.path("store/fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = UnixListener::bind(site.path("store/socket")).unwrap();
    site.link("to_fifo", "fifo");
    for walk in WALKS {
        let root = site.root(walk);
        for path in ["fifo", "socket"] {
            let found = missing(&root, path.as_bytes());
            assert!(matches!(found, Missing::Special), "{path}: {found:?}");
        }
        missing(&root, b"fifo/");
    }
    assert!(matches!(
        missing(&site.root(Walk::Kernel), b"to_fifo"),
        Missing::Special
    ));
    let devices = Root::open(Path::new("/dev")).unwrap();
    for path in ["null", "zero", "tty"] {
        let found = missing(&devices, path.as_bytes());
        assert!(
            matches!(found, Missing::Special | Missing::Absent(_)),
            "{found:?}"
        );
    }
}

#[test]
fn a_reason_is_told_in_words() {
    let site = Site::new();
    let root = site.root(Walk::Kernel);
    assert_eq!(
        missing(&root, b"../a").to_string(),
        "the path leaves the root"
    );
    let words = missing(&root, b"nowhere").to_string();
    assert_eq!(words, "no such file");
    let words = missing(&root, "x".repeat(300).as_bytes()).to_string();
    assert!(words.starts_with("no such file: "), "{words}");
    let error = Root::open(&site.path("nowhere")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let error = Root::open(&site.path("store/a.txt")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

#[test]
fn a_root_stays_the_same_directory_when_its_name_is_taken() {
    let site = Site::new();
    for walk in WALKS {
        let root = site.root(walk);
        fs::rename(site.path("store"), site.path("moved")).unwrap();
        symlink(site.path("outside"), site.path("store")).unwrap();
        assert_eq!(content(&root, "a.txt"), "store/a.txt");
        missing(&root, b"secret");
        fs::remove_file(site.path("store")).unwrap();
        fs::rename(site.path("moved"), site.path("store")).unwrap();
    }
}

/// How long a thing may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_is_swapped_meanwhile_never_leads_out() {
    let site = Site::new();
    let done = AtomicBool::new(false);
    let (file, spare) = (site.path("store/inner/b.txt"), site.path("store/spare"));
    let (inside, aside) = (site.path("store/inner"), site.path("aside"));
    fs::write(site.path("outside/b.txt"), "secret").unwrap();
    let mut found = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // The file becomes a link that leads out, then its directory is
                // carried out, then all is as before.
                fs::rename(&file, &spare).unwrap();
                symlink(site.path("outside/secret"), &file).unwrap();
                fs::rename(&spare, &file).unwrap();
                fs::rename(&inside, &aside).unwrap();
                symlink(site.path("outside"), &inside).unwrap();
                fs::remove_file(&inside).unwrap();
                fs::rename(&aside, &inside).unwrap();
            }
        });
        // It is there now and then, or the test would prove nothing.
        let started = Instant::now();
        while found == 0 && started.elapsed() < PATIENCE {
            for walk in WALKS {
                let root = site.root(walk);
                for path in [
                    "inner/b.txt",
                    "inner/deep/../b.txt",
                    "inner/deep/../../a.txt",
                ] {
                    for _ in 0..500 {
                        if let Ok(Found::File(mut file)) = root.find(path.as_bytes()) {
                            found += 1;
                            let mut text = String::new();
                            file.file.read_to_string(&mut text).unwrap();
                            assert!(text.starts_with("store/"), "{path}: {text}");
                        }
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(found > 0, "it was never there");
}

#[test]
fn entries_are_in_order_and_limited() {
    let site = Site::new();
    site.link("zlink", "/etc");
    let root = site.root(Walk::Kernel);
    let all = root.entries(100).unwrap();
    let names: Vec<_> = all
        .entries
        .iter()
        .map(|it| (it.name.as_slice(), it.kind))
        .collect();
    let expected: [(&[u8], Kind); 4] = [
        (b"a.txt", Kind::File),
        (b"empty", Kind::File),
        (b"inner", Kind::Directory),
        (b"zlink", Kind::Link),
    ];
    assert_eq!(names, expected);
    assert!(!all.more);
    assert_eq!(all.entries[0].length, 11);
    assert!(all.entries[0].modified > SystemTime::UNIX_EPOCH);
    assert!(!root.entries(4).unwrap().more);
    let some = root.entries(3).unwrap();
    assert_eq!((some.entries.len(), some.more), (3, true));
}

#[test]
fn an_open_file_is_the_one_that_was_found() {
    let site = Site::new();
    let root = site.root(Walk::Kernel);
    let Ok(Found::File(found)) = root.find(b"a.txt") else {
        panic!("no file");
    };
    fs::remove_file(site.path("store/a.txt")).unwrap();
    fs::write(site.path("store/a.txt"), "another").unwrap();
    let mut start = [0; 5];
    found.file.read_exact_at(&mut start, 0).unwrap();
    assert_eq!(&start, b"store");
}

#[test]
fn what_was_fetched_is_read_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(&path, &content).unwrap();
    let file = File::open(&path).unwrap();
    file.sync_all().unwrap();
    // Now the disk has it, if there is one, and memory not.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let mut buffer = vec![0; 100_000];
    fetch(&file, 500_000);
    let count = read_cached(&file, &mut buffer, 500_000).unwrap();
    assert!(count > 0);
    assert!(buffer[..count] == content[500_000..][..count]);
    assert_eq!(read_waiting(&file, &mut buffer, 2_000_000).unwrap(), 0);
    assert_eq!(read_cached(&file, &mut buffer, 2_000_000).unwrap(), 0);
}

fn segment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"..".to_vec()),
        Just(b".".to_vec()),
        Just(b"".to_vec()),
        Just(b"inner".to_vec()),
        Just(b"deep".to_vec()),
        Just(b"out".to_vec()),
        Just(b"up".to_vec()),
        Just(b"secret".to_vec()),
        Just(b"a.txt".to_vec()),
        Just(b"c.txt".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_path_leads_out(paths in proptest::collection::vec(proptest::collection::vec(segment(), 0..8), 32)) {
        let site = Site::new();
        site.link("out", "../outside");
        site.link("inner/up", "../..");
        for walk in WALKS {
            let root = site.root(walk);
            for path in &paths {
                if let Ok(Found::File(found)) = root.find(&path.join(&b'/')) {
                    let mut text = String::new();
                    { &found.file }.read_to_string(&mut text).unwrap();
                    prop_assert!(text.is_empty() || text.starts_with("store/"), "{text}");
                }
            }
        }
    }
}

//! What the store knows of its files: sizes and checksums, and what was about to
//! be changed when it was killed.
//!
//! ```text
//! files/<user>/<id>   a file: one JSON document
//! intents/<id>        a change that is not finished
//! intents/<id>.data   the old file itself, or the new one, meanwhile
//! spool/              what is being received or fetched
//! ```
//!
//! All of it waits for the disk: for helper threads alone.

mod version;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::decision::Kept;
use super::disk;
use crate::protocol::shard::{Place, User};

pub(super) use version::{Id, Key, Sum, Version};

/// The most files of one user: all of them are listed in one answer.
pub(super) const MOST_FILES: usize = 100_000;

/// The most changes that wait for shard servers.
const MOST_INTENTS: usize = 100_000;

/// Where files are received; whatever a store that was killed left there is of no
/// use.
pub(super) const SPOOL: &str = "spool";

/// The longest document about a file, in bytes.
const LONGEST_DOCUMENT: u64 = 64 << 10;

/// Beside an intent, the file itself.
const DATA: &str = ".data";

/// A change that begins: it ends with the new content, or with the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Intent {
    pub(super) key: Key,
    /// What was there.
    pub(super) old: Option<Version>,
    /// What is to be there; nothing if its blocks are to be removed.
    pub(super) new: Option<Version>,
    /// Which of both is kept beside the note.
    pub(super) kept: Option<Kept>,
}

/// The document about a file.
#[derive(Serialize, Deserialize)]
struct Entry {
    path: String,
    name: String,
    version: Version,
}

/// The document about a change.
#[derive(Serialize, Deserialize)]
struct Change {
    user: String,
    path: String,
    name: String,
    old: Option<Version>,
    new: Option<Version>,
    kept: Option<Kept>,
}

/// The documents beneath a store's root.
#[derive(Debug, Clone)]
pub(super) struct Catalogue {
    root: PathBuf,
}

impl Catalogue {
    /// The catalogue beneath `root`; what a store before left behind, and nothing
    /// needs, is removed.
    ///
    /// # Errors
    /// Its directories cannot be made or read.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let catalogue = Self { root: root.into() };
        for directory in ["files", "intents", SPOOL] {
            disk::make_directory(&root.join(directory))?;
        }
        let intents = root.join("intents");
        for name in disk::names(&intents, 2 * MOST_INTENTS)? {
            match name.strip_suffix(DATA) {
                Some(change) if !intents.join(change).exists() => {
                    fs::remove_file(intents.join(name))?;
                }
                _ => {}
            }
        }
        Ok(catalogue)
    }

    /// Where files are received.
    pub(super) fn spool(&self) -> PathBuf {
        self.root.join(SPOOL)
    }

    /// What a file is now, if there is one.
    ///
    /// # Errors
    /// It cannot be read: nobody may take that for a file that is not there.
    pub(super) fn version(&self, key: &Key) -> io::Result<Option<Version>> {
        let path = self.file(key);
        let bytes = disk::read(&path, LONGEST_DOCUMENT)?;
        let entry: Option<Entry> = bytes.map(|it| document(&path, &it)).transpose()?;
        Ok(entry.map(|it| it.version))
    }

    /// All files of a user, in the order of their paths and names.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn files(&self, user: &User) -> io::Result<Vec<Key>> {
        let directory = self.user(user);
        let mut keys = Vec::new();
        for name in disk::names(&directory, MOST_FILES)? {
            let path = directory.join(name);
            // It was there a moment ago.
            let Some(bytes) = disk::read(&path, LONGEST_DOCUMENT)? else {
                continue;
            };
            let entry: Entry = document(&path, &bytes)?;
            let place = Place::new(&entry.name, &entry.path).map_err(io::Error::other)?;
            keys.push(Key {
                user: user.clone(),
                place,
            });
        }
        keys.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(keys)
    }

    /// Whether one more file of a user has room.
    ///
    /// # Errors
    /// It has not, or the directory cannot be read.
    pub(super) fn expect_room(&self, user: &User) -> io::Result<()> {
        disk::names(&self.user(user), MOST_FILES - 1).map(drop)
    }

    /// Makes `version` what the file is from now on; nothing removes it.
    ///
    /// # Errors
    /// A full disk, for one: then it is what it was.
    pub(super) fn commit(&self, key: &Key, version: Option<&Version>) -> io::Result<()> {
        let path = self.file(key);
        let Some(version) = version else {
            return disk::remove(&path);
        };
        disk::make_directory(&self.user(&key.user))?;
        let entry = Entry {
            path: key.place.path().into(),
            name: key.place.name().into(),
            version: version.clone(),
        };
        disk::write(&path, &serde_json::to_vec(&entry)?)
    }

    /// Notes a change before it begins, instead of one that was noted before.
    ///
    /// # Errors
    /// A full disk, for one.
    pub(super) fn begin(&self, intent: &Intent) -> io::Result<()> {
        let Intent {
            key,
            old,
            new,
            kept,
        } = intent;
        let change = Change {
            user: key.user.name().into(),
            path: key.place.path().into(),
            name: key.place.name().into(),
            old: old.clone(),
            new: new.clone(),
            kept: *kept,
        };
        disk::write(&self.intent_path(key), &serde_json::to_vec(&change)?)
    }

    /// Forgets a change that is finished, and the file kept with it.
    ///
    /// # Errors
    /// As of unlink(2).
    pub(super) fn end(&self, key: &Key) -> io::Result<()> {
        disk::remove(&self.intent_path(key))?;
        disk::remove(&self.data_path(key))
    }

    /// The change of a file that is not finished, if there is one.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn intent(&self, key: &Key) -> io::Result<Option<Intent>> {
        read_intent(&self.intent_path(key))
    }

    /// All changes that are not finished.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn intents(&self) -> io::Result<Vec<Intent>> {
        let directory = self.root.join("intents");
        let names = disk::names(&directory, 2 * MOST_INTENTS)?;
        let names = names.iter().filter(|it| !it.ends_with(DATA));
        let read = names.filter_map(|it| read_intent(&directory.join(it)).transpose());
        read.collect()
    }

    /// Where the old file is kept while it is replaced, or the new one.
    pub(super) fn data_path(&self, key: &Key) -> PathBuf {
        self.root.join("intents").join(key.id().file_name() + DATA)
    }

    fn user(&self, user: &User) -> PathBuf {
        self.root.join("files").join(user.name())
    }

    fn file(&self, key: &Key) -> PathBuf {
        self.user(&key.user).join(key.id().file_name())
    }

    fn intent_path(&self, key: &Key) -> PathBuf {
        self.root.join("intents").join(key.id().file_name())
    }
}

fn read_intent(path: &Path) -> io::Result<Option<Intent>> {
    let Some(bytes) = disk::read(path, LONGEST_DOCUMENT)? else {
        return Ok(None);
    };
    let change: Change = document(path, &bytes)?;
    let user = User::new(&change.user).map_err(io::Error::other)?;
    let place = Place::new(&change.name, &change.path).map_err(io::Error::other)?;
    Ok(Some(Intent {
        key: Key { user, place },
        old: change.old,
        new: change.new,
        kept: change.kept,
    }))
}

/// Directories stand before what is in them.
fn order(key: &Key) -> (Vec<&str>, &str) {
    (key.place.path().split('/').collect(), key.place.name())
}

fn document<'a, T: Deserialize<'a>>(path: &Path, bytes: &'a [u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let path = path.display();
        io::Error::other(format!("`{path}` is no document of a store: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::protocol::coding::Block;

    fn key(user: &str, path: &str, name: &str) -> Key {
        Key {
            user: User::new(user).unwrap(),
            place: Place::new(name, path).unwrap(),
        }
    }

    fn version(generation: u64) -> Version {
        let sums = [0, 1, 2, 3, 4, 5, 6, 7].map(|it: u8| Sum::of(Sha256::new_with_prefix([it])));
        Version::new(7, generation, sums)
    }

    #[test]
    fn a_file_is_what_was_committed_last() {
        let root = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(root.path()).unwrap();
        let file = key("alice", "docs", "a.txt");
        assert_eq!(catalogue.version(&file).unwrap(), None);
        for generation in [1, 2] {
            catalogue.commit(&file, Some(&version(generation))).unwrap();
            let again = Catalogue::open(root.path()).unwrap();
            assert_eq!(again.version(&file).unwrap(), Some(version(generation)));
        }
        assert_eq!(version(1).sum(Block::O4), Some(&version(1).sums()[7]));
        catalogue.commit(&file, None).unwrap();
        assert_eq!(catalogue.version(&file).unwrap(), None);
        assert!(catalogue.files(&file.user).unwrap().is_empty());
    }

    #[test]
    fn files_are_of_one_user_and_in_order() {
        let root = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(root.path()).unwrap();
        let names = [
            ("b", "y"),
            ("a/c", "x"),
            ("a", "z"),
            ("a", "b"),
            ("a-b", "x"),
        ];
        for (path, name) in names {
            catalogue
                .commit(&key("alice", path, name), Some(&version(1)))
                .unwrap();
        }
        catalogue
            .commit(&key("bob", "a", "b"), Some(&version(1)))
            .unwrap();
        let files = catalogue.files(&User::new("alice").unwrap()).unwrap();
        let shown: Vec<String> = files.iter().map(|it| it.place.to_string()).collect();
        assert_eq!(shown, ["a/b", "a/z", "a/c/x", "a-b/x", "b/y"]);
    }

    #[test]
    fn no_two_files_have_one_id() {
        let keys = [
            key("a", "b", "c"),
            key("a", "bc", "c"),
            key("ab", "b", "c"),
            key("a", "b/c", "c"),
            key("a", "c", "b"),
        ];
        let ids: std::collections::HashSet<Id> = keys.iter().map(Key::id).collect();
        assert_eq!(ids.len(), keys.len());
    }

    #[test]
    fn an_intent_is_there_until_its_end() {
        let root = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(root.path()).unwrap();
        let intent = Intent {
            key: key("alice", "docs", "a.txt"),
            old: Some(version(1)),
            new: None,
            kept: Some(Kept::Old),
        };
        catalogue.begin(&intent).unwrap();
        fs::write(catalogue.data_path(&intent.key), "data").unwrap();
        let again = Catalogue::open(root.path()).unwrap();
        assert_eq!(again.intents().unwrap(), std::slice::from_ref(&intent));
        assert_eq!(again.intent(&intent.key).unwrap(), Some(intent.clone()));
        assert!(again.data_path(&intent.key).exists());
        again.end(&intent.key).unwrap();
        again.end(&intent.key).unwrap();
        assert!(again.intents().unwrap().is_empty());
        assert!(!again.data_path(&intent.key).exists());
        // Of a change that has ended, nothing is of use.
        fs::write(catalogue.data_path(&intent.key), "data").unwrap();
        let again = Catalogue::open(root.path()).unwrap();
        assert!(!again.data_path(&intent.key).exists());
    }

    #[test]
    fn what_is_damaged_is_no_file_that_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(root.path()).unwrap();
        let file = key("alice", "docs", "a.txt");
        catalogue.commit(&file, Some(&version(1))).unwrap();
        fs::write(catalogue.file(&file), "{").unwrap();
        let error = catalogue.version(&file).unwrap_err().to_string();
        assert!(error.contains("is no document of a store"), "{error}");
        assert!(catalogue.files(&file.user).is_err());
    }
}

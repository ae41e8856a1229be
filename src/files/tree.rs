//! A directory that one may write beneath: what stands there is replaced whole
//! and for good, and no name and no link leads out of it.
//!
//! What is not finished lies in a directory of its own beneath the root, of
//! which [`Tree::open`] removes what a killed process left. Every function here
//! may wait for the disk.

mod remove;
mod replacement;
mod snapshot;

#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fsync, mkdirat, unlinkat};
use rustix::io::Errno;

use super::open::LOOK;
use super::{Missing, READ, RegularFile, Root};

pub use replacement::Replacement;
pub use snapshot::Snapshot;

/// The mode of a directory that is made: what is kept is nobody else's.
const DIRECTORY_MODE: Mode = Mode::RWXU;

/// Opening a directory to read its names and to make them last.
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// A directory to write beneath, held open: it stays the same one when its name
/// is given to another. One process at a time has it.
#[derive(Debug)]
pub struct Tree {
    root: Root,
    drafts: Arc<Drafts>,
}

/// Where what is not finished lies.
#[derive(Debug)]
struct Drafts {
    /// The lock on it lasts as long as this is open.
    directory: OwnedFd,
    /// Its name in the root.
    name: &'static str,
    count: AtomicU64,
    /// Held while directories are made, so that one that is found has been made
    /// to last.
    making: Mutex<()>,
}

impl Tree {
    /// Opens the directory `path`, which is made if there is none, and removes
    /// what was left unfinished in its directory `own`.
    ///
    /// # Errors
    /// It cannot be made or opened, or another process has it.
    pub fn open(path: &Path, own: &'static str) -> io::Result<Self> {
        make(path)?;
        let root = Root::open(path)?;
        match mkdirat(&root.directory, own, DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let walk = root.walk;
        let directory = walk.open_unlinked(&root.directory, own.as_bytes(), DIRECTORY)?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                let taken = "another process writes beneath it";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, taken));
            }
            locked => locked?,
        }
        remove::all_in(&directory)?;
        let drafts = Drafts {
            directory,
            name: own,
            count: AtomicU64::default(),
            making: Mutex::default(),
        };
        Ok(Self {
            root,
            drafts: Arc::new(drafts),
        })
    }

    /// Its descriptor.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.root.directory()
    }

    /// The directory `name` as a tree of its own, which no path leaves either; it
    /// is made, for good, if there is none.
    ///
    /// # Errors
    /// It cannot be made or opened: the name is none, or something else has it.
    pub fn beneath(&self, name: &str) -> io::Result<Self> {
        check(name)?;
        self.make_directories(name)?;
        let walk = self.root.walk;
        let flags = LOOK.union(OFlags::DIRECTORY);
        let directory = walk.open_unlinked(&self.root.directory, name.as_bytes(), flags)?;
        Ok(Self {
            root: Root { directory, walk },
            drafts: Arc::clone(&self.drafts),
        })
    }

    /// Looks up the regular file at `path`, names with single slashes between
    /// them. No link is followed.
    ///
    /// # Errors
    /// In words, why there is nothing to be had.
    pub fn find(&self, path: &str) -> Result<RegularFile, Missing> {
        check_path(path).map_err(Missing::Absent)?;
        let Root { directory, walk } = &self.root;
        // A look first: opening a device might do something.
        let looked = walk.open_unlinked(directory, path.as_bytes(), LOOK)?;
        let looked = File::from(looked);
        if !looked.metadata().map_err(Missing::Failed)?.is_file() {
            return Err(Missing::Special);
        }
        let file = walk.open_unlinked(directory, path.as_bytes(), READ)?;
        RegularFile::check(file.into())
    }

    /// Begins a file that is to stand somewhere in this tree.
    ///
    /// # Errors
    /// There is no room for another file.
    pub fn begin(&self) -> io::Result<Replacement> {
        Replacement::begin(Arc::clone(&self.drafts))
    }

    /// Removes, for good, the file `name` from the directory at `path`, where `.`
    /// is the root itself. Whether it was there.
    ///
    /// # Errors
    /// It cannot be removed: it may still be there, or come back.
    pub fn remove(&self, path: &str, name: &str) -> io::Result<bool> {
        check_path(path)?;
        check(name)?;
        let walk = self.root.walk;
        let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP];
        let opened = walk.open_unlinked(&self.root.directory, path.as_bytes(), DIRECTORY);
        let directory = match opened {
            Err(error) if absent.contains(&error) => return Ok(false),
            opened => opened?,
        };
        match unlinkat(&directory, name, AtFlags::empty()) {
            Err(error) if absent.contains(&error) => return Ok(false),
            removed => removed?,
        }
        fsync(&directory)?;
        Ok(true)
    }

    /// The directory at `path`, open for reading; what is missing is made, for
    /// good.
    fn make_directories(&self, path: &str) -> io::Result<OwnedFd> {
        check_path(path)?;
        let Root { directory, walk } = &self.root;
        // Found while nobody makes any, so made to last.
        let making = self.drafts.making.lock();
        let _making = making.unwrap_or_else(PoisonError::into_inner);
        match walk.open_unlinked(directory, path.as_bytes(), DIRECTORY) {
            Err(Errno::NOENT) => {}
            opened => return Ok(opened?),
        }
        let mut at = walk.open_unlinked(directory, b".", DIRECTORY)?;
        for name in path.split('/') {
            match mkdirat(&at, name, DIRECTORY_MODE) {
                Ok(()) => fsync(&at)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            at = walk.open_unlinked(&at, name.as_bytes(), DIRECTORY)?;
        }
        Ok(at)
    }
}

impl Drafts {
    /// A name that nothing in there has.
    fn next_name(&self) -> String {
        self.count.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory()
    }
}

/// Makes a directory, and those above it that are missing, to last.
fn make(path: &Path) -> io::Result<()> {
    let is_missing = |it: &&Path| !it.as_os_str().is_empty() && !it.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(DIRECTORY_MODE.bits());
    builder.create(path)?;
    for made in missing {
        let above = made.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// A path of such names alone; `.` is the directory itself.
fn check_path(path: &str) -> io::Result<()> {
    match path {
        "." => Ok(()),
        path => path.split('/').try_for_each(check),
    }
}

/// A name that is no path: the calls that take it would walk one unguarded.
fn check(name: &str) -> io::Result<()> {
    match name {
        "" | "." | ".." => Err(io::ErrorKind::InvalidInput.into()),
        _ if name.contains(['/', '\0']) => Err(io::ErrorKind::InvalidInput.into()),
        _ => Ok(()),
    }
}

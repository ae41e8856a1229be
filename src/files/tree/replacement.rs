//! A file that takes another's place, whole and for good, or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};

use super::{Drafts, Tree, check};

/// The mode of a file that is made: what is kept is nobody else's.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A file in the making. A drop removes it, and leaves what stands in the place
/// that it is meant for as it is.
#[derive(Debug)]
pub struct Replacement {
    drafts: Arc<Drafts>,
    name: String,
    file: File,
    finished: bool,
}

impl Replacement {
    pub(super) fn begin(drafts: Arc<Drafts>) -> io::Result<Self> {
        let name = drafts.next_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&drafts.directory, &name, flags, FILE_MODE)?;
        Ok(Self {
            drafts,
            name,
            file: file.into(),
            finished: false,
        })
    }

    /// Makes it the file `name` in the directory of `tree` at `path`, where `.` is
    /// the root itself, over what stood there; directories that are missing are
    /// made. When this returns,
    /// neither a kill nor a loss of power undoes it.
    ///
    /// # Errors
    /// The old file stands there, whole, or the new one, whole.
    pub fn finish(mut self, tree: &Tree, path: &str, name: &str) -> io::Result<()> {
        check(name)?;
        self.file.sync_all()?;
        let directory = tree.make_directories(path)?;
        renameat(&self.drafts.directory, &self.name, &directory, name)?;
        self.finished = true;
        Ok(fsync(&directory)?)
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.finished {
            // What is left is removed at the next start.
            let _ = unlinkat(&self.drafts.directory, &self.name, AtFlags::empty());
        }
    }
}

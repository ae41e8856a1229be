//! The files that are served.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use netkit_compare::pattern::{LONGEST, Pattern};

use crate::options::Options;

/// A file; it holds the pattern, which the load knows too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    /// Its name.
    pub(super) name: &'static str,
    /// Its bytes.
    pub(super) size: usize,
}

/// Where a request costs more than its bytes.
pub(super) const SMALL: Content = content("1KiB", 1024);
/// Where both count.
pub(super) const MIDDLE: Content = content("1MiB", 1024 * 1024);
/// More than all buffers on the way hold.
pub(super) const LARGE: Content = content("16MiB", 16 * 1024 * 1024);
/// Where only the bytes count.
pub(super) const HUGE: Content = content("1GiB", 1024 * 1024 * 1024);
/// The same where time is short.
pub(super) const QUICK_HUGE: Content = content("256MiB", 256 * 1024 * 1024);

const fn content(name: &'static str, size: usize) -> Content {
    Content { name, size }
}

/// A temporary directory. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Writes the files. They are in the page cache, and on the disk: nothing
    /// is written back while others are measured.
    pub(super) fn new(options: &Options) -> io::Result<Self> {
        let name = format!("netkit-compare-{}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path)?;
        let folder = Self { path };
        fs::create_dir(folder.root())?;
        let pattern = Pattern::new();
        let huge = if options.quick { QUICK_HUGE } else { HUGE };
        for content in [SMALL, MIDDLE, LARGE, huge] {
            content.write(&folder.root(), &pattern)?;
        }
        Ok(folder)
    }

    /// What is served.
    pub(super) fn root(&self) -> PathBuf {
        self.path.join("root")
    }

    /// Where servers keep what is theirs.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            let path = self.path.display();
            crate::note(&format!("cannot remove `{path}`: {error}"));
        }
    }
}

impl Content {
    fn write(self, root: &Path, pattern: &Pattern) -> io::Result<()> {
        let mut file = File::create(root.join(self.name))?;
        for position in (0..self.size).step_by(LONGEST) {
            let count = LONGEST.min(self.size - position);
            file.write_all(pattern.slice(position, count))?;
        }
        file.sync_all()
    }
}

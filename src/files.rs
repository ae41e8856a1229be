//! Files beneath a directory: looked up so that no name leads out of it, and
//! opened so that nothing but a regular file is ever touched.
//!
//! The kernel walks the path (openat2(2) with `RESOLVE_BENEATH`), never a
//! comparison of strings: what is swapped between a check and the opening cannot
//! lead out, because there is no check before the opening.

mod draft;
mod entries;
mod lock;
mod made;
mod open;
mod read;
mod spool;
pub mod tree;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::OFlags;
use rustix::io::Errno;

use open::{LOOK, Walk};

pub use draft::Draft;
pub use entries::{Entries, Entry, Kind};
pub use lock::lock;
pub use made::{Links, Made};
pub use read::{fetch, read_cached, read_waiting};
pub use spool::{Spool, SpoolDirectory, Spooled};
pub use tree::Tree;

/// A directory whose files are served, held open: it stays the same one when
/// its name is given to another.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    walk: Walk,
}

/// What stands at a path.
#[derive(Debug)]
pub enum Found {
    /// A regular file, open for reading.
    File(RegularFile),
    /// A directory.
    Directory(Root),
}

/// A regular file, and what it was when it was opened.
#[derive(Debug)]
pub struct RegularFile {
    /// The file, for reading.
    pub file: File,
    /// Its length in bytes.
    pub length: u64,
    /// When its content was last changed.
    pub modified: SystemTime,
    /// Its number on its device.
    pub inode: u64,
}

/// Why nothing can be had at a path.
#[derive(Debug)]
pub enum Missing {
    /// Nothing has that name.
    Absent(io::Error),
    /// The path leaves the root: by `..`, or by a link that leads out.
    Outside(io::Error),
    /// What stands there is no file that has a size, nor a directory.
    Special,
    /// This process may not open it.
    Denied(io::Error),
    /// The system failed, and another time it may be found: out of
    /// descriptors, a broken disk.
    Failed(io::Error),
}

/// Opening for reading. Without `NONBLOCK` a FIFO that has just taken a file's
/// place would wait for its writer, and a terminal would become ours.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

impl Root {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// There is none, or this process may not look into it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = LOOK.union(OFlags::DIRECTORY);
        let directory = rustix::fs::open(path, flags, rustix::fs::Mode::empty())?;
        let walk = Walk::for_directory(&directory);
        let root = Self { directory, walk };
        // What cannot be searched would have no files at all.
        root.walk.open(&root.directory, b"./.", LOOK)?;
        Ok(root)
    }

    /// Looks up what stands at `path`, a sequence of names with slashes between
    /// them. Slashes in front are dropped; an empty path is the root itself.
    ///
    /// # Errors
    /// In words, why there is nothing to be had.
    pub fn find(&self, path: &[u8]) -> Result<Found, Missing> {
        let path = relative(path);
        let looked = File::from(self.walk.open(&self.directory, path, LOOK)?);
        let kind = looked.metadata().map_err(Missing::Failed)?.file_type();
        if kind.is_dir() {
            return Ok(Found::Directory(Self {
                directory: looked.into(),
                walk: self.walk,
            }));
        }
        if !kind.is_file() {
            return Err(Missing::Special);
        }
        let file = File::from(self.walk.open(&self.directory, path, READ)?);
        RegularFile::check(file).map(Found::File)
    }

    /// Its descriptor.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The names in the directory, in order, at most `most` of them.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn entries(&self, most: usize) -> io::Result<Entries> {
        entries::read(&self.directory, most)
    }

    /// Whether links are followed as far as they stay beneath; where the kernel
    /// is too old for that, or a sandbox forbids it, none is.
    #[must_use]
    pub fn follows_links(&self) -> bool {
        self.walk == Walk::Kernel
    }
}

impl RegularFile {
    /// What was opened may be another thing than what was looked at.
    fn check(file: File) -> Result<Self, Missing> {
        use std::os::unix::fs::{FileExt, MetadataExt};
        let metadata = file.metadata().map_err(Missing::Failed)?;
        // Files such as those of /proc have bytes, but no size to be promised.
        let has_no_size = || !matches!(file.read_at(&mut [0], 0), Ok(0));
        if !metadata.is_file() || (metadata.len() == 0 && has_no_size()) {
            return Err(Missing::Special);
        }
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified().map_err(Missing::Failed)?,
            inode: metadata.ino(),
            file,
        })
    }
}

/// The path as it is walked from the root on.
fn relative(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/');
    start.map_or(b".", |start| &path[start..])
}

impl From<Errno> for Missing {
    fn from(errno: Errno) -> Self {
        let error = io::Error::from(errno);
        match errno {
            Errno::XDEV => Self::Outside(error),
            Errno::ACCESS | Errno::PERM => Self::Denied(error),
            // A NUL within, a name too long, a file within the path, a loop of
            // links, a socket or a device without a driver.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::INVAL
            | Errno::LOOP
            | Errno::ILSEQ => Self::Absent(error),
            Errno::NXIO | Errno::NODEV => Self::Special,
            _ => Self::Failed(error),
        }
    }
}

impl From<io::Error> for Missing {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => Self::Failed(error),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(error) if error.kind() == io::ErrorKind::NotFound => {
                f.write_str("no such file")
            }
            Self::Absent(error) => write!(f, "no such file: {error}"),
            Self::Outside(_) => f.write_str("the path leaves the root"),
            Self::Special => f.write_str("no file that has a size"),
            Self::Denied(error) => write!(f, "it may not be opened: {error}"),
            Self::Failed(error) => write!(f, "it cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for Missing {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Special => None,
            Self::Absent(error)
            | Self::Outside(error)
            | Self::Denied(error)
            | Self::Failed(error) => Some(error),
        }
    }
}

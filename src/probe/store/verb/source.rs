//! The file that is to be stored.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::{O_NOCTTY, O_NONBLOCK};

/// There is nothing to be stored: why, in words.
#[derive(Debug)]
pub(super) struct NoSource(String);

impl fmt::Display for NoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSource {}

/// Opens a regular file, and waits for nobody who would write to any other; with
/// its length.
///
/// # Errors
/// It is none, or cannot be read.
pub(super) fn open(path: &Path) -> Result<(File, u64), NoSource> {
    let open = || {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(O_NONBLOCK | O_NOCTTY);
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Ok((file, metadata.len())),
            (_, true) => Err(io::Error::other("it is a directory")),
            _ => Err(io::Error::other("it is no regular file")),
        }
    };
    open().map_err(|error| NoSource(format!("cannot store `{}`: {error}", path.display())))
}

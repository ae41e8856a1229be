//! The files that a start made: they go again if it fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// What was made so far, open: nobody else gets its lock before it is gone. Dropping
/// it removes that, unless it was kept.
#[derive(Debug, Default)]
pub struct Made(Vec<(PathBuf, File)>);

/// Whether a name may lead elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It is the user's own.
    Followed,
    /// Whatever a link leads to was never meant.
    Refused,
}

impl Made {
    /// Opens a file for reading and writing, or makes one that is as private as
    /// `mode` says.
    ///
    /// # Errors
    /// It is no regular file, or the system's.
    pub fn open(&mut self, path: &Path, mode: u32, links: Links) -> io::Result<File> {
        let (found, flags) = match links {
            Links::Followed => (fs::metadata(path), OFlags::empty()),
            Links::Refused => (fs::symlink_metadata(path), OFlags::NOFOLLOW),
        };
        match found {
            Ok(found) if found.is_symlink() => {
                return Err(io::Error::other("it is a symbolic link"));
            }
            Ok(found) if !found.is_file() => {
                return Err(io::Error::other("it is no regular file"));
            }
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(mode);
        options.custom_flags(flags.bits().cast_signed());
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        match options.clone().create_new(true).open(path) {
            // A link to nothing yet, or somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                options.create(true).open(path)
            }
            Err(error) => Err(error),
            Ok(file) => {
                self.0.push((path.into(), file.try_clone()?));
                Ok(file)
            }
        }
    }

    /// Whether this was made.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|(made, _)| made == path)
    }

    /// It is somebody else's by now, and stays.
    pub fn leave(&mut self, path: &Path) {
        self.0.retain(|(made, _)| made != path);
    }

    /// All of it stays.
    pub fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for (path, _) in &self.0 {
            if let Err(error) = fs::remove_file(path) {
                log::warn!("cannot remove `{}`: {error}", path.display());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_goes_again_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("old"), "old").unwrap();
        let mut made = Made::default();
        for name in ["old", "new", "left"] {
            made.open(&path(name), 0o600, Links::Refused).unwrap();
        }
        assert!(made.has(&path("new")) && !made.has(&path("old")));
        made.leave(&path("left"));
        drop(made);
        assert!(!path("new").exists());
        assert!(path("left").exists() && path("old").exists());
        let mut made = Made::default();
        made.open(&path("new"), 0o600, Links::Followed).unwrap();
        made.keep();
        drop(made);
        assert!(path("new").exists());
    }

    #[test]
    fn links_are_followed_where_they_are_meant() {
        let folder = tempfile::tempdir().unwrap();
        let (link, meant) = (folder.path().join("link"), folder.path().join("meant"));
        std::os::unix::fs::symlink("meant", &link).unwrap();
        let mut made = Made::default();
        let refused = made.open(&link, 0o600, Links::Refused).unwrap_err();
        assert_eq!(refused.to_string(), "it is a symbolic link");
        assert!(!meant.exists());
        made.open(&link, 0o600, Links::Followed).unwrap();
        drop(made);
        assert!(meant.exists(), "it may be another's by now");
    }
}

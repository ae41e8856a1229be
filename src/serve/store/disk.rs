//! Small files of the store that are there whole or not at all, also after a
//! power failure. All of it waits for the disk: for helper threads alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Nobody else reads what the store keeps.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIRECTORY: u32 = 0o700;

/// What follows the name of a file that is not whole yet.
const UNFINISHED: &str = ".new";

/// Puts `bytes` at `path`, over what stood there. One writer at a time, for one
/// path.
///
/// # Errors
/// A full disk, for one: then what stood there still does.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = create(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if let Err(error) = written {
        // What is left of it is overwritten the next time at the latest.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    sync_directory(path)
}

/// Makes a file that is not there, or is of no use any more, for reading and
/// writing.
///
/// # Errors
/// As of open(2).
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_FILE)
        .open(path)
}

/// What stands at `path`, at most `most` bytes; nothing if nothing does.
///
/// # Errors
/// It cannot be read, or is longer.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it is longer than {most} bytes"))),
        false => Ok(Some(bytes)),
    }
}

/// Removes what stands at `path`, if anything does.
///
/// # Errors
/// As of unlink(2).
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(path),
    }
}

/// Makes a directory that only this user looks into, and those above it, unless
/// it is there.
///
/// # Errors
/// As of mkdir(2).
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY)
        .create(path)?;
    sync_directory(path)
}

/// The names in a directory that are those of whole files; none if there is no
/// such directory.
///
/// # Errors
/// It cannot be read, or holds more than `most`.
pub(super) fn names(path: &Path, most: usize) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        if names.len() == most {
            let why = format!("more than {most} names in `{}`", path.display());
            return Err(io::Error::other(why));
        }
        let name = entry?.file_name().into_string();
        names.extend(name.ok().filter(|it| !it.ends_with(UNFINISHED)));
    }
    Ok(names)
}

/// A name is there for good once its directory is on the disk (fsync(2)).
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let here = Path::new(".");
    match path.parent() {
        Some(directory) if directory.as_os_str().is_empty() => File::open(here)?.sync_all(),
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        make_directory(path.parent().unwrap()).unwrap();
        assert_eq!(read(&path, 9).unwrap(), None);
        for content in ["long content", "short"] {
            write(&path, content.as_bytes()).unwrap();
            assert_eq!(read(&path, 12).unwrap().unwrap(), content.as_bytes());
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(read(&path, 4).is_err());
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read(&path, 9).unwrap(), None);
    }

    #[test]
    fn what_was_not_finished_is_not_named_and_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"whole").unwrap();
        fs::write(folder.path().join("file.new"), "ha").unwrap();
        fs::write(folder.path().join("other.new"), "ha").unwrap();
        assert_eq!(names(folder.path(), 9).unwrap(), ["file"]);
        write(&path, b"next").unwrap();
        assert_eq!(read(&path, 9).unwrap().unwrap(), b"next");
        assert!(names(&folder.path().join("nothing"), 9).unwrap().is_empty());
        write(&folder.path().join("second"), b"").unwrap();
        assert!(names(folder.path(), 1).is_err());
    }
}

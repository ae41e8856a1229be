//! A file that is written whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// What every new file may be, as far as the umask allows.
const USUAL_MODE: u32 = 0o666;

/// A file in the making, beside the place that it is meant for. A drop removes
/// it, and leaves what stands there as it is.
///
/// What is no file of ours to be replaced, a device, a pipe or an open descriptor
/// by its name, is written to as it is, at once.
#[derive(Debug)]
pub struct Draft {
    to: To,
    path: PathBuf,
}

#[derive(Debug)]
enum To {
    Beside(NamedTempFile),
    Itself(File),
}

impl Draft {
    /// Begins the file that is to stand at `path`.
    ///
    /// # Errors
    /// Its directory cannot be written to.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let to = match is_special(path) {
            true => OpenOptions::new().append(true).open(path).map(To::Itself),
            false => beside(path).map(To::Beside),
        };
        Ok(Self {
            to: to.map_err(plain)?,
            path: path.into(),
        })
    }

    /// Puts it in its place, over what stood there.
    ///
    /// # Errors
    /// It cannot be written to the end, or not be renamed.
    pub fn finish(mut self) -> io::Result<()> {
        let finished = self.flush().and_then(|()| match self.to {
            To::Beside(file) => {
                let persisted = file.persist(place(&self.path));
                persisted.map(drop).map_err(|it| it.error)
            }
            To::Itself(_) => Ok(()),
        });
        finished.map_err(plain)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Beside(file) => file.write(bytes),
            To::Itself(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Beside(file) => file.flush(),
            To::Itself(file) => file.flush(),
        }
    }
}

/// Where a link leads.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A file for what is to stand at `path`, with the rights of what stands there.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let path = place(path);
    let mode = fs::metadata(&path).map_or(USUAL_MODE, |it| it.permissions().mode());
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    Builder::new()
        .prefix(".netkit-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
}

/// Whether what stands at `path` is to be written to, not replaced.
fn is_special(path: &Path) -> bool {
    const DESCRIPTORS: [&str; 5] = [
        "/dev/stdout",
        "/dev/stderr",
        "/dev/stdin",
        "/dev/fd",
        "/proc",
    ];
    let is_descriptor = DESCRIPTORS.iter().any(|it| path.starts_with(it));
    is_descriptor || fs::metadata(path).is_ok_and(|it| !it.is_file())
}

/// The error without the name of the file beside, which nobody knows.
fn plain(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    #[test]
    fn it_stands_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        std::fs::write(&path, "before").unwrap();
        let mut draft = Draft::begin(&path).unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        let mut draft = Draft::begin(&path).unwrap();
        draft.write_all(b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        draft.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        Draft::begin(&link).unwrap().finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it is as private as before");
        fs::remove_file(&link).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = Draft::begin(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }

    #[test]
    fn what_is_no_file_is_written_to_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        // Both ends at once: neither waits for the other.
        let mut reader = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut draft = Draft::begin(&path).unwrap();
        draft.write_all(b"bytes").unwrap();
        draft.finish().unwrap();
        let mut bytes = [0; 5];
        io::Read::read_exact(&mut reader, &mut bytes).unwrap();
        assert_eq!(&bytes, b"bytes");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }
}

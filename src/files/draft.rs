//! A file that is written whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// What every new file may be, as far as the umask allows.
const USUAL_MODE: u32 = 0o666;

/// A file in the making, beside the place that it is meant for. A drop removes
/// it, and leaves what stands there as it is.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    path: PathBuf,
}

impl Draft {
    /// Begins the file that is to stand at `path`.
    ///
    /// # Errors
    /// Its directory cannot be written to.
    pub fn begin(path: &Path) -> io::Result<Self> {
        // Where a link leads, and with the rights of what stands there.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mode = fs::metadata(path).map_or(USUAL_MODE, |it| it.permissions().mode());
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let file = Builder::new()
            .prefix(".netkit-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    /// Puts it in its place, over what stood there.
    ///
    /// # Errors
    /// It cannot be written to the end, or not be renamed.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.persist(&self.path)?;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
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
        assert!(Draft::begin(Path::new("/nowhere/at/all")).is_err());
    }
}

//! A body that must be there whole before it may be used: in memory while it is
//! small, in a temporary file without a name once it is not.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

/// So many bytes are kept in memory.
const IN_MEMORY: usize = 256 << 10;

/// Where temporary files are made.
#[derive(Debug, Clone)]
pub struct SpoolDirectory(PathBuf);

impl SpoolDirectory {
    /// That of the system: `TMPDIR`, else `/tmp`.
    #[must_use]
    pub fn of_system() -> Self {
        Self(std::env::temp_dir())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

/// Bytes that are being received. A drop loses them, and leaves no file.
#[derive(Debug)]
pub struct Spool {
    directory: SpoolDirectory,
    kept: Spooled,
    length: u64,
}

/// Bytes that were received.
#[derive(Debug)]
pub enum Spooled {
    /// All of them, in memory.
    Memory(Vec<u8>),
    /// In a file without a name.
    File(File),
}

impl Spool {
    /// An empty one; its file, if it comes to that, is made in `directory`.
    #[must_use]
    pub fn new(directory: SpoolDirectory) -> Self {
        Self {
            directory,
            kept: Spooled::Memory(Vec::new()),
            length: 0,
        }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The file cannot be made or written: a full disk.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Spooled::Memory(memory) = &mut self.kept {
            if memory.len() + bytes.len() <= IN_MEMORY {
                memory.extend_from_slice(bytes);
                self.length += bytes.len() as u64;
                return Ok(());
            }
            let mut file = tempfile::tempfile_in(&self.directory.0)?;
            file.write_all(memory)?;
            self.kept = Spooled::File(file);
        }
        if let Spooled::File(file) = &mut self.kept {
            file.write_all(bytes)?;
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What was received.
    #[must_use]
    pub fn finish(self) -> Spooled {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn what_is_small_stays_in_memory_and_what_is_not_goes_to_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(SpoolDirectory(directory.path().into()));
        spool.add(&vec![1; IN_MEMORY]).unwrap();
        assert!(matches!(spool.kept, Spooled::Memory(_)));
        spool.add(b"more").unwrap();
        assert_eq!(spool.length(), IN_MEMORY as u64 + 4);
        let Spooled::File(file) = spool.finish() else {
            panic!("still in memory");
        };
        let mut end = [0; 5];
        file.read_exact_at(&mut end, IN_MEMORY as u64 - 1).unwrap();
        assert_eq!(&end, b"\x01more");
        let names = std::fs::read_dir(directory.path()).unwrap();
        assert_eq!(names.count(), 0, "it has no name");
    }

    #[test]
    fn a_directory_that_is_gone_is_an_error() {
        let mut spool = Spool::new(SpoolDirectory("/nowhere".into()));
        spool.add(b"small").unwrap();
        assert!(spool.add(&vec![0; IN_MEMORY]).is_err());
    }
}

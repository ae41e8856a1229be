//! What is sent and what comes, in files that are nowhere but in memory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use netkit_compare::pattern::{LONGEST, Pattern};
use rustix::fs::{MemfdFlags, memfd_create};

/// The file that is sent, and the one that comes.
#[derive(Debug)]
pub(super) struct Files {
    /// Bytes of each.
    pub(super) size: usize,
    pattern: Pattern,
    sent: MemoryFile,
    kept: MemoryFile,
}

/// A file without a name, all pages of it touched: the first touch of a page
/// can take longer than everything that is measured. Dropping it frees them.
#[derive(Debug)]
struct MemoryFile {
    file: File,
    size: usize,
}

impl Files {
    /// So many bytes of the pattern, and room for as many.
    pub(super) fn new(size: usize) -> io::Result<Self> {
        let pattern = Pattern::new();
        let (sent, kept) = (MemoryFile::new(size)?, MemoryFile::new(size)?);
        sent.fill(&pattern)?;
        Ok(Self {
            size,
            pattern,
            sent,
            kept,
        })
    }

    /// Forgets what came before; for a process to write over, from the begin.
    pub(super) fn to_keep(&self) -> io::Result<Stdio> {
        self.kept.wipe()?;
        let file = File::options().write(true).open(self.kept.path())?;
        Ok(file.into())
    }

    /// For a process to read from the begin.
    pub(super) fn to_send(&self) -> io::Result<Stdio> {
        Ok(File::open(self.sent.path())?.into())
    }

    /// Whether what came is what was sent, and not a byte more.
    pub(super) fn came_whole(&self) -> io::Result<bool> {
        self.kept.holds(&self.pattern)
    }
}

impl MemoryFile {
    fn new(size: usize) -> io::Result<Self> {
        let file = memfd_create("netkit-compare", MemfdFlags::CLOEXEC)?.into();
        Ok(Self { file, size })
    }

    fn fill(&self, pattern: &Pattern) -> io::Result<()> {
        self.each_piece(|position, count| {
            let bytes = pattern.slice(position, count);
            self.file.write_all_at(bytes, position as u64)
        })
    }

    /// Makes all of it zeros, where it is.
    fn wipe(&self) -> io::Result<()> {
        let zeros = vec![0; LONGEST];
        self.file.set_len(self.size as u64)?;
        self.each_piece(|position, count| self.file.write_all_at(&zeros[..count], position as u64))
    }

    fn holds(&self, pattern: &Pattern) -> io::Result<bool> {
        if self.file.metadata()?.len() != self.size as u64 {
            return Ok(false);
        }
        let mut same = true;
        let mut buffer = vec![0; LONGEST];
        self.each_piece(|position, count| {
            let piece = &mut buffer[..count];
            self.file.read_exact_at(piece, position as u64)?;
            same &= piece == pattern.slice(position, count);
            Ok(())
        })?;
        Ok(same)
    }

    /// Whoever opens this has a position of his own.
    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }

    fn each_piece(&self, mut act: impl FnMut(usize, usize) -> io::Result<()>) -> io::Result<()> {
        let mut positions = (0..self.size).step_by(LONGEST);
        positions.try_for_each(|position| act(position, LONGEST.min(self.size - position)))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::fs::FileExt;

    use super::Files;

    #[test]
    fn only_what_was_sent_is_whole() -> io::Result<()> {
        let files = Files::new(300_000)?;
        files.to_keep()?;
        assert!(!files.came_whole()?, "nothing came");
        let file = &files.kept.file;
        files.kept.fill(&files.pattern)?;
        assert!(files.came_whole()?);
        file.write_all_at(b"x", 300_000)?;
        assert!(!files.came_whole()?, "a byte too many");
        file.set_len(299_999)?;
        assert!(!files.came_whole()?, "a byte is missing");
        files.kept.fill(&files.pattern)?;
        let last = files.pattern.slice(299_999, 1)[0];
        file.write_all_at(&[!last], 299_999)?;
        assert!(!files.came_whole()?, "a wrong byte");
        Ok(())
    }
}

//! Copies of a file: ours on disk, the peer's where it was spooled.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::files::{RegularFile, Spool, SpoolDirectory, Spooled};
use crate::probe::copies::Keep;
use crate::reactor::Buffer;
use crate::serve::Client;

/// A copy to be sent.
pub(super) enum Copy {
    File(File, u64),
    Memory(Vec<u8>),
}

impl Copy {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::File(_, length) => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// The connection broke, or the file has become shorter.
    pub(super) async fn send(&self, client: &Client) -> io::Result<()> {
        match self {
            Self::File(file, length) => client.send_file(file, *length).await,
            Self::Memory(bytes) => client.send(bytes).await,
        }
    }
}

impl From<RegularFile> for Copy {
    fn from(own: RegularFile) -> Self {
        Self::File(own.file, own.length)
    }
}

/// The peer's copy, and whether ours is the same.
pub(super) struct Peers {
    pub(super) copy: Copy,
    pub(super) same: bool,
}

/// Spools the peer's copy and compares it with ours while it comes.
pub(super) struct Comparing<'a> {
    own: Option<&'a RegularFile>,
    spool: Spool,
    /// Bytes that came.
    came: u64,
    /// Why not all of them are spooled, which matters only if they differ.
    full: Option<io::Error>,
    /// The peer has a copy.
    found: bool,
    same: bool,
}

impl<'a> Comparing<'a> {
    pub(super) fn new(own: Option<&'a RegularFile>, directory: SpoolDirectory) -> Self {
        Self {
            own,
            spool: Spool::new(directory),
            came: 0,
            full: None,
            found: false,
            same: false,
        }
    }

    /// What came, once all of it has; nothing if the peer has no copy. Of a copy
    /// that is the same as ours nothing may have been kept.
    pub(super) fn finish(self) -> Option<Peers> {
        let length = self.spool.length();
        let copy = match self.spool.finish() {
            Spooled::Memory(bytes) => Copy::Memory(bytes),
            Spooled::File(file) => Copy::File(file, length),
        };
        let same = self.same;
        self.found.then_some(Peers { copy, same })
    }

    /// Whether our bytes from here on are these.
    fn is_same(&self, own: &RegularFile, theirs: &[u8]) -> io::Result<bool> {
        let mut at = self.came;
        let mut ours = Buffer::take();
        for theirs in theirs.chunks(ours.len()) {
            let ours = &mut ours[..theirs.len()];
            match own.file.read_exact_at(ours, at) {
                // It has become shorter meanwhile.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                read => read?,
            }
            if ours != theirs {
                return Ok(false);
            }
            at += theirs.len() as u64;
        }
        Ok(true)
    }
}

impl Keep for Comparing<'_> {
    fn begin(&mut self, _: usize, _: usize, length: u64) -> io::Result<()> {
        self.found = true;
        self.same = self.own.is_some_and(|own| own.length == length);
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let (true, Some(own)) = (self.same, self.own) {
            self.same = self.is_same(own, bytes)?;
        }
        self.came += bytes.len() as u64;
        if self.full.is_none() {
            self.full = self.spool.add(bytes).err();
        }
        let missed = if self.same { None } else { self.full.take() };
        missed.map_or(Ok(()), Err)
    }
}

//! The document's file, and beside it, in `FILE.committed`, how much of it is
//! committed.
//!
//! A group is appended and on the disk before the mark says so, and the mark is on
//! the disk before anybody is told. So whatever was told is before the mark, and
//! what is behind it was told to nobody. It waits for the disk: for the helper
//! threads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

use super::mark::{MARK_BYTES, Mark};
use crate::files::lock;
use crate::units::hexadecimal;

/// What every new file may be, as far as the umask allows.
const USUAL_MODE: u32 = 0o666;

/// More than a group, which is all that can be behind the committed text.
const MOST_TORN: usize = 8 << 20;

/// A document's file, which is this process's alone.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    file: File,
    marks: File,
    /// So much is committed.
    length: u64,
    sum: Sha256,
    /// Of the latest mark.
    number: u64,
    /// What could not be written may be behind the committed text yet.
    has_rest: bool,
}

/// A document as it was found.
#[derive(Debug)]
pub(super) struct Opened {
    /// Where more of it goes.
    pub(super) ledger: Ledger,
    /// All of it.
    pub(super) text: Vec<u8>,
    /// What there is to be said of it.
    pub(super) notes: Vec<String>,
}

/// What the mark says of the file.
enum Verdict {
    /// It is as it was left.
    Same,
    /// So much is committed; the rest was being appended.
    Torn(usize),
    /// Somebody else has changed it.
    Edited,
}

impl Ledger {
    /// Opens the document at `path`, or begins one. A torn end is cut off, and kept
    /// in `FILE.torn`.
    ///
    /// # Errors
    /// It is no text of at most `most` bytes, another process has it, or it cannot
    /// be written.
    pub(super) fn open(path: &Path, most: usize) -> anyhow::Result<Opened> {
        let shown = path.display();
        let found = fs::metadata(path);
        let is_new = found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let file = open_for_update(path, USUAL_MODE)?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        // Beside the file itself, by whatever name it was called.
        let path = fs::canonicalize(path)?;
        let beside = beside(&path, "committed");
        let marks = open_for_update(&beside, mode);
        let marks = marks.with_context(|| format!("cannot open `{}`", beside.display()))?;
        // Only who has them may read them: until then another one may go on writing.
        let is_ours = lock(&file)? && lock(&marks)?;
        let mut marked = Vec::new();
        let both = 2 * MARK_BYTES as u64;
        (&marks).take(both).read_to_end(&mut marked)?;
        let marked = Mark::decode_all(&marked);
        if !is_ours {
            let holder = marked.first().and_then(|it| it.process);
            let holder = holder.map_or_else(String::new, |it| format!(" (process {it})"));
            bail!("another server has it{holder}");
        }
        let mut ledger = Self {
            number: marked.first().map_or(0, |it| it.number),
            path,
            file,
            marks,
            length: 0,
            sum: Sha256::new(),
            has_rest: false,
        };
        let (text, mut notes) = ledger.recover(&marked, most)?;
        if is_new {
            notes.push(format!(
                "{shown} not found. Starting with an empty document."
            ));
        }
        ledger.length = text.len() as u64;
        ledger.sum.update(&text);
        // Both, so that each later mark replaces one in place.
        for _ in 0..2 {
            ledger.mark(ledger.length, &ledger.sum.clone(), Some(std::process::id()))?;
        }
        ledger.marks.set_len(both)?;
        sync_folder(&ledger.path)?;
        Ok(Opened {
            ledger,
            text,
            notes,
        })
    }

    /// The committed text, with what else is to be said.
    fn recover(&self, marked: &[Mark], most: usize) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
        let too_long = |length: u64| {
            anyhow!("it has {length} bytes, at most {most} are served (hint: --max-document)")
        };
        // A torn end may exceed the limit: it is read, and cut.
        let (length, readable) = (self.file.metadata()?.len(), (most + MOST_TORN) as u64);
        ensure!(length <= readable, too_long(length));
        let mut text = Vec::new();
        (&self.file).take(readable).read_to_end(&mut text)?;
        let mut notes = Vec::new();
        let kept = match verdict(marked, &text) {
            Verdict::Same => text.len(),
            Verdict::Edited => {
                let shown = self.path.display();
                notes.push(format!(
                    "`{shown}` was changed while no server had it: it is taken as it is now"
                ));
                text.len()
            }
            Verdict::Torn(kept) => kept,
        };
        ensure!(kept <= most, too_long(kept as u64));
        if let Err(error) = str::from_utf8(&text[..kept]) {
            bail!("it is no UTF-8 text (at byte {})", error.valid_up_to());
        }
        if kept < text.len() {
            notes.push(self.cut(&text, kept)?);
            text.truncate(kept);
        }
        Ok((text, notes))
    }

    /// Cuts off what was appended and not committed; nothing is lost by it.
    fn cut(&self, text: &[u8], kept: usize) -> anyhow::Result<String> {
        let (torn, count) = (beside(&self.path, "torn"), text.len() - kept);
        let keep = || {
            let mode = self.file.metadata()?.permissions().mode() & 0o777;
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(mode);
            let mut file = options.open(&torn)?;
            file.write_all(&text[kept..])?;
            file.sync_all()?;
            sync_folder(&self.path)
        };
        keep().with_context(|| format!("cannot keep its torn end in `{}`", torn.display()))?;
        self.file.set_len(kept as u64)?;
        self.file.sync_data()?;
        let (path, torn) = (self.path.display(), torn.display());
        Ok(format!(
            "`{path}` had a torn end: {count} bytes that were told to nobody are cut off, and \
             kept in `{torn}`"
        ))
    }

    /// Appends `text` and commits it. If that fails, the document is as before.
    ///
    /// # Errors
    /// The disk's, or the file is not what it was.
    pub(super) fn append(&mut self, text: &[u8]) -> io::Result<()> {
        self.check()?;
        let written = self.file.write_all_at(text, self.length);
        let written = written.and_then(|()| self.file.sync_data());
        let mut sum = self.sum.clone();
        sum.update(text);
        let length = self.length + text.len() as u64;
        let marked = written.and_then(|()| self.mark(length, &sum, Some(std::process::id())));
        if let Err(error) = marked {
            self.has_rest = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.length = length;
        self.sum = sum;
        Ok(())
    }

    /// Notes that the document ended in order: whatever is different at the next
    /// start was somebody else.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn close(mut self) -> io::Result<()> {
        let (length, sum) = (self.length, self.sum.clone());
        self.mark(length, &sum, None)
    }

    /// Makes sure that a restart would find what is written now.
    fn check(&mut self) -> io::Result<()> {
        if self.has_rest {
            self.file.set_len(self.length)?;
            self.has_rest = false;
        }
        let (ours, there) = (self.file.metadata()?, fs::metadata(&self.path)?);
        let is_same = (ours.dev(), ours.ino()) == (there.dev(), there.ino());
        if !is_same || ours.len() != self.length {
            return Err(io::Error::other(
                "somebody else has replaced or changed it (hint: a restart takes it as it is)",
            ));
        }
        Ok(())
    }

    /// Writes the next mark over the one before the last. After a failure the next
    /// one takes the same place: the other mark stays.
    fn mark(&mut self, length: u64, sum: &Sha256, process: Option<u32>) -> io::Result<()> {
        let mark = Mark {
            number: self.number.saturating_add(1),
            length,
            sum: hexadecimal(&sum.clone().finalize()),
            process,
        };
        let place = mark.number % 2 * MARK_BYTES as u64;
        self.marks.write_all_at(&mark.encode(), place)?;
        self.marks.sync_data()?;
        self.number = mark.number;
        Ok(())
    }
}

/// What the marks, the latest first, say of a file that holds `text`.
fn verdict(marked: &[Mark], text: &[u8]) -> Verdict {
    let Some(latest) = marked.first() else {
        return Verdict::Same;
    };
    // The latest says more than there is if it was on the disk and could not be
    // told to be: then the one before holds.
    let Some(mark) = marked.iter().find(|it| it.fits(text)) else {
        return Verdict::Edited;
    };
    match usize::try_from(mark.length) {
        Ok(length) if length < text.len() && latest.process.is_some() => Verdict::Torn(length),
        Ok(length) if length < text.len() => Verdict::Edited,
        _ => Verdict::Same,
    }
}

/// Opens a file for reading and writing; a new one is as private as `mode` says.
fn open_for_update(path: &Path, mode: u32) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(mode).open(path)
}

/// `FILE.WORD`.
fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(word);
    name.into()
}

/// Makes the names in the folder of `path` last.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;

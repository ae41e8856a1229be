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
use crate::files::{Links, Made, lock};
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
    /// What there was not before; it goes again if nobody could be served.
    made: Made,
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
    /// It is shorter than what is committed, which is so long.
    Short(u64),
}

impl Ledger {
    /// Opens the document at `path`, or begins one. A torn end is cut off, and kept
    /// in `FILE.torn`. What it made goes again if it fails, and if the ledger is
    /// dropped before [`Ledger::keep`].
    ///
    /// # Errors
    /// It is no text of at most `most` bytes, another process has it, it cannot be
    /// written, or something else stands where the marks belong.
    pub(super) fn open(path: &Path, most: usize) -> anyhow::Result<Opened> {
        let mut made = Made::default();
        let file = made.open(path, USUAL_MODE, Links::Followed)?;
        let is_new = made.has(path);
        // Beside the file itself, by whatever name it was called.
        let whole = fs::canonicalize(path)?;
        let beside = beside(&whole, "committed");
        // Before anything is made beside a file that another one has.
        if !lock(&file)? {
            made.leave(path);
            bail!("another server has it{}", holder(&beside));
        }
        let permissions = file.metadata()?.permissions().mode() & 0o777;
        let marks = made.open(&beside, permissions, Links::Refused);
        let marks = marks.with_context(|| format!("cannot open `{}`", beside.display()))?;
        // Only who has them may read them: until then another one may go on writing.
        if !lock(&marks)? {
            made.leave(&beside);
            bail!("another server has it{}", holder(&beside));
        }
        let marked = read_marks(&marks, &beside)?;
        let mut ledger = Self {
            number: marked.first().map_or(0, |it| it.number),
            path: whole,
            file,
            marks,
            length: 0,
            sum: Sha256::new(),
            has_rest: false,
            made,
        };
        let (text, mut notes) = ledger.recover(&marked, most)?;
        if is_new {
            let shown = path.display();
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
        ledger.marks.set_len(2 * MARK_BYTES as u64)?;
        sync_folder(&ledger.path)?;
        Ok(Opened {
            ledger,
            text,
            notes,
        })
    }

    /// What was made stays: somebody can be served.
    pub(super) fn keep(&mut self) {
        self.made.keep();
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
        let shown = self.path.display();
        let kept = match verdict(marked, &text) {
            Verdict::Same => text.len(),
            Verdict::Short(committed) => {
                notes.push(format!(
                    "`{shown}` was cut short while no server had it: {committed} bytes were \
                     committed, {length} are left; it is taken as it is now"
                ));
                text.len()
            }
            Verdict::Edited => {
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
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            self.cut_rest();
            return Err(error);
        }
        let mut sum = self.sum.clone();
        sum.update(text);
        let length = self.length + text.len() as u64;
        let process = Some(std::process::id());
        if let Err(error) = self.mark(length, &sum, process) {
            // It may be on the disk and say more than there will be: the old one
            // replaces it first, as well as it can.
            let (length, sum) = (self.length, self.sum.clone());
            if let Err(error) = self.mark(length, &sum, process) {
                log::debug!("cannot take a mark back: {error}");
            }
            self.cut_rest();
            return Err(error);
        }
        self.length = length;
        self.sum = sum;
        Ok(())
    }

    /// Cuts off what was appended and could not be committed.
    fn cut_rest(&mut self) {
        self.has_rest = self.file.set_len(self.length).is_err();
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
///
/// The text is on the disk before its mark is: a kill tears nothing that the latest
/// mark tells of. Whatever is different before it was somebody else.
fn verdict(marked: &[Mark], text: &[u8]) -> Verdict {
    let Some(latest) = marked.first() else {
        return Verdict::Same;
    };
    match usize::try_from(latest.length) {
        Ok(length) if length <= text.len() => match length == text.len() {
            _ if !latest.fits(text) => Verdict::Edited,
            true => Verdict::Same,
            false if latest.process.is_some() => Verdict::Torn(length),
            false => Verdict::Edited,
        },
        _ => Verdict::Short(latest.length),
    }
}

/// The marks in a file, the latest first; nothing in a new one.
fn read_marks(marks: &File, path: &Path) -> anyhow::Result<Vec<Mark>> {
    let mut bytes = Vec::new();
    marks
        .take(2 * MARK_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Mark::decode_all(&bytes).with_context(|| {
        format!(
            "`{}` is something else than marks of a document (hint: it would be overwritten; \
             move it away)",
            path.display()
        )
    })
}

/// Who has a document, as far as its marks can be read and tell.
fn holder(beside: &Path) -> String {
    let is_file = fs::symlink_metadata(beside).is_ok_and(|it| it.is_file());
    let marks = File::open(beside).ok().filter(|_| is_file);
    let marked = marks.and_then(|it| read_marks(&it, beside).ok());
    let process = marked.and_then(|it| it.first()?.process);
    process.map_or_else(String::new, |it| format!(" (process {it})"))
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

//! Where copies go while they come: to the screen, to files, or to a comparison
//! line by line.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use similar::TextDiff;

use super::answer::Keep;
use super::verb::Screen;
use crate::files::Draft;

/// A copy is compared line by line up to this size, in bytes: it is held in
/// memory, and nobody reads more.
const LARGEST_COMPARED: u64 = 8 << 20;

/// What the two sides are called, as in the service's own client.
const SIDES: [&str; 2] = ["SERVER1", "SERVER2"];

/// Shows copies to a person.
pub(super) struct Shown<'a> {
    screen: &'a dyn Screen,
}

impl<'a> Shown<'a> {
    pub(super) fn new(screen: &'a dyn Screen) -> Self {
        Self { screen }
    }
}

impl Keep for Shown<'_> {
    fn begin(&mut self, number: usize, count: usize, _: u64) -> io::Result<()> {
        match (number, count) {
            (0, 1) => self.screen.line("Received ONE copy:"),
            (0, _) => self.screen.line("Received BOTH copies:"),
            _ => self.screen.line(""),
        }
        if let (2, Some(side)) = (count, SIDES.get(number)) {
            self.screen.line(&format!("--- {side} version ---"));
        }
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.screen.bytes(bytes);
        Ok(())
    }
}

/// Writes copies to files, which stand in their places once all are whole.
pub(in crate::probe) struct Drafts<'a> {
    path: &'a Path,
    screen: &'a dyn Screen,
    begun: Vec<(PathBuf, Draft)>,
}

impl<'a> Drafts<'a> {
    pub(in crate::probe) fn new(path: &'a Path, screen: &'a dyn Screen) -> Self {
        Self {
            path,
            screen,
            begun: Vec::new(),
        }
    }

    /// Puts them in their places, and says where.
    ///
    /// # Errors
    /// One cannot be written: names it.
    pub(in crate::probe) fn finish(self) -> anyhow::Result<Vec<PathBuf>> {
        let put = self.begun.into_iter().map(|(path, draft)| {
            draft
                .finish()
                .map_err(|error| cannot_write(&path, &error))?;
            Ok(path)
        });
        put.collect()
    }
}

impl Keep for Drafts<'_> {
    fn begin(&mut self, number: usize, count: usize, length: u64) -> io::Result<()> {
        let mut path = OsString::from(self.path);
        if count > 1 {
            path.push(format!(".server{}", number + 1));
        }
        let path = PathBuf::from(path);
        let draft = Draft::begin(&path).map_err(|error| {
            io::Error::new(error.kind(), cannot_write(&path, &error).to_string())
        })?;
        self.begun.push((path, draft));
        self.screen.expect(length);
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.screen.advance(bytes.len() as u64);
        match self.begun.last_mut() {
            Some((_, draft)) => draft.write_all(bytes),
            None => Ok(()),
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write `{}`: {error}", path.display())
}

/// Keeps copies to tell how they differ.
#[derive(Default)]
pub(super) struct Difference(Vec<Vec<u8>>);

impl Difference {
    /// A unified difference.
    ///
    /// # Errors
    /// They are not text, which has no lines.
    pub(super) fn finish(self) -> anyhow::Result<String> {
        let texts: Result<Vec<String>, _> = self.0.into_iter().map(String::from_utf8).collect();
        let texts = texts.context("cannot compare copies line by line: they are no text")?;
        let [ours, theirs] = texts.as_slice() else {
            anyhow::bail!("there are no two copies to compare");
        };
        let difference = TextDiff::from_lines(ours, theirs);
        let mut unified = difference.unified_diff();
        Ok(unified.header(SIDES[0], SIDES[1]).to_string())
    }
}

impl Keep for Difference {
    fn begin(&mut self, _: usize, _: usize, length: u64) -> io::Result<()> {
        if length > LARGEST_COMPARED {
            return Err(io::Error::other(format!(
                "{length} bytes are too many to be compared line by line (at most \
                 {LARGEST_COMPARED}; hint: --output keeps both)"
            )));
        }
        self.0.push(Vec::new());
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(copy) = self.0.last_mut() {
            copy.extend_from_slice(bytes);
        }
        Ok(())
    }
}

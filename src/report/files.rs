//! Reports in files: whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Format;
use super::writer::Writer;
use crate::finding::Record;

/// A report that is being written beside the place where it will stand. A drop
/// leaves what stood there before.
pub(super) struct ReportFile {
    path: PathBuf,
    /// Where it grows, if it is to be renamed.
    growing: Option<PathBuf>,
    file: BufWriter<File>,
    writer: Box<dyn Writer>,
    buffer: Vec<u8>,
    failure: Option<io::Error>,
}

impl ReportFile {
    /// Begins a report that will stand at `path`.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn begin(path: &Path, format: Format) -> io::Result<Self> {
        // A device or a pipe cannot be replaced, and is not to be.
        let special = fs::metadata(path).is_ok_and(|it| !it.is_file());
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let growing = (!special).then(|| beside(&path)).transpose()?;
        let file = match &growing {
            Some(growing) => OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(growing)?,
            None => OpenOptions::new().write(true).open(&path)?,
        };
        Ok(Self {
            path,
            growing,
            file: BufWriter::new(file),
            writer: format.writer(false),
            buffer: Vec::new(),
            failure: None,
        })
    }

    pub(super) fn record(&mut self, record: &Record, at: SystemTime) {
        self.writer.record(record, at, &mut self.buffer);
        self.drain();
    }

    fn drain(&mut self) {
        if self.failure.is_none() {
            self.failure = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Ends it, and puts it where it belongs.
    ///
    /// # Errors
    /// It could not be written; what stood there before stands there still.
    pub(super) fn finish(mut self, at: SystemTime) -> io::Result<()> {
        self.writer.finish(at, &mut self.buffer);
        self.drain();
        let written = match self.failure.take() {
            Some(error) => Err(error),
            None => self.file.flush(),
        };
        let placed = written.and_then(|()| match &self.growing {
            Some(growing) => fs::rename(growing, &self.path),
            None => Ok(()),
        });
        if placed.is_ok() {
            self.growing = None;
        }
        placed.map_err(|error| {
            let path = self.path.display();
            io::Error::new(
                error.kind(),
                format!("cannot write the report `{path}`: {error}"),
            )
        })
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        if let Some(growing) = &self.growing {
            // It is of no use to anybody.
            let _ = fs::remove_file(growing);
        }
    }
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name();
    let name = name.ok_or_else(|| io::Error::other("it is no name of a file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

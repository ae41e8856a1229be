//! Reports in files: whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Format;
use super::writer::Writer;
use crate::files::Draft;
use crate::finding::Record;

/// A report that is being written. A drop leaves what stood in its place before.
pub(super) struct ReportFile {
    path: PathBuf,
    to: To,
    writer: Box<dyn Writer>,
    buffer: Vec<u8>,
    failure: Option<io::Error>,
}

/// Where it is written.
enum To {
    /// Beside the place where it will stand.
    Draft(BufWriter<Draft>),
    /// What is no file of ours to be replaced: a device, a pipe, an open
    /// descriptor by its name in /dev.
    Special(Box<dyn Write>),
}

impl ReportFile {
    /// Begins a report that will stand at `path`.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn begin(path: &Path, format: Format) -> io::Result<Self> {
        let to = match is_special(path) {
            true => To::Special(Box::new(OpenOptions::new().append(true).open(path)?)),
            false => To::Draft(BufWriter::new(Draft::begin(path)?)),
        };
        Ok(Self {
            path: path.into(),
            to,
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
        let to: &mut dyn Write = match &mut self.to {
            To::Draft(draft) => draft,
            To::Special(special) => special,
        };
        if self.failure.is_none() {
            self.failure = to.write_all(&self.buffer).err();
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
        let placed = match (self.failure, self.to) {
            (Some(error), _) => Err(error),
            (None, To::Draft(draft)) => draft
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(Draft::finish),
            (None, To::Special(mut special)) => special.flush(),
        };
        placed.map_err(|error| {
            let path = self.path.display();
            io::Error::new(
                error.kind(),
                format!("cannot write the report `{path}`: {error}"),
            )
        })
    }
}

/// Whether what stands at `path` is to be written to, not replaced.
fn is_special(path: &Path) -> bool {
    let is_descriptor = path.starts_with("/dev") || path.starts_with("/proc");
    is_descriptor || fs::metadata(path).is_ok_and(|it| !it.is_file())
}

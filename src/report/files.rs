//! Reports in files: whole or not at all.

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
    to: BufWriter<Draft>,
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
        let to = BufWriter::new(Draft::begin(path)?);
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
        if self.failure.is_none() {
            self.failure = self.to.write_all(&self.buffer).err();
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
        let placed = self.failure.map_or(Ok(()), Err).and_then(|()| {
            let draft = self.to.into_inner();
            draft.map_err(io::IntoInnerError::into_error)?.finish()
        });
        placed.map_err(|error| {
            let path = self.path.display();
            io::Error::new(
                error.kind(),
                format!("cannot write the report `{path}`: {error}"),
            )
        })
    }
}

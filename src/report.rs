//! Findings on their way to people and machines: results on standard output,
//! the story on standard error.
//!
//! Knows no network: it is handed records.

mod color;
mod log;
mod output;
mod progress;
mod text;

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write as _};
use std::rc::Rc;
use std::time::SystemTime;

use crate::finding::{Record, SCHEMA, Summary};
use crate::reactor::within;

pub use color::{Color, ColorOptions};
pub use log::{LogFormat, start_log};
use output::Output;
use progress::Progress;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Lines for people
    #[default]
    Text,
    /// One JSON record a line, the moment it is known
    Ndjson,
    /// One JSON document
    Json,
    /// The exit status alone
    Quiet,
}

/// Options of every verb that has results.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Options {
    /// How to write the results
    #[arg(
        short = 'o',
        long = "format",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub format: Format,
}

/// Writes records as they come. Clones share everything.
#[derive(Clone)]
pub struct Reporter(Rc<RefCell<State>>);

struct State {
    format: Format,
    output: Output,
    notes: text::Painter,
    results: text::Painter,
    progress: Progress,
    records: usize,
    summary: Option<Summary>,
}

impl Reporter {
    /// A reporter for standard output and standard error. `expected` is how
    /// many results are to come, for the progress bar; 0 shows none.
    #[must_use]
    pub fn new(format: Format, color: Color, expected: usize) -> Self {
        let terminal = io::stderr().is_terminal() && format != Format::Quiet;
        Self(Rc::new(RefCell::new(State {
            format,
            output: Output::new(),
            notes: text::Painter::new(color.on_stderr()),
            results: text::Painter::new(color.on_stdout()),
            progress: Progress::new(if terminal { expected } else { 0 }),
            records: 0,
            summary: None,
        })))
    }

    /// Takes a record.
    pub fn tell(&self, record: &Record) {
        let mut state = self.0.borrow_mut();
        match state.format {
            Format::Quiet => {}
            Format::Text => state.write_text(record),
            Format::Ndjson => state.write_json_line(record),
            Format::Json => state.write_json_element(record),
        }
        if matches!(record, Record::Result(_)) {
            state.progress.advance();
        }
        state.output.flush_soon();
    }

    /// Says something to a person, beside the results.
    pub fn note(&self, line: &str) {
        if self.0.borrow().format == Format::Text {
            write_note(line);
        }
    }

    /// Writes a line of its own to standard output, at once, unless quiet.
    pub fn announce(&self, line: &str) {
        let mut state = self.0.borrow_mut();
        if state.format != Format::Quiet {
            state.output.line(line);
            state.output.flush();
            state.output.flush_soon();
        }
    }

    /// Keeps the progress bar alive and the output moving; ends when standard
    /// output cannot be written to, with the reason.
    pub async fn attend(&self) -> io::Error {
        let changed = self.0.borrow().output.changed();
        loop {
            let tick = self.0.borrow().progress.tick_time();
            let _ = within(tick, changed.wait()).await;
            let mut state = self.0.borrow_mut();
            state.output.flush();
            state.progress.tick();
            if let Some(error) = state.output.failure() {
                return error;
            }
        }
    }

    /// Ends the report: what is open is closed, what is buffered is written.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub fn finish(&self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.progress.finish();
        if state.format == Format::Json {
            state.close_json();
        }
        state.output.flush();
        state.output.failure().map_or(Ok(()), Err)
    }
}

impl State {
    fn write_text(&mut self, record: &Record) {
        let Self {
            results, output, ..
        } = self;
        if output.compose(|line| results.write_result(line, record)) && self.progress.is_shown() {
            // Above the bar, at once.
            self.progress.suspend(|| self.output.flush());
        }
        if let Some(line) = self.notes.note_line(record) {
            // In the order in which it happened, where both go to one place.
            self.output.flush();
            self.progress.suspend(|| write_note(&line));
        }
    }

    fn write_json_line(&mut self, record: &Record) {
        self.output.json(record.dated(SystemTime::now()));
        self.output.line("");
    }

    /// The document is written as it grows: `results` may be many.
    fn write_json_element(&mut self, record: &Record) {
        if let Record::Summary(summary) = record {
            self.summary = Some(summary.clone());
            return;
        }
        match self.records {
            0 => self.open_json(),
            _ => self.output.line(","),
        }
        self.records += 1;
        self.output.json(record.dated(SystemTime::now()));
    }

    fn open_json(&mut self) {
        self.output
            .line(&format!("{{\"schema\":\"{SCHEMA}\",\"results\":["));
    }

    fn close_json(&mut self) {
        if self.records == 0 {
            self.open_json();
        }
        self.output.text("]");
        if let Some(summary) = self.summary.take() {
            self.output.text(",\"summary\":");
            self.output
                .json(Record::Summary(summary).dated(SystemTime::now()));
        }
        self.output.line("}");
    }
}

/// A note that nobody can read is no reason to stop.
fn write_note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

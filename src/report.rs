//! Findings on their way to people and machines: results on standard output,
//! the story on standard error.
//!
//! Knows no network: it is handed records.

mod color;
mod csv;
mod files;
mod github;
mod html;
mod json;
mod junit;
mod log;
mod output;
mod progress;
mod prometheus;
mod replies;
mod tap;
mod text;
mod timeline;
mod writer;

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

use crate::finding::Record;
use crate::reactor::within;

pub use color::{Color, ColorOptions};
use files::ReportFile;
pub use log::{LogFormat, LogKeeper, start_log};
use output::Output;
use progress::Progress;
pub use replies::Replies;
use timeline::Timelines;
use writer::Writer;

/// The JSON Schema of every record and of the document (draft 2020-12).
pub const JSON_SCHEMA: &str = include_str!("../schema/netkit-1.json");

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
    /// Comma-separated values with a header
    Csv,
    /// Test Anything Protocol, version 13
    Tap,
    /// Metrics in the text format of Prometheus
    Prometheus,
    /// Lines, annotations and a step summary for GitHub workflows
    Github,
    /// JUnit XML
    Junit,
    /// One page that needs nothing but itself
    Html,
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
        default_value_t,
        hide_possible_values = true,
        help = "How to write the results: text, ndjson, json, csv, tap, prometheus, github, \
                junit, html or quiet"
    )]
    pub format: Format,
    /// Files beside it.
    #[command(flatten)]
    pub files: Files,
}

impl Options {
    /// Makes sure that only forms are asked for that show replies too, as they
    /// are not made of the results of checks alone.
    ///
    /// # Errors
    /// Names the form that would be empty.
    pub fn show_replies(&self) -> Result<(), String> {
        let files = self.files.all();
        let files = files.into_iter().filter(|(path, _)| path.is_some());
        let mut wanted = files.map(|(_, format)| format).chain([self.format]);
        match wanted.find(|it| !it.shows_replies()) {
            Some(format) => Err(format.is_of_checks()),
            None => Ok(()),
        }
    }
}

impl Format {
    fn is_of_checks(self) -> String {
        let name = format!("{self:?}").to_lowercase();
        format!(
            "a report as {name} is of checks: `netkit check` writes it, here text, json and \
             ndjson are known"
        )
    }

    fn shows_replies(self) -> bool {
        matches!(self, Self::Text | Self::Ndjson | Self::Json | Self::Quiet)
    }
}

/// Reports in files, beside what is written to standard output.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Reports")]
pub struct Files {
    /// Keep the results in FILE, as JSON, for a later `--diff FILE`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Write one JSON document to FILE too
    #[arg(long, value_name = "FILE")]
    pub report_json: Option<PathBuf>,
    /// Write JUnit XML to FILE too
    #[arg(long, value_name = "FILE")]
    pub report_junit: Option<PathBuf>,
    /// Write one self-contained page to FILE too
    #[arg(long, value_name = "FILE")]
    pub report_html: Option<PathBuf>,
    /// Write comma-separated values to FILE too
    #[arg(long, value_name = "FILE")]
    pub report_csv: Option<PathBuf>,
    /// Write the Test Anything Protocol to FILE too
    #[arg(long, value_name = "FILE")]
    pub report_tap: Option<PathBuf>,
    /// Write metrics to FILE too
    #[arg(long, value_name = "FILE")]
    pub report_prometheus: Option<PathBuf>,
}

impl Files {
    /// Each that there can be, with its form.
    fn all(&self) -> [(&Option<PathBuf>, Format); 7] {
        [
            (&self.save, Format::Json),
            (&self.report_json, Format::Json),
            (&self.report_junit, Format::Junit),
            (&self.report_html, Format::Html),
            (&self.report_csv, Format::Csv),
            (&self.report_tap, Format::Tap),
            (&self.report_prometheus, Format::Prometheus),
        ]
    }

    /// Begins each of them.
    ///
    /// # Errors
    /// One cannot be written: names it.
    fn begin(&self) -> io::Result<Vec<ReportFile>> {
        let wanted = self
            .all()
            .into_iter()
            .filter_map(|(path, format)| Some((path.as_ref()?, format)));
        let begun = wanted.map(|(path, format)| {
            ReportFile::begin(path, format).map_err(|error| {
                let path = path.display();
                io::Error::new(
                    error.kind(),
                    format!("cannot write the report `{path}`: {error}"),
                )
            })
        });
        begun.collect()
    }
}

/// Where results go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// Standard error: standard output belongs to somebody else.
    Stderr,
}

/// Writes records as they come. Clones share everything.
#[derive(Clone)]
pub struct Reporter(Rc<RefCell<State>>);

struct State {
    format: Format,
    writer: Box<dyn Writer>,
    output: Output,
    files: Vec<ReportFile>,
    notes: text::Painter,
    timelines: Timelines,
    progress: Progress,
    on_terminal: bool,
}

impl Reporter {
    /// A reporter of results to standard output, and of what else there is to
    /// say to standard error. `expected` is how many results are to come, for
    /// the progress bar; 0 shows none.
    #[must_use]
    pub fn new(format: Format, color: Color, expected: usize) -> Self {
        Self::with(format, color, expected, Destination::Stdout, Vec::new())
    }

    /// The same, to where `to` says, with reports in files.
    ///
    /// # Errors
    /// A report cannot be written where it should stand: names it.
    pub fn with_files(
        options: &Options,
        color: Color,
        expected: usize,
        to: Destination,
    ) -> io::Result<Self> {
        let files = options.files.begin()?;
        Ok(Self::with(options.format, color, expected, to, files))
    }

    fn with(
        format: Format,
        color: Color,
        expected: usize,
        to: Destination,
        files: Vec<ReportFile>,
    ) -> Self {
        let terminal = io::stderr().is_terminal() && format != Format::Quiet;
        let (output, colored) = match to {
            Destination::Stdout => (Output::new(Box::new(io::stdout())), color.on_stdout()),
            Destination::Stderr => (Output::new(Box::new(io::stderr())), color.on_stderr()),
        };
        Self(Rc::new(RefCell::new(State {
            format,
            writer: format.writer(colored),
            output,
            files,
            notes: text::Painter::new(color.on_stderr()),
            timelines: Timelines::default(),
            progress: Progress::new(expected, terminal),
            on_terminal: io::stdout().is_terminal(),
        })))
    }

    /// Takes a record.
    pub fn tell(&self, record: &Record) {
        let mut state = self.0.borrow_mut();
        state.write(record);
        if matches!(record, Record::Result(_)) {
            state.progress.advance_by(1);
        }
        state.output.flush_soon();
    }

    /// Takes a record that the person at the screen knows already: it stands in
    /// files alone.
    pub fn keep(&self, record: &Record) {
        let now = SystemTime::now();
        for file in &mut self.0.borrow_mut().files {
            file.record(record, now);
        }
    }

    /// Says something to a person, beside the results.
    pub fn note(&self, line: &str) {
        if self.0.borrow().format == Format::Text {
            write_note(line);
        }
    }

    /// Writes a line of its own where results go, at once, unless quiet.
    pub fn announce(&self, line: &str) {
        let mut state = self.0.borrow_mut();
        if state.format != Format::Quiet {
            state.output.append(|out| {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
            });
            state.output.flush();
            state.output.flush_soon();
        }
    }

    /// Whether results are lines for people.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.0.borrow().format == Format::Text
    }

    /// Writes bytes of a file where results for people go: as they are, but on a
    /// terminal, which they must not steer.
    pub fn body(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        if state.format != Format::Text {
            return;
        }
        let on_terminal = state.on_terminal;
        state.output.append(|out| match on_terminal {
            true => {
                let text = String::from_utf8_lossy(bytes);
                out.extend_from_slice(text::for_terminal(&text).as_bytes());
            }
            false => out.extend_from_slice(bytes),
        });
        state.output.flush_soon();
    }

    /// Writes what moves the cursor of a terminal, at once, as it is.
    pub fn draw(&self, sequence: &str) {
        let mut state = self.0.borrow_mut();
        let bytes = sequence.as_bytes();
        state.output.append(|out| out.extend_from_slice(bytes));
        state.output.flush();
        state.output.flush_soon();
    }

    /// Announces bytes that are to come, for the progress bar.
    pub fn expect_bytes(&self, bytes: u64) {
        self.0.borrow_mut().progress.expect_bytes(bytes);
        self.0.borrow().output.flush_soon();
    }

    /// Counts some of them.
    pub fn advance_bytes(&self, bytes: u64) {
        self.0.borrow_mut().progress.advance_by(bytes);
    }

    /// Keeps the progress bar alive and the output moving; ends when results
    /// cannot be written, with the reason.
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

    /// Ends the report: what is open is closed, what is buffered is written,
    /// reports in files are put in their places.
    ///
    /// # Errors
    /// Something cannot be written; everything else is.
    pub fn finish(&self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let state = &mut *state;
        state.progress.finish();
        let now = SystemTime::now();
        state.output.append(|out| state.writer.finish(now, out));
        state.output.flush();
        let files = std::mem::take(&mut state.files).into_iter();
        let failures = files.filter_map(|file| file.finish(now).err());
        let failures: Vec<io::Error> = failures.collect();
        match state.output.failure().into_iter().chain(failures).next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl State {
    fn write(&mut self, record: &Record) {
        let now = SystemTime::now();
        let writer = &mut self.writer;
        let wrote = self.output.append(|out| writer.record(record, now, out));
        for file in &mut self.files {
            file.record(record, now);
        }
        if wrote && self.progress.is_shown() {
            // Above the bar, at once.
            self.progress.suspend(|| self.output.flush());
        }
        if self.format != Format::Text {
            return;
        }
        let line = match record {
            Record::Transition(transition) => {
                let moments = self.timelines.follow(transition);
                Some(self.notes.timeline(transition, moments))
            }
            _ => self.notes.note_line(record),
        };
        if let Some(line) = line {
            // In the order in which it happened, where both go to one place.
            self.output.flush();
            self.progress.suspend(|| write_note(&line));
        }
    }
}

/// A note that nobody can read is no reason to stop.
fn write_note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

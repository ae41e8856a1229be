//! What every form of a report has in common: records go in, bytes come out.

use std::time::SystemTime;

use super::{Format, csv, github, html, json, junit, prometheus, tap, text};
use crate::finding::Record;

/// A form of a report. What it writes goes to the end of `out`, in the order in
/// which records are told.
pub(super) trait Writer {
    /// Takes a record, told at the moment `at`.
    fn record(&mut self, record: &Record, at: SystemTime, out: &mut Vec<u8>);

    /// Writes what stands at the end; no record comes after it.
    fn finish(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        let _ = (at, out);
    }
}

impl Format {
    /// A writer of this form; `colored` is for a terminal.
    pub(super) fn writer(self, colored: bool) -> Box<dyn Writer> {
        match self {
            Self::Text => Box::new(text::Text::new(colored)),
            Self::Ndjson => Box::new(json::Lines),
            Self::Json => Box::new(json::Document::default()),
            Self::Csv => Box::new(csv::Csv::default()),
            Self::Tap => Box::new(tap::Tap::default()),
            Self::Prometheus => Box::new(prometheus::Prometheus::default()),
            Self::Github => Box::new(github::Github::default()),
            Self::Junit => Box::new(junit::Junit::default()),
            Self::Html => Box::new(html::Html::default()),
            Self::Quiet => Box::new(Quiet),
        }
    }
}

/// Writes nothing: the exit status says it all.
struct Quiet;

impl Writer for Quiet {
    fn record(&mut self, _: &Record, _: SystemTime, _: &mut Vec<u8>) {}
}

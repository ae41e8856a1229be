//! Records as JSON: one a line, or one document of all.

use std::time::SystemTime;

use serde::Serialize;

use super::writer::Writer;
use crate::finding::{Record, SCHEMA, Summary};

/// One record a line.
pub(super) struct Lines;

impl Writer for Lines {
    fn record(&mut self, record: &Record, at: SystemTime, out: &mut Vec<u8>) {
        write(&record.dated(at), out);
        out.push(b'\n');
    }
}

/// One document, which is written as it grows: `results` may be many.
#[derive(Default)]
pub(super) struct Document {
    records: usize,
    summary: Option<Summary>,
}

impl Document {
    fn open(out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{{\"schema\":\"{SCHEMA}\",\"results\":[\n").as_bytes());
    }
}

impl Writer for Document {
    fn record(&mut self, record: &Record, at: SystemTime, out: &mut Vec<u8>) {
        if let Record::Summary(summary) = record {
            self.summary = Some(summary.clone());
            return;
        }
        match self.records {
            0 => Self::open(out),
            _ => out.extend_from_slice(b",\n"),
        }
        self.records += 1;
        write(&record.dated(at), out);
    }

    fn finish(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        if self.records == 0 {
            Self::open(out);
        }
        out.push(b']');
        if let Some(summary) = self.summary.take() {
            out.extend_from_slice(b",\"summary\":");
            write(&Record::Summary(summary).dated(at), out);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    // Records hold nothing that JSON has no form for, and memory takes all.
    let _ = serde_json::to_writer(out, value);
}

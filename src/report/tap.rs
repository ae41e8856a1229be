//! Results in the Test Anything Protocol, version 13 (testanything.org): a test
//! for each, and a YAML block for what is not simply well.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::writer::Writer;
use crate::finding::{CheckResult, Record};

/// Writes results as tests.
#[derive(Default)]
pub(super) struct Tap {
    count: usize,
}

impl Writer for Tap {
    fn record(&mut self, record: &Record, _: SystemTime, out: &mut Vec<u8>) {
        if let Record::Result(result) = record {
            if self.count == 0 {
                out.extend_from_slice(b"TAP version 13\n");
            }
            self.count += 1;
            out.extend_from_slice(test(self.count, result).as_bytes());
        }
    }

    fn finish(&mut self, _: SystemTime, out: &mut Vec<u8>) {
        if self.count == 0 {
            out.extend_from_slice(b"TAP version 13\n");
        }
        out.extend_from_slice(format!("1..{}\n", self.count).as_bytes());
    }
}

fn test(number: usize, result: &CheckResult) -> String {
    let verdict = if result.ok { "ok" } else { "not ok" };
    let mut text = format!("{verdict} {number} - {}\n", description(result));
    if !result.ok || result.flaky {
        text.push_str("  ---\n");
        for (key, value) in diagnosis(result) {
            // A JSON string is a YAML scalar.
            let value = serde_json::Value::from(value);
            let _ = writeln!(text, "  {key}: {value}");
        }
        text.push_str("  ...\n");
    }
    text
}

/// Without what a reader would take for the end of the line or a directive.
fn description(result: &CheckResult) -> String {
    let mut words = Vec::from_iter(result.name.as_deref().map(str::to_owned));
    words.push(result.target.clone());
    let address = result.address.map(|it| it.to_string());
    words.extend(address.filter(|it| *it != result.target));
    words.push(result.finding.state.to_string());
    let mut text = String::new();
    for character in words.join(" ").chars() {
        match character {
            '#' | '\\' => text.extend(['\\', character]),
            _ if character.is_control() => text.push(' '),
            _ => text.push(character),
        }
    }
    text
}

fn diagnosis(result: &CheckResult) -> Vec<(&'static str, String)> {
    let evidence = &result.finding.evidence;
    let known = [
        ("state", Some(result.finding.state.to_string())),
        ("expected", Some(result.expected.to_string())),
        ("was", result.was.map(|it| it.to_string())),
        ("reason", evidence.reason.as_ref().map(ToString::to_string)),
        ("hint", evidence.hint.as_ref().map(ToString::to_string)),
        ("seen", result.finding.seen.clone()),
        ("attempts", Some(result.attempts.to_string())),
    ];
    known
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

//! Results for a GitHub workflow: lines for people, an annotation for each
//! failure and each flaky pass, and a table in the summary of the step
//! (docs.github.com, "Workflow commands for GitHub Actions").

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::SystemTime;

use super::text::Text;
use super::writer::Writer;
use crate::finding::{CheckResult, Record, Summary};

/// Where GitHub wants the summary of a step appended.
const SUMMARY_FILE: &str = "GITHUB_STEP_SUMMARY";

/// Rows of the table; GitHub takes 1 MiB a step.
const MOST_ROWS: usize = 1000;

/// Writes lines and annotations.
pub(super) struct Github {
    text: Text,
    rows: Vec<String>,
    /// Results beyond the last row.
    more: usize,
    summary: Option<Summary>,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            text: Text::new(false),
            rows: Vec::new(),
            more: 0,
            summary: None,
        }
    }
}

impl Writer for Github {
    fn record(&mut self, record: &Record, at: SystemTime, out: &mut Vec<u8>) {
        self.text.record(record, at, out);
        match record {
            Record::Result(result) => {
                if let Some(command) = annotation(result) {
                    out.extend_from_slice(command.as_bytes());
                }
                match self.rows.len() {
                    ..MOST_ROWS => self.rows.push(row(result)),
                    _ => self.more += 1,
                }
            }
            Record::Summary(summary) => self.summary = Some(summary.clone()),
            _ => {}
        }
    }

    fn finish(&mut self, _: SystemTime, _: &mut Vec<u8>) {
        let Some(path) = std::env::var_os(SUMMARY_FILE) else {
            return;
        };
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| file.write_all(self.table().as_bytes()));
        if let Err(error) = written {
            log::warn!("cannot append to the file of {SUMMARY_FILE}: {error}");
        }
    }
}

impl Github {
    fn table(&self) -> String {
        let mut table = String::from("### netkit check\n\n");
        if let Some(Summary {
            checks,
            ok,
            failed,
            unknown,
            ..
        }) = self.summary
        {
            let _ = writeln!(
                table,
                "{checks} checked: {ok} as expected, {failed} not, {unknown} unknown\n"
            );
        }
        table.push_str("| | target | address | state | time | why |\n|---|---|---|---|---|---|\n");
        self.rows.iter().for_each(|row| table.push_str(row));
        if self.more > 0 {
            let _ = writeln!(table, "\nand {} more", self.more);
        }
        table
    }
}

/// What marks a result on the page of the run.
fn annotation(result: &CheckResult) -> Option<String> {
    let command = match (result.ok, result.flaky) {
        (false, _) => "error",
        (true, true) => "warning",
        (true, false) => return None,
    };
    let state = result.finding.state;
    let title = format!(
        "{} is {state}",
        result.name.as_deref().unwrap_or(&result.target)
    );
    let mut message = result
        .address
        .map_or_else(|| result.target.clone(), |it| it.to_string());
    let evidence = &result.finding.evidence;
    for part in [&evidence.reason, &evidence.hint].into_iter().flatten() {
        let _ = write!(message, ": {part}");
    }
    if result.flaky {
        let _ = write!(message, ": it passed at attempt {}", result.attempts);
    }
    let title = data(&title).replace(':', "%3A").replace(',', "%2C");
    Some(format!("::{command} title={title}::{}\n", data(&message)))
}

/// What a workflow command may hold.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn row(result: &CheckResult) -> String {
    let finding = &result.finding;
    let symbol = if result.ok { "✅" } else { "❌" };
    let address = result.address.map_or_else(String::new, |it| it.to_string());
    let time = finding.phases.total.map(crate::units::Latency);
    let time = time.map_or_else(String::new, |it| it.to_string());
    let why = finding.evidence.reason.as_deref().unwrap_or_default();
    let target = result.name.as_deref().unwrap_or(&result.target);
    let cells = [symbol, target, &address, finding.state.as_str(), &time, why];
    let cells = cells.map(cell).join(" | ");
    format!("| {cells} |\n")
}

/// Without what Markdown or HTML would take for its own.
fn cell(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' => shown.extend(['\\', character]),
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            _ if character.is_control() => shown.push(' '),
            _ => shown.push(character),
        }
    }
    shown
}

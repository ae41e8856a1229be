//! Results as one page that needs nothing but itself: a table with a bar of
//! phases for each result, for light and dark screens.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::writer::Writer;
use crate::finding::{CheckResult, Expected, Phases, Record, State, Summary};
use crate::units;

/// Width of a bar of phases, in its own units.
const WIDTH: f64 = 1000.0;

/// Gathers the results: the scale of the bars is known at the end.
#[derive(Default)]
pub(super) struct Html {
    results: Vec<CheckResult>,
    summary: Option<Summary>,
}

impl Writer for Html {
    fn record(&mut self, record: &Record, _: SystemTime, _: &mut Vec<u8>) {
        match record {
            Record::Result(result) => self.results.push((**result).clone()),
            Record::Summary(summary) => self.summary = Some(summary.clone()),
            _ => {}
        }
    }

    fn finish(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        let longest = self.longest();
        let moment = humantime::format_rfc3339_seconds(at);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>netkit check: {}</title>\n<style>\n{}</style>\n</head>\n<body>\n\
             <h1>netkit check</h1>\n<p>{moment}</p>\n",
            self.verdict(),
            include_str!("html.css"),
        );
        self.write_summary(&mut page);
        page.push_str(KEY);
        page.push_str(
            "<div class=\"scroll\"><table>\n<thead><tr><th>state</th><th>target</th>\
             <th>time</th><th>phases</th><th>why</th></tr></thead>\n<tbody>\n",
        );
        for result in &self.results {
            write_row(&mut page, result, longest);
        }
        let scale = units::Latency(longest);
        let _ = write!(
            page,
            "</tbody>\n</table></div>\n<p>The scale ends at {scale}; a wait for no answer may be longer.</p>\n</body>\n</html>\n"
        );
        out.extend_from_slice(page.as_bytes());
    }
}

/// What the colours of a bar mean.
const KEY: &str = "<p class=\"key\">\
    <span><svg viewBox=\"0 0 8 8\"><rect class=\"resolve\" width=\"8\" height=\"8\"/></svg> resolve</span>\
    <span><svg viewBox=\"0 0 8 8\"><rect class=\"connect\" width=\"8\" height=\"8\"/></svg> connect</span>\
    <span><svg viewBox=\"0 0 8 8\"><rect class=\"tls\" width=\"8\" height=\"8\"/></svg> TLS</span>\
    <span><svg viewBox=\"0 0 8 8\"><rect class=\"first\" width=\"8\" height=\"8\"/></svg> first byte</span>\
    <span><svg viewBox=\"0 0 8 8\"><rect class=\"rest\" width=\"8\" height=\"8\"/></svg> rest</span></p>\n";

impl Html {
    /// The scale of the bars: the longest time after which an answer came. A
    /// wait for none would make all others too short to be seen.
    fn longest(&self) -> Duration {
        let silent = |state| matches!(state, State::Filtered | State::Silent);
        let answered = self.results.iter().filter(|it| !silent(it.finding.state));
        let longest = answered.filter_map(|it| it.finding.phases.total).max();
        let waits = self.results.iter().filter_map(|it| it.finding.phases.total);
        longest.or(waits.max()).unwrap_or_default()
    }

    fn verdict(&self) -> &'static str {
        let summary = self.summary.as_ref();
        match summary.map(|it| (it.failed, it.unknown)) {
            Some((0, 0)) => "all as expected",
            Some((0, _)) => "some could not be told",
            Some(_) => "not all as expected",
            None => "unfinished",
        }
    }

    fn write_summary(&self, page: &mut String) {
        let Some(summary) = &self.summary else {
            return;
        };
        let elapsed = units::Latency(summary.elapsed);
        let _ = write!(
            page,
            "<ul class=\"sums\"><li><b>{}</b>checked</li><li><b class=\"good\">{}</b>as expected</li>\
             <li><b class=\"bad\">{}</b>not</li>",
            summary.checks, summary.ok, summary.failed
        );
        if summary.unknown > 0 {
            let _ = write!(
                page,
                "<li><b class=\"warn\">{}</b>unknown</li>",
                summary.unknown
            );
        }
        let _ = writeln!(page, "<li><b>{elapsed}</b>in all</li></ul>");
        for note in &summary.notes {
            let _ = writeln!(page, "<p>{}</p>", escaped(note));
        }
    }
}

fn write_row(page: &mut String, result: &CheckResult, longest: Duration) {
    let finding = &result.finding;
    let (class, symbol) = match (result.ok, finding.state) {
        (true, _) if result.flaky => ("warn", "≈"),
        (true, _) => ("good", "✓"),
        (false, State::Unknown) => ("warn", "?"),
        (false, _) => ("bad", "✗"),
    };
    let state = finding.state;
    let _ = write!(
        page,
        "<tr><td class=\"state {class}\">{symbol} {state}</td><td class=\"place\">"
    );
    if let Some(name) = &result.name {
        let _ = write!(page, "<b>{}</b><br>", escaped(name));
    }
    let _ = write!(page, "{}", escaped(&result.target));
    let address = result.address.map(|it| it.to_string());
    if let Some(address) = address.filter(|it| *it != result.target) {
        let _ = write!(page, "<small>{address}</small>");
    }
    let time = finding
        .phases
        .total
        .map(|it| units::Latency(it).to_string());
    let _ = write!(
        page,
        "</td><td class=\"time\">{}</td><td>",
        time.unwrap_or_default()
    );
    write_bar(page, &finding.phases, longest);
    page.push_str("</td><td class=\"why\">");
    page.push_str(&remarks(result).join("<br>"));
    page.push_str("</td></tr>\n");
}

/// What there is to say of a result, escaped.
fn remarks(result: &CheckResult) -> Vec<String> {
    let finding = &result.finding;
    let mut remarks = Vec::new();
    remarks.extend(finding.evidence.reason.as_ref().map(|it| escaped(it)));
    if !result.ok && result.expected != Expected::Open {
        remarks.push(format!("expected {}", result.expected));
    }
    remarks.extend(result.was.map(|it| format!("was {it}")));
    if result.flaky {
        remarks.push(format!("passed at attempt {}", result.attempts));
    }
    remarks.extend(super::text::answers(finding).iter().map(|it| escaped(it)));
    let hint = finding.evidence.hint.as_ref().filter(|_| !result.ok);
    remarks.extend(hint.map(|it| format!("<small>hint: {}</small>", escaped(it))));
    remarks
}

/// The phases one after another, on a scale that all results share.
fn write_bar(page: &mut String, phases: &Phases, longest: Duration) {
    let Some(total) = phases.total.filter(|_| !longest.is_zero()) else {
        return;
    };
    let known = [
        ("resolve", "resolve", phases.resolve),
        ("connect", "connect", phases.connect),
        ("tls", "TLS", phases.tls),
        ("first", "first byte", phases.first_byte),
    ];
    let sum: Duration = known.iter().filter_map(|(_, _, took)| *took).sum();
    let rest = ("rest", "rest", Some(total.saturating_sub(sum)));
    let label = units::Latency(total);
    let _ = write!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\">"
    );
    let mut start = 0.0;
    for (class, title, took) in known.into_iter().chain([rest]) {
        let Some(took) = took.filter(|it| !it.is_zero()) else {
            continue;
        };
        // Wide enough to be seen.
        let width = (took.as_secs_f64() / longest.as_secs_f64() * WIDTH).max(4.0);
        // A wait that goes on beyond the scale fills it.
        let width = width.min(WIDTH - start).max(0.0);
        let _ = write!(
            page,
            "<rect class=\"{class}\" x=\"{start:.1}\" y=\"10\" width=\"{width:.1}\" height=\"80\">\
             <title>{title} {}</title></rect>",
            units::Latency(took)
        );
        start += width;
    }
    page.push_str("</svg>");
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

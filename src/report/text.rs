//! Records as lines for people.

use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use anstyle::{AnsiColor, Style};

use crate::finding::{
    Attempt, CheckResult, Evidence, Expected, Finding, Latency, Record, Reply, RoundTrips, State,
    Summary, Transition,
};
use crate::units;

use super::timeline::Moment;
use super::writer::Writer;

/// Width of the state column: the longest word, and a space.
const STATE_WIDTH: usize = 12;

/// Width of the address column; a longer address moves the rest.
const ADDRESS_WIDTH: usize = 26;

/// What stands before each remark behind the columns.
const REMARK: &str = "   ";

/// Characters of an answer that are shown of a failure.
const SEEN_WIDTH: usize = 80;

/// Width of the time column.
const TIME_WIDTH: usize = 9;

/// Writes the results as lines.
pub(super) struct Text {
    painter: Painter,
    /// Where lines are made; kept for its capacity.
    line: String,
}

impl Text {
    pub(super) fn new(colored: bool) -> Self {
        Self {
            painter: Painter::new(colored),
            line: String::new(),
        }
    }
}

impl Writer for Text {
    fn record(&mut self, record: &Record, _: SystemTime, out: &mut Vec<u8>) {
        self.line.clear();
        if self.painter.write_result(&mut self.line, record) {
            self.line.push('\n');
            out.extend_from_slice(self.line.as_bytes());
        }
    }
}

pub(super) struct Painter {
    colored: bool,
}

impl Painter {
    pub(super) fn new(colored: bool) -> Self {
        Self { colored }
    }

    /// Writes the line of a record that is a result; whether it is one.
    pub(super) fn write_result(&self, line: &mut String, record: &Record) -> bool {
        match record {
            // As it was in the run that this one is compared with.
            Record::Result(result) if result.was == Some(result.finding.state) => return false,
            Record::Result(result) => self.write_check(line, result),
            Record::Reply(reply) => write_reply(line, reply),
            Record::Latency(latency) => write_latency(line, latency),
            _ => return false,
        }
        true
    }

    /// The line of a record that tells the story beside the results.
    pub(super) fn note_line(&self, record: &Record) -> Option<String> {
        match record {
            Record::Attempt(attempt) => Some(self.attempt_line(attempt)),
            // A single line is its own summary, unless more was to come.
            Record::Summary(summary)
                if summary.checks != 1
                    || !summary.notes.is_empty()
                    || summary.exit.is_by_signal() =>
            {
                Some(self.summary_line(summary))
            }
            _ => None,
        }
    }

    fn write_check(&self, line: &mut String, result: &CheckResult) {
        let took = result.finding.phases.total;
        match result.address {
            Some(address) => {
                let shown = self.write_start(line, result.finding.state, &address, took);
                if result.target != line[shown] {
                    let _ = write!(line, "{REMARK}({})", result.target);
                }
            }
            None => {
                self.write_start(line, result.finding.state, &result.target, took);
            }
        }
        if let Some(name) = &result.name {
            let _ = write!(line, "{REMARK}{}", printable(name));
        }
        write_evidence(line, &result.finding.evidence, !result.ok);
        let good = Some(&result.finding).filter(|_| result.ok);
        for answer in good.into_iter().flat_map(answers) {
            let _ = write!(line, "{REMARK}{}", printable(&answer));
        }
        if let Some(seen) = &result.finding.seen.as_ref().filter(|_| !result.ok) {
            let seen: String = seen.chars().take(SEEN_WIDTH).collect();
            let _ = write!(line, "{REMARK}seen: {}", printable(&seen));
        }
        if result.flaky {
            let _ = write!(line, "{REMARK}flaky: passed at attempt {}", result.attempts);
        }
        if let Some(was) = result.was {
            let _ = write!(line, "{REMARK}was {was}");
        } else if !result.ok && result.expected != Expected::Open {
            let _ = write!(line, "{REMARK}expected {}", result.expected);
        }
    }

    fn attempt_line(&self, attempt: &Attempt) -> String {
        let mut line = String::new();
        self.write_start(&mut line, attempt.state, &attempt.address, attempt.connect);
        write_evidence(&mut line, &attempt.evidence, false);
        if attempt.winner {
            let _ = write!(line, "{REMARK}connected");
        }
        line
    }

    /// What a target was so far: `refused 0.1 ms → open 7.4 s`.
    pub(super) fn timeline(&self, transition: &Transition, moments: &[Moment]) -> String {
        let place = match transition.address {
            Some(address) => address.to_string(),
            None => transition.target.clone(),
        };
        let states = moments.iter().map(|(state, at)| {
            let at = units::Latency(*at);
            format!("{} {at}", self.painted(*state))
        });
        let states: Vec<String> = states.collect();
        format!("{place}: {}", states.join(" → "))
    }

    fn summary_line(&self, summary: &Summary) -> String {
        let Summary {
            checks,
            ok,
            failed,
            unknown,
            ..
        } = summary;
        let mut line = String::new();
        for note in &summary.notes {
            let _ = writeln!(line, "{}", printable(note));
        }
        let _ = write!(line, "{checks} checked: {ok} as expected, {failed} not");
        if *unknown > 0 {
            let _ = write!(line, ", {unknown} unknown");
        }
        let states = summary.by_state.iter();
        let states: Vec<_> = states
            .map(|(state, count)| format!("{count} {}", self.painted(*state)))
            .collect();
        if !states.is_empty() {
            let _ = write!(line, " ({})", states.join(", "));
        }
        let _ = write!(line, " in {}", units::Latency(summary.elapsed));
        line
    }

    /// The columns; returns where in the line the address stands.
    fn write_start(
        &self,
        line: &mut String,
        state: State,
        address: &impl Place,
        took: Option<Duration>,
    ) -> Range<usize> {
        self.write_painted(line, state);
        pad(line, STATE_WIDTH.saturating_sub(state.as_str().len()));
        let start = line.len();
        address.write_to(line);
        let shown = start..line.len();
        pad(line, ADDRESS_WIDTH.saturating_sub(shown.len()));
        if let Some(took) = took {
            line.push(' ');
            write_time(line, took);
        }
        shown
    }

    fn painted(&self, state: State) -> String {
        let mut word = String::new();
        self.write_painted(&mut word, state);
        word
    }

    fn write_painted(&self, line: &mut String, state: State) {
        if !self.colored {
            return line.push_str(state.as_str());
        }
        let color = match state {
            State::Open => AnsiColor::Green,
            State::Refused | State::Reset | State::Tls | State::Mismatch => AnsiColor::Red,
            State::Unknown | State::Silent => AnsiColor::Magenta,
            _ => AnsiColor::Yellow,
        };
        let style = Style::new().fg_color(Some(color.into()));
        let _ = write!(line, "{style}{state}{style:#}");
    }
}

/// Whole columns at once: a report of many thousand lines is made of them.
fn pad(line: &mut String, spaces: usize) {
    const SPACES: &str = "                                ";
    line.push_str(&SPACES[..spaces.min(SPACES.len())]);
}

/// What stands in the address column.
trait Place {
    fn write_to(&self, line: &mut String);
}

impl Place for String {
    fn write_to(&self, line: &mut String) {
        line.push_str(self);
    }
}

impl Place for SocketAddr {
    /// IPv4 without the machinery of `write!`: a scan writes thousands.
    fn write_to(&self, line: &mut String) {
        let Self::V4(v4) = self else {
            let _ = write!(line, "{self}");
            return;
        };
        let mut buffer = itoa::Buffer::new();
        for (octet, after) in v4.ip().octets().into_iter().zip([".", ".", ".", ":"]) {
            line.push_str(buffer.format(octet));
            line.push_str(after);
        }
        line.push_str(buffer.format(v4.port()));
    }
}

/// A time, to the right of its column.
fn write_time(line: &mut String, time: Duration) {
    let mut shown = String::with_capacity(TIME_WIDTH);
    let _ = write!(shown, "{}", units::Latency(time));
    pad(line, TIME_WIDTH.saturating_sub(shown.len()));
    line.push_str(&shown);
}

fn write_evidence(line: &mut String, evidence: &Evidence, hint: bool) {
    if let Some(reason) = &evidence.reason {
        line.push_str(REMARK);
        line.push_str(reason);
    }
    // A reason that names them has said so already.
    if let (Some(count @ 1..), None) = (evidence.syn_retransmits, &evidence.reason) {
        let _ = write!(line, "{REMARK}{count} SYN retransmitted");
    }
    if let Some(text) = evidence.hint.as_ref().filter(|_| hint) {
        let _ = write!(line, "{REMARK}(hint: {text})");
    }
}

/// What the protocols above the connection answered, in short.
pub(super) fn answers(finding: &Finding) -> Vec<String> {
    let mut answers = Vec::new();
    if let Some(tls) = &finding.tls {
        let name = tls.san.first().unwrap_or(&tls.subject);
        let days = tls.days_left;
        answers.push(format!("{}, {name}, {days} days left", tls.version));
    }
    if let Some(http) = &finding.http {
        let to = http.location.as_ref().map(|it| format!(" → {it}"));
        answers.push(format!(
            "{} {}{}",
            http.version,
            http.status,
            to.unwrap_or_default()
        ));
    }
    if let Some(dns) = &finding.dns {
        answers.push(format!("{} {}", dns.rcode, dns.records.join(", ")));
    }
    answers
}

fn write_reply(line: &mut String, reply: &Reply) {
    write_time(line, reply.phases.total.unwrap_or_default());
    let shown = reply.shown.as_deref().or(reply.reason.as_deref());
    let shown = shown.unwrap_or_default();
    let _ = write!(line, "  {}", printable(shown));
}

fn write_latency(lines: &mut String, latency: &Latency) {
    let Latency {
        target,
        count,
        lost,
        loss_pct,
        ..
    } = latency;
    let address = latency
        .address
        .map_or_else(|| target.clone(), |it| it.to_string());
    let back = count - lost;
    let _ = write!(
        lines,
        "{address}: {count} sent, {back} echoed, {lost} lost ({loss_pct} %)"
    );
    if let Some(times) = &latency.times {
        let RoundTrips {
            min_us,
            mean_us,
            p50_us,
            p90_us,
            p99_us,
            max_us,
        } = times;
        let _ = write!(
            lines,
            "\nmin {min_us} µs  mean {mean_us} µs  p50 {p50_us} µs  p90 {p90_us} µs  \
             p99 {p99_us} µs  max {max_us} µs"
        );
    }
}

/// Lines of a file, as a terminal may have them.
pub(super) fn for_terminal(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// What came from the network must not steer the terminal.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push(character),
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

//! Records as lines for people.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::finding::{
    Attempt, CheckResult, Evidence, Expected, Latency, Record, Reply, RoundTrips, State, Summary,
    Transition,
};
use crate::units;

/// Width of the state column: the longest word, and a space.
const STATE_WIDTH: usize = 12;

/// Width of the address column; a longer address moves the rest.
const ADDRESS_WIDTH: usize = 26;

/// Width of the time column.
const TIME_WIDTH: usize = 9;

pub(super) struct Painter {
    colored: bool,
}

impl Painter {
    pub(super) fn new(colored: bool) -> Self {
        Self { colored }
    }

    /// The line of a record that is a result.
    pub(super) fn result_line(&self, record: &Record) -> Option<String> {
        match record {
            Record::Result(result) => Some(self.check_line(result)),
            Record::Reply(reply) => Some(reply_line(reply)),
            Record::Latency(latency) => Some(latency_lines(latency)),
            _ => None,
        }
    }

    /// The line of a record that tells the story beside the results.
    pub(super) fn note_line(&self, record: &Record) -> Option<String> {
        match record {
            Record::Attempt(attempt) => Some(self.attempt_line(attempt)),
            Record::Transition(transition) => Some(self.transition_line(transition)),
            Record::Summary(summary) if summary.checks != 1 => Some(self.summary_line(summary)),
            _ => None,
        }
    }

    fn check_line(&self, result: &CheckResult) -> String {
        let address = match result.address {
            Some(address) => address.to_string(),
            None => result.target.clone(),
        };
        let mut line = self.line_start(result.state, &address, result.phases.total);
        if result.target != address {
            separate(&mut line, &format!("({})", result.target));
        }
        write_evidence(&mut line, &result.evidence, !result.ok);
        if !result.ok && result.expected != Expected::Open {
            separate(&mut line, &format!("expected {}", result.expected));
        }
        line
    }

    fn attempt_line(&self, attempt: &Attempt) -> String {
        let address = attempt.address.to_string();
        let mut line = self.line_start(attempt.state, &address, attempt.connect);
        write_evidence(&mut line, &attempt.evidence, false);
        if attempt.winner {
            separate(&mut line, "connected");
        }
        line
    }

    fn transition_line(&self, transition: &Transition) -> String {
        let Transition {
            target,
            address,
            from,
            to,
            at,
        } = transition;
        let place = address.map_or_else(|| target.clone(), |it| it.to_string());
        let at = units::Latency(*at);
        let to = self.painted(*to, 0);
        match from {
            Some(from) => format!("{place}: {} → {to} after {at}", self.painted(*from, 0)),
            None => format!("{place}: {to} after {at}, waiting"),
        }
    }

    fn summary_line(&self, summary: &Summary) -> String {
        let Summary {
            checks,
            ok,
            failed,
            unknown,
            ..
        } = summary;
        let mut line = format!("{checks} checked: {ok} as expected, {failed} not");
        if *unknown > 0 {
            let _ = write!(line, ", {unknown} unknown");
        }
        let states = summary.by_state.iter();
        let states: Vec<_> = states
            .map(|(state, count)| format!("{count} {}", self.painted(*state, 0)))
            .collect();
        if !states.is_empty() {
            let _ = write!(line, " ({})", states.join(", "));
        }
        let _ = write!(line, " in {}", units::Latency(summary.elapsed));
        line
    }

    fn line_start(&self, state: State, address: &str, took: Option<Duration>) -> String {
        let mut line = self.painted(state, STATE_WIDTH);
        let _ = write!(line, "{address:ADDRESS_WIDTH$}");
        if let Some(took) = took {
            let _ = write!(line, " {:>TIME_WIDTH$}", units::Latency(took));
        }
        line
    }

    fn painted(&self, state: State, width: usize) -> String {
        if !self.colored {
            return format!("{state:width$}");
        }
        let color = match state {
            State::Open => AnsiColor::Green,
            State::Refused | State::Reset | State::Tls | State::Mismatch => AnsiColor::Red,
            State::Unknown | State::Silent => AnsiColor::Magenta,
            _ => AnsiColor::Yellow,
        };
        let style = Style::new().fg_color(Some(color.into()));
        format!("{style}{state:width$}{style:#}")
    }
}

fn write_evidence(line: &mut String, evidence: &Evidence, hint: bool) {
    if let Some(reason) = &evidence.reason {
        separate(line, reason);
    }
    // A reason that names them has said so already.
    if let (Some(count @ 1..), None) = (evidence.syn_retransmits, &evidence.reason) {
        separate(line, &format!("{count} SYN retransmitted"));
    }
    if let Some(text) = evidence.hint.as_ref().filter(|_| hint) {
        separate(line, &format!("(hint: {text})"));
    }
}

/// Three spaces after the columns, then a comma between remarks.
fn separate(line: &mut String, remark: &str) {
    line.push_str("   ");
    line.push_str(remark);
}

fn reply_line(reply: &Reply) -> String {
    let time = reply.phases.total.map(|it| units::Latency(it).to_string());
    let shown = reply.shown.as_deref().unwrap_or_default();
    format!(
        "{:>TIME_WIDTH$}  {}",
        time.unwrap_or_default(),
        printable(shown)
    )
}

fn latency_lines(latency: &Latency) -> String {
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
    let mut lines = format!("{address}: {count} sent, {back} echoed, {lost} lost ({loss_pct} %)");
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
    lines
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

//! Results as JUnit XML, which every CI system shows.

use std::time::SystemTime;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::writer::Writer;
use crate::finding::{CheckResult, Record, State};

/// Gathers a test for each result.
pub(super) struct Junit {
    suite: TestSuite,
}

impl Default for Junit {
    fn default() -> Self {
        Self {
            suite: TestSuite::new("netkit check"),
        }
    }
}

impl Writer for Junit {
    fn record(&mut self, record: &Record, at: SystemTime, _: &mut Vec<u8>) {
        match record {
            Record::Result(result) => {
                self.suite.add_test_case(test(result));
            }
            Record::Summary(summary) => {
                self.suite.set_time(summary.elapsed);
                let started = at.checked_sub(summary.elapsed).unwrap_or(at);
                let moment = humantime::format_rfc3339_seconds(started).to_string();
                self.suite.add_property(("started", moment.as_str()));
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: SystemTime, out: &mut Vec<u8>) {
        let mut report = Report::new("netkit");
        let suite = std::mem::replace(&mut self.suite, TestSuite::new(""));
        report.add_test_suite(suite);
        // Memory takes all.
        let _ = report.serialize(out);
    }
}

fn test(result: &CheckResult) -> TestCase {
    let place = match result.address {
        Some(address) if address.to_string() != result.target => {
            format!("{} {address}", result.target)
        }
        _ => result.target.clone(),
    };
    let name = match &result.name {
        Some(name) => format!("{name}: {place}"),
        None => place,
    };
    let mut test = TestCase::new(name, status(result));
    test.set_classname(result.target.as_str());
    if let Some(total) = result.finding.phases.total {
        test.set_time(total);
    }
    if let Some(seen) = &result.finding.seen {
        test.set_system_out(seen.as_str());
    }
    test
}

fn status(result: &CheckResult) -> TestCaseStatus {
    let state = result.finding.state;
    let evidence = &result.finding.evidence;
    let reason = evidence.reason.as_deref().unwrap_or_default();
    if result.ok {
        let mut status = TestCaseStatus::success();
        if result.flaky {
            let mut first = TestRerun::new(NonSuccessKind::Failure);
            first.set_message(format!("it passed at attempt {}", result.attempts));
            status.add_rerun(first);
        }
        return status;
    }
    let kind = match state {
        State::Unknown => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    };
    let mut status = TestCaseStatus::non_success(kind);
    let was = result.was.map(|it| format!(", was {it}"));
    let expected = format!(
        "{state}, expected {}{}",
        result.expected,
        was.unwrap_or_default()
    );
    let message = match reason {
        "" => expected,
        reason => format!("{expected}: {reason}"),
    };
    status.set_type(state.as_str()).set_message(message);
    if let Some(hint) = &evidence.hint {
        status.set_description(format!("hint: {hint}"));
    }
    status
}

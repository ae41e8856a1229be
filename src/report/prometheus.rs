//! Results as metrics, in the text format of Prometheus (version 0.0.4): for
//! the textfile collector of the node exporter, or a push gateway.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::writer::Writer;
use crate::finding::{CheckResult, Record, Summary};

/// Gathers metrics: those of one name have to stand together.
#[derive(Default)]
pub(super) struct Prometheus {
    families: BTreeMap<&'static str, Family>,
}

struct Family {
    help: &'static str,
    /// By labels: the same target twice is one series, and the last one counts.
    samples: BTreeMap<String, f64>,
}

impl Writer for Prometheus {
    fn record(&mut self, record: &Record, _: SystemTime, _: &mut Vec<u8>) {
        match record {
            Record::Result(result) => self.result(result),
            Record::Summary(summary) => self.summary(summary),
            _ => {}
        }
    }

    fn finish(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        let now = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.add(
            "netkit_run_timestamp_seconds",
            "When the run ended.",
            "",
            now.as_secs_f64(),
        );
        for (name, Family { help, samples }) in &self.families {
            let head = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
            out.extend_from_slice(head.as_bytes());
            for (labels, value) in samples {
                out.extend_from_slice(format!("{name}{labels} {value}\n").as_bytes());
            }
        }
    }
}

impl Prometheus {
    fn add(&mut self, name: &'static str, help: &'static str, labels: &str, value: f64) {
        let family = self.families.entry(name).or_insert_with(|| Family {
            help,
            samples: BTreeMap::new(),
        });
        family.samples.insert(labels.to_owned(), value);
    }

    fn result(&mut self, result: &CheckResult) {
        let labels = labels(result, &[]);
        let finding = &result.finding;
        let help = "Whether the target is in the state it should be in.";
        self.add(
            "netkit_check_ok",
            help,
            &labels,
            f64::from(u8::from(result.ok)),
        );
        let help = "The state the target was found in, as a label.";
        let with_state = self::labels(result, &[("state", finding.state.as_str())]);
        self.add("netkit_check_state", help, &with_state, 1.0);
        let help = "How often it was tried.";
        self.add(
            "netkit_check_attempts",
            help,
            &labels,
            result.attempts.into(),
        );
        let phases = &finding.phases;
        for (phase, took) in [
            ("resolve", phases.resolve),
            ("connect", phases.connect),
            ("tls", phases.tls),
            ("first_byte", phases.first_byte),
            ("total", phases.total),
        ] {
            if let Some(took) = took {
                let labels = self::labels(result, &[("phase", phase)]);
                let help = "How long each phase took.";
                self.add(
                    "netkit_check_duration_seconds",
                    help,
                    &labels,
                    seconds(took),
                );
            }
        }
        let not_after = finding.tls.as_ref().map(|it| it.not_after.as_str());
        let not_after = not_after.and_then(|it| humantime::parse_rfc3339(it).ok());
        if let Some(since) = not_after.and_then(|it| it.duration_since(UNIX_EPOCH).ok()) {
            let help = "When the certificate expires.";
            self.add(
                "netkit_tls_not_after_seconds",
                help,
                &labels,
                seconds(since),
            );
        }
        if let Some(http) = &finding.http {
            let help = "The status of the answer.";
            self.add("netkit_http_status", help, &labels, http.status.into());
        }
    }

    fn summary(&mut self, summary: &Summary) {
        let help = "How many checks came to which verdict.";
        for (verdict, count) in [
            ("ok", summary.ok),
            ("failed", summary.failed),
            ("unknown", summary.unknown),
        ] {
            let labels = format!("{{verdict=\"{verdict}\"}}");
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.add("netkit_checks", help, &labels, count.into());
        }
        let help = "How long the run took.";
        self.add(
            "netkit_run_duration_seconds",
            help,
            "",
            seconds(summary.elapsed),
        );
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn labels(result: &CheckResult, more: &[(&str, &str)]) -> String {
    let address = result.address.map(|it| it.to_string());
    let name = result.name.as_deref();
    let known = [
        ("name", name),
        ("target", Some(result.target.as_str())),
        ("address", address.as_deref()),
    ];
    let known = known
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    let all = known.chain(more.iter().copied());
    let all: Vec<String> = all
        .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", all.join(","))
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

//! The JSON of `-o ndjson` and `-o json`, read back and held against the documented records: no
//! field that is not documented, none of the wrong type, none that must be there missing.

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Output, finish, netkit};
use serde_json::{Map, Value};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

/// The states of a result: a closed list.
pub(crate) const STATES: [&str; 10] = [
    "open",
    "refused",
    "filtered",
    "unreachable",
    "unresolved",
    "reset",
    "tls",
    "mismatch",
    "silent",
    "unknown",
];

const EXPECTED: [&str; 5] = ["open", "closed", "filtered", "down", "any"];

/// A finished `netkit check -o ndjson`, all of its records valid and agreeing with one another.
pub(crate) struct Checked {
    /// One for each address.
    pub(crate) results: Vec<Value>,
    /// What changed while waiting.
    pub(crate) transitions: Vec<Value>,
    /// The end.
    pub(crate) summary: Value,
    /// What the process itself left behind.
    pub(crate) output: Output,
}

/// `netkit check -o ndjson` on this machine.
#[track_caller]
pub(crate) fn check(arguments: &[&str]) -> Checked {
    finished(netkit(&with_format(arguments)))
}

/// `netkit check -o ndjson` on `host`.
#[track_caller]
pub(crate) fn check_on(host: &Host, arguments: &[&str]) -> Checked {
    finished(host.netkit(&with_format(arguments)))
}

fn with_format<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["check", "-o", "ndjson"], arguments].concat()
}

/// Runs `command`, a check with `-o ndjson`, to its end.
#[track_caller]
pub(crate) fn finished(command: Command) -> Checked {
    Checked::of(finish(command, b"", 3 * PATIENCE))
}

impl Checked {
    /// Reads what a check with `-o ndjson` has printed.
    #[track_caller]
    pub(crate) fn of(output: Output) -> Self {
        let mut records = records(&output.stdout);
        let summary = records.pop().unwrap_or_else(|| panic!("{output:#?}"));
        assert_eq!(summary["type"], "summary", "{output:#?}");
        let (results, transitions): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|it| it["type"] == "result");
        assert_summary_counts(&summary, &results);
        assert_eq!(
            output.status.code().map(Value::from),
            Some(summary["exit"].clone()),
            "{output:#?}"
        );
        Self {
            results,
            transitions,
            summary,
            output,
        }
    }

    /// Fails the test unless the exit status is `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "{self:?}");
        self
    }

    /// The only result.
    #[track_caller]
    pub(crate) fn only(&self) -> &Value {
        assert_eq!(self.results.len(), 1, "{self:?}");
        &self.results[0]
    }

    /// The result of `address`, as printed.
    #[track_caller]
    pub(crate) fn at(&self, address: &str) -> &Value {
        let mut found = self.results.iter().filter(|it| it["address"] == address);
        let (first, second) = (found.next(), found.next());
        assert!(second.is_none(), "{address} twice: {self:?}");
        first.unwrap_or_else(|| panic!("no {address} in {self:?}"))
    }

    /// The states found, in the order of the results.
    pub(crate) fn states(&self) -> Vec<&str> {
        let states = self.results.iter();
        states.filter_map(|it| it["state"].as_str()).collect()
    }
}

impl fmt::Debug for Checked {
    /// As it was printed: the records are too long otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Output {
            status,
            stdout,
            stderr,
        } = &self.output;
        write!(f, "{status}\n{stdout}{stderr}")
    }
}

/// The records of a text with one a line, each valid.
#[track_caller]
pub(crate) fn records(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "cut: {text}");
    let lines = text.lines();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
    let records: Vec<Value> = lines.map(parse).collect();
    records.iter().for_each(assert_valid);
    records
}

/// Fails the test unless `record` is one of the documented records.
#[track_caller]
pub(crate) fn assert_valid(record: &Value) {
    let fields = record.as_object().unwrap_or_else(|| panic!("{record}"));
    assert_eq!(fields["schema"], "netkit/1", "{record}");
    let ts = fields["ts"].as_str().expect("a time");
    assert!(ts.ends_with('Z'), "not UTC: {record}");
    assert!(humantime::parse_rfc3339(ts).is_ok(), "{record}");
    let (needed, allowed) = shape(fields["type"].as_str().expect("a type"));
    for name in needed {
        assert!(fields.contains_key(*name), "no {name}: {record}");
    }
    let common = ["schema", "type", "ts"];
    for (name, value) in fields
        .iter()
        .filter(|(it, _)| !common.contains(&it.as_str()))
    {
        let known = needed.contains(&name.as_str()) || allowed.contains(&name.as_str());
        assert!(known, "{name} is not documented: {record}");
        assert!(is_valid(name, value, fields), "wrong {name}: {record}");
    }
}

/// Which fields a record must have, and which it may.
fn shape(kind: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        "result" => (
            &["target", "state", "expected", "ok", "attempts"],
            &[
                "address",
                "family",
                "reason",
                "errno",
                "hint",
                "flaky",
                "was",
                "resolve_us",
                "connect_us",
                "total_us",
                "rtt_us",
                "syn_retransmits",
                "icmp",
            ],
        ),
        "attempt" => (
            &["target", "address", "family", "state", "winner"],
            &[
                "reason",
                "errno",
                "hint",
                "connect_us",
                "rtt_us",
                "syn_retransmits",
                "icmp",
            ],
        ),
        "transition" => (&["target", "to", "at_us"], &["address", "from"]),
        "reply" => (
            &["protocol", "target", "kind", "ok", "sizes_bytes"],
            &["address", "reason", "resolve_us", "connect_us", "total_us"],
        ),
        "latency" => (
            &["target", "count", "lost", "loss_pct"],
            &[
                "address", "min_us", "mean_us", "p50_us", "p90_us", "p99_us", "max_us",
            ],
        ),
        "summary" => (
            &[
                "checks",
                "ok",
                "failed",
                "unknown",
                "by_state",
                "elapsed_us",
                "exit",
            ],
            &["notes"],
        ),
        other => panic!("unknown record type {other}"),
    }
}

/// Whether a field's value is what its name promises.
fn is_valid(name: &str, value: &Value, record: &Map<String, Value>) -> bool {
    let text = value.as_str();
    match name {
        "state" | "from" | "to" | "was" => text.is_some_and(|it| STATES.contains(&it)),
        "expected" => text.is_some_and(|it| EXPECTED.contains(&it)),
        "address" => text.is_some_and(|it| it.parse::<SocketAddr>().is_ok()),
        "family" => {
            let is_v6 = record["address"]
                .as_str()
                .is_some_and(|it| it.contains('['));
            text == Some(if is_v6 { "ipv6" } else { "ipv4" })
        }
        "ok" if record["type"] == "summary" => value.is_u64(),
        "ok" | "flaky" | "winner" => value.is_boolean(),
        "errno" | "attempts" => value.as_u64().is_some_and(|it| it > 0),
        "loss_pct" => value.is_number(),
        "icmp" => is_icmp(value),
        "notes" => value.is_array(),
        "by_state" => value.as_object().is_some_and(|states| {
            let known = |(state, count): (&String, &Value)| {
                STATES.contains(&state.as_str()) && count.as_u64().is_some_and(|it| it > 0)
            };
            states.iter().all(known)
        }),
        "sizes_bytes" => value
            .as_array()
            .is_some_and(|sizes| sizes.iter().all(Value::is_u64)),
        "checks" | "failed" | "unknown" | "exit" | "count" | "lost" | "syn_retransmits" => {
            value.is_u64()
        }
        _ if name.ends_with("_us") => value.as_f64().is_some_and(|it| it >= 0.0),
        _ => text.is_some_and(|it| !it.is_empty()),
    }
}

fn is_icmp(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        let byte = |name| {
            fields
                .get(name)
                .and_then(Value::as_u64)
                .is_some_and(|it| it < 256)
        };
        let from = fields.get("from").and_then(Value::as_str);
        let from = from.is_some_and(|it| it.parse::<IpAddr>().is_ok());
        fields.len() == 3 && byte("type") && byte("code") && from
    })
}

#[track_caller]
fn assert_summary_counts(summary: &Value, results: &[Value]) {
    let count = |holds: &dyn Fn(&Value) -> bool| results.iter().filter(|it| holds(it)).count();
    let ok = count(&|it| it["ok"] == true);
    let unknown = count(&|it| it["ok"] == false && it["state"] == "unknown");
    assert_eq!(summary["checks"], results.len(), "{summary}");
    assert_eq!(summary["ok"], ok, "{summary}");
    assert_eq!(summary["unknown"], unknown, "{summary}");
    assert_eq!(summary["failed"], results.len() - ok - unknown, "{summary}");
    for state in STATES {
        let of_state = count(&|it| it["state"] == state);
        let said = summary["by_state"].get(state).and_then(Value::as_u64);
        assert_eq!(
            said.unwrap_or_default(),
            of_state as u64,
            "{state}: {summary}"
        );
    }
}

//! The JSON of `-o ndjson` and `-o json`, read back and held against the documented records: no
//! field that is not documented, none of the wrong type, none that must be there missing.

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Output, finish, netkit};
use jsonschema::Validator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

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

/// The only result, which must be a mismatch whose reason contains `words`.
#[track_caller]
pub(crate) fn expect_mismatch(checked: Checked, words: &str) -> Value {
    let result = checked.expect_code(1).only().clone();
    assert_eq!(result["state"], "mismatch", "{result}");
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains(words), "no `{words}` in {result}");
    result
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
    let kind = record["type"].as_str().unwrap_or("no type");
    assert!(is_kind(kind), "unknown type: {record}");
    assert_matches(kind, record);
}

/// Fails the test unless `document` is what `-o json` may print.
#[track_caller]
pub(crate) fn assert_valid_document(document: &Value) {
    assert_matches("document", document);
}

fn is_kind(kind: &str) -> bool {
    let kinds = schema()["$defs"]["record"]["oneOf"].as_array();
    let reference = format!("#/$defs/{kind}");
    kinds.is_some_and(|kinds| kinds.iter().any(|it| it["$ref"] == reference))
}

/// Holds `value` against one definition of the schema.
#[track_caller]
fn assert_matches(definition: &str, value: &Value) {
    static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut validators = VALIDATORS.lock().expect("no test failed in here");
    let validator = validators.entry(definition.to_owned());
    let validator = Arc::clone(validator.or_insert_with(|| Arc::new(validator_of(definition))));
    drop(validators);
    let errors = validator.iter_errors(value);
    let errors: Vec<String> = errors
        .map(|it| format!("{}: {it}", it.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}\nin {value}", errors.join("\n"));
}

fn validator_of(definition: &str) -> Validator {
    let mut schema = schema().clone();
    let fields = schema.as_object_mut().expect("a schema is an object");
    fields.remove("anyOf");
    fields.insert("$ref".into(), format!("#/$defs/{definition}").into());
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).expect("the schema is one")
}

/// The schema as it lies in the repository.
fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../schema/netkit-1.json")).expect("JSON")
    });
    &SCHEMA
}

#[test]
fn what_is_not_documented_is_no_record() {
    let good = serde_json::json!({
        "schema": "netkit/1", "type": "result", "ts": "2026-01-01T00:00:00.000000Z",
        "target": "a:1", "state": "open", "expected": "open", "ok": true, "attempts": 1,
    });
    assert_valid(&good);
    for (field, value) in [
        ("colour", Value::from("red")),
        ("state", "ajar".into()),
        ("connect_us", (-1).into()),
        ("connect_us", "1".into()),
        ("attempts", Value::Null),
        ("ts", "yesterday".into()),
        ("address", "nowhere".into()),
        (
            "icmp",
            serde_json::json!({"type": 256, "code": 0, "from": "::1"}),
        ),
        ("type", "outcome".into()),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        let refused = std::panic::catch_unwind(|| assert_valid(&wrong));
        assert!(refused.is_err(), "{wrong}");
    }
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

//! JUnit, TAP, CSV, metrics and annotations, each by a reader of its own.

use super::{Checks, check_of_hostile, read_by};
use crate::support::PATIENCE;
use crate::support::process::{finish, netkit};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOSTILE: &str = "<script>alert(1)</script> \"'|,=%\\\r\n::error::x\x1b[31m\0";

const READ_JUNIT: &str = "
import json, sys, xml.etree.ElementTree as tree
suites = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps([[case.get('name'), [[child.tag, child.get('type')] for child in case if child.tag != 'system-out']]
    for case in suites.iter('testcase')]))
";

const READ_CSV: &str = "
import csv, json, sys
print(json.dumps(list(csv.DictReader(sys.stdin, strict=True))))
";

/// The reader of Perl's own test harness.
const READ_TAP: &str = "
use TAP::Parser;
my $parser = TAP::Parser->new({ tap => join('', <STDIN>) });
while (my $result = $parser->next) { print $result->description, qq(\\n) if $result->is_test }
print $parser->passed . ' passed ' . $parser->failed . ' failed ' . $parser->parse_errors . qq( wrong\\n);
";

fn python(program: &str, text: &str) -> Value {
    serde_json::from_str(&read_by("python3", &["-c", program], text)).expect("JSON")
}

#[test]
fn junit_is_a_test_a_result() {
    let checks = Checks::new();
    let output = checks.run(&["-o", "junit"]);
    let cases = python(READ_JUNIT, &output.stdout);
    let closed = checks.targets[2].clone();
    let failure = json!([["failure", "refused"]]);
    let cases = cases.as_array().expect("a list");
    assert_eq!(cases.len(), 3, "{output:?}");
    assert_eq!(
        cases
            .iter()
            .filter(|it| **it == json!([closed, failure]))
            .count(),
        1
    );
    assert_eq!(cases.iter().filter(|it| it[1] == json!([])).count(), 2);
    let hostile = check_of_hostile("junit", HOSTILE);
    let cases = python(READ_JUNIT, &hostile.stdout);
    assert_eq!(cases[0][1], json!([["failure", "mismatch"]]), "{hostile:?}");
}

#[test]
fn tap_is_a_test_a_result() {
    let checks = Checks::new();
    let output = checks.run(&["-o", "tap"]);
    let read = read_by("perl", &["-e", READ_TAP], &output.stdout);
    assert!(
        read.ends_with("2 passed 1 failed 0 wrong\n"),
        "{read}{output:?}"
    );
    let hostile = check_of_hostile("tap", HOSTILE);
    let read = read_by("perl", &["-e", READ_TAP], &hostile.stdout);
    assert!(
        read.ends_with("0 passed 1 failed 0 wrong\n"),
        "{read}{hostile:?}"
    );
    let none = finish(netkit(&["check", "-o", "tap"]), b"", PATIENCE).expect_code(3);
    assert_eq!(none.stdout, "TAP version 13\n1..0\n");
}

#[test]
fn csv_is_a_line_a_result() {
    let checks = Checks::new();
    let output = checks.run(&["-o", "csv"]);
    let rows = python(READ_CSV, &output.stdout);
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 3, "{output:?}");
    let wrong: Vec<&Value> = rows.iter().filter(|it| it["ok"] == "false").collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0]["address"], checks.targets[2].as_str());
    assert_eq!(
        (&wrong[0]["state"], &wrong[0]["expected"]),
        (&json!("refused"), &json!("open"))
    );
    assert!(
        wrong[0]["connect_us"]
            .as_str()
            .is_some_and(|it| it.parse::<u64>().is_ok())
    );
    let hostile = check_of_hostile("csv", HOSTILE);
    let rows = python(READ_CSV, &hostile.stdout);
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{hostile:?}");
    assert_eq!(rows[0]["state"], "mismatch");
    let none = finish(netkit(&["check", "-o", "csv"]), b"", PATIENCE).expect_code(3);
    assert_eq!(none.stdout.lines().count(), 1);
}

/// Reads the text format strictly: each metric announced once, its samples together.
fn metrics(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let (mut family, mut seen) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = String::from(rest.split(' ').next().expect("a name"));
            assert!(!seen.contains(&family), "{family} twice");
            seen.push(family.clone());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest, format!("{family} gauge"));
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let labels = series.strip_prefix(family.as_str()).expect("of its family");
            assert!(
                labels.is_empty() || labels.starts_with('{') && labels.ends_with('}'),
                "{line}"
            );
            let value = value.parse().expect("a number");
            assert_eq!(
                samples.insert(series.to_owned(), value),
                None,
                "{series} twice"
            );
        }
    }
    samples
}

#[test]
fn metrics_are_one_series_a_target() {
    let checks = Checks::new();
    let again = checks.targets[0].clone();
    let output = checks.run(&["-o", "prometheus", &again]);
    let samples = metrics(&output.stdout);
    let of = |name: &str, place: &str, more: &str| {
        let series = format!("{name}{{target=\"{place}\",address=\"{place}\"{more}}}");
        samples.get(&series).copied()
    };
    let [open, _, closed] = &checks.targets;
    assert_eq!(of("netkit_check_ok", open, ""), Some(1.0), "{output:?}");
    assert_eq!(of("netkit_check_ok", closed, ""), Some(0.0), "{output:?}");
    assert_eq!(
        of("netkit_check_state", closed, ",state=\"refused\""),
        Some(1.0)
    );
    let took = of("netkit_check_duration_seconds", open, ",phase=\"connect\"");
    assert!(took.is_some_and(|it| it > 0.0 && it < 60.0), "{output:?}");
    assert_eq!(samples.get("netkit_checks{verdict=\"failed\"}"), Some(&1.0));
}

#[test]
fn a_workflow_gets_annotations_and_a_summary() {
    let checks = Checks::new();
    let folder = tempfile::TempDir::new().expect("a folder");
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "# before\n").expect("a file");
    let targets: Vec<&str> = checks.targets.iter().map(String::as_str).collect();
    let mut command = netkit(&[&["check", "-o", "github"], &targets[..]].concat());
    command.env("GITHUB_STEP_SUMMARY", &summary);
    let output = finish(command, b"", PATIENCE).expect_code(1);
    let annotations: Vec<&str> = output
        .stdout
        .lines()
        .filter(|it| it.starts_with("::"))
        .collect();
    let [annotation] = annotations[..] else {
        panic!("{output:?}");
    };
    let title = checks.targets[2].replace(':', "%3A");
    assert!(
        annotation.starts_with(&format!("::error title={title} is refused::")),
        "{annotation}"
    );
    let table = std::fs::read_to_string(&summary).expect("the summary");
    assert!(table.starts_with("# before\n### netkit check\n"), "{table}");
    assert_eq!(table.matches("\n| ✅ |").count(), 2, "{table}");
    assert_eq!(table.matches("\n| ❌ |").count(), 1, "{table}");
}

#[test]
fn what_a_server_sends_is_no_command_to_anybody() {
    for format in ["text", "github"] {
        let output = check_of_hostile(format, HOSTILE);
        assert!(!output.stdout.contains('\x1b'), "{output:?}");
        assert!(!output.stdout.contains("\n::error::x"), "{output:?}");
    }
}

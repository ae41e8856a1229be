//! Wrong plans: every mistake at once, and nothing sent.

use super::{path, plan};
use crate::support::process::{Output, run};
use std::io::ErrorKind;
use std::net::TcpListener;

/// Where a mistake stands, and how what is said of it begins.
type Mistake = (&'static str, &'static str);

const TOML: &str = "[defaults]
timeout = 5

[[check]]
name = \"fine\"
target = \"LISTENER\"

[[check]]
name = \"fine\"
target = \"web:80x\"
timout = \"2s\"

[[check]]
target = [\"LISTENER\", 'web:22=shut']
retries = \"many\"

[[check]]
state = \"closed\"
";

const MISTAKES: [Mistake; 7] = [
    (
        "2:11",
        "expected TIME of `timeout`: a duration needs its unit",
    ),
    ("9:8", "expected a name of its own"),
    ("10:15", "expected a port from 1 to 65535"),
    (
        "11:1",
        "expected a key of a check, not `timout` (hint: `timeout`)",
    ),
    ("14:AT", "expected one of open, closed, filtered, down, any"),
    ("15:11", "expected N of `retries`: invalid digit"),
    ("17:1", "expected a `target`"),
];

const JSON: &str = r#"{
  "defaults": {"timeout": 5},
  "check": [
    {"name": "fine", "target": "LISTENER"},
    {"name": "fine",
     "target": "web:80x",
     "timout": "2s"},
    {"target": ["LISTENER", "web:22=shut"],
     "retries": "many"},
    {"state": "closed"}
  ]
}"#;

const JSON_MISTAKES: [Mistake; 7] = [
    (
        "2:27",
        "expected TIME of `timeout`: a duration needs its unit",
    ),
    ("5:14", "expected a name of its own"),
    ("6:21", "expected a port from 1 to 65535"),
    (
        "7:6",
        "expected a key of a check, not `timout` (hint: `timeout`)",
    ),
    ("8:AT", "expected one of open, closed, filtered, down, any"),
    ("9:17", "expected N of `retries`: invalid digit"),
    ("10:5", "expected a `target`"),
];

/// Fails the test if anybody has connected.
#[track_caller]
pub(super) fn assert_untouched(listener: &TcpListener) {
    listener.set_nonblocking(true).expect("a listener");
    let accepted = listener.accept().map_err(|error| error.kind());
    assert_eq!(accepted.err(), Some(ErrorKind::WouldBlock), "touched");
}

/// Listens where nobody else checks anything: a scan of 127.0.0.1 would be taken for the plan's.
pub(super) fn listen() -> TcpListener {
    TcpListener::bind("127.83.17.6:0").expect("cannot listen")
}

/// A listener, and `text` with its address in it.
fn with_listener(text: &str) -> (TcpListener, String) {
    let listener = listen();
    let address = listener.local_addr().expect("an address");
    (listener, text.replace("LISTENER", &address.to_string()))
}

/// Fails the test unless exactly `expected` is said, in this order; `AT` stands for where `shut`
/// stands in its line.
#[track_caller]
fn assert_told(output: Output, source: &str, text: &str, expected: &[Mistake]) {
    let output = output.expect_code(2);
    assert_eq!(output.stdout, "", "{output:?}");
    let mut lines = output.stderr.lines();
    let first = format!("netkit: wrong plan `{source}`:");
    assert_eq!(lines.next(), Some(first.as_str()), "{output:?}");
    for (place, said) in expected {
        let told = lines.next().unwrap_or_default();
        let (line, column) = place.split_once(':').expect("a place");
        let shown = text
            .lines()
            .nth(line.parse::<usize>().expect("a number") - 1);
        let shown = shown.expect("a line");
        let column = match column {
            "AT" => shown.find("shut").expect("a wrong state") + 1,
            column => column.parse().expect("a number"),
        };
        let start = format!("{source}:{line}:{column}: {said}");
        assert!(told.starts_with(&start), "{start} in {output:#?}");
        let excerpt = lines.next().unwrap_or_default();
        assert_eq!(excerpt, format!("  {shown}"), "{output:#?}");
        let carets = lines.next().unwrap_or_default();
        assert_eq!(carets.find('^'), Some(column + 1), "{output:#?}");
    }
    let last = format!("{} mistakes", expected.len());
    assert_eq!(lines.next(), Some(last.as_str()), "{output:#?}");
}

#[test]
fn every_mistake_is_told_and_nothing_is_sent() {
    let (listener, text) = with_listener(TOML);
    let file = plan(&text);
    let output = run(&["check", "--plan", path(&file)], b"");
    assert_told(output, path(&file), &text, &MISTAKES);
    assert_untouched(&listener);
}

#[test]
fn the_same_of_json_on_standard_input() {
    let (listener, text) = with_listener(JSON);
    let output = run(&["check", "--plan", "-"], text.as_bytes());
    assert_told(output, "<stdin>", &text, &JSON_MISTAKES);
    assert_untouched(&listener);
}

#[test]
fn a_wrong_plan_stops_the_targets_beside_it() {
    let (listener, target) = with_listener("LISTENER");
    let file = plan("[[check]]\n");
    for arguments in [[&target, "--plan"], ["--explain", "--plan"]] {
        let arguments = [&["check"], &arguments[..], &[path(&file)]].concat();
        let output = run(&arguments, b"").expect_code(2);
        assert_eq!(output.stdout, "", "{output:?}");
    }
    assert_untouched(&listener);
}

#[test]
fn a_plan_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("cannot make a folder");
    let missing = folder.path().join("plan.toml");
    let places = [
        (folder.path().to_str(), "Is a directory"),
        (missing.to_str(), "No such file"),
        (Some("/dev/zero"), "larger than 4 MiB"),
    ];
    for (place, cause) in places {
        let place = place.expect("a path in UTF-8");
        let output = run(&["check", "--plan", place], b"").expect_code(2);
        let start = format!("netkit: cannot read the plan `{place}`: ");
        assert!(output.stderr.starts_with(&start), "{output:?}");
        assert!(output.stderr.contains(cause), "{output:?}");
    }
}

#[test]
fn a_plan_that_is_not_utf8_is_pointed_at() {
    let file = plan(b"[[check]]\nname = \"caf\xe9\"\n");
    let output = run(&["check", "--plan", path(&file)], b"").expect_code(2);
    let told = format!("\n{}:2:12: expected text in UTF-8\n", path(&file));
    assert!(output.stderr.contains(&told), "{output:?}");
}

#[test]
fn bombs_end_soon() {
    let many = 1 << 20;
    for text in [
        format!("check = {}", "[".repeat(many)),
        format!("check = {}", "{a=".repeat(many)),
        format!("{{\"check\": {}", "[".repeat(many)),
        "{\"check\": ".repeat(many),
        "=\n".repeat(many),
        "[[check]]\nhosts = 'w[1-999999]'\ntarget = '{host}:1'\n".repeat(10_000),
    ] {
        let file = plan(&text);
        let output = run(&["check", "--plan", path(&file)], b"").expect_code(2);
        assert!(output.stderr.len() < 1 << 20, "{}", output.stderr.len());
    }
}

#[test]
fn a_tag_that_no_check_has_is_named() {
    let file = super::plan("[[check]]\ntarget = '127.0.0.1:9'\ntags = ['a']");
    let arguments = ["check", "--plan", super::path(&file), "--only", "typo"];
    let output = run(&arguments, b"").expect_code(2);
    assert!(output.stderr.contains("has the tag `typo`"), "{output:?}");
}

#[test]
fn only_needs_a_plan() {
    let output = run(&["check", "--only", "x", "127.0.0.1:9"], b"").expect_code(2);
    assert!(output.stderr.contains("--plan"), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

//! Text, JSON lines and the JSON document.

use super::records::{assert_valid_document, check, check_on, records};
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::{Output, run};
use crate::support::server::Server;
use serde_json::{Value, json};

/// An open and a refused target of this machine, with what keeps them so.
fn targets() -> (Server, socket2::Socket, [String; 2]) {
    let server = Server::echo(&["--host", "127.0.0.1"]);
    let (held, refused) = peer::refusing();
    let targets = [server.ipv4().to_string(), refused.to_string()];
    (server, held, targets)
}

fn run_check(format: &str, targets: &[String]) -> Output {
    let mut arguments = vec!["check", "-o", format];
    arguments.extend(targets.iter().map(String::as_str));
    run(&arguments, b"")
}

#[test]
fn text_is_a_line_per_address_and_a_summary_on_standard_error() {
    let (_server, _held, targets) = targets();
    let output = run_check("text", &targets).expect_code(1);
    assert_eq!(output.stdout.lines().count(), 2, "{output:?}");
    for (state, address) in ["open", "refused"].iter().zip(&targets) {
        let line = output.stdout.lines().find(|it| it.starts_with(state));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        assert!(words.len() >= 4, "{output:?}");
        assert_eq!([words[0], words[1]], [*state, address], "{output:?}");
        let time: f64 = words[2].parse().expect("a time");
        assert!(time >= 0.0 && ["ms", "s"].contains(&words[3]), "{output:?}");
    }
    let said: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(said.len(), 1, "{output:?}");
    let summary = "2 checked: 1 as expected, 1 not (1 open, 1 refused) in ";
    assert!(said[0].starts_with(summary), "{output:?}");
}

#[test]
fn text_for_a_pipe_has_no_colour() {
    let (_server, _held, targets) = targets();
    let output = run_check("text", &targets);
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'));
    let mut arguments = vec!["check", "--color", "always"];
    arguments.extend(targets.iter().map(String::as_str));
    let output = run(&arguments, b"").expect_code(1);
    assert!(output.stdout.contains("\u{1b}["), "{output:?}");
}

#[test]
fn a_name_is_shown_beside_its_address() {
    let host = Host::new();
    host.hosts_file("127.0.0.1 name.test\n");
    let output = host.run(&["check", "name.test:9"]).expect_code(1);
    assert!(
        output.stdout.starts_with("refused     127.0.0.1:9 "),
        "{output:?}"
    );
    assert!(output.stdout.contains("name.test:9"), "{output:?}");
}

#[test]
fn an_unresolved_target_is_shown_as_written() {
    let host = Host::new();
    host.resolv_conf("");
    let output = host.run(&["check", "nobody.test:9,11-12"]).expect_code(1);
    let start = "unresolved  nobody.test:9,11-12 ";
    assert!(output.stdout.starts_with(start), "{output:?}");
}

#[test]
fn ndjson_is_a_valid_record_a_line() {
    let (_server, _held, targets) = targets();
    let output = run_check("ndjson", &targets).expect_code(1);
    assert_eq!(output.stderr, "");
    let records = records(&output.stdout);
    let types: Vec<&Value> = records.iter().map(|it| &it["type"]).collect();
    assert_eq!(types, ["result", "result", "summary"]);
}

#[test]
fn the_fields_of_an_open_result() {
    let (_server, _held, targets) = targets();
    let checked = check(&[&targets[0]]).expect_code(0);
    let result = checked.only();
    assert_eq!(result["target"], targets[0]);
    assert_eq!(result["address"], targets[0]);
    assert_eq!(result["family"], "ipv4");
    assert_eq!(result["state"], "open");
    assert_eq!(result["expected"], "open");
    assert_eq!(result["ok"], true);
    assert_eq!(result["attempts"], 1);
    for unknown in ["reason", "errno", "hint", "icmp", "resolve_us", "flaky"] {
        assert_eq!(result.get(unknown), None, "{unknown}: {result}");
    }
    assert!(result["connect_us"].is_u64() && result["total_us"].is_u64());
    assert_eq!(checked.summary["by_state"], json!({"open": 1}));
    assert_eq!(checked.summary["exit"], 0);
}

#[test]
fn the_fields_of_a_refused_result() {
    let (_server, _held, targets) = targets();
    let checked = check(&[&targets[1]]).expect_code(1);
    let result = checked.only();
    assert_eq!(result["state"], "refused");
    assert_eq!(result["ok"], false);
    assert_eq!(result["errno"], 111);
    assert!(result["reason"].is_string(), "{result}");
    for unknown in ["icmp", "rtt_us", "resolve_us"] {
        assert_eq!(result.get(unknown), None, "{unknown}: {result}");
    }
}

#[test]
fn a_name_has_the_time_of_its_look_up() {
    let host = Host::new();
    host.hosts_file("127.0.0.1 name.test\n");
    let checked = check_on(&host, &["name.test:9"]).expect_code(1);
    let result = checked.only();
    let time = |name: &str| {
        result[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {result}"))
    };
    assert!(time("total_us") >= time("resolve_us") + time("connect_us") - 1);
    assert_eq!(result["target"], "name.test:9");
}

#[test]
fn json_is_one_document() {
    let (_server, _held, targets) = targets();
    for (count, code) in [(0, 3), (1, 0), (2, 1)] {
        let output = run_check("json", &targets[..count]).expect_code(code);
        let document: Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"));
        let fields = document.as_object().expect("an object");
        let names: Vec<&String> = fields.keys().collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(document["schema"], "netkit/1");
        let results = document["results"].as_array().expect("a list");
        assert_eq!(results.len(), count);
        assert_valid_document(&document);
        assert!(results.iter().all(|it| it["type"] == "result"));
        assert_eq!(document["summary"]["exit"], code);
    }
}

#[test]
fn json_of_an_interrupted_check_is_still_a_document() {
    use crate::support::PATIENCE;
    use crate::support::process::{Process, send_signal};
    let host = Host::new();
    host.firewall("input", "tcp dport 22 drop");
    let arguments = ["check", "-o", "json", "--timeout", "60s", "127.0.0.1:9,22"];
    let mut process = Process::start(host.netkit(&arguments));
    let known = |lines: &[String]| lines.iter().any(|it| it.contains("results")).then_some(());
    process.stdout.wait_for("the start", PATIENCE, known);
    send_signal(process.id(), "INT");
    assert_eq!(process.wait_for_exit(PATIENCE).code(), Some(130));
    let (stdout, _) = process.stdout.wait_for_end(PATIENCE);
    let document: Value = serde_json::from_str(&stdout).expect("a document");
    assert_eq!(document["summary"]["exit"], 130);
    assert_eq!(document["results"].as_array().map(Vec::len), Some(1));
}

#[test]
fn quiet_is_the_exit_status_alone() {
    let (_server, _held, targets) = targets();
    let output = run(&["check", "-q", &targets[0]], b"").expect_code(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    let output = run(&["check", "-q", &targets[1]], b"").expect_code(1);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}

#[test]
fn verbose_says_how_many_at_once() {
    let (_server, _held, targets) = targets();
    let output = run(&["check", "-v", "--parallel", "7", &targets[0]], b"").expect_code(0);
    assert!(
        output.stderr.contains("at most 7 connections"),
        "{output:?}"
    );
}

//! Reports in files: whole or not at all, and known before the run.

use super::Checks;
use crate::check::records::assert_valid_document;
use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::{Process, finish, netkit, run, send_signal};
use serde_json::Value;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

#[test]
fn all_forms_at_once_stand_beside_the_text() {
    let checks = Checks::new();
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    };
    let forms = ["json", "junit", "html", "csv", "tap", "prometheus"];
    let options: Vec<String> = forms
        .iter()
        .flat_map(|it| [format!("--report-{it}"), path(it)])
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let output = checks.run(&options);
    assert_eq!(output.stdout.lines().count(), 3, "{output:?}");
    for (form, start) in forms
        .iter()
        .zip(["{", "<?xml", "<!DOCTYPE", "ts,", "TAP", "# HELP"])
    {
        let text = fs::read_to_string(path(form)).expect("a report");
        assert!(text.starts_with(start), "{form}: {text}");
    }
    // Nothing else is left behind.
    assert_eq!(
        fs::read_dir(folder.path()).expect("a folder").count(),
        forms.len()
    );
}

#[test]
fn what_is_saved_is_the_document_and_can_be_compared_with() {
    let checks = Checks::new();
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("saved.json");
    let path = path.to_str().expect("a path");
    checks.run(&["--save", path]);
    let document: Value = serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON");
    assert_valid_document(&document);
    let targets: Vec<&str> = checks.targets.iter().map(String::as_str).collect();
    let output = run(&[&["check", "--diff", path], &targets[..2]].concat(), b"");
    // Only what changed is told: nothing.
    assert_eq!(output.stdout, "", "{output:?}");
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_anything_is_sent() {
    let checks = Checks::new();
    for path in ["/no/such/folder/r.xml", "/proc/r.xml", "/"] {
        let target = &checks.targets[0];
        let output = run(&["check", target, "--report-junit", path], b"").expect_code(2);
        assert_eq!(output.stdout, "", "{output:?}");
        assert!(
            output
                .stderr
                .contains(&format!("cannot write the report `{path}`")),
            "{output:?}"
        );
    }
}

#[test]
fn a_full_device_is_told_and_nothing_else_is_lost() {
    let checks = Checks::new();
    let targets: Vec<&str> = checks.targets.iter().map(String::as_str).collect();
    let arguments = [&["check", "--report-json", "/dev/full"], &targets[..]].concat();
    let output = run(&arguments, b"").expect_code(4);
    assert_eq!(output.stdout.lines().count(), 3, "{output:?}");
    assert!(
        output
            .stderr
            .contains("cannot write the report `/dev/full`"),
        "{output:?}"
    );
    assert!(std::path::Path::new("/dev/full").exists());
}

#[test]
fn an_interrupted_run_reports_what_it_knows() {
    let checks = Checks::new();
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("r.json");
    let wait = ["check", "--wait", "1h", "--interval", "20ms"];
    let report = ["--report-json", path.to_str().expect("a path")];
    let [open, _, closed] = &checks.targets;
    let mut process = Process::start(netkit(&[&wait[..], &report, &[open, closed]].concat()));
    process.stderr.wait_for_line("refused", PATIENCE);
    process.stdout.wait_for_line("open", PATIENCE);
    assert!(!path.exists());
    send_signal(process.id(), "INT");
    process.end(PATIENCE).expect_code(130);
    let document: Value = serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON");
    assert_valid_document(&document);
    assert_eq!(document["summary"]["checks"], 2);
}

#[test]
fn a_report_by_the_name_of_a_descriptor_replaces_nothing() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("out");
    let (_held, refused) = peer::refusing();
    let netkit = env!("CARGO_BIN_EXE_netkit");
    let line =
        format!("echo before; {netkit} check {refused} --report-tap /dev/stdout; echo after");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("({line}) >> '{}'", file.display())]);
    finish(command, b"", PATIENCE).expect_code(0);
    let text = std::fs::read_to_string(&file).expect("the file");
    for words in ["before", "refused", "TAP version 13", "after"] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
}

#[test]
fn what_a_probe_received_stands_in_a_report_too() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("reply.json");
    let path = file.to_str().expect("a path in UTF-8");
    let server = peer::answering(<[u8]>::to_vec);
    let target = server.to_string();
    let arguments = ["probe", "raw", &target, "--send", "a\\n", "--expect", "a"];
    run(&[&arguments[..], &["--report-json", path]].concat(), b"").expect_code(0);
    let text = std::fs::read_to_string(&file).expect("a report");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["results"][0]["type"], "reply", "{text}");
}

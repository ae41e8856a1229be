//! `--diff`: what changed since an earlier run.

use super::records::check_on;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{finish, run};
use crate::support::server::Server;
use std::io::Write;
use tempfile::TempDir;

/// Runs `netkit check -o json ARGUMENTS` on `host` and keeps what it prints in a file.
fn save(host: &Host, folder: &TempDir, arguments: &[&str]) -> String {
    let output = finish(
        host.netkit(&[&["check", "-o", "json"], arguments].concat()),
        b"",
        PATIENCE,
    );
    let path = folder.path().join("saved.json");
    std::fs::write(&path, output.stdout).expect("cannot write a file");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn only_what_changed_fails() {
    let host = Host::new();
    let folder = TempDir::new().expect("a folder");
    let targets = "127.0.0.1:8080,8081";
    let saved = save(&host, &folder, &[targets]);
    // As it was is good, although nothing is open.
    let checked = check_on(&host, &["--diff", &saved, targets]).expect_code(0);
    assert!(
        checked.results.iter().all(|it| it["was"] == "refused"),
        "{checked:?}"
    );
    let _server = Server::of(host.netkit(&["echo-server", "--port", "8080"]));
    let checked = check_on(&host, &["--diff", &saved, targets]).expect_code(1);
    let changed = checked.at("127.0.0.1:8080");
    assert_eq!(
        (&changed["was"], &changed["state"]),
        (&"refused".into(), &"open".into())
    );
    assert_eq!(changed["ok"], false);
    assert_eq!(checked.at("127.0.0.1:8081")["ok"], true);
}

#[test]
fn what_is_new_or_gone_is_a_change() {
    let host = Host::new();
    let folder = TempDir::new().expect("a folder");
    let saved = save(&host, &folder, &["127.0.0.1:1,2"]);
    let checked = check_on(&host, &["--diff", &saved, "127.0.0.1:1-3"]).expect_code(1);
    assert_eq!(checked.summary["failed"], 1);
    let new = checked.at("127.0.0.1:3");
    assert_eq!(new.get("was"), None);
    assert!(
        new["hint"]
            .as_str()
            .is_some_and(|it| it.contains("it is new")),
        "{new}"
    );
    let checked = check_on(&host, &["--diff", &saved, "127.0.0.1:1"]).expect_code(1);
    let note = "127.0.0.1:2 at 127.0.0.1:2 was refused and is not there any more";
    assert_eq!(checked.summary["notes"], serde_json::json!([note]));
}

#[test]
fn a_target_that_is_checked_twice_is_compared_with_itself() {
    let host = Host::new();
    let folder = TempDir::new().expect("a folder");
    let plan = folder.path().join("plan.toml");
    let text = "[[check]]\nname = 'a'\ntarget = '127.0.0.1:9'\n\
                [[check]]\nname = 'b'\ntarget = '127.0.0.1:9'\nstate = 'closed'\n";
    std::fs::write(&plan, text).expect("cannot write the plan");
    let plan = plan.to_str().expect("a path in UTF-8");
    let targets = ["127.0.0.1:9,10", "127.0.0.1:9", "--plan", plan];
    let saved = save(&host, &folder, &targets);
    let arguments = [&targets[..], &["--diff", &saved]].concat();
    let checked = check_on(&host, &arguments).expect_code(0);
    assert_eq!(checked.results.len(), 5, "{checked:?}");
}

#[test]
fn a_record_of_no_type_is_no_result() {
    let text = r#"{"schema":"netkit/1","results":[{"target":"tcp://127.0.0.1:9","state":"open"}]}"#;
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("cannot write");
    let path = file.path().to_str().expect("a path in UTF-8");
    let output = run(&["check", "127.0.0.1:9", "--diff", path], b"").expect_code(2);
    assert!(output.stderr.contains("has no `type`"), "{output:?}");
}

#[test]
fn what_is_no_earlier_run_is_refused_before_anything_is_sent() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("saved.json");
    let path = path.to_str().expect("a path");
    for text in [
        "",
        "{}",
        "[1]",
        "{\"schema\":\"netkit/1\"}",
        "{\"schema\":\"netkit/1\",\"results\":[{\"type\":\"result\",\"target\":\"a:1\",\"state\":\"shut\"}]}",
    ] {
        std::fs::write(path, text).expect("cannot write a file");
        let output = run(&["check", "--diff", path, "127.0.0.1:1"], b"").expect_code(2);
        assert!(
            output.stderr.contains(&format!("cannot read `{path}`")),
            "{output:?}"
        );
        assert_eq!(output.stdout, "");
    }
}

//! `netkit probe cluster` and `cluster://`.

use super::{Site, address};
use crate::check::records::{Checked, assert_valid_document, records};
use crate::support::process::{finish, run};
use crate::support::{PATIENCE, peer};
use std::fs;
use std::io::Write;

#[test]
fn a_member_tells_who_leads_who_is_there_and_what_there_is() {
    let site = Site::new(3);
    let _members = site.start_all();
    let output = site.probe(3, &["leader"]).expect_code(0);
    assert_eq!(output.stdout, format!("leader 1 {}\n", address(1)));
    let lines = |what: &str| site.probe(2, &[what]).expect_code(0).stdout;
    let member = |id: usize| format!("member {id} {} up\n", address(id));
    let expected = format!(
        "leader 1 {}\n{}",
        address(1),
        (1..=3).map(member).collect::<String>()
    );
    assert_eq!(lines("members"), expected);
    assert_eq!(lines("files"), "1 only1\n2 only2\n3 only3\n");
    let output = site.probe(2, &["files", "-o", "json"]).expect_code(0);
    let document = serde_json::from_str(&output.stdout).expect("a document");
    assert_valid_document(&document);
    let output = site.probe(2, &["files", "-o", "ndjson"]).expect_code(0);
    let record = &records(&output.stdout)[0];
    assert_eq!(record["members"][2]["files"][0], "only3", "{record}");
    assert_eq!(record["members"][0]["leader"], true, "{record}");
    let output = site
        .probe(2, &["get", "only3", "-o", "ndjson"])
        .expect_code(0);
    let record = &records(&output.stdout)[0];
    assert_eq!(
        (&record["kind"], &record["sizes_bytes"][0]),
        (&"FOUND".into(), &9.into())
    );
}

#[test]
fn a_member_writes_its_port_and_ends_in_order() {
    let site = Site::new(1);
    let port = site.folder.path().join("port");
    let name = port.to_str().expect("a path in UTF-8");
    let mut member = site.start(1, &["--port", "0", "--port-file", name]);
    let written = fs::read_to_string(&port).expect("a port file");
    assert_eq!(written, format!("{}\n", member.port()));
    assert_eq!(member.listening().name, "cluster");
    // Where it is reached is where it says that it is.
    let target = format!("127.0.0.11:{}", member.port());
    let words = ["probe", "cluster", &target, "leader", "--wait", "20s"];
    let output = site.run(&words).expect_code(0);
    assert_eq!(output.stdout, format!("leader 1 {target}\n"));
    member.wait_for_log("confined to its files");
    member.signal("TERM");
    assert_eq!(member.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn a_file_is_shown_or_kept() {
    let site = Site::new(2);
    let _members = site.start_all();
    let output = site.probe(1, &["get", "only2"]).expect_code(0);
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("content 2", "")
    );
    let kept = site.folder.path().join("copy");
    let name = kept.to_str().expect("a path in UTF-8");
    let output = site
        .probe(1, &["get", "only2", "--output", name])
        .expect_code(0);
    assert_eq!(output.stdout, format!("written to {name}\n"));
    assert_eq!(fs::read(&kept).expect("a copy"), b"content 2");
    let output = site.probe(1, &["get", "nothing", "--output", name, "--exit-detail"]);
    let output = output.expect_code(17);
    assert!(
        output
            .stderr
            .contains("no member that is up has the file `nothing`"),
        "{output:?}"
    );
    assert_eq!(fs::read(&kept).expect("a copy"), b"content 2");
    site.probe(1, &["get", "nothing"]).expect_code(1);
}

#[test]
fn a_question_that_makes_no_sense_is_not_sent() {
    for (words, said) in [
        (&["get"][..], "get which file?"),
        (&["get", "a/b"], "`a/b` cannot be a file of a cluster"),
        (&["leader", "x"], "only `get` takes a name"),
        (&["members", "--output", "x"], "--output is for `get`"),
        (&["who"], "invalid value 'who'"),
    ] {
        let output = run(&[&["probe", "cluster", "localhost"], words].concat(), b"");
        let output = output.expect_code(2);
        assert!(output.stderr.contains(said), "{output:?}");
    }
}

#[test]
fn a_leader_is_waited_for() {
    let site = Site::new(1);
    let words = ["probe", "cluster", &address(1), "leader", "--wait", "20s"];
    let waiting = crate::support::process::Process::start(site.host.netkit(&words));
    let _member = site.start(1, &[]);
    let mut waiting = waiting;
    let output = waiting.end(PATIENCE).expect_code(0);
    assert_eq!(output.stdout, format!("leader 1 {}\n", address(1)));
    let (_held, refused) = peer::refusing();
    let target = refused.to_string();
    let words = ["probe", "cluster", &target, "leader"];
    let output = run(&[&words[..], &["--wait", "300ms"]].concat(), b"").expect_code(124);
    assert!(
        output.stderr.contains("did not come right within 300ms"),
        "{output:?}"
    );
    run(&[&words[..], &["--exit-detail"]].concat(), b"").expect_code(10);
}

#[test]
fn servers_that_answer_wrongly_are_named() {
    for (answer, said) in [
        (&b"END\n"[..], "no leader is known"),
        (b"LEADER 1 a:1\n", "its answer is cut short"),
        (b"FOUND 3\nabc", "`FOUND 3` is no line of an answer to WHO"),
        (b"", "its answer is cut short"),
    ] {
        let target = peer::breaking_off(answer).to_string();
        let words = ["probe", "cluster", &target, "leader", "-o", "ndjson"];
        let output = run(&words, b"").expect_code(1);
        let record = &records(&output.stdout)[0];
        let reason = record["reason"].as_str().expect("a reason");
        assert!(
            reason.contains(said) && output.stderr.contains(said),
            "{output:?}"
        );
        let target = format!("cluster://{}", peer::breaking_off(answer));
        let checked = crate::check::records::check(&[&target]);
        let said = said.replace("no leader is known", "it does not know who leads");
        crate::check::records::expect_mismatch(checked, &said);
    }
    let silent = peer::silent().to_string();
    let words = [
        "probe",
        "cluster",
        &silent,
        "leader",
        "--timeout",
        "300ms",
        "--exit-detail",
    ];
    run(&words, b"").expect_code(11);
}

#[test]
fn a_check_knows_who_leads_and_who_is_up() {
    let site = Site::new(2);
    let _members = site.start_all();
    let target = format!("cluster://{}", address(2));
    let check = |more: &[&str]| {
        let words = [&["check", "-o", "ndjson", &target], more].concat();
        Checked::of(finish(site.host.netkit(&words), b"", PATIENCE))
    };
    let checked = check(&["--expect", "^member 2 .* up$", "--reject", " down$"]).expect_code(0);
    let seen = checked.results[0]["seen"].as_str().expect("what was seen");
    assert_eq!(seen, format!("leader 1 {}, 2 of 2 members up", address(1)));
    let checked = check(&["--expect", "^leader 2 "]).expect_code(1);
    let reason = checked.results[0]["reason"].as_str().expect("a reason");
    assert_eq!(reason, "of its view, nothing matches `^leader 2 `");
}

#[test]
fn a_file_that_is_longer_or_shorter_than_it_says_is_none() {
    for (answer, code) in [
        (&b"FOUND 5\nabc"[..], 14),
        (b"FOUND 2\nabc", 15),
        (b"FOUND x\nabc", 15),
    ] {
        let holder = peer::breaking_off(answer);
        let member = serving_once(format!("LEADER 1 {holder}\nMEMBER 1 {holder} up\nEND\n"));
        let words = ["probe", "cluster", &member, "get", "a", "--exit-detail"];
        run(&[&words[..], &["-q", "--timeout", "2s"]].concat(), b"").expect_code(code);
    }
}

/// Answers one client these bytes, and every other one nothing but a refusal.
fn serving_once(answer: String) -> String {
    let address = peer::tcp(move |mut stream| {
        drop(stream.write_all(answer.as_bytes()));
        drop(std::io::Read::read_to_end(&mut stream, &mut Vec::new()));
    });
    address.to_string()
}

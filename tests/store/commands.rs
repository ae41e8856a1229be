//! `netkit probe store` and `store://`: words, files, records and exit statuses.

use super::{Rack, content};
use crate::support::process::{Process, finish, netkit, netkit_through, run, send_signal};
use crate::support::{PATIENCE, peer};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_file_goes_there_and_comes_back() {
    let rack = Rack::new();
    let folder = rack.folder.path();
    let (file, copy) = (folder.join("report.pdf"), folder.join("copy.pdf"));
    let content = content(3, 400_000);
    fs::write(&file, &content).expect("a file");
    let (file, copy) = (file.to_str().expect("UTF-8"), copy.to_str().expect("UTF-8"));
    let output = rack.probe(&["login"]).expect_code(1);
    assert!(
        output.stderr.contains("there is no user `alice`"),
        "{output:?}"
    );
    let output = rack.probe(&["--create", "login"]).expect_code(0);
    assert_eq!(output.stdout, "logged in as alice\n");
    let output = rack.probe(&["put", file, "docs/2024/"]).expect_code(0);
    assert_eq!(
        output.stdout,
        "stored docs/2024/report.pdf (400000 bytes)\n"
    );
    rack.probe(&["put", file, "docs/other name.txt"])
        .expect_code(0);
    let output = rack.probe(&["ls"]).expect_code(0);
    let lines = [
        "\\alice\\docs",
        "\\alice\\docs\\other name.txt",
        "\\alice\\docs\\2024",
        "\\alice\\docs\\2024\\report.pdf",
    ];
    assert_eq!(output.stdout, lines.join("\n") + "\n");
    let output = rack
        .probe(&["get", "docs/2024/report.pdf", "--output", copy])
        .expect_code(0);
    assert_eq!(output.stdout, format!("written to {copy}\n"));
    assert!(
        fs::read(copy).expect("the copy") == content,
        "the copy differs"
    );
    // What lists show can be given back.
    rack.probe(&["rm", "docs\\2024\\report.pdf"]).expect_code(0);
    let output = rack
        .probe(&["get", "docs/2024/report.pdf", "--output", copy])
        .expect_code(1);
    assert!(
        output.stderr.contains("did not exist in the file system"),
        "{output:?}"
    );
    assert!(
        fs::read(copy).expect("the copy") == content,
        "the copy was touched"
    );
    fs::write(file, "to be seen\n").expect("a file");
    rack.probe(&["put", file, "docs/"]).expect_code(0);
    let output = rack.probe(&["get", "docs/report.pdf"]).expect_code(0);
    assert_eq!(output.stdout, "to be seen\n");
}

#[test]
fn records_have_lengths_checksums_and_lines() {
    let rack = Rack::new();
    rack.alice().put("docs", "a", b"hello");
    let record = |words: &[&str], code| {
        let output = rack
            .probe(&[words, &["-o", "ndjson"]].concat())
            .expect_code(code);
        serde_json::from_str::<serde_json::Value>(&output.stdout).expect("a record")
    };
    let got = record(&["get", "docs/a"], 0);
    assert_eq!(got["kind"], "RTV", "{got}");
    assert_eq!(got["sizes_bytes"], serde_json::json!([5]), "{got}");
    let sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(got["sha256"], serde_json::json!([sum]), "{got}");
    let listed = record(&["ls"], 0);
    let lines = serde_json::json!(["\\alice\\docs", "\\alice\\docs\\a"]);
    assert_eq!(listed["lines"], lines, "{listed}");
    let status = record(&["status"], 0);
    assert_eq!(
        status["lines"].as_array().map(Vec::len),
        Some(4),
        "{status}"
    );
    let missing = record(&["get", "docs/b", "--exit-detail"], 17);
    assert_eq!(missing["ok"], false, "{missing}");
    let denied = record(&["--user", "nobody", "login", "--exit-detail"], 15);
    assert!(
        denied["reason"]
            .as_str()
            .is_some_and(|it| it.contains("no user `nobody`"))
    );
}

#[test]
fn passwords_come_from_files_and_are_not_told() {
    let rack = Rack::new();
    let target = rack.store().address().to_string();
    let file = rack.folder.path().join("secret");
    fs::write(&file, "wonderland\n").expect("a file");
    let path = file.to_str().expect("UTF-8");
    for (mode, warns) in [(0o600, false), (0o644, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
        let mut command = netkit(&["probe", "store", &target, "--user", "alice"]);
        command.args(["--password-file", path, "--create", "login", "-vv"]);
        command
            .env_remove("NETKIT_USER")
            .env_remove("NETKIT_PASSWORD");
        let output = finish(command, b"", PATIENCE).expect_code(0);
        assert_eq!(
            output.stderr.contains("others may read the password"),
            warns,
            "{output:?}"
        );
        assert!(!output.stderr.contains("wonderland"), "{output:?}");
    }
    // Without a file, a variable and a terminal there is nobody to ask.
    let mut command = netkit_through(&["setsid", "--wait"], &["probe", "store", &target, "ls"]);
    command
        .env("NETKIT_USER", "alice")
        .env_remove("NETKIT_PASSWORD");
    let output = finish(command, b"", PATIENCE).expect_code(2);
    let said = "cannot ask for the user and the password: there is no terminal";
    assert!(output.stderr.contains(said), "{output:?}");
    fs::write(&file, "").expect("a file");
    let wrong = [
        "probe",
        "store",
        &target,
        "--user",
        "alice",
        "--password-file",
        path,
        "login",
    ];
    let output = run(&wrong, b"").expect_code(2);
    assert!(
        output.stderr.contains("that is no password: it is empty"),
        "{output:?}"
    );
}

#[test]
fn pipes_are_waited_for_only_where_they_can_be_read() {
    let rack = Rack::new();
    let pipe = rack.folder.path().join("pipe");
    let path = pipe.to_str().expect("UTF-8");
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
    let output = rack.probe(&["--create", "put", path, "docs/"]);
    let output = output.expect_code(2);
    let said = format!("cannot store `{path}`: it is no regular file");
    assert!(output.stderr.contains(&said), "{output:?}");
    // As `<(…)` is one: a password may come that way, and whoever waits for it can be ended.
    let target = rack.store().address().to_string();
    let words = [
        "probe", "store", &target, "--user", "alice", "--create", "login",
    ];
    let start = || {
        let mut command = netkit(&words);
        command.args(["--password-file", path]);
        command.env_remove("NETKIT_PASSWORD");
        let client = Process::start(command);
        // This waits until it is open at the other end too.
        let writer = fs::File::options().write(true).open(&pipe);
        (client, writer.expect("a pipe"))
    };
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (mut client, _writer) = start();
        send_signal(client.id(), signal);
        client.end(PATIENCE).expect_code(code);
    }
    let (mut client, mut writer) = start();
    writer.write_all(b"wonderland\n").expect("a pipe");
    drop(writer);
    client.end(PATIENCE).expect_code(0);
}

#[test]
fn a_file_that_cannot_be_written_is_no_verdict() {
    let rack = Rack::new();
    rack.alice().put("docs", "a", b"hello");
    let output = rack.folder.path().join("nodir").join("x");
    let output = output.to_str().expect("UTF-8");
    for more in [&[][..], &["--exit-detail"]] {
        let words = [&["get", "docs/a", "--output", output], more].concat();
        let said = rack.probe(&words).expect_code(4).stderr;
        assert!(said.contains("cannot be kept"), "{said}");
    }
}

#[test]
fn a_password_is_asked_for_without_being_shown() {
    let rack = Rack::new();
    let address = rack.store().address();
    let mut python = std::process::Command::new("python3");
    python.args([
        "-c",
        include_str!("prompt.py"),
        env!("CARGO_BIN_EXE_netkit"),
    ]);
    python
        .arg(address.to_string())
        .env_remove("LD_LIBRARY_PATH");
    python
        .env_remove("NETKIT_USER")
        .env_remove("NETKIT_PASSWORD");
    let output = finish(python, b"", PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "asked, not shown, restored\n", "{output:?}");
}

#[test]
fn what_is_asked_wrongly_is_named() {
    let words = ["probe", "store", "127.0.0.1:1", "--user", "alice"];
    for (more, said) in [
        (&["put", "file"][..], "what is to be stored where?"),
        (&["get"], "which file?"),
        (&["rm", "a", "b"], "which file?"),
        (&["ls", "docs"], "`docs` is one word too many"),
        (&["get", "file"], "`file` lies in no directory"),
        (&["get", "../file"], "`..` is no name of its own"),
        (
            &["put", ".", "docs/"],
            "cannot store `.`: it is a directory",
        ),
        (
            &["put", "src", "docs/"],
            "cannot store `src`: it is a directory",
        ),
        (
            &["put", "nofile", "docs/"],
            "cannot store `nofile`: No such",
        ),
        (
            &["put", "f", "docs/", "--output", "x"],
            "--output is for `get`",
        ),
        (&["login", "-o", "csv"], "a report as csv"),
    ] {
        let output = run(&[&words[..], more].concat(), b"").expect_code(2);
        assert!(output.stderr.contains(said), "{output:?}");
    }
    let shards = |text: &str| {
        let arguments = [
            "serve", "store", "--port", "0", "--root", "/nowhere", "--shards", text,
        ];
        run(&arguments, b"").expect_code(2).stderr
    };
    let said = shards("a,b,c");
    assert!(
        said.contains("--shards names 3 shard servers, and a store has four"),
        "{said}"
    );
    let said = shards("a,b,c,d,e");
    assert!(said.contains("--shards names 5 shard servers"), "{said}");
    let said = shards("a:7,b:7,a:7,d:7");
    assert!(
        said.contains("shard server 3, `a:7`, is shard server 1 as well"),
        "{said}"
    );
    let said = shards("a,b,c:x,d");
    assert!(said.contains("`c:x` cannot be shard server 3"), "{said}");
}

#[test]
fn a_check_greets_and_is_asked_for_a_login() {
    let rack = Rack::new();
    let store = format!("store://{}", rack.store().address());
    let output = run(&["check", &store, "-o", "ndjson"], b"").expect_code(0);
    assert!(output.stdout.contains("it asks for a login"), "{output:?}");
    let other = format!("store://{}", peer::answering(|_| b"220 mail\r\n".to_vec()));
    let output = run(&["check", &other, "--exit-detail"], b"").expect_code(15);
    assert!(
        output.stdout.contains("it answered `220 mail`"),
        "{output:?}"
    );
    let silent = format!("store://{}", peer::silent());
    let output = run(&["check", &silent, "--timeout", "300ms"], b"").expect_code(1);
    assert!(output.stdout.contains("mismatch"), "{output:?}");
}

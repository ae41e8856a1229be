//! Programs that were written from the description of the protocol alone, in both roles.

use super::Rack;
use crate::support::PATIENCE;
use crate::support::process::{Process, finish, netkit};
use std::fs;
use std::process::Command;

/// A client: an account, files, a list, a log-out.
const CLIENT: &str = include_str!("client.py");

/// A server that does what the original does: greets with `S`, reads with single calls, and tells
/// the parts of an answer apart by pauses.
const ORIGINAL: &str = include_str!("original.py");

#[test]
fn a_client_written_from_the_description_is_served() {
    let rack = Rack::new();
    let address = rack.store().address();
    let mut python = Command::new("python3");
    python.args([
        "-c",
        CLIENT,
        &address.ip().to_string(),
        &address.port().to_string(),
    ]);
    let output = finish(python, b"", PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "all as described\n", "{output:?}");
}

#[test]
fn a_server_like_the_original_is_understood() {
    let mut python = Command::new("python3");
    python.args(["-u", "-c", ORIGINAL]);
    let server = Process::start(python);
    let port = server.stdout.wait_for_line("", PATIENCE);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, copy) = (folder.path().join("a.txt"), folder.path().join("copy"));
    let content = super::content(5, 300_000);
    fs::write(&file, &content).expect("a file");
    let target = format!("127.0.0.1:{port}");
    let probe = |words: &[&str]| {
        let mut command = netkit(&["probe", "store", &target, "--user", "alice"]);
        command.args(words).env("NETKIT_PASSWORD", "wonderland");
        finish(command, b"", PATIENCE)
    };
    probe(&["login"])
        .expect_code(1)
        .expect_stderr_with_any(&["there is no user `alice`"]);
    probe(&["--create", "login"]).expect_code(0);
    let (file, copy) = (file.to_str().expect("UTF-8"), copy.to_str().expect("UTF-8"));
    probe(&["put", file, "docs/"]).expect_code(0);
    let listed = probe(&["ls"]).expect_code(0);
    assert_eq!(listed.stdout, "\\alice\\docs\n\\alice\\docs\\a.txt\n");
    probe(&["get", "docs/a.txt", "--output", copy]).expect_code(0);
    assert!(
        fs::read(copy).expect("the copy") == content,
        "the copy differs"
    );
    let missing = probe(&["get", "docs/b.txt", "--exit-detail"]).expect_code(17);
    assert!(
        missing.stderr.contains("file name you gave did not exist"),
        "{missing:?}"
    );
    // What it does not know is told as what it is.
    let unknown = probe(&["status", "--exit-detail"]).expect_code(15);
    assert!(unknown.stderr.contains("Opcode was invalid"), "{unknown:?}");
    probe(&["rm", "docs/a.txt"]).expect_code(0);
    let listed = probe(&["ls"]).expect_code(0);
    assert_eq!(listed.stdout, "No files in database\n");
}

//! `-- COMMAND`: what runs once everything is as expected.

use super::waiting::start;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Process, finish, netkit, netkit_through, run, send_signal};
use crate::support::server::Server;
use std::os::unix::process::ExitStatusExt;

/// A closed port that nobody else can get meanwhile, with its socket.
fn closed() -> (socket2::Socket, String) {
    let (socket, address) = crate::support::peer::refusing();
    (socket, format!("{address}=closed"))
}

#[test]
fn it_runs_with_its_own_output_and_exit_status() {
    let (_socket, target) = closed();
    let script = "read line; echo \"got $line\"; echo why >&2; exit 7";
    let output = run(&["check", &target, "--", "sh", "-c", script], b"input\n").expect_code(7);
    // What netkit found stands on standard error: the other stream is the command's.
    assert_eq!(output.stdout, "got input\n");
    assert!(output.stderr.starts_with("refused "), "{output:?}");
    assert!(output.stderr.ends_with("why\n"), "{output:?}");
}

#[test]
fn it_does_not_run_unless_all_is_as_expected() {
    let (_socket, target) = closed();
    let open = target.replace("=closed", "");
    for arguments in [
        &[&open[..]][..],
        &["--wait", "50ms", &open],
        &[&target, &open],
    ] {
        let arguments = [&["check"], arguments, &["--", "echo", "ran"]].concat();
        let output = run(&arguments, b"");
        assert!(matches!(output.status.code(), Some(1 | 124)), "{output:?}");
        assert!(!output.stdout.contains("ran"), "{output:?}");
    }
    let output = run(&["check", "--", "echo", "ran"], b"").expect_code(3);
    assert!(!output.stdout.contains("ran"), "{output:?}");
}

#[test]
fn it_waits_for_what_the_command_needs() {
    let host = Host::new();
    let mut check = start(&host, &["127.0.0.1:8080", "--", "echo", "started"]);
    check.stderr.wait_for_line("\"to\":\"refused\"", PATIENCE);
    let _server = Server::of(host.netkit(&["echo-server", "--port", "8080"]));
    let output = check.end(PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "started\n");
}

#[test]
fn signals_are_the_command_s() {
    let (_socket, target) = closed();
    let mut process = Process::start(netkit(&[
        "check",
        &target,
        "--",
        "sh",
        "-c",
        "echo up; exec cat",
    ]));
    // Nothing comes, and it does not end: `cat` waits until the signal.
    let _input = process.take_stdin();
    process.stdout.wait_for_line("up", PATIENCE);
    send_signal(process.id(), "TERM");
    let status = process.wait_for_exit(PATIENCE);
    assert_eq!(status.signal(), Some(15), "{status:?}");
}

#[test]
fn a_command_that_cannot_run_is_told_as_by_env() {
    let (_socket, target) = closed();
    let output = run(&["check", &target, "--", "no-such-program"], b"").expect_code(127);
    assert!(
        output.stderr.contains("cannot run `no-such-program`"),
        "{output:?}"
    );
    run(&["check", &target, "--", "/"], b"").expect_code(126);
}

#[test]
fn the_command_has_the_descriptors_that_netkit_was_given() {
    let (_socket, target) = closed();
    let wrapper = ["prlimit", "--nofile=300:4096"];
    let command = netkit_through(&wrapper, &["check", &target, "--", "sh", "-c", "ulimit -n"]);
    let output = finish(command, b"", PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "300\n");
}

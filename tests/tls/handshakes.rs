//! Handshakes that fail, stall or are no handshakes.

use super::{TlsServer, reason};
use crate::check::records::check;
use crate::support::PATIENCE;
use crate::support::certificates::{Certificates, VALID};
use crate::support::peer;
use crate::support::process::{Process, finish};
use std::io::{Read, Write};
use std::process::Command;

fn server(more: &[&str]) -> (Certificates, TlsServer) {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let server = TlsServer::start(&certificates, "leaf", more);
    (certificates, server)
}

#[test]
fn both_versions_that_are_safe_are_spoken() {
    for (version, name) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
        let (certificates, server) = server(&[version]);
        let checked = server.check(&["--ca", &certificates.ca()]).expect_code(0);
        assert_eq!(checked.only()["tls"]["version"], name);
    }
}

#[test]
fn a_server_that_stalls_ends_with_the_deadline() {
    let (_certificates, server) = server(&["any", "silent"]);
    let checked = server.check(&["--timeout", "300ms"]).expect_code(1);
    let why = reason(&checked, "tls");
    assert_eq!(why, "the TLS handshake was not finished within 300ms");
    assert!(checked.only()["connect_us"].is_u64(), "{checked:?}");
}

#[test]
fn a_server_that_resets_is_told_from_one_that_closes() {
    let (_certificates, resetting) = server(&["any", "reset"]);
    let why = reason(&resetting.check(&[]).expect_code(1), "reset");
    assert_eq!(why, "the connection was reset in the TLS handshake");
    let (_certificates, closing) = server(&["any", "close"]);
    let checked = closing.check(&[]).expect_code(1);
    // It closes with our first message unread, which the kernel may turn into a reset.
    let state = checked.only()["state"].as_str();
    assert!(matches!(state, Some("tls" | "reset")), "{checked:?}");
}

#[test]
fn plain_text_and_garbage_are_not_tls() {
    let (_certificates, server) = server(&["any", "plain"]);
    let why = reason(&server.check(&[]).expect_code(1), "tls");
    assert_eq!(why, "it did not answer in TLS");
    let garbage = peer::tcp(|mut stream| {
        drop(stream.write_all(&vec![0x5a; 100_000]));
        drop(stream.read(&mut [0; 16]));
    });
    let checked = check(&[&format!("tls://{garbage}"), "--timeout", "2s"]).expect_code(1);
    assert!(
        ["tls", "reset"].contains(&checked.states()[0]),
        "{checked:?}"
    );
}

#[test]
fn what_is_expected_may_be_a_failure() {
    let (_certificates, server) = server(&[]);
    check(&[&format!("tls://127.0.0.1:{}=down", server.port)]).expect_code(0);
    check(&[&format!("tls://127.0.0.1:{}=any", server.port)]).expect_code(0);
}

/// `openssl s_server` with further arguments, and the port that the system gave it.
fn openssl(certificates: &Certificates, more: &[&str]) -> (Process, u16) {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0"]);
    command.arg("-cert").arg(certificates.path("leaf.pem"));
    command.arg("-key").arg(certificates.path("leaf.key"));
    command.args(more);
    let process = Process::start(command);
    let line = process.stdout.wait_for_line("ACCEPT ", PATIENCE);
    let port = line.rsplit(':').next().and_then(|it| it.parse().ok());
    (process, port.expect("its port"))
}

#[test]
fn an_old_version_and_a_client_certificate_are_named() {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let ca = certificates.ca();
    let (_old, port) = openssl(&certificates, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    let checked = check(&["-4", &format!("tls://localhost:{port}"), "--ca", &ca]).expect_code(1);
    let why = reason(&checked, "tls");
    assert!(
        why.contains("older than 1.2") || why.contains("no version of TLS"),
        "{why}"
    );
}

#[test]
fn a_server_that_wants_a_client_certificate_is_not_open() {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let ca = certificates.ca();
    for version in ["-tls1_2", "-tls1_3"] {
        let strict = ["-Verify", "1", "-verify_return_error", version];
        let (_strict, port) = openssl(&certificates, &strict);
        let target = format!("tls://localhost:{port}");
        let checked = check(&["-4", &target, "--ca", &ca]).expect_code(1);
        assert_eq!(checked.only()["state"], "tls", "{checked:?}");
    }
    // Who only asks for one goes without.
    let (_lenient, port) = openssl(&certificates, &["-verify", "1", "-tls1_3"]);
    let target = format!("tls://localhost:{port}");
    check(&["-4", &target, "--ca", &ca]).expect_code(0);
}

#[test]
fn openssl_itself_agrees_on_what_is_good() {
    let (certificates, server) = server(&[]);
    server.check(&["--ca", &certificates.ca()]).expect_code(0);
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-connect",
        &format!("127.0.0.1:{}", server.port),
    ]);
    command.args([
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
        "-CAfile",
    ]);
    command.arg(certificates.path("ca.pem"));
    finish(command, b"", PATIENCE).expect_code(0);
}

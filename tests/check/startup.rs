//! What a single check of a numeric address does not start.

use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::{finish, netkit_through};
use crate::support::server::Server;
use tempfile::NamedTempFile;

/// The system calls of `netkit check ADDRESS`, one a line.
fn calls_of_a_check(target: &str) -> Vec<String> {
    let log = NamedTempFile::new().expect("cannot make a temporary file");
    let path = log.path().to_str().expect("a path in UTF-8");
    let wrapper = ["strace", "-f", "-o", path];
    let command = netkit_through(&wrapper, &["check", target]);
    finish(command, b"", PATIENCE).expect_code(0);
    let text = std::fs::read_to_string(path).expect("cannot read the log");
    assert!(text.contains("connect("), "nothing traced: {text}");
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn expect_none(calls: &[String], unwanted: &[&str]) {
    for call in calls {
        assert!(!unwanted.iter().any(|it| call.contains(it)), "{call}");
    }
}

#[test]
fn a_check_of_an_address_starts_no_thread_and_no_resolver() {
    let server = Server::echo(&["--host", "127.0.0.1"]);
    let (_held, refused) = peer::refusing();
    for target in [server.ipv4().to_string(), format!("{refused}=closed")] {
        let calls = calls_of_a_check(&target);
        expect_none(&calls, &["clone(", "clone3(", "fork(", "execveat("]);
        let resolving = [
            "resolv.conf",
            "nsswitch",
            "/etc/hosts",
            "host.conf",
            "gai.conf",
            "nscd",
        ];
        expect_none(&calls, &resolving);
        expect_none(&calls, &["/etc/ssl", "ca-certificates", "libnss"]);
        // One socket, for the one connection.
        let sockets = calls.iter().filter(|call| call.contains("socket(AF_INET"));
        assert_eq!(sockets.count(), 1, "{calls:#?}");
    }
}

#[test]
fn a_check_of_an_address_is_a_small_number_of_calls() {
    let (_held, refused) = peer::refusing();
    let calls = calls_of_a_check(&format!("{refused}=closed"));
    // The loader and the runtime make about half of them.
    assert!(calls.len() < 150, "{}: {calls:#?}", calls.len());
}

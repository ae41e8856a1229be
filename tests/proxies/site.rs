//! A host with an echo server and a proxy, where both have fixed ports.

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::Process;
use crate::support::server::Server;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Where every proxy listens.
pub(super) const PROXY: [&str; 2] = ["127.0.0.1:1080", "[::1]:1080"];

/// Where the echo server listens.
pub(super) const ECHO: [&str; 3] = ["127.0.0.1:7", "[::1]:7", "localhost:7"];

/// Where nothing listens.
pub(super) const CLOSED: &str = "127.0.0.1:9";

/// A host with an echo server, and with whatever is started on it.
pub(super) struct Site {
    // The order matters: processes go before what they use.
    programs: Vec<Process>,
    _echo: Server,
    folder: TempDir,
    pub(super) host: Host,
}

impl Site {
    pub(super) fn new() -> Self {
        let host = Host::new();
        let echo = Server::of(host.netkit(&["echo-server", "--port", "7"]));
        Self {
            programs: Vec::new(),
            _echo: echo,
            folder: TempDir::new().expect("cannot make a folder"),
            host,
        }
    }

    /// Starts a program, and waits until it listens at all of `sockets`.
    #[track_caller]
    pub(super) fn start(&mut self, command: &Command, sockets: &[&str]) {
        let program = Process::start(self.host.enter(command));
        let ready = [&["check", "--wait", "20s"], sockets].concat();
        let output = self.host.run(&ready);
        let said = program.stderr.so_far();
        assert!(output.status.success(), "{output:?}\n{said}");
        self.programs.push(program);
    }

    /// Where a file of this name is, gone with the host.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with this text.
    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("cannot write a file");
        path
    }

    /// Fails the test unless the echo server answers at each of its addresses through `proxy`.
    #[track_caller]
    pub(super) fn expect_echo_everywhere(&self, proxy: &str) {
        for target in ECHO {
            expect_echo(&self.host, proxy, target);
        }
    }

    /// What is said where no way leads to `target` through `proxy`.
    #[track_caller]
    pub(super) fn refusal(&self, proxy: &str, target: &str) -> String {
        let output = self.host.run(&["connect", "--proxy", proxy, target]);
        let output = output.expect_code(1);
        assert_eq!(output.stdout, "", "{output:?}");
        assert!(!output.stderr.contains("secret"), "{output:?}");
        output.stderr
    }
}

/// Fails the test unless what is sent from `host` to `target` through `proxy` comes back.
#[track_caller]
pub(super) fn expect_echo(host: &Host, proxy: &str, target: &str) {
    expect_answer(host, &["--proxy", proxy, target], "hello");
}

/// Fails the test unless `hello` is answered by this line.
#[track_caller]
pub(super) fn expect_answer(host: &Host, arguments: &[&str], answer: &str) {
    let mut client = Process::start(host.netkit(&[&["connect"], arguments].concat()));
    let mut input = client.take_stdin();
    // Some proxies pass nothing back to one that has finished: the answer is waited for.
    drop(input.write_all(b"hello\n"));
    let said = client.stderr.clone();
    client.stdout.wait_for("answer", PATIENCE, |lines| {
        let said = said.so_far();
        assert!(!said.contains("netkit:"), "{arguments:?}: {said}");
        lines.iter().any(|line| line == answer).then_some(())
    });
    drop(input);
    let output = client.end(PATIENCE).expect_code(0);
    assert_eq!(output.stdout, format!("{answer}\n"), "{arguments:?}");
}

//! The lines of a netcat tutorial, with the verbs of netkit: each in a shell of its own, as two
//! people would type them on a host of their own.

use super::noise;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Process, netkit};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A host, and a folder for what is typed there.
struct Desk {
    host: Host,
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            host: Host::new(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Types a line into a new shell.
    fn types(&self, line: &str) -> Process {
        let program = netkit::<&str>(&[]);
        let program = Path::new(program.get_program());
        let place = program.parent().expect("a folder").display();
        let folder = self.folder.path().display();
        let line = format!("cd '{folder}'; PATH='{place}':$PATH; {line}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]);
        Process::start(self.host.enter(&shell))
    }

    /// The same for a line that begins to listen.
    #[track_caller]
    fn listens(&self, line: &str) -> Process {
        let process = self.types(line);
        process.stderr.wait_for_line("listening listen", PATIENCE);
        process
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).expect("cannot write");
    }

    #[track_caller]
    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).expect("no such file")
    }
}

/// Waits for a good end; returns what was printed.
#[track_caller]
fn printed(mut process: Process) -> String {
    process.end(PATIENCE).expect_code(0).stdout
}

#[test]
fn two_people_talk() {
    let desk = Desk::new();
    let mut one = desk.listens("netkit listen 1234");
    let mut other = desk.types("netkit connect 127.0.0.1 1234");
    let (mut to_one, mut to_other) = (one.take_stdin(), other.take_stdin());
    to_other.write_all(b"hello?\n").expect("cannot type");
    one.stdout.wait_for_line("hello?", PATIENCE);
    to_one.write_all(b"hello!\n").expect("cannot type");
    other.stdout.wait_for_line("hello!", PATIENCE);
    to_other.write_all(b"bye\n").expect("cannot type");
    drop((to_one, to_other));
    assert_eq!(printed(one), "hello?\nbye\n");
    assert_eq!(printed(other), "hello!\n");
}

#[test]
fn a_file_goes_to_who_listens() {
    let desk = Desk::new();
    desk.write("photo", noise(5_000_000));
    let mut receiver = desk.listens("netkit listen 1234 > copy");
    drop(receiver.take_stdin());
    printed(desk.types("netkit connect localhost:1234 < photo"));
    printed(receiver);
    assert!(desk.read("copy") == noise(5_000_000));
}

#[test]
fn a_file_goes_to_who_connects() {
    let desk = Desk::new();
    desk.write("photo", noise(5_000_000));
    let sender = desk.listens("netkit listen 1234 < photo");
    let receiver = "netkit connect localhost:1234 --output copy </dev/null";
    printed(desk.types(receiver));
    printed(sender);
    assert!(desk.read("copy") == noise(5_000_000));
}

#[test]
fn a_folder_goes_through_tar() {
    let desk = Desk::new();
    for name in ["a", "b"] {
        desk.write(name, noise(100_000));
    }
    let receiver = desk.listens("mkdir there; netkit listen 1234 </dev/null | tar -C there -x");
    printed(desk.types("tar -c a b | netkit connect localhost 1234"));
    printed(receiver);
    for name in ["there/a", "there/b"] {
        assert!(desk.read(name) == noise(100_000), "{name}");
    }
}

#[test]
fn a_server_says_who_it_is() {
    let desk = Desk::new();
    let key = desk.folder.path().join("key");
    let key = key.display();
    let host = &desk.host;
    host.shell("mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd");
    host.shell(&format!("ssh-keygen -q -t ed25519 -N '' -f '{key}'"));
    let line = format!("exec /usr/sbin/sshd -De -f /dev/null -p 22 -o PidFile=none -h '{key}'");
    let server = desk.types(&line);
    server
        .stderr
        .wait_for_line("listening on 0.0.0.0", PATIENCE);
    let banner = printed(desk.types("netkit connect localhost 22 </dev/null | head -n 1"));
    assert!(banner.starts_with("SSH-2.0-OpenSSH_"), "{banner}");
    // A server that waits for more is left alone after a while, and that is no success.
    let mut waiting = desk.types("netkit connect localhost:ssh --recv-only --idle-timeout 500ms");
    let output = waiting.end(PATIENCE).expect_code(1);
    assert_eq!(output.stdout, banner, "{output:?}");
}

#[test]
fn a_web_server_is_asked_by_hand() {
    let desk = Desk::new();
    desk.write("hello.txt", b"hello\n");
    let server = desk.types("exec netkit serve http --root . --port 8080");
    server.stdout.wait_for_line("listening http", PATIENCE);
    let line = r"printf 'GET /hello.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n'";
    let answer = printed(desk.types(&format!("{line} | netkit connect localhost 8080 --crlf")));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
}

#[test]
fn two_people_talk_in_datagrams() {
    let desk = Desk::new();
    let mut one = desk.listens("netkit listen -u 1234");
    let mut other = desk.types("netkit connect -u 127.0.0.1 1234");
    let (mut to_one, mut to_other) = (one.take_stdin(), other.take_stdin());
    to_other.write_all(b"hello?\n").expect("cannot type");
    one.stdout.wait_for_line("hello?", PATIENCE);
    to_one.write_all(b"hello!\n").expect("cannot type");
    other.stdout.wait_for_line("hello!", PATIENCE);
    drop(to_other);
    assert_eq!(printed(other), "hello!\n");
}

#[test]
fn a_fifo_makes_a_relay_of_two() {
    let desk = Desk::new();
    let server = desk.types("exec netkit echo-server --port 9001");
    server.stdout.wait_for_line("listening echo", PATIENCE);
    let line = "mkfifo back; netkit listen 1234 <back | netkit connect localhost 9001 >back";
    let _relay = desk.listens(line);
    let mut client = desk.types("netkit connect localhost 1234");
    let mut input = client.take_stdin();
    for words in ["through and back", "and once more"] {
        input
            .write_all(format!("{words}\n").as_bytes())
            .expect("cannot type");
        client.stdout.wait_for_line(words, PATIENCE);
    }
}

#[test]
fn a_program_answers_whoever_comes() {
    let desk = Desk::new();
    let _server = desk.listens("exec netkit listen -k 1234 --exec 'tr a-z A-Z'");
    for _ in 0..3 {
        let output = printed(desk.types("echo louder | netkit connect localhost 1234"));
        assert_eq!(output, "LOUDER\n");
    }
}

#[test]
fn a_script_learns_whether_anybody_listens() {
    let desk = Desk::new();
    let line = "netkit connect localhost 1234 </dev/null || echo nobody";
    let mut process = desk.types(line);
    let output = process.end(PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "nobody\n");
    output.expect_stderr_with_any(&["refused (nothing listens there)"]);
}

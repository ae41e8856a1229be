//! Servers that answer as they should, OpenSSH among them.

use crate::check::records::{check, check_on};
use crate::support::PATIENCE;
use crate::support::client::finish;
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::Process;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;

/// A file service: one line asks for a file, and its answer ends with the connection.
pub(super) fn file_service() -> SocketAddr {
    peer::tcp(|mut stream| {
        let mut line = String::new();
        drop(BufReader::new(&stream).read_line(&mut line));
        let answer: &[u8] = match line.as_str() {
            "GET file1.txt\n" => b"OK ONE 5\nhello",
            _ => b"ERROR NOTFOUND\n",
        };
        drop(stream.write_all(answer));
    })
}

/// Debian's OpenSSH server on port 22 of a host of its own, with a key made for it.
pub(super) fn sshd() -> (Host, TempDir, Process) {
    let host = Host::new();
    let folder = tempfile::tempdir().expect("cannot make a temporary folder");
    let key = folder.path().join("key");
    let key = key.display();
    host.shell("mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd");
    host.shell(&format!("ssh-keygen -q -t ed25519 -N '' -f '{key}'"));
    let mut command = Command::new("/usr/sbin/sshd");
    command.args([
        "-D",
        "-e",
        "-f",
        "/dev/null",
        "-p",
        "22",
        "-o",
        "PidFile=none",
    ]);
    command.args(["-h", &key.to_string()]);
    let server = Process::start(host.enter(&command));
    server
        .stderr
        .wait_for_line("listening on 0.0.0.0", PATIENCE);
    (host, folder, server)
}

#[test]
fn openssh_says_its_version_first() {
    let (host, _folder, _server) = sshd();
    let checked = check_on(
        &host,
        &["127.0.0.1:22", "--expect", r"^SSH-2\.0-OpenSSH_\d"],
    );
    let checked = checked.expect_code(0);
    let result = checked.only();
    assert_eq!(result["state"], "open", "{result}");
    let seen = result["seen"].as_str().expect("a banner");
    assert!(seen.starts_with("SSH-2.0-OpenSSH_"), "{result}");
    assert!(seen.ends_with("\\r\\n"), "{result}");
    assert!(result["first_byte_us"].is_u64(), "{result}");
    let output = host.run(&["probe", "raw", "127.0.0.1:22", "--expect", "^SSH-2"]);
    assert!(output.stdout.contains("  < SSH-2.0-OpenSSH_"), "{output:?}");
}

#[test]
fn a_file_is_asked_for_and_read() {
    let target = file_service().to_string();
    let steps = [
        "--send",
        "GET file1.txt\\n",
        "--expect",
        "^OK ONE 5$",
        "--read",
        "until:\\n",
        "--read",
        "5",
        "--read",
        "eof",
    ];
    let checked = check(&[&[target.as_str()], &steps[..]].concat()).expect_code(0);
    assert_eq!(checked.only()["seen"], "OK ONE 5\\nhello", "{checked:?}");
}

#[test]
fn a_dialogue_goes_back_and_forth() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"220 ready\r\n"));
        let mut asked = [0; 6];
        for answer in [&b"250 hello\r\n"[..], b"221 bye\r\n"] {
            stream.read_exact(&mut asked).expect("no question");
            drop(stream.write_all(answer));
        }
        finish(&stream);
    });
    let steps = [
        "--expect",
        "^220 ",
        "--send",
        "EHLO\\r\\n",
        "--expect",
        "^250 hello\\r$",
        "--send",
        "hex:51 5549 540d 0a",
        "--expect",
        "^221 ",
    ];
    check(&[&[address.to_string().as_str()], &steps[..]].concat()).expect_code(0);
}

#[test]
fn bytes_that_are_no_text_match_too() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"\x00\xfe\xff\x1b[2Jjunk\xc3"));
    });
    let target = address.to_string();
    let steps = ["--expect", r"\x00\xfe\xff", "--read", "until:\\xc3"];
    let checked = check(&[&[target.as_str()], &steps[..]].concat()).expect_code(0);
    let seen = r"\0\xfe\xff\x1b[2Jjunk\xc3";
    assert_eq!(checked.only()["seen"], seen, "{checked:?}");
}

#[test]
fn a_server_may_be_waited_for_until_it_says_the_right_thing() {
    let (host, _folder, _server) = sshd();
    host.firewall("input", "tcp dport 23 drop");
    let expect = ["--expect", "^SSH", "--wait", "20s"];
    check_on(&host, &[&["127.0.0.1:22"], &expect[..]].concat()).expect_code(0);
    // Expected not to be open, another answer is as good as none.
    let expect = ["--expect", "^HTTP", "--timeout", "300ms"];
    check_on(&host, &[&["127.0.0.1:22=down"], &expect[..]].concat()).expect_code(0);
}

//! `-e` and `-c`: a program talks, but only with leave.

use super::{Listener, Netcat, against};
use crate::support::PATIENCE;
use crate::support::client::{connect, expect_bytes, expect_end};
use crate::support::peer;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc;

/// Asks and hears to the end; what was heard comes out of the channel.
fn asking() -> (SocketAddr, mpsc::Receiver<String>) {
    let (sender, heard) = mpsc::channel();
    let address = peer::tcp(move |mut stream| {
        drop(stream.write_all(b"question\n"));
        drop(stream.shutdown(Shutdown::Write));
        let mut all = String::new();
        drop(stream.read_to_string(&mut all));
        drop(sender.send(all));
    });
    (address, heard)
}

#[test]
fn without_leave_they_are_no_flags() {
    for letter in ["c", "e"] {
        let flag = format!("-{letter}");
        let seen = Netcat::Ours.run(&[&flag, "cat", "127.0.0.1", "1"], b"");
        let said = format!("nc: invalid option -- '{letter}'\n");
        assert!(seen.stderr.starts_with(&said), "{seen:?}");
        assert_eq!(seen.code, Some(1));
    }
    let strict = ["--compat", "obsd", "--allow-exec", "-e", "cat", "h", "1"];
    let seen = Netcat::Ours.run(&strict, b"");
    assert!(
        seen.stderr.starts_with("nc: invalid option -- 'e'\n"),
        "{seen:?}"
    );
}

#[test]
fn a_client_becomes_the_program() {
    for (program, code) in [(["-e", "tr q Q"], 0), (["-c", "tr q Q; exit 7"], 7)] {
        let (address, heard) = asking();
        let arguments = [&["--allow-exec"], &program[..], &["HOST", "PORT"]].concat();
        let seen = against(Netcat::Ours, &arguments, b"", address);
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "Question\n");
        assert_eq!(seen.code, Some(code));
    }
}

#[test]
fn each_client_has_a_program_with_k() {
    let arguments = ["--allow-exec", "-lkvn", "-e", "tr a b", "127.0.0.1", "0"];
    let listener = Listener::of(Netcat::Ours.start(&arguments));
    for _ in 0..3 {
        let mut client = connect(listener.address);
        client.write_all(b"banana").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        expect_bytes(&client, b"bbnbnb");
        expect_end(&client);
    }
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let (address, _heard) = asking();
    let arguments = ["--allow-exec", "-e", "/nowhere/program", "HOST", "PORT"];
    let seen = against(Netcat::Ours, &arguments, b"", address);
    let said = "nc: cannot run `/nowhere/program`: No such file or directory\n";
    seen.expect(1, "", said);
}

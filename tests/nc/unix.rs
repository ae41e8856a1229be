//! Unix sockets: paths, names of the abstract namespace, streams and datagrams. Whatever they
//! leave behind lies in a directory that is the test's own and goes with it.

use super::{BOTH, Netcat, Seen};
use crate::support::PATIENCE;
use crate::support::process::Process;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// A free path, in a directory that is there as long as the first value.
fn place() -> (TempDir, String) {
    let directory = tempdir().expect("cannot make a directory");
    let path = directory.path().join("socket").display().to_string();
    (directory, path)
}

fn is_socket(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket())
}

/// One that listens at `path`, with `letters`.
fn listening(netcat: Netcat, letters: &str, path: &str) -> Process {
    let process = netcat.start(&[&format!("-{letters}lvU"), path]);
    let ready = match letters.contains('u') {
        true => "Bound on",
        false => "Listening on",
    };
    process.stderr.wait_for_line(ready, PATIENCE);
    process
}

#[test]
fn each_talks_with_each() {
    for (server, client) in BOTH.iter().flat_map(|it| BOTH.map(|other| (*it, other))) {
        let (_held, path) = place();
        // Nobody else's, as the path is not.
        let name = format!("@{path}");
        for path in [&path, &name] {
            let mut process = listening(server, "N", path);
            let mut answering = process.take_stdin();
            let mut talking = client.start(&["-vNU", path]);
            let mut asking = talking.take_stdin();
            asking.write_all(b"question\n").unwrap();
            process.stdout.wait_for_line("question", PATIENCE);
            answering.write_all(b"answer\n").unwrap();
            talking.stdout.wait_for_line("answer", PATIENCE);
            drop(asking);
            Seen::of(&talking.end(PATIENCE)).expect(0, "answer\n", "");
            let said =
                format!("Bound on {path}\nListening on {path}\nConnection received on {path}\n");
            Seen::of(&process.end(PATIENCE)).expect(0, "question\n", &said);
        }
        assert!(is_socket(&path), "{server:?} leaves it behind");
    }
}

#[test]
fn a_scan_connects_and_says_nothing() {
    let (_held, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    for netcat in BOTH {
        netcat.run(&["-zvU", &path], b"").expect(0, "", "");
        listener.accept().expect("a connection");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let (_held, path) = place();
    let long = format!("{path}{}", "x".repeat(120));
    let nowhere = format!("{path}/there");
    for netcat in BOTH {
        let said = format!("nc: {path}: No such file or directory\n");
        netcat.run(&["-U", &path], b"").expect(1, "", &said);
        let said = format!("nc: {long}: File name too long\n");
        netcat.run(&["-U", &long], b"").expect(1, "", &said);
        netcat
            .run(&["-lU", &long], b"")
            .expect(1, "", "nc: File name too long\n");
        let said = "nc: No such file or directory\n";
        netcat.run(&["-lU", &nowhere], b"").expect(1, "", said);
    }
    fs::write(&path, "a file").unwrap();
    let said = format!("nc: {path}: Connection refused\n");
    for netcat in BOTH {
        netcat.run(&["-U", &path], b"").expect(1, "", &said);
    }
}

#[test]
fn a_file_that_is_no_socket_is_not_touched() {
    let (directory, path) = place();
    fs::write(&path, "precious").unwrap();
    let link = directory.path().join("link").display().to_string();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for (letters, path) in [("-lU", &path), ("-luU", &path), ("-lU", &link)] {
        let said = format!("nc: cannot listen on `{path}`: it exists and is no socket\n");
        Netcat::Ours.run(&[letters, path], b"").expect(1, "", &said);
    }
    let own = ["-uU", "-s", &path, &link];
    let said = format!("nc: cannot listen on `{path}`: it exists and is no socket\n");
    Netcat::Ours.run(&own, b"").expect(1, "", &said);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn the_socket_of_a_server_that_is_gone_is_replaced() {
    for netcat in BOTH {
        let (_held, path) = place();
        drop(UnixListener::bind(&path).unwrap());
        let mut process = listening(netcat, "", &path);
        Netcat::Ours.run(&["-NU", &path], b"hi").expect(0, "", "");
        assert_eq!(process.end(PATIENCE).stdout, "hi");
    }
}

#[test]
fn datagrams_come_from_a_socket_of_their_own() {
    for netcat in BOTH {
        let (_held, path) = place();
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = netcat.start(&["-uvU", &path]);
        let mut stdin = client.take_stdin();
        stdin.write_all(b"question").unwrap();
        let mut buffer = [0; 99];
        let (count, from) = server.recv_from(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..count], b"question");
        let own = from.as_pathname().expect("a path").to_owned();
        let said = format!("Bound on {}", own.display());
        client.stderr.wait_for_line(&said, PATIENCE);
        server.send_to(b"answer\n", &own).unwrap();
        client.stdout.wait_for_line("answer", PATIENCE);
    }
}

#[test]
fn the_socket_of_datagrams_is_gone_afterwards_unless_it_was_named() {
    for netcat in BOTH {
        let (directory, path) = place();
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let own = directory.path().join("own").display().to_string();
        let arguments = ["-uU", "-q", "0", "-s", &own, &path];
        netcat.run(&arguments, b"named").expect(0, "", "");
        assert!(is_socket(&own), "{netcat:?}");
        netcat
            .run(&["-uU", "-q", "0", &path], b"unnamed")
            .expect(0, "", "");
        let mut buffer = [0; 99];
        let (_, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(from.as_pathname(), Some(Path::new(&own)));
        let (_, from) = server.recv_from(&mut buffer).unwrap();
        let unnamed = from.as_pathname().expect("a path");
        assert!(!unnamed.exists(), "{netcat:?}");
    }
}

#[test]
fn a_listener_of_datagrams_answers_its_first_sender() {
    for netcat in BOTH {
        let (directory, path) = place();
        let mut process = listening(netcat, "u", &path);
        let client = UnixDatagram::bind(directory.path().join("client")).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send_to(b"hello\n", &path).unwrap();
        process.stdout.wait_for_line("hello", PATIENCE);
        let mut stdin = process.take_stdin();
        stdin.write_all(b"answer").unwrap();
        assert_eq!(client.recv(&mut [0; 99]).unwrap(), 6);
        let received = format!("Connection received on {path}");
        process.stderr.wait_for_line(&received, PATIENCE);
        let said = [format!("Bound on {path}"), received];
        assert_eq!(process.stderr.lines(), said, "{netcat:?}");
    }
}

#[test]
fn the_words_of_a_sender_that_is_gone_are_shown() {
    let (_held, path) = place();
    let process = listening(Netcat::Ours, "u", &path);
    let gone = UnixDatagram::unbound().unwrap();
    gone.send_to(b"last words\n", &path).unwrap();
    process.stdout.wait_for_line("last words", PATIENCE);
}

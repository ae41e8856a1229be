//! Standard input and output of every kind, and that they are left as they were.

use super::{Listener, connecting};
use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::{Output, finish};
use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;

/// Runs a line of the shell in which `"$@"` is `command`.
fn shell(line: &str, command: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line, "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    finish(shell, b"", PATIENCE)
}

/// A peer that says more than anybody reads, until the connection is gone.
fn chatterbox() -> SocketAddr {
    peer::tcp(|mut stream| while stream.write_all(&[b'x'; 8192]).is_ok() {})
}

#[test]
fn an_output_that_is_closed_is_a_quiet_success() {
    let command = connecting(chatterbox(), &[]);
    let line = r#"{ "$@"; echo "status $?" >&2; } | head -c 5"#;
    let output = shell(line, &command);
    assert_eq!(output.stdout, "xxxxx");
    assert_eq!(output.stderr, "status 0\n");
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    let output = shell(r#""$@" > /dev/full"#, &connecting(chatterbox(), &[]));
    let output = output.expect_code(4);
    let words = "cannot write standard output: No space left on device";
    assert!(output.stderr.contains(words), "{output:?}");
}

#[test]
fn every_kind_of_input_is_sent_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    let pipe = folder.path().join("pipe");
    let content = "a line\n".repeat(30_000);
    std::fs::write(&file, &content).expect("cannot write");
    let (file, pipe) = (file.display(), pipe.display());
    let server = Server::echo(&[]);
    let command = connecting(server.ipv4(), &[]);
    for (line, expected) in [
        (r#""$@" <&-"#.to_owned(), ""),
        (r#""$@" </dev/null"#.to_owned(), ""),
        (format!(r#""$@" <'{file}'"#), content.as_str()),
        (format!(r#"cat '{file}' | "$@""#), &content),
        (
            format!(r#"mkfifo '{pipe}'; cat '{file}' >'{pipe}' & "$@" <'{pipe}'"#),
            &content,
        ),
    ] {
        let output = shell(&line, &command).expect_code(0);
        let length = output.stdout.len();
        assert!(
            output.stdout == expected,
            "{line}: {length} bytes came back"
        );
        assert_eq!(output.stderr, "", "{line}");
    }
}

#[test]
fn a_file_is_sent_from_where_it_stands_and_stands_at_its_end_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "one\ntwo\nthree\n").expect("cannot write");
    let server = Server::echo(&[]);
    let line = format!(
        r#"{{ dd bs=4 count=1 2>&1; "$@"; echo end; cat; }} <'{}'"#,
        file.display()
    );
    let output = shell(&line, &connecting(server.ipv4(), &[]));
    let (_, sent) = output.stdout.split_once("copied").expect("what dd says");
    let (_, sent) = sent.split_once('\n').expect("a line");
    assert_eq!(sent, "two\nthree\nend\n", "{output:?}");
}

#[test]
fn without_any_standard_stream_the_connection_is_still_none_of_them() {
    let server = Server::echo(&["-v"]);
    let command = connecting(server.ipv4(), &[]);
    let output = shell(r#""$@" <&- >&- 2>&-; echo "status $?""#, &command);
    assert_eq!(output.stdout, "status 0\n");
    server.wait_for_log("0 bytes received, 0 bytes sent");
    let mut listener = Listener::start(&["--recv-only"]);
    let command = connecting(listener.address, &[]);
    let output = shell(r#"echo whole | "$@" >&- 2>&-; echo "status $?""#, &command);
    assert_eq!(output.stdout, "status 0\n");
    assert_eq!(listener.end().stdout, "whole\n");
}

/// Starts netkit with streams that this program shares with it, looks at their flags while a line
/// is on its way, and says what it found: nothing but `ok`, or what is wrong.
const SHARING: &str = r"
import fcntl, os, pty, signal, socket, subprocess, sys, termios

def blocks(*descriptors):
    return not any(fcntl.fcntl(it, fcntl.F_GETFL) & os.O_NONBLOCK for it in descriptors)

def pipes():
    read, feed = os.pipe()
    back, write = os.pipe()
    return read, write, feed, back

def sockets():
    ours, theirs = socket.socketpair()
    # Held open for as long as this program runs.
    kept.append((ours, theirs))
    return theirs.fileno(), theirs.fileno(), ours.fileno(), ours.fileno()

def terminal():
    master, slave = pty.openpty()
    return slave, slave, master, master

kept = []
for kind in pipes, sockets, terminal:
    for ending in 'input', signal.SIGTERM:
        given, taken, feed, back = kind()
        before = termios.tcgetattr(given) if kind is terminal else None
        error = subprocess.DEVNULL if kind is terminal else None
        netkit = subprocess.Popen(sys.argv[1:], stdin=given, stdout=taken, stderr=error)
        os.write(feed, b'a line\n')
        came = b''
        # A terminal shows what is typed, too.
        while came.count(b'a line') < (2 if kind is terminal else 1):
            came += os.read(back, 100)
        during = blocks(given, taken)
        if ending == 'input' and kind is pipes:
            os.close(feed)
        elif ending == 'input' and kind is sockets:
            kept[-1][0].shutdown(socket.SHUT_WR)
        elif ending == 'input':
            os.write(feed, b'\x04')
        else:
            netkit.send_signal(ending)
        status = netkit.wait(20)
        expected = 0 if ending == 'input' else 143
        after = blocks(given, taken)
        same = kind is not terminal or termios.tcgetattr(given) == before
        fine = during and after and same and status == expected
        print(kind.__name__, ending, 'ok' if fine else (during, after, same, status))
";

#[test]
fn streams_that_others_share_are_left_as_they_are() {
    let server = Server::echo(&[]);
    let netkit = connecting(server.ipv4(), &[]);
    let mut python = Command::new("python3");
    python.args(["-u", "-c", SHARING]).arg(netkit.get_program());
    python.args(netkit.get_args());
    let output = finish(python, b"", 3 * PATIENCE).expect_code(0);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{output:?}");
    assert!(lines.iter().all(|it| it.ends_with(" ok")), "{output:#?}");
}

#[test]
fn a_terminal_is_given_back_as_it_was_once_the_peer_has_finished() {
    let address = peer::tcp(|mut stream| {
        let mut line = [0; 6];
        drop(stream.read_exact(&mut line));
        drop(stream.write_all(&line.to_ascii_uppercase()));
    });
    // Nobody presses a key for it: standard input stays open until `script` has ended.
    let netkit = connecting(address, &[]);
    let words: Vec<_> = netkit.get_args().map(|it| it.to_string_lossy()).collect();
    let line = format!(
        "stty -g; {} {}; echo \"status $?\"; stty -g",
        netkit.get_program().display(),
        words.join(" ")
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let mut script = crate::support::process::Process::start(script);
    let mut keys = script.take_stdin();
    keys.write_all(b"typed\n").expect("cannot type");
    let output = script.end(PATIENCE).expect_code(0);
    let shown = output.stdout.replace('\r', "");
    let lines: Vec<&str> = shown.lines().filter(|it| *it != "typed").collect();
    assert_eq!(lines.len(), 4, "{output:?}");
    assert_eq!(lines[1..3], ["TYPED", "status 0"], "{output:?}");
    assert_eq!(lines[0], lines[3], "the settings of the terminal");
}

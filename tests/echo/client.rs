//! What `netkit echo` says and does, with good servers and bad ones.

use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::{Output, Process, netkit, run};
use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;

#[test]
fn each_line_comes_back_with_its_round_trip_time() {
    let server = Server::echo(&[]);
    let output = echo(server.ipv4(), &[], b"hello\nworld\n").expect_code(0);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(texts(&output), ["hello", "world"], "{output:?}");
    for line in lines {
        let time = line.split_once(" ms").expect("a time in each line").0;
        let time: f64 = time.trim().parse().expect("a number of milliseconds");
        assert!(time > 0.0 && time < 3_000.0, "{line}");
    }
}

#[test]
fn the_address_that_answered_is_said_on_standard_error() {
    let server = Server::echo(&[]);
    for address in [server.ipv4(), server.ipv6()] {
        let output = echo(address, &[], b"hello\n").expect_code(0);
        let open = output.stderr.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.len() >= 2 && words[0] == "open" && words[1] == address.to_string()
        });
        assert!(open, "{output:?}");
    }
}

#[test]
fn the_server_can_be_a_target() {
    let server = Server::echo(&[]);
    let target = server.ipv4().to_string();
    for verb in [&["echo"][..], &["probe", "echo"]] {
        let output = run(&[verb, &[&target, "-c", "1"]].concat(), b"").expect_code(0);
        assert!(output.stdout.contains(&target), "{output:?}");
    }
    run(&["echo", &target, "--port", "9"], b"").expect_code(2);
    let output = run(&["echo", "127.0.0.1:1-2"], b"").expect_code(2);
    assert!(output.stderr.contains("it is 2 servers"), "{output:?}");
}

#[test]
fn the_word_exit_ends_it() {
    let server = Server::echo(&[]);
    let output = echo(server.ipv4(), &[], b"one\nexit\ntwo\n").expect_code(0);
    assert_eq!(texts(&output), ["one"]);
}

#[test]
fn exit_ends_it_while_the_input_is_still_open() {
    let server = Server::echo(&[]);
    let mut client = start(server.ipv4());
    let mut input = client.take_stdin();
    input.write_all(b"one\n").expect("cannot write");
    client.stdout.wait_for_line("one", PATIENCE);
    input.write_all(b"exit\n").expect("cannot write");
    assert_eq!(client.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn each_echo_is_shown_before_the_next_line_is_typed() {
    let server = Server::echo(&[]);
    let mut client = start(server.ipv4());
    let mut input = client.take_stdin();
    for number in 0..10 {
        let text = format!("line {number}");
        writeln!(input, "{text}").expect("cannot write");
        client.stdout.wait_for_line(&text, PATIENCE);
    }
    drop(input);
    assert_eq!(client.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn an_empty_input_and_a_last_line_without_an_end_are_fine() {
    let server = Server::echo(&[]);
    let output = echo(server.ipv4(), &[], b"").expect_code(0);
    assert_eq!(output.stdout, "");
    let output = echo(server.ipv4(), &[], b"first\nlast").expect_code(0);
    assert_eq!(texts(&output), ["first", "last"]);
}

#[test]
fn a_megabyte_of_lines_comes_back() {
    let server = Server::echo(&[]);
    let lines: Vec<String> = (0..10_000).map(|number| format!("{number:0100}")).collect();
    let input = lines.join("\n") + "\n";
    let output = echo(server.ipv4(), &[], input.as_bytes()).expect_code(0);
    assert_eq!(texts(&output), lines);
}

#[test]
fn a_line_of_a_megabyte_loses_nothing() {
    let server = Server::echo(&["-v"]);
    let mut line = "long ".repeat(200_000);
    line.push('\n');
    echo(server.ipv4(), &[], line.as_bytes()).expect_code(0);
    server.wait_for_log("closed: 1000001 bytes received, 1000001 bytes sent");
}

#[test]
fn a_server_that_closes_is_said_so() {
    let output = echo(peer::closing(), &[], b"hello\n").expect_code(1);
    said(output, &["closed"]);
}

#[test]
fn a_server_that_closes_while_nothing_is_typed_is_said_so_at_once() {
    let peer = peer::answering_once();
    let mut client = start(peer);
    let mut input = client.take_stdin();
    input.write_all(b"hello\n").expect("cannot write");
    client.stdout.wait_for_line("hello", PATIENCE);
    // The input stays open all the while.
    assert_eq!(client.wait_for_exit(PATIENCE).code(), Some(1));
    client.stderr.wait_for_line("netkit: ", PATIENCE);
    assert!(client.stderr.so_far().contains("closed"));
}

#[test]
fn a_server_that_closes_halfway_is_said_so() {
    let peer = peer::tcp(|mut stream| {
        drop(stream.read_exact(&mut [0; 6]));
        drop(stream.write_all(b"hel"));
    });
    let output = echo(peer, &[], b"hello\n").expect_code(1);
    said(output, &["closed"]);
}

#[test]
fn a_server_that_resets_is_said_so() {
    let output = echo(peer::resetting(), &[], b"hello\n").expect_code(1);
    said(output, &["reset"]);
}

#[test]
fn a_wrong_answer_is_said_so() {
    let peer = peer::answering(<[u8]>::to_ascii_uppercase);
    let output = echo(peer, &[], b"hello\n").expect_code(1);
    assert_eq!(output.stdout, "");
    said(output, &["wrong", "differ", "mismatch"]);
}

#[test]
fn a_server_that_changes_letters_is_noticed_by_a_short_series() {
    let server = peer::tcp(|mut stream| {
        let mut message = [0; 64];
        while stream.read_exact(&mut message).is_ok() {
            message.make_ascii_uppercase();
            drop(stream.write_all(&message));
        }
    });
    let output = run(&["echo", &server.to_string(), "-c", "1"], b"").expect_code(1);
    assert!(output.stderr.contains("answered wrongly"), "{output:?}");
}

#[test]
fn a_wrong_last_byte_is_noticed() {
    let peer = peer::answering(|line| {
        let mut answer = line.to_vec();
        answer[999] ^= 1;
        answer
    });
    let line = [vec![b'x'; 1_000], vec![b'\n']].concat();
    let output = echo(peer, &[], &line).expect_code(1);
    assert_eq!(output.stdout, "");
    said(output, &["wrong", "differ", "mismatch"]);
}

#[test]
fn more_bytes_than_were_sent_are_said_so() {
    let peer = peer::answering(|line| [line, b"extra"].concat());
    let output = echo(peer, &[], b"hello\n").expect_code(1);
    said(output, &["more", "extra", "wrong"]);
}

#[test]
fn a_silent_server_is_said_so_after_the_timeout() {
    let output = echo(peer::silent(), &["--timeout", "300ms"], b"hello\n").expect_code(1);
    assert_eq!(output.stdout, "");
    said(output, &["no echo within 300ms", "no answer", "in time"]);
}

#[test]
fn a_server_that_stops_halfway_is_said_so_after_the_timeout() {
    let peer = peer::answering(|line| line[..3].to_vec());
    let output = echo(peer, &["--timeout", "300ms"], b"hello\n").expect_code(1);
    said(output, &["3 of 6 bytes"]);
}

#[test]
fn a_server_that_never_ends_is_said_so_after_the_timeout() {
    let (open, closed) = mpsc::channel::<()>();
    let peer = peer::tcp(move |mut stream| {
        let mut line = [0; 6];
        drop(stream.read_exact(&mut line));
        drop(stream.write_all(&line));
        // Open until the test is over: this fails when its other end is dropped.
        let _ = closed.recv();
    });
    let output = echo(peer, &["--timeout", "300ms"], b"hello\n").expect_code(1);
    drop(open);
    assert_eq!(texts(&output), ["hello"], "the echo itself was right");
    said(output, &["did not close"]);
}

#[test]
fn a_port_where_nothing_listens_is_said_so() {
    let (_held, address) = peer::refusing();
    let output = echo(address, &[], b"hello\n").expect_code(1);
    assert!(output.stderr.contains(&address.to_string()), "{output:?}");
    said(output, &["refused"]);
}

#[test]
fn a_full_standard_output_is_an_error() {
    let server = Server::echo(&[]);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("cannot open /dev/full");
    let port = server.port().to_string();
    let mut child = netkit(&["echo", "--host", "127.0.0.1", "--port", &port])
        .stdin(std::process::Stdio::piped())
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("cannot start netkit");
    let mut input = child.stdin.take().expect("standard input is a pipe");
    input.write_all(b"hello\n").expect("cannot write");
    drop(input);
    let output = child.wait_with_output().expect("cannot wait");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_success() {
    let server = Server::echo(&[]);
    let port = server.port().to_string();
    let mut child = netkit(&["echo", "--host", "127.0.0.1", "--port", &port])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("cannot start netkit");
    drop(child.stdout.take());
    let mut input = child.stdin.take().expect("standard input is a pipe");
    // The client may be gone before it has read everything.
    drop(input.write_all(b"one\ntwo\nthree\n"));
    drop(input);
    let output = child.wait_with_output().expect("cannot wait");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("netkit: "), "{said}");
}

/// `netkit echo` to `address`, with further `options` and `input`.
fn echo(address: SocketAddr, options: &[&str], input: &[u8]) -> Output {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = [&["echo", "--host", &host, "--port", &port], options].concat();
    run(&arguments, input)
}

fn start(address: SocketAddr) -> Process {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    Process::start(netkit(&["echo", "--host", &host, "--port", &port]))
}

/// The texts of the echoes shown, without their times.
fn texts(output: &Output) -> Vec<&str> {
    output
        .stdout
        .lines()
        .map(|line| line.split_once(" ms  ").expect("a time, then the text").1)
        .collect()
}

#[track_caller]
fn said(output: Output, words: &[&str]) {
    let output = output.expect_stderr_with_any(words);
    let own = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("netkit: "))
        .count();
    assert_eq!(own, 1, "one line that says what went wrong: {output:?}");
}

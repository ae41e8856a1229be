//! What the options of a transfer promise, with `netkit connect` and scripted peers.

use super::{ANY_PORT, Listener, connecting, noise, record};
use crate::support::client::{connect, expect_bytes, expect_end, reset};
use crate::support::namespace::Host;
use crate::support::process::{Output, Process, finish, run};
use crate::support::{PATIENCE, peer};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc;

/// A peer that says "hello\n" and finishes, and then takes what comes.
fn greeting() -> SocketAddr {
    peer::tcp(|mut stream| {
        drop(stream.write_all(b"hello\n"));
        drop(stream.shutdown(std::net::Shutdown::Write));
        drop(stream.read_to_end(&mut Vec::new()));
    })
}

/// All that `netkit connect` sends to a peer that sends nothing.
#[track_caller]
fn sent(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let (tell, told) = mpsc::channel();
    let address = peer::tcp(move |mut stream| {
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes));
        drop(tell.send(bytes));
    });
    finish(connecting(address, arguments), input, PATIENCE).expect_code(0);
    told.recv_timeout(PATIENCE).expect("an end of what is sent")
}

#[track_caller]
fn received(arguments: &[&str]) -> Output {
    finish(connecting(greeting(), arguments), b"", PATIENCE)
}

#[track_caller]
fn expect_names(folder: &Path, expected: &[&str]) {
    let entries = fs::read_dir(folder).expect("a folder");
    let names: Vec<_> = entries
        .map(|it| it.expect("an entry").file_name())
        .collect();
    assert_eq!(names, expected);
}

#[test]
fn as_many_bytes_as_expected_are_a_success_and_others_are_not() {
    received(&["--expect-bytes", "6"]).expect_code(0);
    let output = received(&["--expect-bytes", "7"]).expect_code(1);
    let words = "6 bytes came, expected 7 (--expect-bytes)";
    assert!(output.stderr.contains(words), "{output:?}");
    assert_eq!(output.stdout, "hello\n");
}

#[test]
fn a_checksum_is_held_against_what_came() {
    // printf 'hello\n' | sha256sum
    let sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    received(&["--sha256", sum]).expect_code(0);
    received(&["--sha256", &sum.to_uppercase()]).expect_code(0);
    let other = sum.replace('5', "6");
    let output = received(&["--sha256", &other]).expect_code(1);
    let words = format!("has the checksum {sum}, expected {other}");
    assert!(output.stderr.contains(&words), "{output:?}");
    let output = run(&["connect", "127.0.0.1:9", "--sha256", "abc"], b"").expect_code(2);
    assert!(
        output.stderr.contains("64 hexadecimal digits"),
        "{output:?}"
    );
}

#[test]
fn what_comes_goes_into_a_file_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let name = path.to_str().expect("a path");
    let output = received(&["--output", name]).expect_code(0);
    assert_eq!(output.stdout, "");
    assert_eq!(fs::read(&path).expect("a file"), b"hello\n");
    fs::write(&path, "as before").expect("cannot write");
    for arguments in [["--expect-bytes", "7"], ["--sha256", &"0".repeat(64)]] {
        received(&[&["--output", name], &arguments[..]].concat()).expect_code(1);
        assert_eq!(fs::read(&path).expect("a file"), b"as before");
    }
    let cut = peer::tcp(|mut stream: TcpStream| {
        drop(stream.write_all(b"hel"));
        reset(stream);
    });
    finish(connecting(cut, &["--output", name]), b"", PATIENCE).expect_code(1);
    assert_eq!(fs::read(&path).expect("a file"), b"as before");
    expect_names(folder.path(), &["file"]);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let host = Host::new();
    host.shell("mount -t tmpfs -o size=64k tmpfs /mnt");
    let arguments = ["listen", "127.0.0.1:9000", "--output", "/mnt/file"];
    let mut listener = Listener::of(host.netkit(&arguments));
    let sending = host.netkit(&["connect", "127.0.0.1:9000"]);
    finish(sending, noise(1 << 20), PATIENCE);
    let output = listener.end().expect_code(4);
    let words = "cannot write `/mnt/file`: No space left on device";
    assert!(output.stderr.contains(words), "{output:?}");
    assert_eq!(host.shell("ls -A /mnt"), "");
}

#[test]
fn a_file_that_cannot_be_made_is_told_and_nothing_is_sent() {
    let output = received(&["--output", "/nowhere/file"]).expect_code(4);
    let words = "cannot write `/nowhere/file`: No such file or directory";
    assert!(output.stderr.contains(words), "{output:?}");
}

#[test]
fn what_passes_is_shown_in_hexadecimal_with_direction_and_offset() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let name = trace.to_str().expect("a path");
    let listener = Listener::start(&["--hex", "--trace", name]);
    let mut listener = listener;
    let mut client = connect(listener.address);
    client
        .write_all(b"0123456789abcdef\xff\n")
        .expect("cannot send");
    let words = "< 00000010  ff 0a                                             |..|";
    listener.wait_for_log(words);
    drop(listener.process.take_stdin().write_all(b"back\n"));
    expect_bytes(&client, b"back\n");
    expect_end(&client);
    drop(client);
    let output = listener.end().expect_code(0);
    let dumped = fs::read_to_string(&trace).expect("a trace");
    let without_time = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|it| it.split_once("Z "));
        lines.map(|(_, rest)| rest.to_owned()).collect()
    };
    let lines = without_time(&dumped);
    assert_eq!(lines, without_time(&output.stderr));
    assert_eq!(
        lines,
        [
            "< 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
            words,
            "> 00000000  62 61 63 6b 0a                                    |back.|",
        ]
    );
    assert_eq!(output.stdout.len(), "0123456789abcdef?\n".len() + 2);
    received(&["--trace", name]).expect_code(0);
    let more = fs::read_to_string(&trace).expect("a trace");
    assert!(
        more.starts_with(&dumped) && more.len() > dumped.len(),
        "{more}"
    );
}

#[test]
fn a_trace_that_cannot_be_written_is_told_and_blamed_on_nobody() {
    for (path, input, cause) in [
        ("/nowhere/trace", "", "No such file or directory"),
        ("/dev/full", "", "No space left on device"),
        ("/dev/full", "sent", "No space left on device"),
    ] {
        let netkit = connecting(greeting(), &["--trace", path, "-v"]);
        let output = finish(netkit, input.as_bytes(), PATIENCE).expect_code(4);
        let last = output.stderr.lines().last().unwrap_or_default();
        let words = format!("netkit: cannot write `{path}`: {cause}");
        assert!(last.starts_with(&words), "{output:?}");
        assert!(!output.stderr.contains(", rst"), "{output:?}");
    }
}

#[test]
fn each_line_that_comes_has_its_time() {
    let output = received(&["--timestamps"]).expect_code(0);
    let (time, line) = output.stdout.split_once(' ').expect("a time");
    assert_eq!(line, "hello\n", "{output:?}");
    assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
}

#[test]
fn line_ends_become_those_of_the_network() {
    assert_eq!(sent(&["--crlf"], b"a\nb\r\nc"), b"a\r\nb\r\nc");
    assert_eq!(sent(&["-C"], b"\n\n"), b"\r\n\r\n");
    assert_eq!(sent(&[], b"a\nb\r\nc"), b"a\nb\r\nc");
}

#[test]
fn what_only_sends_throws_away_what_comes() {
    assert_eq!(sent(&["--send-only"], b"out"), b"out");
    let output = received(&["--send-only"]).expect_code(0);
    assert_eq!(output.stdout, "", "{output:?}");
}

#[test]
fn what_only_receives_never_reads_its_input() {
    let mut netkit = Process::start(connecting(greeting(), &["--recv-only", "-o", "ndjson"]));
    let mut input = netkit.take_stdin();
    input.write_all(b"not for you").expect("cannot write");
    let output = netkit.end(PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "hello\n");
    let record = record(&output.stderr);
    assert_eq!(record["sent_bytes"], 0, "{record}");
    assert_eq!(record["received_bytes"], 6, "{record}");
}

#[test]
fn it_tries_again_as_often_as_it_is_told() {
    let (socket, address) = peer::refusing();
    let arguments = ["--retry", "2", "--interval", "10ms", "-v"];
    let output = finish(connecting(address, &arguments), b"", PATIENCE).expect_code(1);
    assert_eq!(
        output.stderr.matches("trying again").count(),
        2,
        "{output:?}"
    );
    let arguments = ["--retry", "10000", "--interval", "10ms", "-v"];
    let mut netkit = Process::start(connecting(address, &arguments));
    netkit.stderr.wait_for_line("trying again", PATIENCE);
    socket.listen(1).expect("cannot listen");
    netkit.stderr.wait_for_line("connected to", PATIENCE);
    let (stream, _) = socket.accept().expect("a connection that is there");
    drop(netkit.take_stdin().write_all(b"at last"));
    let mut stream = TcpStream::from(stream);
    let mut came = Vec::new();
    stream.read_to_end(&mut came).expect("no end");
    assert_eq!(came, b"at last");
    drop(stream);
    netkit.end(PATIENCE).expect_code(0);
}

#[test]
fn it_comes_from_the_address_and_port_that_are_asked_for() {
    let host = Host::new();
    let mut listener = Listener::of(host.netkit(&["listen", ANY_PORT, "-v"]));
    drop(listener.process.take_stdin());
    let target = listener.target();
    let source = ["--source", "127.0.0.9", "--source-port", "4321"];
    host.run(&[&["connect", &target], &source[..]].concat())
        .expect_code(0);
    listener.wait_for_log("127.0.0.9:4321 connected");
    listener.end().expect_code(0);
    let foreign = ["connect", &target, "--source", "192.0.2.1"];
    let output = host.run(&foreign).expect_code(4);
    output.expect_stderr_with_any(&["192.0.2.1"]);
}

#[test]
fn what_would_be_ignored_is_refused() {
    for (line, flag) in [
        ("listen -k --output f 0", "--output"),
        ("listen --broker --trace f 0", "--trace"),
        ("listen --chat --hex 0", "--hex"),
        ("listen -k --timestamps 0", "--timestamps"),
        ("listen -u --expect-bytes 3 0", "--expect-bytes"),
        ("listen --broker --crlf 0", "--crlf"),
        ("listen -u --exec cat 0", "--exec"),
        ("listen --max-connections 2 0", "--max-connections"),
        ("listen unix:///nowhere/s --port-file f", "--port-file"),
        ("listen unix:///nowhere/s -k", "--keep-open"),
        ("listen 0 --exec cat --hex", "--hex"),
        ("connect 127.0.0.1:1 --sni name", "--sni"),
        ("connect 127.0.0.1:1 --insecure", "--insecure"),
        ("connect unix:///nowhere/s --source 127.0.0.1", "--source"),
        ("connect 127.0.0.1:1 --source ::1", "--source"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = run(&words, b"").expect_code(2);
        assert!(output.stderr.contains(flag), "{line}: {output:?}");
    }
}

#[test]
fn help_offers_no_form_that_is_refused() {
    for verb in ["connect", "listen", "echo"] {
        let output = run(&[verb, "--help"], b"").expect_code(0);
        let help = output.stdout;
        assert!(help.contains("text, ndjson, json or quiet"), "{help}");
        assert!(!help.contains("junit"), "{help}");
    }
    let help = run(&["check", "--help"], b"").expect_code(0).stdout;
    assert!(help.contains("--report-junit"), "{help}");
}

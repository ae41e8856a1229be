//! How a connection ends, and what is said of it: the same for `netkit connect` and `netkit listen`.

use super::{Listener, connecting, noise};
use crate::support::client::{connect, expect_bytes, expect_end, reset};
use crate::support::process::{Output, Process, finish, netkit, send_signal};
use crate::support::usage::{processor_share, resident_bytes};
use crate::support::{PATIENCE, becomes_true, peer};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// More than the kernel keeps for a peer that does not read.
const MUCH: usize = 32 << 20;

/// netkit, and the other end of its connection: once it has connected, once it was connected to.
fn meetings(arguments: &[&str]) -> [(Process, TcpStream); 2] {
    let arguments = [&["-v"], arguments].concat();
    let waiting = TcpListener::bind((peer::HOST, 0)).expect("cannot listen on loopback");
    let address = waiting.local_addr().expect("a listener has an address");
    let client = Process::start(connecting(address, &arguments));
    client.stderr.wait_for_line("connected to", PATIENCE);
    let (theirs, _) = waiting.accept().expect("a connection that is there");
    theirs
        .set_read_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    let listener = Listener::start(&arguments);
    let ours = connect(listener.address);
    listener.wait_for_log(" connected");
    [(client, theirs), (listener.process, ours)]
}

/// The end of netkit, which must be a failure that is told in these words about its peer.
#[track_caller]
fn expect_failure(mut netkit: Process, words: &str) -> Output {
    let output = netkit.end(PATIENCE).expect_code(1);
    let last = output.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("netkit: "), "{output:#?}");
    assert!(last.contains(words), "no `{words}` in {output:#?}");
    output
}

fn name(stream: &TcpStream) -> String {
    let address = stream.local_addr().expect("a connection has an address");
    address.to_string()
}

#[test]
fn a_reset_before_any_data_is_told() {
    for (mut netkit, stream) in meetings(&[]) {
        let _open = netkit.take_stdin();
        let name = name(&stream);
        reset(stream);
        let words = format!("{name} reset the connection after 0 bytes received and 0 bytes sent");
        let output = expect_failure(netkit, &words);
        assert!(output.stderr.contains(", rst\n"), "{output:?}");
    }
}

#[test]
fn a_reset_amid_data_is_told_and_what_came_is_kept() {
    for (mut netkit, mut stream) in meetings(&[]) {
        let mut input = netkit.take_stdin();
        input.write_all(b"abc").expect("cannot write");
        expect_bytes(&stream, b"abc");
        stream.write_all(b"half a li").expect("cannot send");
        netkit.stdout.wait_for_text("half a li", PATIENCE);
        reset(stream);
        let output = expect_failure(netkit, "after 9 bytes received and 3 bytes sent");
        assert_eq!(output.stdout, "half a li", "{output:?}");
    }
}

#[test]
fn a_reset_in_the_place_of_the_end_is_told() {
    for (mut netkit, stream) in meetings(&[]) {
        drop(netkit.take_stdin().write_all(b"all of it"));
        expect_bytes(&stream, b"all of it");
        expect_end(&stream);
        reset(stream);
        expect_failure(netkit, "after 0 bytes received and 9 bytes sent");
    }
}

#[test]
fn what_was_sent_before_a_reset_is_written_first() {
    for (mut netkit, mut stream) in meetings(&[]) {
        let _open = netkit.take_stdin();
        send_signal(netkit.id(), "STOP");
        stream.write_all(noise(100_000)).expect("cannot send");
        reset(stream);
        send_signal(netkit.id(), "CONT");
        let came = netkit.stdout.wait_for_bytes(usize::MAX, PATIENCE);
        assert!(came == noise(100_000), "{} bytes came", came.len());
        expect_failure(netkit, "after 100000 bytes received and 0 bytes sent");
    }
}

#[test]
fn after_the_peers_end_what_is_typed_still_goes_out() {
    for (mut netkit, mut stream) in meetings(&[]) {
        stream.write_all(b"mine\n").expect("cannot send");
        stream.shutdown(Shutdown::Write).expect("cannot half-close");
        netkit.stdout.wait_for_line("mine", PATIENCE);
        drop(netkit.take_stdin().write_all(b"yours"));
        expect_bytes(&stream, b"yours");
        expect_end(&stream);
        netkit.end(PATIENCE).expect_code(0);
    }
}

/// Which of the two it is depends on what the kernel is told first.
#[track_caller]
fn expect_short_write(netkit: Process) {
    let output = expect_failure(netkit, "the connection");
    let ways = ["before it had taken everything", "reset the connection"];
    output.expect_stderr_with_any(&ways);
}

#[test]
fn a_peer_that_closes_before_it_has_everything_is_told() {
    for (mut netkit, mut stream) in meetings(&[]) {
        let mut input = netkit.take_stdin();
        std::thread::spawn(move || drop(input.write_all(noise(MUCH))));
        stream.read_exact(&mut [0; 1000]).expect("cannot read");
        drop(stream);
        expect_short_write(netkit);
    }
}

#[test]
fn a_peer_that_is_gone_is_noticed_with_what_is_sent_next() {
    for (mut netkit, stream) in meetings(&[]) {
        let mut input = netkit.take_stdin();
        drop(stream);
        let ended = becomes_true(PATIENCE, || {
            drop(input.write_all(b"is anybody there?\n"));
            netkit.exits(Duration::ZERO).is_some()
        });
        assert!(ended, "it goes on sending to nobody");
        // By a FIN and then a reset, or by the reset alone, whichever the kernel has first.
        let output = expect_failure(netkit, "the connection");
        output.expect_stderr_with_any(&[
            "closed the connection before it had taken everything",
            "reset the connection after",
        ]);
    }
}

#[test]
fn a_peer_that_stops_reading_costs_no_processor_time() {
    for (mut netkit, _stream) in meetings(&[]) {
        let mut input = netkit.take_stdin();
        std::thread::spawn(move || drop(input.write_all(noise(MUCH))));
        expect_rest(&mut netkit);
    }
}

/// Waits until the process uses next to no processor time, which one that spins never does.
#[track_caller]
fn expect_rest(netkit: &mut Process) {
    let rests = becomes_true(PATIENCE, || {
        let window = Duration::from_millis(300);
        let share = processor_share(netkit.id(), || {
            assert_eq!(netkit.exits(window), None, "it ended");
        });
        share < 5.0
    });
    assert!(rests, "it never rests");
}

#[test]
fn an_output_that_nobody_reads_costs_neither_memory_nor_processor_time() {
    let address = peer::tcp(|mut stream| drop(stream.write_all(noise(MUCH))));
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|it| it.success()), "no FIFO");
    let netkit = connecting(address, &["-v"]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec 3<>\"$0\"; exec \"$@\" >&3"]);
    shell.arg(&pipe).arg(netkit.get_program());
    let mut netkit = Process::start({
        shell.args(netkit.get_args());
        shell
    });
    netkit.stderr.wait_for_line("connected to", PATIENCE);
    expect_rest(&mut netkit);
    let resident = resident_bytes(netkit.id());
    assert!(resident < MUCH as u64, "{resident} bytes of memory");
}

#[test]
fn nothing_for_the_idle_timeout_is_a_failure() {
    for (mut netkit, _stream) in meetings(&["--idle-timeout", "300ms"]) {
        let _open = netkit.take_stdin();
        let words = "nothing moved for 300ms (--idle-timeout), after 0 bytes received";
        let output = expect_failure(netkit, words);
        assert!(output.stderr.contains(", idle\n"), "{output:?}");
    }
    for (mut netkit, _stream) in meetings(&["--idle-timeout", "300ms"]) {
        let mut input = netkit.take_stdin();
        std::thread::spawn(move || drop(input.write_all(noise(MUCH))));
        expect_failure(netkit, "nothing moved for 300ms (--idle-timeout)");
    }
}

#[test]
fn a_signal_cuts_a_transfer_and_leaves_nothing_half_written() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        let file = file.to_str().expect("a path");
        for (mut netkit, mut stream) in meetings(&["--output", file, "--hex"]) {
            let _open = netkit.take_stdin();
            stream.write_all(b"the first half").expect("cannot send");
            netkit.stderr.wait_for_line("the first half", PATIENCE);
            send_signal(netkit.id(), signal);
            netkit.end(PATIENCE).expect_code(code);
        }
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "files are left behind");
    }
}

#[test]
fn what_failed_is_in_the_records_too() {
    let (_held, refused) = peer::refusing();
    let output = finish(connecting(refused, &["-o", "ndjson"]), b"", PATIENCE).expect_code(1);
    let lines = output.stderr.lines().filter(|it| it.starts_with('{'));
    let lines: Vec<serde_json::Value> = lines
        .map(|it| serde_json::from_str(it).expect("a record"))
        .collect();
    assert_eq!(lines.len(), 1, "{output:?}");
    assert_eq!(lines[0]["type"], "attempt", "{lines:?}");
    assert_eq!(lines[0]["state"], "refused", "{lines:?}");
}

#[test]
fn an_interrupted_transfer_is_summed_up() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"some"));
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let mut process = Process::start(connecting(address, &["-o", "ndjson"]));
    let _input = process.take_stdin();
    process.stdout.wait_for_text("some", PATIENCE);
    send_signal(process.id(), "INT");
    let output = process.end(PATIENCE).expect_code(130);
    let record = super::record(&output.stderr);
    assert_eq!(record["received_bytes"], 4, "{record}");
    assert_eq!(record["end"], "local", "{record}");
}

#[test]
fn a_certificate_that_is_refused_is_no_cut() {
    let mut listener = Listener::start(&["--tls", "--recv-only", "-v"]);
    let target = format!("tls://{}", listener.target());
    let output = finish(netkit(&["connect", &target]), b"secret", PATIENCE).expect_code(1);
    assert!(output.stderr.contains("is not trusted"), "{output:?}");
    let output = listener.end().expect_code(0);
    assert!(!output.stderr.contains("without ending TLS"), "{output:?}");
    assert_eq!(output.stdout, "");
}

//! The end of a connection, from either side, in order and out of it.

use super::{BOTH, Netcat, against, alike};
use crate::support::PATIENCE;
use crate::support::client;
use crate::support::peer;
use crate::support::process::{Output, Process, finish, send_signal};
use crate::support::usage::processor_share;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Reads to the end of the stream, then answers.
fn answering_at_the_end() -> SocketAddr {
    peer::tcp(|mut stream| {
        let mut heard = Vec::new();
        drop(stream.read_to_end(&mut heard));
        drop(stream.write_all(b"heard "));
        drop(stream.write_all(&heard));
    })
}

/// Says one word, and resets the connection once it has an answer.
fn resetting() -> SocketAddr {
    peer::tcp(|mut stream| {
        drop(stream.write_all(b"word\n"));
        drop(stream.read(&mut [0]));
        client::reset(stream);
    })
}

/// Takes little and closes, with the rest unread.
fn closing_early() -> SocketAddr {
    peer::tcp(|mut stream| drop(stream.read(&mut [0; 1000])))
}

/// Says nothing until the other side is gone.
fn silent() -> SocketAddr {
    peer::tcp(|mut stream| drop(stream.read_to_end(&mut Vec::new())))
}

/// Says these bytes and closes.
fn saying(bytes: &'static [u8]) -> SocketAddr {
    peer::tcp(move |mut stream| drop(stream.write_all(bytes)))
}

/// Runs it by way of a shell script, in which it is `"$@"`.
fn by_shell(netcat: Netcat, script: &str, address: SocketAddr) -> Output {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let words = netcat.command(&[&host, &port]);
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]);
    command.arg(words.get_program()).args(words.get_args());
    finish(command, b"", PATIENCE)
}

#[test]
fn an_answer_after_our_end_is_kept() {
    for letters in [&["-N"][..], &["-q", "0"], &["-q", "1"], &["-N", "-w", "5"]] {
        let arguments = [letters, &["HOST", "PORT"]].concat();
        let seen = alike(&arguments, b"hi\n", answering_at_the_end);
        seen.expect(0, "heard hi\n", "");
    }
}

#[test]
fn a_silent_peer_is_left_after_q_seconds() {
    let started = Instant::now();
    // It hears our end and keeps its own open.
    let (held, waiting) = mpsc::channel::<()>();
    let deaf = peer::tcp(move |mut stream| {
        drop(stream.read_to_end(&mut Vec::new()));
        let _ = waiting.recv_timeout(PATIENCE);
    });
    let arguments = ["-q", "1", "HOST", "PORT"];
    against(Netcat::Ours, &arguments, b"hi", deaf).expect(0, "", "");
    drop(held);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn q_is_no_time_that_must_pass() {
    // The original would sleep for the ten minutes.
    let arguments = ["-q", "600", "HOST", "PORT"];
    let seen = against(Netcat::Ours, &arguments, b"hi", answering_at_the_end());
    seen.expect(0, "heard hi", "");
}

#[test]
fn the_original_sleep_of_q_comes_back_with_compat() {
    let arguments = ["--compat", "obsd", "-q", "1", "HOST", "PORT"];
    let started = Instant::now();
    let seen = against(Netcat::Ours, &arguments, b"hi", answering_at_the_end());
    seen.expect(0, "heard hi", "");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_banner_is_shown() {
    let banner = || saying(b"220 ready\r\n");
    alike(&["HOST", "PORT"], b"", banner).expect(0, "220 ready\r\n", "");
    alike(&["-d", "HOST", "PORT"], b"unread", banner).expect(0, "220 ready\r\n", "");
}

#[test]
fn silence_ends_it_with_w() {
    for netcat in BOTH {
        let started = Instant::now();
        let arguments = ["-w", "1", "HOST", "PORT"];
        against(netcat, &arguments, b"", silent()).expect(0, "", "");
        assert!(started.elapsed() >= Duration::from_secs(1), "{netcat:?}");
    }
    alike(&["-w", "0", "HOST", "PORT"], b"", silent).expect(0, "", "");
}

/// A peer that half-closes at once and reads on, and what it has read in the end.
fn finishing_first() -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let (sender, heard) = mpsc::channel();
    let address = peer::tcp(move |mut stream| {
        drop(stream.write_all(b"bye\n"));
        drop(stream.shutdown(Shutdown::Write));
        let mut all = Vec::new();
        drop(stream.read_to_end(&mut all));
        drop(sender.send(all));
    });
    (address, heard)
}

#[test]
fn a_client_sends_on_when_the_peer_has_finished() {
    for netcat in BOTH {
        let (address, heard) = finishing_first();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut process = netcat.start(&["-N", &host, &port]);
        let mut stdin = process.take_stdin();
        process.stdout.wait_for_line("bye", PATIENCE);
        stdin.write_all(b"still here\n").expect("it takes input");
        drop(stdin);
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), b"still here\n");
        assert!(process.wait_for_exit(PATIENCE).success(), "{netcat:?}");
    }
}

#[test]
fn a_client_that_waits_for_input_uses_no_processor() {
    let (address, heard) = finishing_first();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let process = Netcat::Ours.start(&[&host, &port]);
    process.stdout.wait_for_line("bye", PATIENCE);
    // Nothing comes: a window in which nothing is to be done.
    let window = Duration::from_millis(500);
    let share = processor_share(process.id(), || drop(heard.recv_timeout(window)));
    assert!(share < 20.0, "{share} %");
}

#[test]
fn a_reset_is_an_error_unless_compat_says_otherwise() {
    let arguments = ["HOST", "PORT"];
    let debian = against(Netcat::Debian, &arguments, b"x", resetting());
    // Whether it reads what came before the reset is a matter of chance.
    assert_eq!((debian.code, debian.stderr.as_str()), (Some(0), ""));
    let ours = against(Netcat::Ours, &arguments, b"x", resetting());
    let said = "nc: 127.83.17.5 PORT broke the connection: Connection reset by peer\n";
    ours.expect(1, "word\n", said);
    let compat = ["--compat", "obsd", "HOST", "PORT"];
    against(Netcat::Ours, &compat, b"x", resetting()).expect(0, "word\n", "");
}

#[test]
fn a_short_write_is_an_error_unless_compat_says_otherwise() {
    let long = vec![b'x'; 10_000_000];
    let arguments = ["-N", "HOST", "PORT"];
    let debian = against(Netcat::Debian, &arguments, &long, closing_early());
    debian.expect(0, "", "");
    let ours = against(Netcat::Ours, &arguments, &long, closing_early());
    assert_eq!((ours.code, ours.stdout.as_str()), (Some(1), ""), "{ours:?}");
    assert!(ours.stderr.starts_with("nc: 127.83.17.5 PORT "), "{ours:?}");
    let compat = ["--compat", "obsd", "-N", "HOST", "PORT"];
    assert_eq!(
        against(Netcat::Ours, &compat, &long, closing_early()),
        debian
    );
}

#[test]
fn a_megabyte_arrives_whole() {
    let long: Vec<u8> = (0..1_000_000_u32).map(|it| it.to_le_bytes()[0]).collect();
    for netcat in BOTH {
        let (sender, heard) = mpsc::channel();
        let address = peer::tcp(move |mut stream| {
            let mut all = Vec::new();
            drop(stream.read_to_end(&mut all));
            drop(sender.send(all));
        });
        against(netcat, &["-N", "HOST", "PORT"], &long, address).expect(0, "", "");
        assert!(heard.recv_timeout(PATIENCE).unwrap() == long, "{netcat:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    for netcat in BOTH {
        let address = peer::tcp(|mut stream| while stream.write_all(&[b'x'; 1000]).is_ok() {});
        let script = "{ \"$@\"; echo \"status $?\" >&2; } | head -c 3";
        let output = by_shell(netcat, script, address);
        assert_eq!(output.stdout, "xxx");
        assert_eq!(output.stderr, "status 0\n", "{netcat:?}");
    }
}

#[test]
fn a_full_device_is_an_error() {
    let output = by_shell(Netcat::Ours, "exec \"$@\" > /dev/full", saying(b"lost"));
    let said = "nc: cannot write standard output: No space left on device\n";
    assert_eq!(output.expect_code(1).stderr, said);
}

#[test]
fn without_standard_input_what_comes_is_shown() {
    // The original takes its own connection for standard input.
    let output = by_shell(Netcat::Ours, "exec \"$@\" <&-", saying(b"shown"));
    assert_eq!(output.expect_code(0).stdout, "shown");
}

#[test]
fn a_signal_ends_it_as_it_ends_any_program() {
    for netcat in BOTH {
        for (name, number) in [("TERM", 15), ("INT", 2)] {
            let mut process = talking(netcat);
            send_signal(process.id(), name);
            let status = process.wait_for_exit(PATIENCE);
            assert_eq!(status.signal(), Some(number), "{netcat:?}");
        }
    }
}

/// One in the middle of a conversation.
fn talking(netcat: Netcat) -> Process {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"hello\n"));
        drop(stream.read(&mut [0]));
    });
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let process = netcat.start(&[&host, &port]);
    process.stdout.wait_for_line("hello", PATIENCE);
    process
}

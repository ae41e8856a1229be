//! UDP: no datagram says that it was the last, and silence is no answer.

use super::{BOTH, Netcat, against, alike};
use crate::support::PATIENCE;
use crate::support::becomes_true;
use crate::support::peer;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A socket that hears, with its address.
fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((peer::HOST, 0)).expect("cannot bind to loopback");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    let address = socket.local_addr().expect("a socket has an address");
    (socket, address)
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let count = socket.recv(&mut buffer).expect("a datagram");
    buffer.truncate(count);
    buffer
}

fn is_silent(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).expect("cannot stop waiting");
    let error = socket.recv(&mut [0; 9]).err();
    error.is_some_and(|it| it.kind() == ErrorKind::WouldBlock)
}

/// A port that refuses datagrams: it is connected to another peer, as long as the socket is held.
fn refusing() -> (UdpSocket, SocketAddr) {
    let (socket, address) = socket();
    socket.connect((peer::HOST, 9)).expect("cannot name a peer");
    (socket, address)
}

#[test]
fn a_datagram_is_sent_and_it_ends_with_q_or_w() {
    let (socket, address) = socket();
    let seen = alike(&["-u", "-q", "0", "HOST", "PORT"], b"hello", || address);
    seen.expect(0, "", "");
    let started = Instant::now();
    alike(&["-u", "-w", "1", "HOST", "PORT"], b"hello", || address).expect(0, "", "");
    // One after the other.
    assert!(started.elapsed() >= Duration::from_secs(2));
    for _ in 0..4 {
        assert_eq!(receive(&socket), b"hello");
    }
}

#[test]
fn long_input_is_cut_into_datagrams_of_16_kib() {
    let long = vec![b'x'; 40_000];
    for netcat in BOTH {
        let (socket, address) = socket();
        against(netcat, &["-u", "-q", "0", "HOST", "PORT"], &long, address).expect(0, "", "");
        let mut left = long.len();
        while left > 0 {
            let length = receive(&socket).len();
            assert!(length <= 16_384, "{netcat:?}: {length}");
            left -= length;
        }
    }
}

#[test]
fn an_answer_is_shown() {
    // The original sleeps for the second of -q, and leaves with the answer unread.
    let echo = peer::datagrams(|_, datagram| vec![datagram.to_vec()]);
    let arguments = ["-u", "-q", "1", "HOST", "PORT"];
    against(Netcat::Ours, &arguments, b"ping\n", echo).expect(0, "ping\n", "");
    for netcat in BOTH {
        let echo = peer::datagrams(|_, datagram| vec![datagram.to_vec()]);
        let arguments = ["-u", "-w", "1", "HOST", "PORT"];
        against(netcat, &arguments, b"ping\n", echo).expect(0, "ping\n", "");
    }
}

#[test]
fn a_scan_without_v_sends_nothing() {
    let (socket, address) = socket();
    alike(&["-uz", "HOST", "PORT"], b"", || address).expect(0, "", "");
    assert!(is_silent(&socket));
    let (_held, address) = refusing();
    alike(&["-uz", "HOST", "PORT"], b"", || address).expect(0, "", "");
}

#[test]
fn a_scan_with_v_asks_whether_it_is_refused() {
    let (socket, address) = socket();
    let seen = alike(&["-uzvn", "-w", "1", "HOST", "PORT"], b"", || address);
    seen.expect(
        0,
        "",
        "Connection to 127.83.17.5 PORT port [udp/*] succeeded!\n",
    );
    for _ in 0..6 {
        assert_eq!(receive(&socket), b"X");
    }
    let (_held, address) = refusing();
    alike(&["-uzv", "HOST", "PORT"], b"", || address).expect(1, "", "");
}

#[test]
fn no_byte_is_sent_that_was_not_asked_for() {
    let (socket, address) = socket();
    let arguments = ["-uvn", "-q", "0", "HOST", "PORT"];
    let seen = against(Netcat::Ours, &arguments, b"data", address);
    seen.expect(
        0,
        "",
        "Connection to 127.83.17.5 PORT port [udp/*] succeeded!\n",
    );
    assert_eq!(receive(&socket), b"data");
    // What the original does.
    assert_eq!(against(Netcat::Debian, &arguments, b"data", address), seen);
    assert_eq!(receive(&socket), b"X");
}

#[test]
fn a_refusal_is_an_error_unless_compat_says_otherwise() {
    let (_held, address) = refusing();
    let arguments = ["-u", "-w", "5", "HOST", "PORT"];
    let debian = against(Netcat::Debian, &arguments, b"x", address);
    debian.expect(0, "", "");
    let ours = against(Netcat::Ours, &arguments, b"x", address);
    let said = "nc: 127.83.17.5 PORT broke the connection: Connection refused\n";
    ours.expect(1, "", said);
    let compat = [&["--compat", "obsd"], &arguments[..]].concat();
    assert_eq!(against(Netcat::Ours, &compat, b"x", address), debian);
}

#[test]
fn a_listener_hears_its_first_sender_alone() {
    for netcat in BOTH {
        let mut listener = netcat.listen("u");
        let (first, _) = socket();
        let (second, _) = socket();
        first.connect(listener.address).unwrap();
        first.send(b"one\n").unwrap();
        listener.process.stdout.wait_for_line("one", PATIENCE);
        second.connect(listener.address).unwrap();
        second.send(b"two\n").unwrap();
        // The kernel refuses in the listener's place.
        let refused = second.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        first.send(b"three\n").unwrap();
        listener.process.stdout.wait_for_line("three", PATIENCE);
        assert_eq!(
            listener.process.stdout.so_far(),
            "one\nthree\n",
            "{netcat:?}"
        );
        // And it is answered.
        let mut stdin = listener.process.take_stdin();
        stdin.write_all(b"answer").unwrap();
        assert_eq!(receive(&first), b"answer");
        for said in ["Bound on 127.0.0.1 ", "Connection received on 127.83.17.5 "] {
            listener.process.stderr.wait_for_line(said, PATIENCE);
        }
    }
}

#[test]
fn a_listener_with_k_hears_everybody_and_answers_nobody() {
    for netcat in BOTH {
        let mut listener = netcat.listen("uk");
        let mut stdin = listener.process.take_stdin();
        stdin.write_all(b"unheard").unwrap();
        drop(stdin);
        let senders = [socket().0, socket().0];
        for (sender, line) in senders.iter().zip(["one\n", "two\n"]) {
            sender.connect(listener.address).unwrap();
            sender.send(line.as_bytes()).unwrap();
            listener.process.stdout.wait_for_line(line.trim(), PATIENCE);
        }
        assert!(senders.iter().all(is_silent), "{netcat:?}");
        assert_eq!(listener.process.stderr.lines().len(), 1);
    }
}

#[test]
fn long_and_empty_datagrams_are_heard_whole() {
    let listener = Netcat::Ours.listen("u");
    let (sender, _) = socket();
    sender.connect(listener.address).unwrap();
    let mut expected = 0;
    for datagram in [&vec![b'x'; 60_000][..], b"", b"end\n"] {
        sender.send(datagram).unwrap();
        expected += datagram.len();
        let stdout = &listener.process.stdout;
        let all = becomes_true(PATIENCE, || stdout.so_far().len() == expected);
        assert!(all, "{}", stdout.so_far().len());
    }
}

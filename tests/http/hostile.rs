//! Servers that dribble, flood, cut, reset, or speak something else: a verdict in words, within
//! the deadline, with bounded memory.

use crate::check::records::expect_mismatch;
use crate::check::records::{Checked, check};
use crate::support::{client, peer};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Between two bytes of a server that dribbles.
const PACE: Duration = Duration::from_millis(20);

/// Long enough for an answer to begin, short enough to wait for.
const SHORT: [&str; 2] = ["--timeout", "2s"];

/// Checks a server that takes the request and then does what `script` says.
#[track_caller]
fn ask(script: impl FnOnce(TcpStream) + Send + 'static, more: &[&str]) -> Checked {
    let address = peer::tcp(|stream| {
        read_request(&stream);
        script(stream);
    });
    ask_at(address, more)
}

#[track_caller]
fn ask_at(address: SocketAddr, more: &[&str]) -> Checked {
    let target = format!("http://{address}/");
    check(&[&[target.as_str()], more].concat())
}

/// Checks a server that answers every request with the same bytes and closes.
#[track_caller]
fn answered(bytes: &'static [u8], more: &[&str]) -> Checked {
    ask(move |mut stream| drop(stream.write_all(bytes)), more)
}

fn read_request(mut stream: &TcpStream) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|it| it == 1) {
        request.push(byte[0]);
    }
}

/// Sends `piece` again and again until the client has gone.
fn flood(mut stream: &TcpStream, piece: &[u8]) {
    while stream.write_all(piece).is_ok() {}
}

/// Sends a byte again and again, slowly, until the client has gone.
fn dribble(mut stream: &TcpStream, byte: u8) {
    stream
        .set_read_timeout(Some(PACE))
        .expect("cannot set a timeout");
    let waits = |error: ErrorKind| matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut);
    while stream.write_all(&[byte]).is_ok() {
        match stream.read(&mut [0]) {
            Err(error) if waits(error.kind()) => {}
            _ => break,
        }
    }
}

#[test]
fn a_head_that_dribbles_ends_with_the_deadline() {
    let dribbling = |mut stream: TcpStream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: "));
        dribble(&stream, b'x');
    };
    let found = expect_mismatch(
        ask(dribbling, &SHORT),
        "the head of the answer did not come within 2s",
    );
    let seen = found["seen"].as_str().expect("what came");
    assert!(seen.starts_with("HTTP/1.1 200 OK\\r\\nX-Slow: "), "{found}");
    assert!(found["total_us"].as_u64() >= Some(2_000_000), "{found}");
}

#[test]
fn silence_ends_with_the_deadline() {
    let found = expect_mismatch(
        ask_at(peer::silent(), &SHORT),
        "the head of the answer did not come within 2s",
    );
    assert_eq!(found.get("seen"), None, "{found}");
}

#[test]
fn a_head_without_end_is_too_large() {
    for piece in [b"X-Long: abc\r\n".as_slice(), b"abc"] {
        let flooding = move |mut stream: TcpStream| {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nX-First: "));
            flood(&stream, piece);
        };
        expect_mismatch(ask(flooding, &[]), "message head is too large");
    }
}

#[test]
fn a_hundred_headers_are_enough() {
    let answer = |count: usize| {
        let headers = "X-One: 1\r\n".repeat(count - 1);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{headers}\r\n");
        move |mut stream: TcpStream| drop(stream.write_all(head.as_bytes()))
    };
    ask(answer(100), &[]).expect_code(0);
    expect_mismatch(ask(answer(101), &[]), "message head is too large");
}

#[test]
fn interim_answers_without_end_end_with_the_deadline() {
    let flooding = |stream: TcpStream| flood(&stream, b"HTTP/1.1 100 Continue\r\n\r\n");
    expect_mismatch(ask(flooding, &SHORT), "the head of the answer did not come");
}

#[test]
fn a_body_without_end_is_read_up_to_a_limit() {
    let flooding = || {
        |mut stream: TcpStream| {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
            flood(&stream, &[b'x'; 8_192]);
        }
    };
    let checked = ask(flooding(), &["--timeout", "60s"]).expect_code(0);
    let read = checked.only()["http"]["body_bytes"]
        .as_u64()
        .expect("a size");
    assert!((64 << 20..65 << 20).contains(&read), "{checked:?}");
    let judged = ask(flooding(), &["--timeout", "60s", "--expect", "^x+$"]).expect_code(0);
    let read = judged.only()["http"]["body_bytes"]
        .as_u64()
        .expect("a size");
    assert!((1 << 20..2 << 20).contains(&read), "{judged:?}");
}

#[test]
fn a_body_that_dribbles_ends_with_the_deadline() {
    let dribbling = |mut stream: TcpStream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"));
        dribble(&stream, b'x');
    };
    let found = expect_mismatch(ask(dribbling, &SHORT), "the body did not end within 2s");
    assert_eq!(found["http"]["status"], 200, "{found}");
    assert!(
        found["seen"].as_str().is_some_and(|it| it.starts_with('x')),
        "{found}"
    );
}

#[test]
fn a_body_that_is_cut_short_is_told() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789";
    let found = expect_mismatch(answered(cut, &[]), "the body ended after 10 of 100 bytes");
    assert_eq!(found["seen"], "0123456789", "{found}");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n0123456789";
    expect_mismatch(
        answered(chunked, &[]),
        "the body ended before its end, after 10 bytes",
    );
    let malformed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxx\r\n";
    let kept_open = move |mut stream: TcpStream| {
        drop(stream.write_all(malformed));
        drop(stream.read(&mut [0]));
    };
    expect_mismatch(ask(kept_open, &[]), "the body is malformed after 5 bytes");
}

#[test]
fn lengths_that_are_none_are_malformed() {
    for length in [
        "-1",
        "+5",
        "99999999999999999999",
        "0x10",
        "5, 6",
        "5\r\nContent-Length: 6",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello");
        let answering = move |mut stream: TcpStream| drop(stream.write_all(head.as_bytes()));
        expect_mismatch(ask(answering, &[]), "the head of the answer cannot be read");
    }
}

#[test]
fn a_connection_that_is_closed_or_reset_is_told() {
    expect_mismatch(
        answered(b"", &[]),
        "the connection was closed without an answer",
    );
    expect_mismatch(
        answered(b"HTTP/1.1 200 OK\r\nX: ", &[]),
        "the connection was closed within the head of the answer",
    );
    let checked = ask(client::reset, &[]).expect_code(1);
    assert_eq!(checked.only()["state"], "reset", "{checked:?}");
    assert_eq!(
        checked.only()["reason"],
        "the connection was reset before the answer"
    );
    let within = |mut stream: TcpStream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789"));
        client::reset(stream);
    };
    let checked = ask(within, &[]).expect_code(1);
    assert_eq!(checked.only()["state"], "reset", "{checked:?}");
    let reason = checked.only()["reason"].as_str().expect("a reason");
    assert!(reason.ends_with("after 10 of 100 bytes"), "{checked:?}");
}

#[test]
fn another_protocol_is_told_by_its_first_bytes() {
    let banner = peer::tcp(|mut stream| {
        drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
        read_request(&stream);
    });
    let found = expect_mismatch(
        ask_at(banner, &[]),
        "it did not answer in HTTP: \"SSH-2.0-OpenSSH_9.2\"",
    );
    assert_eq!(found["seen"], "SSH-2.0-OpenSSH_9.2\\r\\n", "{found}");
    expect_mismatch(
        answered(&[b'x'; 1000], &[]),
        &format!("it did not answer in HTTP: \"{}…\"", "x".repeat(64)),
    );
    expect_mismatch(
        answered(b"\x00\x01\x1b[31m", &[]),
        "it did not answer in HTTP: \"\\0\\x01\\x1b[31m\"",
    );
    let found = expect_mismatch(
        answered(b"\x15\x03\x01\x00\x02\x02\x46", &[]),
        "it answered in TLS, not in HTTP",
    );
    assert_eq!(found["hint"], "ask it with `https://`", "{found}");
}

#[test]
fn a_server_that_answers_before_it_is_asked_is_heard() {
    let hasty = peer::tcp(|mut stream| {
        drop(stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello"));
        drop(stream.shutdown(std::net::Shutdown::Write));
        read_request(&stream);
    });
    ask_at(hasty, &["--expect", "^hello$"]).expect_code(0);
}

#[test]
fn a_redirect_to_a_wrong_place_is_not_followed() {
    for (location, culprit) in [
        ("http://[::1/", "`[::1` is not HOST[:PORT]"),
        ("/a b", "` ` cannot stand in a path"),
        ("//", "`` is not HOST[:PORT]"),
    ] {
        let head =
            format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n");
        let answering = move |mut stream: TcpStream| drop(stream.write_all(head.as_bytes()));
        let checked = ask(answering, &["--follow"]);
        expect_mismatch(checked, &format!("redirect not followed: {culprit}"));
    }
}

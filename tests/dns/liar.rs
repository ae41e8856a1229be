//! A name server that lies, loses, cuts and forges, as a script tells it to.

use crate::check::records::expect_mismatch;
use crate::check::records::{Checked, check};
use crate::support::peer;
use crate::support::peer::datagrams;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

/// Where the question ends in a message about `www.test`: behind its type and class.
const QUESTION_END: usize = 12 + 10 + 4;

/// Says over UDP that the answer is longer, and hands the connection that follows to `script`.
fn truncating(script: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    // One port of both kinds: whoever took the same one meanwhile makes it try another.
    let (listener, socket) = (0..64)
        .find_map(|_| {
            let listener = TcpListener::bind((peer::HOST, 0)).ok()?;
            let socket = UdpSocket::bind(listener.local_addr().ok()?).ok()?;
            Some((listener, socket))
        })
        .expect("cannot bind one port for both");
    peer::tcp_on(listener, script);
    peer::datagrams_on(socket, |_, query| vec![truncated(query)])
}

/// An answer to `query` with this code and these records.
fn reply(query: &[u8], code: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("not so many records");
    let mut reply = query[..QUESTION_END].to_vec();
    reply[2] = 0x81;
    reply[3] = 0x80 | code;
    reply[6..8].copy_from_slice(&count.to_be_bytes());
    reply[8..12].fill(0);
    reply.extend(records.concat());
    reply
}

fn truncated(query: &[u8]) -> Vec<u8> {
    let mut reply = reply(query, 0, &[]);
    reply[2] |= 0x02;
    reply
}

/// A record of that type at the name of the question.
fn record(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short data").to_be_bytes();
    [&[0xc0, 0x0c, 0, kind, 0, 1, 0, 0, 0, 60], &length[..], data].concat()
}

fn good(query: &[u8]) -> Vec<u8> {
    reply(query, 0, &[record(1, &[192, 0, 2, 1])])
}

fn read_query(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("no length");
    let mut query = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut query).expect("no question");
    query
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a short message");
    [&length.to_be_bytes(), message].concat()
}

#[track_caller]
fn ask(server: SocketAddr, more: &[&str]) -> Checked {
    let target = format!("dns://{server}/www.test");
    check(&[&[target.as_str()], more].concat())
}

#[test]
fn a_question_that_is_lost_is_asked_again() {
    let server = datagrams(|number, query| match number {
        0 => Vec::new(),
        _ => vec![good(query)],
    });
    ask(server, &["--timeout", "20s"]).expect_code(0);
}

#[test]
fn forged_answers_are_waited_out() {
    let server = datagrams(|_, query| {
        let wrong_number = {
            let mut forged = good(query);
            forged[0] ^= 1;
            forged
        };
        let wrong_question = {
            let mut forged = good(query);
            forged[13] ^= 1;
            forged
        };
        let question = query.to_vec();
        let garbage = vec![0xff; 60];
        vec![
            wrong_number,
            wrong_question,
            question,
            garbage,
            Vec::new(),
            good(query),
        ]
    });
    let checked = ask(server, &["--timeout", "20s"]).expect_code(0);
    let records = &checked.only()["dns"]["records"];
    assert_eq!(*records, serde_json::json!(["www.test. 60 IN A 192.0.2.1"]));
}

#[test]
fn nothing_but_forged_answers_is_a_mismatch() {
    let server = datagrams(|_, query| {
        let mut forged = good(query);
        forged[1] ^= 1;
        vec![forged]
    });
    expect_mismatch(
        ask(server, &["--timeout", "2s"]),
        "no answer to the question within 2s, but other datagrams (",
    );
    let garbage = datagrams(|_, query| vec![[&query[..2], &[0xff; 60]].concat()]);
    expect_mismatch(ask(garbage, &["--timeout", "2s"]), "but other datagrams (");
}

#[test]
fn failures_are_told_by_their_code() {
    for (code, name) in [
        (1, "FORMERR"),
        (2, "SERVFAIL"),
        (3, "NXDOMAIN"),
        (5, "REFUSED"),
    ] {
        let server = datagrams(move |_, query| vec![reply(query, code, &[])]);
        expect_mismatch(ask(server, &[]), name);
    }
}

#[test]
fn an_alias_that_leads_nowhere_is_no_address() {
    let looping = datagrams(|_, query| vec![reply(query, 0, &[record(5, &[0xc0, 0x0c])])]);
    expect_mismatch(
        ask(looping, &[]),
        "www.test. has no record A, but `www.test. 60 IN CNAME www.test.`",
    );
}

#[test]
fn answers_that_cannot_be_read_are_told() {
    let short = datagrams(|_, query| vec![reply(query, 0, &[record(1, &[127, 0, 0])])]);
    expect_mismatch(ask(short, &[]), "the answer cannot be read");
    let pointer = datagrams(|_, query| vec![reply(query, 0, &[record(5, &[0xc0, 0x26])])]);
    expect_mismatch(ask(pointer, &[]), "the answer cannot be read");
    let cut = datagrams(|_, query| {
        let mut answer = good(query);
        answer.truncate(answer.len() - 3);
        vec![answer]
    });
    expect_mismatch(ask(cut, &[]), "the answer cannot be read");
}

#[test]
fn streams_that_break_off_or_dawdle_are_told() {
    let timeout = ["--timeout", "2s"];
    let closing = truncating(|mut stream| drop(read_query(&mut stream)));
    expect_mismatch(
        ask(closing, &[]),
        "over TCP: the connection was closed before a whole answer",
    );
    let cut = truncating(|mut stream| {
        let query = read_query(&mut stream);
        let answer = framed(&good(&query));
        drop(stream.write_all(&answer[..answer.len() - 1]));
        drop(stream.read(&mut [0]));
    });
    expect_mismatch(ask(cut, &timeout), "no whole answer over TCP within 2s");
    let resetting = truncating(|mut stream| {
        read_query(&mut stream);
        crate::support::client::reset(stream);
    });
    expect_mismatch(
        ask(resetting, &[]),
        "over TCP: the connection was reset before the answer",
    );
}

#[test]
fn forged_answers_are_waited_out_in_streams_too() {
    let server = truncating(|mut stream| {
        let query = read_query(&mut stream);
        let mut forged = good(&query);
        forged[0] ^= 1;
        for message in [&forged, [].as_slice(), &good(&query)] {
            drop(stream.write_all(&framed(message)));
        }
        drop(stream.read(&mut [0]));
    });
    let checked = ask(server, &[]).expect_code(0);
    assert_eq!(checked.only()["dns"]["transport"], "tcp", "{checked:?}");
}

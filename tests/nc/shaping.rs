//! What is done to the bytes on their way.

use super::{BOTH, against, alike};
use crate::support::PATIENCE;
use crate::support::peer;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a peer hears until the end, when it says `answer` first.
fn hearing(answer: &'static [u8]) -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let (sender, heard) = mpsc::channel();
    let address = peer::tcp(move |mut stream| {
        drop(stream.write_all(answer));
        let mut all = Vec::new();
        drop(stream.read_to_end(&mut all));
        drop(sender.send(all));
    });
    (address, heard)
}

#[test]
fn line_ends_become_crlf() {
    for netcat in BOTH {
        let (address, heard) = hearing(b"");
        let input = b"a\nb\r\nc";
        against(netcat, &["-CN", "HOST", "PORT"], input, address).expect(0, "", "");
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), b"a\r\nb\r\nc");
    }
}

#[test]
fn input_is_not_read_with_d() {
    for netcat in BOTH {
        let (address, heard) = hearing(b"banner\n");
        let arguments = ["-dN", "-w", "1", "HOST", "PORT"];
        against(netcat, &arguments, b"unread\n", address).expect(0, "banner\n", "");
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), b"", "{netcat:?}");
    }
}

#[test]
fn lines_rest_between_each_other() {
    for netcat in BOTH {
        let (address, heard) = hearing(b"");
        let started = Instant::now();
        let arguments = ["-N", "-i", "1", "HOST", "PORT"];
        against(netcat, &arguments, b"a\nb\n", address).expect(0, "", "");
        // A rest after each line, the last one too.
        assert!(started.elapsed() >= Duration::from_secs(2), "{netcat:?}");
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), b"a\nb\n");
    }
}

/// What asks for an option of TELNET: its refusal proves that all before it was read.
const ASK: &[u8] = b"\xff\xfd\x01";

#[test]
fn so_many_reads_are_enough_with_w() {
    for netcat in BOTH {
        let lines = peer::tcp(|mut stream| {
            for number in 0..5 {
                let line = format!("line {number}\n");
                drop(stream.write_all(&[line.as_bytes(), ASK].concat()));
                drop(stream.read_exact(&mut [0; 3]));
            }
        });
        let seen = against(netcat, &["-t", "-W", "2", "HOST", "PORT"], b"", lines);
        let ask = String::from_utf8_lossy(ASK);
        assert_eq!(seen.stdout, format!("line 0\n{ask}line 1\n{ask}"));
        assert_eq!(seen.code, Some(0), "{seen:?}");
    }
}

#[test]
fn a_read_is_of_16_kib() {
    let long = || peer::tcp(|mut stream| drop(stream.write_all(&vec![b'x'; 100_000])));
    let seen = alike(&["-W", "1", "HOST", "PORT"], b"", long);
    assert!(seen.stdout.len() <= 16_384, "{}", seen.stdout.len());
}

#[test]
fn telnet_is_refused_and_shown_as_it_came() {
    const ASKS: &[u8] = b"hi\xff\xfd\x01there\xff\xfb\x03\xff\xf4.";
    for netcat in BOTH {
        let (sender, heard) = mpsc::channel();
        let address = peer::tcp(move |mut stream| {
            drop(stream.write_all(ASKS));
            let mut refusals = [0; 6];
            drop(stream.read_exact(&mut refusals));
            drop(sender.send(refusals.to_vec()));
        });
        let seen = against(netcat, &["-t", "HOST", "PORT"], b"", address);
        assert_eq!(seen.stdout, String::from_utf8_lossy(ASKS), "{netcat:?}");
        let refusals = heard.recv_timeout(PATIENCE).unwrap();
        assert_eq!(refusals, [255, 252, 1, 255, 254, 3], "{netcat:?}");
        assert_eq!(seen.code, Some(0), "{seen:?}");
    }
}

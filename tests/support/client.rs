//! Echo clients inside the test process; every wait of theirs has a deadline.

use super::PATIENCE;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connects, with deadlines for reading and writing.
#[track_caller]
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    stream.set_nodelay(true).expect("cannot set TCP_NODELAY");
    stream
}

/// Sends `bytes` and waits until the same have come back; returns how long that took.
#[track_caller]
pub(crate) fn round_trip(mut stream: &TcpStream, bytes: &[u8]) -> Duration {
    let start = Instant::now();
    stream.write_all(bytes).expect("cannot send");
    expect_bytes(stream, bytes);
    start.elapsed()
}

/// Waits for exactly these bytes.
#[track_caller]
pub(crate) fn expect_bytes(mut stream: &TcpStream, bytes: &[u8]) {
    let mut back = vec![0; bytes.len()];
    stream
        .read_exact(&mut back)
        .unwrap_or_else(|error| panic!("no echo of {} bytes: {error}", bytes.len()));
    assert!(back == bytes, "the echo differs from what was sent");
}

/// Waits for the end of the stream, which must come before any further byte.
#[track_caller]
pub(crate) fn expect_end(mut stream: &TcpStream) {
    // Unlike a single read, this goes on when it is interrupted.
    let ended = stream.read_exact(&mut [0]).map_err(|error| error.kind());
    assert_eq!(
        ended,
        Err(ErrorKind::UnexpectedEof),
        "no end of the stream where it should be"
    );
}

/// Half-closes, then waits for the end of the stream.
#[track_caller]
pub(crate) fn finish(stream: &TcpStream) {
    stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close the connection");
    expect_end(stream);
}

/// Ends the connection with a reset instead of a FIN.
pub(crate) fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("cannot set SO_LINGER");
}

/// Whether a byte, or the end of the stream, can be read within `within`.
pub(crate) fn answers(stream: &TcpStream, within: Duration) -> bool {
    stream
        .set_read_timeout(Some(within))
        .expect("cannot set a timeout");
    let answered = stream.peek(&mut [0]).is_ok();
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    answered
}

/// Watches for `window` that nothing comes, neither a byte nor the end of the stream.
#[track_caller]
pub(crate) fn expect_silence(stream: &TcpStream, window: Duration) {
    assert!(!answers(stream, window), "something came within {window:?}");
}

/// The middle value of `rounds` round trips of `bytes`.
#[track_caller]
pub(crate) fn median_round_trip(stream: &TcpStream, bytes: &[u8], rounds: usize) -> Duration {
    let mut times: Vec<Duration> = (0..rounds).map(|_| round_trip(stream, bytes)).collect();
    times.sort();
    times[rounds / 2]
}

/// Writes until the peer has taken nothing for `patience` or `limit` bytes are written; returns
/// how many were.
pub(crate) fn write_until_stuck(mut stream: &TcpStream, limit: u64, patience: Duration) -> u64 {
    stream
        .set_write_timeout(Some(patience))
        .expect("cannot set a timeout");
    let block = vec![b'x'; 65_536];
    let mut written = 0;
    while written < limit {
        match stream.write(&block) {
            Ok(count) => written += count as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

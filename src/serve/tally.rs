//! What one connection came to, said in exactly one log line.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::finding::{Connection, End, Record};
use crate::net::TcpStream;
use crate::reactor::now;
use crate::units::Latency;

/// Counts a connection's bytes and says at its end what it came to, also when
/// its task is cut off.
pub struct Tally {
    target: &'static str,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    started: Instant,
    received: Cell<u64>,
    sent: Cell<u64>,
    end: Cell<End>,
}

impl Tally {
    pub(super) fn start(target: &'static str, peer: SocketAddr, stream: &TcpStream) -> Self {
        log::info!(target: target, "{peer} connected");
        let told = log::log_enabled!(target: target, log::Level::Info);
        Self {
            target,
            peer,
            // A system call that only the log needs.
            local: if told { stream.local_addr().ok() } else { None },
            started: now(),
            received: Cell::new(0),
            sent: Cell::new(0),
            end: Cell::new(End::Local),
        }
    }

    /// Counts bytes taken from the peer.
    pub fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
        log::debug!(target: self.target, "{} received {bytes} bytes", self.peer);
    }

    /// Counts bytes given to the kernel for the peer.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        log::debug!(target: self.target, "{} sent {bytes} bytes", self.peer);
    }

    pub(super) fn finish(&self, outcome: io::Result<End>) {
        self.end.set(match outcome {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => End::ShortWrite,
            Err(_) => End::Rst,
        });
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !log::log_enabled!(target: self.target, log::Level::Info) {
            return;
        }
        let connection = Connection {
            peer: self.peer.to_string(),
            local: self.local.map(|it| it.to_string()),
            received_bytes: self.received.get(),
            sent_bytes: self.sent.get(),
            duration: now().saturating_duration_since(self.started),
            end: self.end.get(),
        };
        let line = describe(&connection);
        let record = Record::Connection(connection);
        log::info!(target: self.target, record:serde = record; "{line}");
    }
}

fn describe(connection: &Connection) -> String {
    let Connection {
        peer,
        received_bytes,
        sent_bytes,
        ..
    } = connection;
    let time = Latency(connection.duration);
    let end = connection.end.as_str();
    format!(
        "{peer} closed: {received_bytes} bytes received, {sent_bytes} bytes sent, {time}, {end}"
    )
}

//! One client's connection, and the one log line that says what it came to.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Service;
use crate::finding::{Connection, End, Record};
use crate::net::TcpStream;
use crate::reactor::now;
use crate::units::Latency;

/// A client being served. Counts its bytes and says at its end what it came
/// to, also when its task is cut off.
pub struct Client {
    /// The connection.
    pub stream: TcpStream,
    service: Rc<Service>,
    peer: SocketAddr,
    /// Only the log needs it, and every idle connection pays for it.
    local: Option<Box<SocketAddr>>,
    started: Instant,
    received: Cell<u64>,
    sent: Cell<u64>,
    end: Cell<End>,
}

impl Client {
    pub(super) fn start(service: Rc<Service>, stream: TcpStream, peer: SocketAddr) -> Self {
        let target = service.target;
        log::info!(target: target, "{peer} connected");
        let told = log::log_enabled!(target: target, log::Level::Info);
        let local = if told { stream.local_addr().ok() } else { None };
        Self {
            stream,
            service,
            peer,
            local: local.map(Box::new),
            started: now(),
            received: Cell::new(0),
            sent: Cell::new(0),
            end: Cell::new(End::Local),
        }
    }

    /// After how long without progress it is to be closed.
    #[must_use]
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.service.idle_timeout
    }

    /// Counts bytes taken from the peer.
    pub fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
        log::debug!(target: self.service.target, "{} received {bytes} bytes", self.peer);
    }

    /// Counts bytes given to the kernel for the peer.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        log::debug!(target: self.service.target, "{} sent {bytes} bytes", self.peer);
    }

    pub(super) fn finish(&self, outcome: io::Result<End>) {
        self.end.set(match outcome {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => End::ShortWrite,
            Err(_) => End::Rst,
        });
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !log::log_enabled!(target: self.service.target, log::Level::Info) {
            return;
        }
        let connection = Connection {
            peer: self.peer.to_string(),
            local: self.local.as_ref().map(ToString::to_string),
            received_bytes: self.received.get(),
            sent_bytes: self.sent.get(),
            duration: now().saturating_duration_since(self.started),
            end: self.end.get(),
        };
        let line = describe(&connection);
        let record = Record::Connection(connection);
        log::info!(target: self.service.target, record:serde = record; "{line}");
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

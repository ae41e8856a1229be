//! What became of one request: a log line and a record, told once its answer is
//! with the kernel, or is cut.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::TARGET;
use super::answer::{Answer, Told};
use crate::finding::{Record, Request};
use crate::protocol::raw::escape_head;
use crate::reactor::now;
use crate::units::Latency;

/// Bytes of a target that a log line shows.
const SHOWN: usize = 256;

/// A request that is being answered. Its last owner tells what became of it by
/// dropping it: the body, or the piece of it that is sent last.
pub(super) struct Account {
    peer: SocketAddr,
    method: String,
    path: String,
    status: u16,
    reason: Option<String>,
    length: u64,
    sent: Cell<u64>,
    started: Instant,
}

impl Account {
    /// Opens the account of a request that came at `started`; nothing where
    /// nobody would read it.
    pub(super) fn open<B>(
        request: &hyper::Request<B>,
        answer: &Answer,
        peer: SocketAddr,
        started: Instant,
    ) -> Option<Rc<Self>> {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return None;
        }
        let shown = |text: &str| escape_head(text.as_bytes(), SHOWN);
        Some(Rc::new(Self {
            peer,
            method: shown(request.method().as_str()),
            path: shown(&request.uri().to_string()),
            status: answer.status.as_u16(),
            reason: match &answer.told {
                Told::Asked(_) => None,
                Told::Why(why) => Some(why.clone()),
            },
            length: answer.content.length(),
            sent: Cell::new(0),
            started,
        }))
    }

    /// Counts bytes of the body that are with the kernel.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get().saturating_add(bytes as u64));
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let request = Request {
            peer: self.peer.to_string(),
            method: std::mem::take(&mut self.method),
            path: std::mem::take(&mut self.path),
            status: self.status,
            reason: self.reason.take(),
            body_bytes: self.length,
            sent_bytes: self.sent.get(),
            duration: now().saturating_duration_since(self.started),
        };
        let line = describe(&request);
        let record = Record::Request(request);
        log::info!(target: TARGET, record:serde = record; "{line}");
    }
}

fn describe(request: &Request) -> String {
    let Request {
        peer,
        method,
        path,
        status,
        reason,
        body_bytes: length,
        sent_bytes: sent,
        ..
    } = request;
    let reason = reason.as_ref().map(|it| format!(" ({it})"));
    let reason = reason.unwrap_or_default();
    let bytes = match sent < length {
        true => format!("cut after {sent} of {length} bytes"),
        false => format!("{sent} bytes"),
    };
    let time = Latency(request.duration);
    format!("{peer} {method} {path}: {status}{reason}, {bytes}, {time}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_says_who_what_decision_bytes_and_time() {
        let mut request = Request {
            peer: "127.0.0.1:60194".into(),
            method: "GET".into(),
            path: "/index.html".into(),
            status: 200,
            reason: None,
            body_bytes: 6,
            sent_bytes: 6,
            duration: Duration::from_micros(400),
        };
        let start = "127.0.0.1:60194 GET /index.html: ";
        let whole = format!("{start}200, 6 bytes, 0.400 ms");
        assert_eq!(describe(&request), whole);
        request.sent_bytes = 5;
        let cut = format!("{start}200, cut after 5 of 6 bytes, 0.400 ms");
        assert_eq!(describe(&request), cut);
        request.reason = Some("no such file".into());
        request.body_bytes = 5;
        request.status = 404;
        let refused = format!("{start}404 (no such file), 5 bytes, 0.400 ms");
        assert_eq!(describe(&request), refused);
    }
}

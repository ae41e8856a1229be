//! One request over one connection, and the answer to it.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::io;
use std::pin::{Pin, pin};
use std::time::Instant;

use futures_lite::future;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, StatusCode, Version};

use super::traffic::{Overheard, Traffic};
use crate::finding::{Finding, State};
use crate::net::Wire;
use crate::probe::Event;
use crate::probe::excerpt::excerpt;
use crate::probe::link::Link;
use crate::protocol::raw::escape_head;
use crate::reactor::{now, timeout};
use crate::units;

/// The longest head of an answer, status line and headers: past it, as past the
/// next limit, hyper says that it is too large.
const HEAD_BYTES: usize = 64 * 1024;

/// The most headers of an answer.
const MOST_HEADERS: usize = 100;

/// Bytes that a reason quotes of what is not HTTP.
const QUOTED: usize = 64;

/// A request as hyper wants it: netkit sends no bodies.
pub(super) type Asked = hyper::Request<Empty<Bytes>>;

/// How much of a body is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Bytes that are read, after which the rest is left.
    pub(super) read: usize,
    /// Bytes of those that are kept.
    pub(super) kept: usize,
}

/// An answer, its body as far as it was wanted.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// When the request was sent.
    pub(super) asked: Instant,
    /// When the first byte of the answer came.
    pub(super) answered: Instant,
}

/// What came of a body.
#[derive(Default)]
pub(super) struct Body {
    /// Its first bytes.
    pub(super) start: Vec<u8>,
    /// How many bytes came.
    pub(super) count: usize,
    /// Why it is not whole.
    pub(super) failure: Option<(State, String)>,
}

/// Sends `request` and reads the answer, all within the time of the link.
///
/// # Errors
/// The finding, when there is no answer, or none in HTTP.
pub(super) async fn exchange(
    link: Link,
    request: Asked,
    wanted: Wanted,
    observe: &dyn Fn(Event<'_>),
) -> Result<Answer, Finding> {
    let (overheard, traffic) = Overheard::new(link.stream, observe);
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES).max_headers(MOST_HEADERS);
    let (mut sender, connection) = match http.handshake(Wire::new(overheard)).await {
        Ok(halves) => halves,
        Err(error) => return Err(link.finding.but(State::Unknown, error.to_string())),
    };
    let mut connection = pin!(async {
        // What ends it shows in the answer.
        let _ = connection.await;
        pending::<()>().await;
    });
    let left = || link.deadline.saturating_duration_since(now());
    let head = beside(sender.send_request(request), connection.as_mut());
    let response = match timeout(left(), head).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(no_head(link.finding, &traffic, &error)),
        Err(_) => {
            let limit = units::limit(link.limit);
            let reason = format!("the head of the answer did not come within {limit}");
            return Err(showing_first(link.finding, &traffic).but(State::Mismatch, reason));
        }
    };
    let (head, incoming) = response.into_parts();
    let (mut body, length) = (Body::default(), incoming.size_hint().exact());
    let reading = beside(body.read(incoming, wanted), connection.as_mut());
    let outcome = timeout(left(), reading).await;
    body.failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(body.cut(length, &traffic, &error)),
        Err(_) => {
            let (limit, count) = (units::limit(link.limit), body.count);
            let reason = format!("the body did not end within {limit}: {count} bytes came");
            Some((State::Mismatch, reason))
        }
    };
    let traffic = traffic.borrow();
    let asked = traffic.asked.unwrap_or(link.started);
    Ok(Answer {
        status: head.status,
        version: head.version,
        headers: head.headers,
        body,
        asked,
        answered: traffic.answered.unwrap_or(asked),
    })
}

/// Waits for `work`, and drives the connection meanwhile.
async fn beside<T>(
    work: impl Future<Output = T>,
    connection: Pin<&mut impl Future<Output = ()>>,
) -> T {
    future::or(work, async {
        connection.await;
        pending().await
    })
    .await
}

impl Body {
    async fn read(&mut self, mut incoming: Incoming, wanted: Wanted) -> Result<(), hyper::Error> {
        while self.count < wanted.read {
            let Some(frame) = incoming.frame().await.transpose()? else {
                break;
            };
            // Trailers are of no interest.
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let room = wanted.kept.saturating_sub(self.start.len());
            let kept = &bytes[..bytes.len().min(room)];
            self.start.extend_from_slice(kept);
            self.count += bytes.len();
        }
        Ok(())
    }

    /// Why the body ended before its end.
    fn cut(
        &self,
        length: Option<u64>,
        traffic: &RefCell<Traffic>,
        error: &hyper::Error,
    ) -> (State, String) {
        let came = match length {
            Some(length) => format!("{} of {length} bytes", self.count),
            None => format!("{} bytes", self.count),
        };
        match End::of(&traffic.borrow()) {
            End::Reset => (
                State::Reset,
                format!("the connection was reset within the body, after {came}"),
            ),
            End::Closed if length.is_some() => {
                (State::Mismatch, format!("the body ended after {came}"))
            }
            End::Closed => (
                State::Mismatch,
                format!("the body ended before its end, after {came}"),
            ),
            End::Broken(cause) => (State::Unknown, cause),
            End::Open => {
                let cause = innermost(error);
                let reason = format!("the body is malformed after {came}: {cause}");
                (State::Mismatch, reason)
            }
        }
    }
}

/// What became of a connection.
enum End {
    /// It still stands.
    Open,
    /// The other side ended it.
    Closed,
    /// The other side reset it.
    Reset,
    /// Something else ended it.
    Broken(String),
}

impl End {
    fn of(traffic: &Traffic) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match &traffic.broken {
            None if traffic.ended => Self::Closed,
            None => Self::Open,
            Some(error) => match error.kind() {
                // TLS that ends without saying so.
                UnexpectedEof => Self::Closed,
                ConnectionReset | ConnectionAborted | BrokenPipe => Self::Reset,
                _ => Self::Broken(error.to_string()),
            },
        }
    }
}

/// Why there is no head of an answer.
fn no_head(finding: Finding, traffic: &RefCell<Traffic>, error: &hyper::Error) -> Finding {
    let finding = showing_first(finding, traffic);
    let traffic = traffic.borrow();
    let first = traffic.first.as_slice();
    if first.starts_with(&[0x15, 0x03]) {
        return finding
            .but(State::Mismatch, "it answered in TLS, not in HTTP")
            .hinting("ask it with `https://`");
    }
    if !is_http(first) {
        let line = first.split(|byte| *byte == b'\n').next();
        let line = escape_head(line.unwrap_or_default().trim_ascii_end(), QUOTED);
        let reason = format!("it did not answer in HTTP: \"{line}\"");
        return finding.but(State::Mismatch, reason);
    }
    match (End::of(&traffic), first.is_empty()) {
        (End::Reset, true) => {
            finding.but(State::Reset, "the connection was reset before the answer")
        }
        (End::Reset, false) => finding.but(
            State::Reset,
            "the connection was reset within the head of the answer",
        ),
        (End::Closed, true) => finding.but(
            State::Mismatch,
            "the connection was closed without an answer",
        ),
        (End::Closed, false) if error.is_incomplete_message() => finding.but(
            State::Mismatch,
            "the connection was closed within the head of the answer",
        ),
        (End::Broken(cause), _) => finding.but(State::Unknown, cause),
        (End::Closed | End::Open, _) => {
            let reason = format!(
                "the head of the answer cannot be read: {}",
                innermost(error)
            );
            finding.but(State::Mismatch, reason)
        }
    }
}

/// Whether it may be the beginning of an answer in HTTP/1.
fn is_http(first: &[u8]) -> bool {
    const VERSION: &[u8] = b"HTTP/1.";
    let length = first.len().min(VERSION.len());
    first[..length] == VERSION[..length]
}

fn showing_first(finding: Finding, traffic: &RefCell<Traffic>) -> Finding {
    let first = &traffic.borrow().first;
    Finding {
        seen: (!first.is_empty()).then(|| excerpt(first)),
        ..finding
    }
}

fn innermost(error: &hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

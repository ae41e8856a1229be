//! A connection to ask over, with what is known of it so far.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use super::{At, Event, Place};
use crate::finding::{Finding, State};
use crate::net::{Begun, Close, Failure, Opened, UnixStream, begin_connect, unix_failure};
use crate::reactor::{now, timeout};

/// Any stream of bytes: TCP, a Unix socket, TLS over either.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Bytes for S {}

/// An open connection. Dropping it closes it.
pub(super) struct Link {
    /// The stream itself.
    pub(super) stream: Box<dyn Bytes>,
    /// What was found so far: it is open, and how long that took.
    pub(super) finding: Finding,
    /// When the attempt began.
    pub(super) started: Instant,
    /// When it must have ended.
    pub(super) deadline: Instant,
    /// How long it may take in all, as it was asked for.
    pub(super) limit: Duration,
    /// Whether a server may yet refuse TLS, for want of a certificate of ours.
    pub(super) may_refuse: bool,
}

impl Link {
    /// Connects to the place of `at`.
    ///
    /// # Errors
    /// The finding, when there is no connection.
    pub(super) async fn open(at: &At<'_>) -> Result<Self, Finding> {
        let started = now();
        let (stream, finding) = match at.place {
            Place::Ip(address) => {
                let outcome = match begin_connect(*address) {
                    Begun::Done(outcome) => outcome,
                    Begun::Pending(connecting) => connecting.finish(at.limit).await,
                };
                open_tcp(outcome, at.close)?
            }
            Place::Unix(address) => {
                let outcome = UnixStream::connect(address);
                let took = Some(now().saturating_duration_since(started));
                let stream = outcome.map_err(|error| {
                    let mut finding = unix_failure(&error);
                    finding.phases.total = took;
                    finding
                })?;
                let mut finding = Finding::new(State::Open);
                finding.phases.connect = took;
                (Box::new(stream) as Box<dyn Bytes>, finding)
            }
        };
        (at.observe)(Event::Connected(at.place));
        Ok(Self::new(stream, finding, started, at.limit))
    }

    /// A connection whose attempt began at `started` and may take `limit`.
    pub(super) fn new(
        stream: Box<dyn Bytes>,
        finding: Finding,
        started: Instant,
        limit: Duration,
    ) -> Self {
        Self {
            stream,
            finding,
            started,
            deadline: started + limit,
            limit,
            may_refuse: false,
        }
    }

    /// The outcome of `work`, or nothing once the time of the whole attempt is
    /// up.
    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        until(self.deadline, work).await
    }

    /// The stream, to be replaced by one above it, and all the rest.
    pub(super) fn take_stream(self) -> (Box<dyn Bytes>, Self) {
        let mut rest = self;
        let nothing: Box<dyn Bytes> = Box::new(futures_lite::io::Cursor::new(Vec::new()));
        let stream = std::mem::replace(&mut rest.stream, nothing);
        (stream, rest)
    }

    /// What was found, when all is done.
    pub(super) fn into_finding(self) -> Finding {
        let mut finding = self.finding;
        finding.phases.total = Some(now().saturating_duration_since(self.started));
        finding
    }
}

/// The outcome of `work`, or nothing after `deadline`.
pub(super) async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    let left = deadline.saturating_duration_since(now());
    timeout(left, work).await.ok()
}

fn open_tcp(
    outcome: Result<Opened, Failure>,
    close: Close,
) -> Result<(Box<dyn Bytes>, Finding), Finding> {
    let opened = outcome?;
    let finding = Finding::from(&opened);
    opened.close_with(close);
    match opened.into_stream() {
        Ok(stream) => Ok((Box::new(stream), finding)),
        Err(error) => Err(finding.but(State::Unknown, error.to_string())),
    }
}

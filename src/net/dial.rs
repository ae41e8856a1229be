//! Connecting to a name: all its addresses, the first that answers wins.
//!
//! RFC 8305 (Happy Eyeballs): the families take turns, the next address is
//! tried after 250 ms or at once on a failure, the winner cancels the rest.
//! Unlike it, what became of *every* address is kept and told.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::connect::{Begun, Connecting, Opened, Origin, begin_connect_from};
use super::failure::Failure;
use super::families::Families;
use super::resolve::{ResolveError, Resolved, host_with_port, resolve};
use super::stream::TcpStream;
use crate::finding::{Evidence, State};
use crate::reactor::{Sleep, now, sleep};
use crate::units;

/// After how long without an answer the next address is tried as well: the
/// recommended Connection Attempt Delay of RFC 8305 section 8.
const NEXT_ATTEMPT: Duration = Duration::from_millis(250);

/// A connection made by [`dial`].
pub struct Dialed {
    /// The connection.
    pub stream: TcpStream,
    /// The address that answered.
    pub address: SocketAddr,
    /// From the first packet to the connection.
    pub connect: Option<Duration>,
    /// How the name was resolved.
    pub resolved: Resolved,
    /// What became of every address tried, in order; the winner is `Ok`.
    pub attempts: Vec<Attempted>,
}

/// What became of one address.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// The address.
    pub address: SocketAddr,
    /// Open, or why not.
    pub state: State,
    /// What speaks for it.
    pub evidence: Evidence,
    /// How long it took, or had taken when it was given up.
    pub took: Duration,
}

/// No address answered, or there was none.
#[derive(Debug)]
pub enum DialError {
    /// The name has no address.
    Unresolved(ResolveError),
    /// Every address failed, each with its cause.
    NoneAnswered {
        /// The name, with the port.
        target: String,
        /// What became of every address tried, in order.
        attempts: Vec<Attempted>,
        /// Addresses for which no time was left.
        untried: usize,
        /// What failed on this side although an address answered.
        own_fault: Option<io::Error>,
    },
}

/// Connects to `host` on `port` within `limit`, name resolution included.
///
/// Dropping the future gives up every attempt.
///
/// # Errors
/// [`DialError`] names every address with its cause.
pub async fn dial(
    host: &str,
    port: u16,
    families: Families,
    limit: Duration,
) -> Result<Dialed, DialError> {
    dial_from(Origin::default(), host, port, families, limit).await
}

/// The same, from an address or port of ours.
///
/// # Errors
/// As of [`dial`].
pub async fn dial_from(
    origin: Origin,
    host: &str,
    port: u16,
    families: Families,
    limit: Duration,
) -> Result<Dialed, DialError> {
    let started = now();
    let resolved = resolve(host, port, families, limit)
        .await
        .map_err(DialError::Unresolved)?;
    let left = limit.saturating_sub(now().saturating_duration_since(started));
    race(&host_with_port(host, port), resolved, origin, left).await
}

/// As [`dial`], with the addresses known already; `target` names them.
///
/// # Errors
/// As of [`dial`].
pub async fn dial_resolved(
    target: &str,
    resolved: Resolved,
    limit: Duration,
) -> Result<Dialed, DialError> {
    race(target, resolved, Origin::default(), limit).await
}

async fn race(
    target: &str,
    resolved: Resolved,
    origin: Origin,
    limit: Duration,
) -> Result<Dialed, DialError> {
    let order = interleave(&resolved.addresses);
    let mut race = Race::new(order.clone(), origin, limit);
    let opened = poll_fn(|context| race.poll(context)).await;
    let winner = opened.as_ref().map(|it| (it.address, it.took));
    let mut attempts = race.finish(winner.is_some());
    attempts.sort_by_key(|it| order.iter().position(|address| *address == it.address));
    let stream = opened.map(Opened::into_stream).transpose();
    match (stream, winner) {
        (Ok(Some(stream)), Some((address, took))) => Ok(Dialed {
            stream,
            address,
            connect: Some(took),
            resolved,
            attempts,
        }),
        (stream, _) => Err(DialError::NoneAnswered {
            target: target.into(),
            untried: resolved.addresses.len() - attempts.len(),
            attempts,
            own_fault: stream.err(),
        }),
    }
}

/// One address of each family in turn, first the family that the resolver
/// prefers (RFC 8305 section 4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let prefers_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|it| it.is_ipv6() == prefers_v6);
    let mut second = second.into_iter();
    let mut order = Vec::with_capacity(addresses.len());
    for address in first {
        order.push(address);
        order.extend(second.next());
    }
    order.extend(second);
    order
}

/// The attempts under way; polled as one future.
struct Race {
    waiting: std::vec::IntoIter<SocketAddr>,
    running: Vec<Running>,
    tried: Vec<Attempted>,
    next: Option<Sleep>,
    deadline: Sleep,
    origin: Origin,
    limit: Duration,
}

/// A connection attempt, owned by the future that finishes it.
struct Running {
    address: SocketAddr,
    started: std::time::Instant,
    finish: Pin<Box<dyn Future<Output = Result<Opened, Failure>>>>,
}

impl Race {
    fn new(addresses: Vec<SocketAddr>, origin: Origin, limit: Duration) -> Self {
        Self {
            origin,
            waiting: addresses.into_iter(),
            running: Vec::new(),
            tried: Vec::new(),
            next: None,
            deadline: sleep(limit),
            limit,
        }
    }

    /// Ready with the winner, or with nothing when every address has failed or
    /// the time is up.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Opened>> {
        loop {
            if let Some(opened) = self.poll_running(context) {
                return Poll::Ready(Some(opened));
            }
            let due = match &mut self.next {
                Some(next) => Pin::new(next).poll(context).is_ready(),
                None => true,
            };
            let start = due || self.running.is_empty();
            match self.waiting.as_slice().first().copied().filter(|_| start) {
                Some(address) => {
                    self.waiting.next();
                    if let Some(opened) = self.start(address) {
                        return Poll::Ready(Some(opened));
                    }
                }
                None if self.running.is_empty() => return Poll::Ready(None),
                None => return Pin::new(&mut self.deadline).poll(context).map(|()| None),
            }
        }
    }

    fn start(&mut self, address: SocketAddr) -> Option<Opened> {
        match begin_connect_from(self.origin, address) {
            Begun::Done(outcome) => self.settle(outcome),
            Begun::Pending(connecting) => {
                self.running.push(Running::new(connecting, self.limit));
                self.next = Some(sleep(NEXT_ATTEMPT));
                None
            }
        }
    }

    fn poll_running(&mut self, context: &mut Context<'_>) -> Option<Opened> {
        let mut index = 0;
        while let Some(running) = self.running.get_mut(index) {
            match running.finish.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(outcome) => {
                    self.running.remove(index);
                    // A failure starts the next one at once.
                    self.next = None;
                    if let Some(opened) = self.settle(outcome) {
                        return Some(opened);
                    }
                }
            }
        }
        None
    }

    fn settle(&mut self, outcome: Result<Opened, Failure>) -> Option<Opened> {
        match outcome {
            Ok(opened) => {
                self.tried.push(Attempted {
                    address: opened.address,
                    state: State::Open,
                    evidence: opened.evidence.clone(),
                    took: opened.took,
                });
                Some(opened)
            }
            Err(failure) => {
                self.tried.push(failure.into());
                None
            }
        }
    }

    /// Everything that was tried, also what was still under way.
    fn finish(self, won: bool) -> Vec<Attempted> {
        let mut tried = self.tried;
        for running in self.running {
            let took = now().saturating_duration_since(running.started);
            let reason = match won {
                true => String::from("no answer when another address won"),
                // It began a moment after what the limit is of.
                false => format!("no answer within {}", units::limit(rounded(took))),
            };
            tried.push(Attempted {
                address: running.address,
                state: State::Filtered,
                evidence: Evidence {
                    reason: Some(reason.into()),
                    ..Evidence::default()
                },
                took,
            });
        }
        tried
    }
}

impl Running {
    fn new(connecting: Connecting, limit: Duration) -> Self {
        Self {
            address: connecting.address(),
            started: now(),
            finish: Box::pin(connecting.finish(limit)),
        }
    }
}

impl From<Failure> for Attempted {
    fn from(failure: Failure) -> Self {
        Self {
            address: failure.address,
            state: failure.state,
            evidence: failure.evidence,
            took: failure.took,
        }
    }
}

impl DialError {
    /// Whether this machine failed, and the error says nothing of the target.
    #[must_use]
    pub fn is_own_fault(&self) -> bool {
        match self {
            Self::Unresolved(_) => false,
            Self::NoneAnswered {
                attempts,
                own_fault,
                ..
            } => own_fault.is_some() || attempts.iter().all(|it| it.state == State::Unknown),
        }
    }

    /// What became of every address tried.
    #[must_use]
    pub fn attempts(&self) -> &[Attempted] {
        match self {
            Self::Unresolved(_) => &[],
            Self::NoneAnswered { attempts, .. } => attempts,
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(error) => error.fmt(f),
            Self::NoneAnswered {
                target,
                attempts,
                untried,
                own_fault,
            } => {
                write!(f, "cannot connect to {target}: ")?;
                if let Some(error) = own_fault {
                    return error.fmt(f);
                }
                for (index, attempt) in attempts.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    let reason = attempt.evidence.reason.as_deref().unwrap_or_default();
                    let Attempted { address, state, .. } = attempt;
                    write!(f, "{separator}{address} {state} ({reason})")?;
                }
                match (attempts.len(), untried) {
                    (_, 0) => Ok(()),
                    (0, _) => f.write_str("no time was left to try"),
                    (_, count) => write!(f, "; no time was left for {count} more"),
                }
            }
        }
    }
}

impl std::error::Error for DialError {}
/// Up to the next hundredth of a second.
fn rounded(time: Duration) -> Duration {
    let hundredths = time.as_millis().div_ceil(10);
    Duration::from_millis(
        u64::try_from(hundredths)
            .unwrap_or(u64::MAX)
            .saturating_mul(10),
    )
}

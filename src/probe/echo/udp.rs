//! echo over UDP: a datagram that does not come back is lost, not an error.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Options, Outcome};
use crate::finding::{Evidence, State};
use crate::net::{Attempted, UdpSocket, resolve};
use crate::protocol::echo::{Verifier, number, payload};
use crate::reactor::{now, timeout};

/// Late echoes are told from wrong ones by what was sent lately.
const REMEMBERED: usize = 64;

/// A socket for the first address that does not refuse.
pub(super) struct Udp {
    socket: UdpSocket,
    address: SocketAddr,
    further: VecDeque<SocketAddr>,
    /// The address has taken a message without refusing it: what fails from
    /// now on is no reason to try elsewhere.
    settled: bool,
    late: VecDeque<Vec<u8>>,
    /// What became of addresses, until it is told.
    tried: Vec<Attempted>,
    limit: Duration,
}

impl Udp {
    /// Resolves the name and opens a socket. Nothing is sent yet: whether
    /// anybody is there shows with the first message.
    pub(super) async fn open(options: &Options) -> anyhow::Result<Self> {
        let target = &options.target;
        let resolved =
            resolve(&target.host, options.port, target.families, options.timeout).await?;
        let mut further = VecDeque::from(resolved.addresses);
        let (socket, address) = next_socket(&mut further)?;
        Ok(Self {
            socket,
            address,
            further,
            settled: false,
            late: VecDeque::new(),
            tried: Vec::new(),
            limit: options.timeout,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What became of addresses since this was asked last.
    pub(super) fn take_tried(&mut self) -> Vec<Attempted> {
        std::mem::take(&mut self.tried)
    }

    /// Sends `message` and waits for it to come back. An address that refuses
    /// the first message gives way to the next.
    pub(super) async fn exchange(&mut self, message: &[u8]) -> anyhow::Result<Outcome> {
        loop {
            let started = now();
            let outcome = self.try_exchange(message).await;
            let (state, reason) = match &outcome {
                Ok(Ok(Outcome::Lost)) => (State::Silent, Some("no echo, which proves nothing")),
                Ok(_) => (State::Open, None),
                Err(error) => judge(error),
            };
            if !self.settled {
                self.tried.push(Attempted {
                    address: self.address,
                    state,
                    evidence: Evidence {
                        reason: reason.map(Into::into),
                        ..Evidence::default()
                    },
                    took: now().saturating_duration_since(started),
                });
            }
            let settled = std::mem::replace(&mut self.settled, true);
            match outcome {
                Ok(outcome) => return outcome,
                Err(error) if settled || self.further.is_empty() => {
                    return Err(explain(error, self.address));
                }
                Err(_) => {
                    self.settled = false;
                    (self.socket, self.address) = next_socket(&mut self.further)?;
                }
            }
        }
    }

    /// The outer error is the network's word about this address.
    async fn try_exchange(&mut self, message: &[u8]) -> io::Result<anyhow::Result<Outcome>> {
        let started = now();
        self.socket.send(message).await?;
        let mut buffer = vec![0; message.len() + 1];
        loop {
            let left = left(self.limit, started);
            let Ok(received) = timeout(left, self.socket.receive(&mut buffer)).await else {
                self.remember(message);
                return Ok(Ok(Outcome::Lost));
            };
            let came = &buffer[..received?];
            if came == message {
                return Ok(Ok(Outcome::Echoed(
                    now().saturating_duration_since(started),
                )));
            }
            if !self.is_late(came, message) {
                return Ok(Err(wrong(message, came)));
            }
        }
    }

    fn remember(&mut self, message: &[u8]) {
        if self.late.len() == REMEMBERED {
            self.late.pop_front();
        }
        self.late.push_back(message.to_vec());
    }

    /// An echo of an earlier message, or a second one: no answer to this one.
    fn is_late(&self, came: &[u8], message: &[u8]) -> bool {
        let earlier = |came_number: &u64| number(message).is_some_and(|now| *came_number < now);
        let numbered = number(came).filter(earlier);
        numbered.is_some_and(|number| payload(number, came.len()) == came)
            || self.late.iter().any(|it| it == came)
    }
}

fn next_socket(addresses: &mut VecDeque<SocketAddr>) -> anyhow::Result<(UdpSocket, SocketAddr)> {
    let mut failure = None;
    while let Some(address) = addresses.pop_front() {
        match UdpSocket::connect(address) {
            Ok(socket) => return Ok((socket, address)),
            Err(error) => failure = Some(explain(error, address)),
        }
    }
    Err(failure.unwrap_or_else(|| anyhow::anyhow!("no address is left to try")))
}

/// What the network says about an address by refusing a datagram.
fn judge(error: &io::Error) -> (State, Option<&'static str>) {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => (State::Refused, Some("nothing listens there")),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            (State::Unreachable, Some("the network cannot reach it"))
        }
        _ => (State::Unknown, Some("the datagram could not be sent")),
    }
}

fn explain(error: io::Error, address: SocketAddr) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            anyhow::anyhow!("{address} refused: nothing listens there")
        }
        _ => anyhow::Error::new(error).context(format!("cannot reach {address}")),
    }
}

fn wrong(message: &[u8], came: &[u8]) -> anyhow::Error {
    let (all, count) = (message.len(), came.len());
    let error = match Verifier::new(message).take(came) {
        Err(wrong) => anyhow::Error::new(wrong),
        Ok(()) => anyhow::anyhow!("{count} of {all} bytes came back in one datagram"),
    };
    error.context("the server answered wrongly")
}

fn left(limit: Duration, started: Instant) -> Duration {
    limit.saturating_sub(now().saturating_duration_since(started))
}

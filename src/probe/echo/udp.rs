//! echo over UDP: a datagram that does not come back is lost, not an error.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Options, Outcome};
use crate::net::{UdpSocket, resolve};
use crate::protocol::echo::{Verifier, number, payload};
use crate::reactor::{now, timeout};

/// Late echoes are told from wrong ones by what was sent lately.
const REMEMBERED: usize = 64;

/// A socket for the first address that does not refuse.
pub(super) struct Udp {
    socket: UdpSocket,
    address: SocketAddr,
    further: VecDeque<SocketAddr>,
    /// An echo has come: what fails from now on is no reason to try elsewhere.
    settled: bool,
    late: VecDeque<Vec<u8>>,
    limit: Duration,
}

impl Udp {
    /// Resolves the name and opens a socket. Nothing is sent yet: whether
    /// anybody is there shows with the first message.
    pub(super) async fn open(options: &Options) -> anyhow::Result<Self> {
        let target = &options.target;
        let asked = resolve(&target.host, options.port, target.families);
        let resolved = timeout(options.timeout, asked)
            .await
            .with_context(|| format!("cannot resolve `{}`", target.host))??;
        let mut further = VecDeque::from(resolved.addresses);
        let (socket, address) = next_socket(&mut further)?;
        Ok(Self {
            socket,
            address,
            further,
            settled: false,
            late: VecDeque::new(),
            limit: options.timeout,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends `message` and waits for it to come back. An address that refuses
    /// the first message gives way to the next.
    pub(super) async fn exchange(&mut self, message: &[u8]) -> anyhow::Result<Outcome> {
        loop {
            let error = match self.try_exchange(message).await {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            let address = self.address;
            if self.settled || self.further.is_empty() {
                return Err(explain(error, address));
            }
            log::info!("{address}: {error}: trying the next address");
            (self.socket, self.address) = next_socket(&mut self.further)?;
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
            self.settled = true;
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

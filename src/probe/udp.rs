//! Datagrams: answered, refused by ICMP, or silence, which proves nothing.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::script::{self, Script, Step};
use super::{Ask, At, Event, Place, Question, Scheme, Transport};
use crate::finding::{Finding, State};
use crate::net::{Failure, UdpSocket};
use crate::protocol::datagram::Payload;
use crate::reactor::{now, timeout};
use crate::units;

/// `udp://`: a datagram, and its answer.
pub const UDP: Scheme = Scheme {
    name: "udp",
    transport: Transport::Udp,
    default_port: None,
    takes_path: false,
    options: |_| &["payload"],
    prepare: |_, settings| prepare(settings),
};

/// How long an answer may take before the question is asked again: either may
/// have been lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Options of every check over UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "UDP")]
pub struct Settings {
    /// The datagram: `echo`, `dns`, `ntp` or `hex:…` [default: --send, or by the port, else empty]
    #[arg(long, value_name = "PAYLOAD")]
    pub payload: Option<Payload>,
}

impl Settings {
    /// The options that are given, each with whether it is.
    pub(super) fn given(&self) -> [(&'static str, bool); 1] {
        [("payload", self.payload.is_some())]
    }
}

fn prepare(settings: &super::Settings) -> Result<Question, String> {
    let mut payload = settings.udp.payload.clone();
    let (mut script, mut rest) = (Script::default(), None);
    for step in &settings.script.steps {
        match step {
            Step::Send(bytes) if payload.is_none() => payload = Some(Payload::Given(bytes.clone())),
            Step::Send(_) => return Err("one datagram is sent: one --send, or --payload".into()),
            Step::Read(_) => return Err("a datagram comes whole: --expect judges it".into()),
            Step::Rest { silence, most } => rest = Some((*silence, *most)),
            Step::Expect(_) | Step::Reject(_) => script.steps.push(step.clone()),
        }
    }
    Ok(Some(Rc::new(Datagram {
        payload,
        script,
        rest,
    })))
}

/// A datagram to be answered.
struct Datagram {
    payload: Option<Payload>,
    /// What the answer is judged by.
    script: Script,
    /// Whether to listen on after the answer: for how long, and how many bytes.
    rest: Option<(Duration, u64)>,
}

/// A question under way.
struct Asking<'a> {
    at: &'a At<'a>,
    address: SocketAddr,
    socket: UdpSocket,
    started: Instant,
}

impl Ask for Datagram {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(self.ask(at))
    }

    fn sentence(&self) -> String {
        let first = match &self.payload {
            Some(payload) => format!("answers {payload}"),
            None => "answers a datagram".into(),
        };
        self.script.sentence(first)
    }
}

impl Datagram {
    async fn ask(&self, at: &At<'_>) -> Finding {
        let Place::Ip(address) = *at.place else {
            return Finding::new(State::Unknown).but(State::Unknown, "it takes no datagrams");
        };
        let started = now();
        let by_port = Payload::of_port(address.port());
        let payload = self.payload.as_ref().unwrap_or(&by_port);
        let mut finding = match Asking::begin(at, address, started) {
            Ok(asking) => self
                .exchange(&asking, payload)
                .await
                .unwrap_or_else(|it| it),
            Err(failed) => failed,
        };
        finding.phases.connect = None;
        finding.phases.total = Some(now().saturating_duration_since(started));
        finding
    }

    /// Asks until there is an answer, and judges it; both are findings.
    async fn exchange(&self, asking: &Asking<'_>, payload: &Payload) -> Result<Finding, Finding> {
        // Answers must not be guessed: the keys of the hasher are random.
        let nonce = RandomState::new().build_hasher().finish();
        let question = payload.question(nonce);
        let deadline = asking.started + asking.at.limit;
        let mut sent = 0_u32;
        let answer = loop {
            let left = deadline.saturating_duration_since(now());
            if left.is_zero() {
                return Err(asking.silence(payload, sent));
            }
            asking.send(&question).await?;
            sent += 1;
            if let Some(answer) = asking.receive(left.min(PATIENCE)).await? {
                break answer;
            }
        };
        let mut finding = Finding::new(State::Open);
        finding.phases.first_byte = Some(now().saturating_duration_since(asking.started));
        finding.seen = (!answer.is_empty()).then(|| script::seen(&answer));
        let judged = payload.judge(&question, &answer);
        if let Err(reason) = judged.and_then(|()| self.script.judge(&answer)) {
            return Err(finding.but(State::Mismatch, reason));
        }
        if let Some((silence, most)) = self.rest {
            asking.take_rest(answer.len() as u64, silence, most).await;
        }
        Ok(finding)
    }
}

impl<'a> Asking<'a> {
    fn begin(at: &'a At<'a>, address: SocketAddr, started: Instant) -> Result<Self, Finding> {
        let socket = UdpSocket::connect(address);
        let socket = socket.map_err(|error| Failure::of_socket(address, &error))?;
        socket.keep_errors();
        Ok(Self {
            at,
            address,
            socket,
            started,
        })
    }

    async fn send(&self, question: &[u8]) -> Result<(), Finding> {
        let sent = self.socket.send(question).await;
        sent.map_err(|error| self.failed(&error))?;
        (self.at.observe)(Event::Sent(question));
        Ok(())
    }

    /// The next datagram, if one comes in time.
    async fn receive(&self, limit: Duration) -> Result<Option<Vec<u8>>, Finding> {
        match timeout(limit, self.socket.receive_whole()).await {
            Ok(Ok(answer)) => {
                (self.at.observe)(Event::Received(&answer));
                Ok(Some(answer))
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Ok(None),
        }
    }

    /// Listens on until nothing comes for a while, or enough has come.
    async fn take_rest(&self, mut count: u64, silence: Duration, most: u64) {
        let how = loop {
            if count >= most {
                break format!("{count} bytes came, which is enough");
            }
            match self.receive(silence).await {
                // Empty ones come to an end too.
                Ok(Some(more)) => count += more.len().max(1) as u64,
                Ok(None) => break format!("nothing more within {}", units::limit(silence)),
                Err(failed) => break failed.evidence.reason.unwrap_or_default().into(),
            }
        };
        (self.at.observe)(Event::Ended(&how));
    }

    fn failed(&self, error: &io::Error) -> Finding {
        let took = now().saturating_duration_since(self.started);
        self.socket.failure(self.address, error, took).into()
    }

    fn silence(&self, payload: &Payload, sent: u32) -> Finding {
        let limit = units::limit(self.at.limit);
        let times = match sent {
            1 => "once",
            2 => "twice",
            _ => &format!("{sent} times"),
        };
        let reason =
            format!("no answer within {limit}, which proves nothing ({payload}, sent {times})");
        let hint = match payload {
            Payload::Given(bytes) if bytes.is_empty() => {
                "a service answers only what it understands: say it with --send or --payload"
            }
            _ => "a firewall drops it, or nobody there understands it",
        };
        Finding::new(State::Silent)
            .but(State::Silent, reason)
            .hinting(hint)
    }
}

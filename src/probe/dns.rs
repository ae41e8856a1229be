//! DNS: what a name server answers, over UDP and TCP.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::excerpt::excerpt;
use super::expectations::Expectations;
use super::link::Link;
use super::{Ask, At, Event, Place, Question, Scheme, Settings, Transport};
use crate::finding::{DnsEvidence, Finding, State};
use crate::net::{Failure, UdpSocket};
use crate::protocol::dns::{self, Answer, DATAGRAM_BYTES, NoAnswer};
use crate::reactor::{now, timeout};
use crate::units::{self, enumerate};

/// `dns://`: a question to a name server.
pub const DNS: Scheme = Scheme {
    name: "dns",
    transport: Transport::Udp,
    default_port: Some(53),
    takes_path: true,
    options: |_| &[],
    prepare,
};

/// After how long without an answer a datagram is sent again.
const REPEAT: Duration = Duration::from_secs(1);

/// How a target says what to ask.
const FORM: &str = "dns://SERVER/NAME, with `?type=AAAA` for another type than A";

/// What is asked, and what is expected of the answer.
struct Query {
    question: dns::Question,
    over: Over,
    expectations: Expectations,
}

/// Which transport carries the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// UDP, then TCP where the answer does not fit.
    Both,
    Udp,
    Tcp,
}

fn prepare(path: Option<&str>, settings: &Settings) -> Result<Question, String> {
    let asked = path.and_then(|it| it.strip_prefix('/')).unwrap_or_default();
    let (name, options) = asked.split_once('?').unwrap_or((asked, ""));
    if name.is_empty() {
        return Err(format!("it names nothing to ask for (hint: {FORM})"));
    }
    let (mut kind, mut over) = ("A", Over::Both);
    for option in options.split('&').filter(|it| !it.is_empty()) {
        match option.split_once('=') {
            Some(("type", value)) => kind = value,
            Some(("over", "udp")) => over = Over::Udp,
            Some(("over", "tcp")) => over = Over::Tcp,
            _ => {
                return Err(format!(
                    "`{option}` is none of type=TYPE, over=udp and over=tcp"
                ));
            }
        }
    }
    Ok(Some(Rc::new(Query {
        question: dns::Question::new(name, kind)?,
        over,
        expectations: Expectations::of(&settings.script, "dns")?,
    })))
}

impl Ask for Query {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async move {
            match at.place {
                Place::Ip(address) => self.ask_address(*address, at).await,
                Place::Unix(_) => Finding::new(State::Unknown)
                    .but(State::Unknown, "a name server has no Unix socket"),
            }
        })
    }

    fn sentence(&self) -> String {
        let (kind, name) = (self.question.kind(), self.question.name());
        let first = format!("answers with a record {kind} of {name}");
        let records = self.expectations.words("a record");
        enumerate(std::iter::once(first).chain(records).collect())
    }
}

impl Query {
    async fn ask_address(&self, address: SocketAddr, at: &At<'_>) -> Finding {
        let started = now();
        let outcome = match self.over {
            Over::Tcp => self.over_tcp(at, started).await,
            Over::Udp => self.over_udp(address, at, started).await,
            Over::Both => match self.over_udp(address, at, started).await {
                Ok((answer, _)) if answer.truncated => {
                    let outcome = self.over_tcp(at, started).await;
                    outcome.map_err(after_truncation)
                }
                outcome => outcome,
            },
        };
        let mut finding = match outcome {
            Ok((answer, finding)) => self.judge(answer, finding),
            Err(finding) => finding,
        };
        finding.phases.total = Some(now().saturating_duration_since(started));
        finding
    }

    /// Asks by datagrams, again each second. Whatever else comes than the
    /// answer is waited out: it may be forged.
    async fn over_udp(
        &self,
        address: SocketAddr,
        at: &At<'_>,
        started: Instant,
    ) -> Result<(Answer, Finding), Finding> {
        let id = random_id();
        let query = self.question.encode(id).map_err(cannot)?;
        let socket = UdpSocket::connect(address);
        let socket = socket.map_err(|it| Finding::from(Failure::of_socket(address, &it)))?;
        socket.keep_errors();
        let took = || now().saturating_duration_since(started);
        let failed = |it| Finding::from(socket.failure(address, &it, took()));
        let deadline = started + at.limit;
        let mut tally = Tally::default();
        while now() < deadline {
            socket.send(&query).await.map_err(failed)?;
            (at.observe)(Event::Sent(&query));
            tally.sent += 1;
            let patience = deadline.min(now() + REPEAT);
            let heard = self
                .await_datagram(&socket, id, at, patience, &mut tally)
                .await;
            let heard = heard.map_err(|deaf| match deaf {
                Deaf::Error(error) => failed(error),
                Deaf::Finding(finding) => *finding,
            })?;
            if let Some(answer) = heard {
                let mut finding = Finding::new(State::Open);
                finding.phases.first_byte = Some(now().saturating_duration_since(started));
                finding.dns = Some(Box::new(self.evidence(&answer, "udp")));
                return Ok((answer, finding));
            }
        }
        Err(tally.into_finding(at.limit))
    }

    async fn await_datagram(
        &self,
        socket: &UdpSocket,
        id: u16,
        at: &At<'_>,
        until: Instant,
        tally: &mut Tally,
    ) -> Result<Option<Answer>, Deaf> {
        let mut buffer = [0; DATAGRAM_BYTES as usize];
        loop {
            let left = until.saturating_duration_since(now());
            let Ok(received) = timeout(left, socket.receive(&mut buffer)).await else {
                return Ok(None);
            };
            let count = received.map_err(Deaf::Error)?;
            let came = &buffer[..count];
            (at.observe)(Event::Received(came));
            match self.question.decode(id, came) {
                Ok(answer) => return Ok(Some(answer)),
                Err(NoAnswer::Unrelated) => tally.note(came),
                Err(NoAnswer::Malformed(reason)) => {
                    return Err(Deaf::Finding(Box::new(malformed(&reason, came))));
                }
            }
        }
    }

    /// Asks over a connection, and waits out other messages than the answer.
    async fn over_tcp(&self, at: &At<'_>, started: Instant) -> Result<(Answer, Finding), Finding> {
        let limit = at
            .limit
            .saturating_sub(now().saturating_duration_since(started));
        let mut link = Link::open(&At { limit, ..*at }).await?;
        let id = random_id();
        let query = self.question.encode(id).and_then(|it| dns::framed(&it));
        let query = query.map_err(cannot)?;
        let asked = now();
        let left = link.deadline.saturating_duration_since(asked);
        let exchange = async {
            link.stream.write_all(&query).await?;
            (at.observe)(Event::Sent(&query));
            loop {
                let message = read_message(&mut link.stream).await?;
                (at.observe)(Event::Received(&message));
                let answer = self.question.decode(id, &message);
                if answer != Err(NoAnswer::Unrelated) {
                    return Ok::<_, io::Error>((message, answer));
                }
            }
        };
        let outcome = timeout(left, exchange).await;
        let mut finding = link.into_finding();
        let limit = units::limit(at.limit);
        match outcome {
            Ok(Ok((_, Ok(answer)))) => {
                finding.phases.first_byte = Some(now().saturating_duration_since(asked));
                finding.dns = Some(Box::new(self.evidence(&answer, "tcp")));
                Ok((answer, finding))
            }
            Ok(Ok((message, Err(error)))) => Err(malformed(&error.to_string(), &message)),
            Ok(Err(error)) => Err(broken(finding, &error)),
            Err(_) => {
                let reason = format!("no whole answer over TCP within {limit}");
                Err(finding.but(State::Mismatch, reason))
            }
        }
    }

    fn evidence(&self, answer: &Answer, transport: &str) -> DnsEvidence {
        DnsEvidence {
            name: self.question.name(),
            question: self.question.kind(),
            rcode: answer.rcode.clone(),
            records: answer.records.clone(),
            transport: transport.into(),
        }
    }

    /// Whether the answer is a good one.
    fn judge(&self, answer: Answer, finding: Finding) -> Finding {
        let (kind, name) = (self.question.kind(), self.question.name());
        if !answer.no_error {
            return finding.but(State::Mismatch, answer.rcode);
        }
        if answer.truncated {
            let reason = "the answer does not fit into a datagram";
            let finding = finding.but(State::Mismatch, reason);
            return finding.hinting("leave out `over=udp`, and TCP is asked too");
        }
        match (answer.found, answer.records.as_slice()) {
            (false, []) => finding.but(State::Mismatch, format!("{name} has no record {kind}")),
            (false, [other, ..]) => {
                let reason = format!("{name} has no record {kind}, but `{other}`");
                finding.but(State::Mismatch, reason)
            }
            (true, records) => match self.expectations.judge(records) {
                Ok(()) => finding,
                Err(reason) => finding.but(State::Mismatch, format!("of the records, {reason}")),
            },
        }
    }
}

/// What was sent in vain, and what came that was no answer.
#[derive(Default)]
struct Tally {
    sent: u32,
    unrelated: u32,
    last: String,
}

impl Tally {
    fn note(&mut self, came: &[u8]) {
        self.unrelated += 1;
        self.last = excerpt(came);
    }

    fn into_finding(self, limit: Duration) -> Finding {
        let (limit, finding) = (units::limit(limit), Finding::new(State::Silent));
        if self.unrelated == 0 {
            let times = match self.sent {
                1 => "asked once".into(),
                sent => format!("asked {sent} times"),
            };
            let reason = format!("no answer within {limit} ({times})");
            let hint =
                "a firewall drops it, or it answers others only: over UDP silence proves nothing";
            return finding.but(State::Silent, reason).hinting(hint);
        }
        let reason = format!(
            "no answer to the question within {limit}, but other datagrams ({})",
            self.unrelated
        );
        Finding {
            seen: Some(self.last),
            ..finding.but(State::Mismatch, reason)
        }
    }
}

/// A number that nobody can guess who does not see the question.
fn random_id() -> u16 {
    let [first, second, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([first, second])
}

async fn read_message(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let length = u16::from_be_bytes(length);
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// What a failure over TCP says of a server that sent us there.
fn after_truncation(failed: Finding) -> Finding {
    if failed.state == State::Unknown {
        return failed;
    }
    let reason = failed.evidence.reason.as_deref().unwrap_or_default();
    let reason = format!("the answer does not fit into a datagram, and over TCP: {reason}");
    failed.but(State::Mismatch, reason)
}

fn malformed(reason: &str, message: &[u8]) -> Finding {
    let reason = format!("the answer cannot be read: {reason}");
    Finding {
        seen: Some(excerpt(message)),
        ..Finding::new(State::Mismatch).but(State::Mismatch, reason)
    }
}

fn cannot(reason: String) -> Finding {
    Finding::new(State::Unknown).but(State::Unknown, reason)
}

/// A connection that ended before the answer.
fn broken(finding: Finding, error: &io::Error) -> Finding {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => finding.but(
            State::Mismatch,
            "the connection was closed before a whole answer",
        ),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            finding.but(State::Reset, "the connection was reset before the answer")
        }
        _ => finding.but(State::Unknown, error.to_string()),
    }
}

/// Why nothing more can be heard.
enum Deaf {
    /// The socket says so.
    Error(io::Error),
    /// What came says so.
    Finding(Box<Finding>),
}

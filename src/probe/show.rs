//! `netkit probe NAME TARGET`: asks once, as a check does, and shows what
//! happens, as it happens, instead of judging it.

mod transcript;

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::script::{CLOSED, RESET, Step};
use super::{Ask, At, Place, SCHEMES, Scheme, Settings, Transport, raw};
use crate::finding::{Attempt, CheckResult, Exit, Expected, Family, Finding, Record, Reply, State};
use crate::net::{Close, Families, UnixAddress, resolve};
use crate::reactor::signals;
use crate::units::{parse_positive_duration, parse_size};

use transcript::{Told, Transcript};

/// The protocol without one: whatever is sent and whatever comes.
pub const RAW: &str = "raw";

/// What carries it: the schemes whose targets `raw` takes.
const CARRIERS: [&str; 4] = ["tcp", "tls", "udp", "unix"];

/// The schemes that have a client of their own, or ask nothing.
const OWN_CLIENTS: [&str; 8] = [
    "tcp",
    "echo",
    "peer",
    "coordinator",
    "listing",
    "document",
    "cluster",
    "store",
];

/// Options of `netkit probe`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// What to speak: `raw` sends and shows bytes, every other NAME asks what `check` would ask
    #[arg(value_name = "NAME", value_parser = protocols())]
    pub protocol: String,
    /// The server: `HOST:PORT`, a path for `unix`; `raw` also takes `tls://`, `udp://` and
    /// `unix://` before it
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
    /// How long each address may take; `raw` also listens on until nothing came for as long
    #[arg(long, short, value_name = "TIME", default_value = "3s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// Show bytes as a hexadecimal dump
    #[arg(long)]
    pub hex: bool,
    /// Show at most so many bytes; `raw` then ends
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = parse_size)]
    pub max_bytes: usize,
    /// What to ask.
    #[command(flatten)]
    pub ask: Settings,
}

/// Every protocol that can be shown: `raw`, and those that ask something by
/// themselves; the others have clients of their own.
fn protocols() -> clap::builder::PossibleValuesParser {
    let asking = SCHEMES.iter().map(|it| it.name);
    let asking = asking.filter(|it| !OWN_CLIENTS.contains(it));
    std::iter::once(RAW)
        .chain(asking)
        .collect::<Vec<_>>()
        .into()
}

/// One server.
#[derive(Debug)]
pub struct Peer {
    /// What it speaks.
    pub scheme: &'static Scheme,
    /// Its name or address; of a Unix socket, its path or `@name`.
    pub host: String,
    /// Its port; a Unix socket has none.
    pub port: Option<u16>,
    /// What follows the port, with its `/`.
    pub path: Option<String>,
    /// All of it, as it is shown.
    pub name: String,
}

/// A server, and what it is asked.
pub struct Probe {
    peer: Peer,
    options: Options,
    question: Rc<dyn Ask>,
}

/// What the last address that was asked came to.
struct Asked {
    place: Option<Place>,
    finding: Finding,
}

impl Probe {
    /// Understands what is asked; nothing is sent yet.
    ///
    /// # Errors
    /// The settings make no sense for the protocol: in words.
    pub fn prepare(peer: Peer, options: Options) -> Result<Self, String> {
        let mut settings = options.ask.clone();
        if options.protocol == RAW {
            if !CARRIERS.contains(&peer.scheme.name) {
                let carriers = CARRIERS.join(", ");
                return Err(format!("raw goes over one of {carriers}"));
            }
            settings.script.steps.push(Step::Rest {
                silence: options.timeout,
                most: options.max_bytes as u64,
            });
        }
        settings.all_reach(std::iter::once(peer.scheme))?;
        let question = (peer.scheme.prepare)(peer.path.as_deref(), &settings)?;
        let question = question.unwrap_or_else(raw::connect);
        Ok(Self {
            peer,
            options,
            question,
        })
    }

    /// Asks one address after another until one answers. Each event is said in
    /// a line, and the end is told as a record: of `raw` a reply, else a result.
    /// SIGINT and SIGTERM end it with what there is.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub async fn run(&self, say: &dyn Fn(&str), tell: &dyn Fn(Record)) -> anyhow::Result<Exit> {
        let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
        let transcript = Transcript::new(say, self.options.hex, self.options.max_bytes);
        let work = async { Ok(Ok(self.ask(&transcript, tell).await)) };
        let interrupted = async { interrupts.next().await.map(Err) };
        match future::or(work, interrupted).await? {
            Ok(asked) => Ok(self.finish(asked, transcript, tell)),
            Err(number) => {
                let finding = Finding::new(State::Unknown).but(State::Unknown, "interrupted");
                self.finish(Asked::nowhere(finding), transcript, tell);
                Ok(Exit::by_signal(number))
            }
        }
    }

    /// Asks until somebody answers; the last place and what was found there.
    async fn ask(&self, transcript: &Transcript<'_>, tell: &dyn Fn(Record)) -> Asked {
        let (places, resolve) = match self.places().await {
            Ok(found) => found,
            Err(finding) => return Asked::nowhere(finding),
        };
        let mut asked = Asked::nowhere(Finding::new(State::Unresolved));
        for place in places {
            if let Some(place) = &asked.place {
                transcript.say_failed(Some(place), &asked.finding);
                self.tell_attempt(place, asked.finding, tell);
            }
            let at = At {
                place: &place,
                host: &self.peer.host,
                resolve,
                limit: self.options.timeout,
                close: Close::default(),
                observe: &|event| transcript.note(&event),
            };
            let mut finding = self.question.ask(&at).await;
            finding.phases.resolve = resolve;
            let answered = is_answer(finding.state);
            asked = Asked {
                place: Some(place),
                finding,
            };
            if answered {
                break;
            }
        }
        asked
    }

    fn tell_attempt(&self, place: &Place, finding: Finding, tell: &dyn Fn(Record)) {
        if let Place::Ip(address) = *place {
            tell(Record::Attempt(Attempt {
                target: self.peer.name.clone(),
                address,
                family: address.into(),
                state: finding.state,
                evidence: finding.evidence,
                connect: finding.phases.connect,
                winner: false,
            }));
        }
    }

    /// The places to ask, in order, at least one; and how long it took to
    /// resolve the name.
    async fn places(&self) -> Result<(Vec<Place>, Option<Duration>), Finding> {
        let Peer { host, port, .. } = &self.peer;
        if self.peer.scheme.transport == Transport::Unix {
            return Ok((vec![Place::Unix(UnixAddress::new(host))], None));
        }
        let port = port.unwrap_or_default();
        let (families, limit) = (self.options.families, self.options.timeout);
        match resolve(host, port, families, limit).await {
            Ok(resolved) => {
                let places = resolved.addresses.into_iter().map(Place::Ip);
                Ok((places.collect(), resolved.took))
            }
            Err(error) => Err(Finding::new(State::Unresolved)
                .but(State::Unresolved, error.reason)
                .hinting(error.hint)),
        }
    }

    /// Tells the end, and says it where no event has.
    fn finish(&self, asked: Asked, transcript: Transcript<'_>, tell: &dyn Fn(Record)) -> Exit {
        let Asked { place, mut finding } = asked;
        let (state, is_raw) = (finding.state, self.options.protocol == RAW);
        if is_raw && state != State::Open {
            let silent = place.as_ref().filter(|_| !is_answer(state));
            transcript.say_failed(silent, &finding);
        }
        let told = transcript.finish();
        finding.phases.total = Some(told.took);
        let answered = told.received > 0 || self.options.ask.script.expects() || !is_raw;
        let ok = state == State::Open && answered;
        tell(match is_raw {
            true => self.reply(ok, place.as_ref(), &finding, told),
            false => self.result(ok, place.as_ref(), finding),
        });
        match (ok, state) {
            (true, _) => Exit::Good,
            (false, State::Unknown) => Exit::Unknown,
            (false, _) => Exit::Bad,
        }
    }

    fn result(&self, ok: bool, place: Option<&Place>, finding: Finding) -> Record {
        let address = place.and_then(Place::address);
        Record::Result(Box::new(CheckResult {
            name: None,
            target: self.peer.name.clone(),
            address,
            family: place.map(|_| address.map_or(Family::Unix, Family::from)),
            expected: Expected::Open,
            ok,
            was: None,
            attempts: 1,
            flaky: false,
            finding,
        }))
    }

    fn reply(&self, ok: bool, place: Option<&Place>, finding: &Finding, told: Told) -> Record {
        let ended = told.ended.as_deref();
        let reason = match finding.state {
            State::Open => ended.map(str::to_owned),
            _ => finding.evidence.reason.as_deref().map(str::to_owned),
        };
        Record::from(Reply {
            protocol: RAW.into(),
            target: self.peer.name.clone(),
            address: place.and_then(Place::address),
            kind: self.kind(finding.state, ended).into(),
            ok,
            reason: reason.filter(|_| !ok),
            sizes_bytes: vec![told.received],
            steps: told.steps,
            phases: finding.phases,
            ..Reply::default()
        })
    }

    /// How it ended, in a word.
    fn kind(&self, state: State, ended: Option<&str>) -> &'static str {
        match (state, ended) {
            (State::Open, _) if self.options.ask.script.expects() => "matched",
            (State::Open, Some(CLOSED)) => "closed",
            (State::Open, Some(RESET)) => "reset",
            (State::Open | State::Filtered | State::Silent, _) => "timeout",
            (state, _) => state.as_str(),
        }
    }
}

impl Asked {
    fn nowhere(finding: Finding) -> Self {
        Self {
            place: None,
            finding,
        }
    }
}

/// Whether somebody was there: other addresses would be somebody else.
fn is_answer(state: State) -> bool {
    use State::{Mismatch, Open, Reset, Tls};
    matches!(state, Open | Reset | Tls | Mismatch)
}

//! A script in action: step by step, until one fails.

use std::io;
use std::time::Duration;

use super::exchange::{Exchange, Head, Heard, Stop, UNREAD};
use super::rejects::Rejected;
use super::search::{Search, Sought};
use super::{Amount, CLOSED, Failed, RESET, Script, Step, count_of, quote, quote_end, seen};
use crate::finding::State;
use crate::probe::link::Link;
use crate::probe::{At, Event};
use crate::units;

/// How long the peer is silent before what came counts as all it has to say:
/// only where the next byte would decide whether it matches.
const SILENCE: Duration = Duration::from_millis(100);

/// A conversation under way.
pub(super) struct Conversation<'a> {
    script: &'a Script,
    exchange: Exchange<'a>,
    /// What the step at hand has taken.
    taken: Head,
    /// The step at hand and its number, from 1.
    here: Option<(usize, &'a Step)>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(script: &'a Script, link: &'a mut Link, at: &'a At<'a>) -> Self {
        Self {
            script,
            exchange: Exchange::new(script, link, at),
            taken: Head::default(),
            here: None,
        }
    }

    /// Goes through all steps.
    pub(super) async fn run(mut self) -> Result<(), Failed> {
        let mut outcome = self.go().await;
        if let Some(rejected) = self.exchange.rejects.look_at_last() {
            outcome = Err(refuse(&rejected));
        }
        let came = match outcome {
            Ok(()) => self.exchange.all.bytes,
            Err(_) => self.so_far().bytes,
        };
        self.exchange.link.finding.seen = (!came.is_empty()).then(|| seen(&came));
        outcome
    }

    async fn go(&mut self) -> Result<(), Failed> {
        for (number, step) in (1..).zip(&self.script.steps) {
            self.here = Some((number, step));
            self.taken = Head::default();
            match step {
                Step::Send(bytes) => self.send(bytes).await?,
                Step::Expect(pattern) => self.wait_for(Sought::Pattern(pattern)).await?,
                Step::Read(Amount::Until(text)) => self.wait_for(Sought::Text(text)).await?,
                Step::Read(Amount::Bytes(count)) => self.read(*count).await?,
                Step::Read(Amount::End) => self.read_to_end().await?,
                Step::Rest { silence, most } => self.take_rest(*silence, *most).await?,
                // It holds from the first step on.
                Step::Reject(_) => {}
            }
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let sent = self.exchange.send(bytes).await;
        sent.map_err(|stop| match stop {
            Stop::Stuck(sent) => {
                let (all, limit) = (count_of(bytes.len() as u64), self.limit());
                self.fail(&format!("the peer took {sent} of {all} within {limit}"))
            }
            stop => self.stopped(&stop),
        })
    }

    /// Waits until it comes, and takes everything up to its end.
    async fn wait_for(&mut self, sought: Sought<'_>) -> Result<(), Failed> {
        let mut search = Search::default();
        loop {
            let unread = &self.exchange.unread;
            let is_full = unread.len() >= UNREAD;
            let found = match is_full {
                true => search.look_now(sought, unread),
                false => search.look(sought, unread),
            };
            if let Some(end) = found {
                self.take_match(end);
                return Ok(());
            }
            if is_full {
                let came = quote(unread);
                return Err(self.fail(&format!("64 KiB came without a match: {came}")));
            }
            let mut heard = self.hear(search.is_unsure()).await?;
            if heard != Heard::Bytes {
                if let Some(end) = search.look_at_last(sought, &self.exchange.unread) {
                    self.take_match(end);
                    return Ok(());
                }
                if heard == Heard::Silence {
                    heard = self.hear(false).await?;
                }
            }
            match heard {
                Heard::Bytes => {}
                Heard::End => return Err(self.closed()),
                Heard::Silence => return Err(self.time_up()),
            }
        }
    }

    fn take_match(&mut self, end: usize) {
        let came = quote_end(&self.exchange.unread[..end]);
        self.take(end);
        self.done(&came);
    }

    /// Reads so many bytes, without keeping more than a head.
    async fn read(&mut self, count: usize) -> Result<(), Failed> {
        let mut missing = count;
        loop {
            let now = self.exchange.unread.len().min(missing);
            self.take(now);
            missing -= now;
            if missing == 0 {
                self.done(&count_of(count as u64));
                return Ok(());
            }
            match self.hear(false).await? {
                Heard::Bytes => {}
                Heard::End => return Err(self.closed()),
                Heard::Silence => {
                    let (came, limit) = (count - missing, self.limit());
                    let all = count_of(count as u64);
                    return Err(self.fail(&format!("{came} of {all} came within {limit}")));
                }
            }
        }
    }

    /// Reads until the peer closes, without keeping more than a head.
    async fn read_to_end(&mut self) -> Result<(), Failed> {
        loop {
            self.take_all();
            let came = count_of(self.taken.count);
            match self.hear(false).await? {
                Heard::Bytes => {}
                Heard::End => {
                    self.done(&came);
                    return Ok(());
                }
                Heard::Silence => {
                    let limit = self.limit();
                    return Err(self.fail(&format!("{came} came within {limit}, but no end")));
                }
            }
        }
    }

    /// Takes whatever comes; how it ends is told and is no failure.
    async fn take_rest(&mut self, silence: Duration, most: u64) -> Result<(), Failed> {
        let how = loop {
            self.take_all();
            if self.exchange.all.count >= most {
                let came = count_of(self.exchange.all.count);
                break format!("{came} came, which is enough");
            }
            match self.exchange.receive(silence).await {
                Ok(Heard::Bytes) => {}
                Ok(Heard::End) => break CLOSED.into(),
                Ok(Heard::Silence) => {
                    let limit = units::limit(silence);
                    break match self.exchange.all.count {
                        0 => format!("nothing came within {limit}"),
                        _ => format!("nothing more within {limit}"),
                    };
                }
                Err(Stop::Broken(error)) if is_reset(&error) => break RESET.into(),
                Err(Stop::Broken(error)) => break format!("the connection broke: {error}"),
                Err(stop) => return Err(self.stopped(&stop)),
            }
        };
        (self.exchange.at.observe)(Event::Ended(&how));
        Ok(())
    }

    /// Waits for more until the deadline, or, where that matters (`unsure`),
    /// until the peer makes a pause.
    async fn hear(&mut self, unsure: bool) -> Result<Heard, Failed> {
        let exchange = &mut self.exchange;
        let mut limit = exchange.left();
        if unsure || exchange.rejects.is_unsure() {
            let heard = exchange.receive(SILENCE.min(limit)).await;
            let heard = heard.map_err(|stop| self.stopped(&stop))?;
            if heard != Heard::Silence {
                return Ok(heard);
            }
            if let Some(rejected) = self.exchange.rejects.look_at_last() {
                return Err(refuse(&rejected));
            }
            if unsure {
                return Ok(heard);
            }
            limit = self.exchange.left();
        }
        let heard = self.exchange.receive(limit).await;
        heard.map_err(|stop| self.stopped(&stop))
    }

    /// The step at hand takes the first `count` bytes that are unread.
    fn take(&mut self, count: usize) {
        self.taken.add(&self.exchange.unread[..count]);
        self.exchange.unread.drain(..count);
    }

    fn take_all(&mut self) {
        self.take(self.exchange.unread.len());
    }

    /// All that came since the last step.
    fn so_far(&self) -> Head {
        let mut head = self.taken.clone();
        head.add(&self.exchange.unread);
        head
    }

    fn limit(&self) -> impl std::fmt::Display {
        units::limit(self.exchange.link.limit)
    }

    fn done(&self, what: &str) {
        (self.exchange.at.observe)(Event::Done(&self.here(what)));
    }

    fn here(&self, what: &str) -> String {
        match self.here {
            Some((number, step)) => format!("step {number} ({step}): {what}"),
            None => what.into(),
        }
    }

    /// The step at hand has failed.
    fn fail(&self, what: &str) -> Failed {
        Failed {
            state: State::Mismatch,
            reason: self.here(what),
        }
    }

    fn stopped(&self, stop: &Stop<'_>) -> Failed {
        let after = self.after();
        match stop {
            Stop::Rejected(rejected) => refuse(rejected),
            Stop::Broken(error) if is_reset(error) => Failed {
                state: State::Reset,
                ..self.fail(&format!("the connection was reset {after}"))
            },
            Stop::Broken(error) => self.fail(&format!("the connection broke {after}: {error}")),
            Stop::Stuck(sent) => self.fail(&format!("the peer took {}", count_of(*sent as u64))),
        }
    }

    fn closed(&self) -> Failed {
        self.fail(&format!("the connection was closed {}", self.after()))
    }

    fn time_up(&self) -> Failed {
        let (came, limit) = (self.so_far(), self.limit());
        match (came.count, self.exchange.all.count) {
            (0, 0) => self.fail(&format!("nothing came within {limit}")),
            (0, _) => self.fail(&format!("nothing more came within {limit}")),
            _ => self.fail(&format!("{} came instead", quote(&came.bytes))),
        }
    }

    fn after(&self) -> String {
        let Head { bytes, count } = self.so_far();
        match count {
            0 => "before anything came".into(),
            _ => format!("after {}: {}", count_of(count), quote(&bytes)),
        }
    }
}

fn refuse(rejected: &Rejected<'_>) -> Failed {
    let Rejected { number, step, came } = rejected;
    let came = quote_end(came);
    Failed {
        state: State::Mismatch,
        reason: format!("step {number} ({step}): {came} came"),
    }
}

/// The peer reset the connection, or had done so before we sent.
fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset
    )
}

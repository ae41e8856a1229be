//! One attempt at one place, tried again as often as `--retries` allows.

use std::time::Duration;

use super::Check;
use super::run::Run;
use crate::finding::{Attempt, Expected, Finding, Record, State};
use crate::net::{Begun, Close, Failure, Opened, begin_connect, is_exhaustion};
use crate::probe::{At, Place};
use crate::reactor::{now, sleep};
use crate::units;

/// How long to wait for somebody to give a descriptor or a port back.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(20);

/// Where an attempt goes, and for which check.
pub(super) struct Attempts<'a> {
    pub(super) run: &'a Run,
    pub(super) check: &'a Check,
    pub(super) host: &'a str,
    pub(super) place: &'a Place,
    pub(super) resolve: Option<Duration>,
}

/// What the attempts came to.
pub(super) struct Verdict {
    pub(super) finding: Finding,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// The last one had less time than an attempt should have.
    pub(super) hurried: bool,
}

impl Verdict {
    /// Whether it is as expected. Silence that was cut short is no proof of a
    /// filter.
    pub(super) fn is_as(&self, expected: Expected) -> bool {
        expected.allows(self.finding.state) && (!self.hurried || expected == Expected::Any)
    }
}

impl Attempts<'_> {
    /// Tries until it is as expected, or as often as allowed; `begun` is the
    /// first connection, if it was started already.
    pub(super) async fn finish(&self, begun: Option<Begun>, limit: Duration) -> Verdict {
        let mut verdict = self.attempt(begun, limit).await;
        while self.wants_retry(&verdict) {
            self.tell_attempt(&verdict);
            sleep(self.run.options.interval).await;
            let limit = self.run.patience(self.check.settings.timeout);
            let next = self.attempt(None, limit).await;
            verdict = Verdict {
                attempts: verdict.attempts + 1,
                ..next
            };
        }
        self.tell_attempt(&verdict);
        verdict
    }

    fn wants_retry(&self, verdict: &Verdict) -> bool {
        let Check {
            settings, target, ..
        } = self.check;
        let time_left = !self.run.patience(settings.timeout).is_zero();
        verdict.attempts <= settings.retries && time_left && !verdict.is_as(target.expected)
    }

    /// Whether the outcome of a connection may be the verdict: not if there is
    /// more to try.
    pub(super) fn can_stand(&self, outcome: &Result<Opened, Failure>) -> bool {
        let Check {
            settings, target, ..
        } = self.check;
        match outcome {
            Ok(_) => settings.retries == 0 || target.expected.allows(State::Open),
            Err(failure) if failure.is_exhaustion() => false,
            Err(failure) => settings.retries == 0 || target.expected.allows(failure.state),
        }
    }

    /// The verdict of a connection that was decided at once.
    pub(super) fn at_once(&self, outcome: Result<Opened, Failure>, limit: Duration) -> Verdict {
        let finding = connected(outcome, self.check.settings.close);
        let verdict = self.verdict(finding, limit);
        self.tell_attempt(&verdict);
        verdict
    }

    /// One attempt. A machine that ran out of descriptors or ports tries again
    /// until `limit`: that says nothing about the target.
    async fn attempt(&self, mut begun: Option<Begun>, limit: Duration) -> Verdict {
        let deadline = now() + limit;
        let mut allowed = limit;
        loop {
            let finding = self.ask(begun.take(), allowed).await;
            let left = deadline.saturating_duration_since(now());
            // Alone, nobody of ours is left who could give a descriptor back.
            let alone = self.run.pace.out() <= 1;
            if !is_exhaustion(finding.state, finding.evidence.errno) || alone || left.is_zero() {
                return self.verdict(finding, limit);
            }
            sleep(EXHAUSTED_PAUSE.min(left)).await;
            allowed = deadline.saturating_duration_since(now());
        }
    }

    async fn ask(&self, begun: Option<Begun>, limit: Duration) -> Finding {
        let close = self.check.settings.close;
        match (&self.check.question, self.place) {
            (Some(question), place) => {
                let at = At {
                    place,
                    host: self.host,
                    resolve: self.resolve,
                    limit,
                    close,
                    observe: &|_| {},
                };
                question.ask(&at).await
            }
            (None, Place::Ip(address)) => {
                let outcome = match begun.unwrap_or_else(|| begin_connect(*address)) {
                    Begun::Done(outcome) => outcome,
                    Begun::Pending(connecting) => connecting.finish(limit).await,
                };
                connected(outcome, close)
            }
            (None, Place::Unix(_)) => Finding::new(State::Unknown)
                .but(State::Unknown, "a Unix socket has no plain connection"),
        }
    }

    fn verdict(&self, finding: Finding, limit: Duration) -> Verdict {
        let settings = &self.check.settings;
        let connect = finding.phases.connect;
        let too_slow = settings
            .max_connect
            .zip(connect)
            .filter(|(most, took)| took > most);
        let silent = matches!(finding.state, State::Filtered | State::Silent);
        let hurried = silent && limit < settings.timeout;
        let finding = match too_slow {
            Some((most, took)) if finding.state == State::Open => {
                let (took, most) = (units::Latency(took), units::limit(most));
                let reason = format!("it took {took} to connect, more than {most}");
                finding
                    .but(State::Mismatch, reason)
                    .hinting("a lost packet costs a second or more; --max-connect sets the limit")
            }
            _ => finding,
        };
        Verdict {
            finding,
            attempts: 1,
            hurried,
        }
    }

    /// With `-v` every attempt is told, also those that a later one outdoes.
    fn tell_attempt(&self, verdict: &Verdict) {
        if let (true, Place::Ip(address)) = (log::log_enabled!(log::Level::Info), self.place) {
            let Verdict { finding, .. } = verdict;
            self.run.tell(Record::Attempt(Attempt {
                target: self.check.target.one(self.host, Some(address.port())),
                address: *address,
                family: (*address).into(),
                state: finding.state,
                evidence: finding.evidence.clone(),
                connect: finding.phases.connect,
                winner: false,
            }));
        }
    }
}

/// What a connection, or its failure, is as a finding; it is closed.
fn connected(outcome: Result<Opened, Failure>, close: Close) -> Finding {
    match outcome {
        Ok(opened) => {
            opened.close_with(close);
            Finding::from(&opened)
        }
        Err(failure) => failure.into(),
    }
}

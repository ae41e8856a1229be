//! What happens in a conversation, line by line for a person and step by step
//! for a record.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::finding::{Finding, Step};
use crate::probe::{Event, Place};
use crate::protocol::raw::{dump, escape};
use crate::reactor::now;
use crate::units;

/// Bytes that a line shows at most.
const BYTES_PER_LINE: usize = 1024;

/// Steps that a record holds; a peer that dribbles makes no more.
const MOST_STEPS: usize = 10_000;

/// The conversation so far.
pub(super) struct Transcript<'a> {
    say: &'a dyn Fn(&str),
    hex: bool,
    started: Instant,
    noted: RefCell<Noted>,
}

struct Noted {
    steps: Vec<Step>,
    sent: u64,
    received: u64,
    /// Bytes that may still be shown.
    room: usize,
    ended: Option<String>,
}

/// What is left of a conversation when it is over.
pub(super) struct Told {
    pub(super) steps: Vec<Step>,
    /// Bytes that came.
    pub(super) received: u64,
    /// How it ended, if nobody expected anything any more.
    pub(super) ended: Option<String>,
    /// How long it took.
    pub(super) took: Duration,
}

impl<'a> Transcript<'a> {
    /// Begins now; `say` gets each line, of which those with bytes show at most
    /// `most` bytes together.
    pub(super) fn new(say: &'a dyn Fn(&str), hex: bool, most: usize) -> Self {
        Self {
            say,
            hex,
            started: now(),
            noted: RefCell::new(Noted {
                steps: Vec::new(),
                sent: 0,
                received: 0,
                room: most,
                ended: None,
            }),
        }
    }

    pub(super) fn note(&self, event: &Event<'_>) {
        match event {
            Event::Connected(place) => {
                self.say(&format!("connected to {place}"));
                self.keep("connected", None, place.to_string());
            }
            Event::Secured(tls) => {
                let (version, cipher, subject) = (&tls.version, &tls.cipher, &tls.subject);
                let words = format!("secured by {version}, {cipher}, {subject}");
                self.say(&words);
                self.keep("secured", None, words);
            }
            Event::Sent(bytes) => self.note_bytes("sent", '>', bytes),
            Event::Received(bytes) => self.note_bytes("received", '<', bytes),
            Event::Done(words) => {
                self.say(words);
                self.keep("matched", None, (*words).into());
            }
            Event::Ended(words) => {
                self.say(words);
                self.keep("ended", None, (*words).into());
                self.noted.borrow_mut().ended = Some((*words).into());
            }
        }
    }

    /// Says what became of a place that gave no answer, or of the conversation.
    pub(super) fn say_failed(&self, place: Option<&Place>, finding: &Finding) {
        let mut words = match place {
            Some(place) => format!("{place} {}", finding.state),
            None => finding.state.to_string(),
        };
        let evidence = &finding.evidence;
        if let Some(reason) = &evidence.reason {
            words = format!("{words}: {reason}");
        }
        if let Some(hint) = &evidence.hint {
            words = format!("{words} (hint: {hint})");
        }
        self.say(&words);
        self.keep("failed", None, words);
    }

    pub(super) fn finish(self) -> Told {
        let Noted {
            steps,
            received,
            ended,
            ..
        } = self.noted.into_inner();
        Told {
            steps,
            received,
            ended,
            took: now().saturating_duration_since(self.started),
        }
    }

    fn note_bytes(&self, what: &str, arrow: char, bytes: &[u8]) {
        let mut noted = self.noted.borrow_mut();
        let room = noted.room;
        let count = match arrow {
            '>' => &mut noted.sent,
            _ => &mut noted.received,
        };
        let offset = *count;
        *count += bytes.len() as u64;
        let shown = &bytes[..bytes.len().min(room)];
        noted.room -= shown.len();
        drop(noted);
        for line in self.lines(shown, offset) {
            self.say(&format!("{arrow} {line}"));
        }
        if room > 0 && shown.len() < bytes.len() {
            self.say("what follows is not shown (hint: --max-bytes)");
        }
        self.keep(what, Some(bytes.len() as u64), escape(shown));
    }

    /// The bytes as they are shown: a line each of theirs, or a dump.
    fn lines(&self, bytes: &[u8], offset: u64) -> Vec<String> {
        if self.hex {
            return dump(bytes, offset).collect();
        }
        let lines = bytes.split_inclusive(|it| *it == b'\n');
        let pieces = lines.flat_map(|line| line.chunks(BYTES_PER_LINE));
        pieces.map(escape).collect()
    }

    /// Says it with its time. Words may be a peer's, say of its certificate:
    /// they must not steer the terminal.
    fn say(&self, what: &str) {
        let time = units::Latency(self.now()).to_string();
        let what = what.replace(char::is_control, "\u{fffd}");
        (self.say)(&format!("{time:>9}  {what}"));
    }

    fn keep(&self, what: &str, size_bytes: Option<u64>, text: String) {
        let steps = &mut self.noted.borrow_mut().steps;
        if steps.len() < MOST_STEPS {
            steps.push(Step {
                at: self.now(),
                what: what.into(),
                size_bytes,
                text,
            });
        }
    }

    fn now(&self) -> Duration {
        now().saturating_duration_since(self.started)
    }
}

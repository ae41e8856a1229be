//! A conversation step by step: what to send, what to expect, how much to read.

mod conversation;
mod exchange;
mod pattern;
mod rejects;
mod search;

use std::fmt;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::At;
use super::link::Link;
use crate::finding::{Finding, State};
use crate::protocol::raw::{escape, escape_head, unescape};
use crate::units::{enumerate, parse_size};

use conversation::Conversation;

pub use pattern::Pattern;

/// How a conversation ends while nobody expects anything: these words are told
/// as [`Event::Ended`](super::Event::Ended).
pub(super) const CLOSED: &str = "the peer closed the connection";
pub(super) const RESET: &str = "the peer reset the connection";

/// Bytes that a finding shows of what came.
const SEEN: usize = 1024;

/// Bytes that a reason quotes of what came.
const QUOTED: usize = 64;

/// Bytes that a reason quotes of a step.
const NAMED: usize = 40;

/// The steps of a conversation, in the order of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Each step; without any, being connected is enough.
    pub steps: Vec<Step>,
}

/// One step of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait until this comes; done with the first byte that makes it match, so
    /// that it does not matter in which pieces the bytes come.
    Expect(Pattern),
    /// Fail as soon as this comes, in whichever step.
    Reject(Pattern),
    /// Take so much, whatever it is.
    Read(Amount),
    /// Take what comes until the peer closes or keeps silent: what `netkit
    /// probe raw` ends with, whatever happens.
    Rest {
        /// How long it may be silent.
        silence: Duration,
        /// Bytes of the whole conversation after which it is enough.
        most: u64,
    },
}

/// How much to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes.
    Bytes(usize),
    /// Everything until the peer closes.
    End,
    /// Everything until these bytes, and them.
    Until(Vec<u8>),
}

/// A conversation that did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// What this says about the target.
    pub(super) state: State,
    /// The step, what came and what was expected.
    pub(super) reason: String,
}

impl Script {
    /// Whether the steps make sense over a connection.
    ///
    /// # Errors
    /// Nothing would ever be looked at, in words.
    pub(super) fn validate(&self) -> Result<(), String> {
        let looks = |step: &Step| matches!(step, Step::Rest { .. });
        let rejects = |step: &Step| matches!(step, Step::Reject(_));
        let looks = self.expects() || self.steps.iter().any(looks);
        match self.steps.iter().any(rejects) && !looks {
            true => Err("--reject alone looks at nothing: say what to --read or --expect".into()),
            false => Ok(()),
        }
    }

    /// Whether anything in particular must come.
    pub(super) fn expects(&self) -> bool {
        let expects = |step: &Step| matches!(step, Step::Expect(_) | Step::Read(_));
        self.steps.iter().any(expects)
    }

    /// Has the conversation over `link` within its limit; what came, and when,
    /// is noted in its finding. A drop gives it up.
    ///
    /// # Errors
    /// The first step that failed: `mismatch`, or `reset` by the peer.
    pub(super) async fn run(&self, link: &mut Link, at: &At<'_>) -> Result<(), Failed> {
        Conversation::new(self, link, at).run().await
    }

    /// As [`Self::run`], and what was found when it is over.
    pub(super) async fn finish(&self, mut link: Link, at: &At<'_>) -> Finding {
        match self.run(&mut link, at).await {
            Ok(()) => link.into_finding(),
            Err(Failed { state, reason }) => link.into_finding().but(state, reason),
        }
    }

    /// Judges an answer that came as a whole: every `--expect` must match
    /// somewhere in it, no `--reject` may.
    ///
    /// # Errors
    /// The first that says otherwise, in words.
    pub(super) fn judge(&self, text: &[u8]) -> Result<(), String> {
        for step in &self.steps {
            let (wanted, pattern) = match step {
                Step::Expect(pattern) => (true, pattern),
                Step::Reject(pattern) => (false, pattern),
                _ => continue,
            };
            if pattern.is_in(text) != wanted {
                let matches = if wanted { "does not match" } else { "matches" };
                let quoted = escape_head(text, QUOTED);
                return Err(format!("\"{quoted}\" {matches} {step}"));
            }
        }
        Ok(())
    }

    /// What a good peer does beside `first`, as the rest of a sentence: `accepts
    /// a connection, takes "GET a\n" and sends a match for ^OK`.
    pub(super) fn sentence(&self, first: String) -> String {
        let steps = self.steps.iter().map(Step::sentence);
        enumerate(std::iter::once(first).chain(steps).collect())
    }
}

impl Step {
    fn sentence(&self) -> String {
        match self {
            Self::Send(bytes) => format!("takes {}", quote(bytes)),
            Self::Expect(pattern) => format!("sends a match for {}", pattern.as_str()),
            Self::Reject(pattern) => format!("never sends a match for {}", pattern.as_str()),
            Self::Read(Amount::Bytes(count)) => format!("sends {}", count_of(*count as u64)),
            Self::Read(Amount::Until(text)) => format!("sends {}", quote(text)),
            Self::Read(Amount::End) | Self::Rest { .. } => "closes the connection".into(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = |bytes| escape_head(bytes, NAMED);
        match self {
            Self::Send(bytes) => write!(f, "--send {}", head(bytes)),
            Self::Expect(pattern) => write!(f, "--expect {}", head(pattern.as_str().as_bytes())),
            Self::Reject(pattern) => write!(f, "--reject {}", head(pattern.as_str().as_bytes())),
            Self::Read(Amount::Bytes(count)) => write!(f, "--read {count}"),
            Self::Read(Amount::End) => f.write_str("--read eof"),
            Self::Read(Amount::Until(text)) => write!(f, "--read until:{}", head(text)),
            Self::Rest { .. } => f.write_str("the rest"),
        }
    }
}

impl clap::Args for Script {
    fn augment_args(command: Command) -> Command {
        let step = |name: &'static str, value: &'static str, read: ReadStep, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name(value)
                .action(ArgAction::Append)
                .value_parser(read)
                .allow_hyphen_values(true)
                .help_heading("Conversation")
                .help(help)
        };
        command
            .arg(step("send", "TEXT", read_send, "Send TEXT; `\\n`, `\\r`, `\\t`, `\\0`, `\\xNN` and `\\\\` are understood, `hex:48 65` too"))
            .arg(step("expect", "REGEX", read_expect, "Wait until what comes matches, `^` and `$` at each line; for HTTP the body, for DNS a record"))
            .arg(step("reject", "REGEX", read_reject, "Fail as soon as what comes matches"))
            .arg(step("read", "AMOUNT", read_amount, "Take `N` bytes, or all until `eof` or `until:TEXT`"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

type ReadStep = fn(&str) -> Result<Step, String>;

fn read_send(text: &str) -> Result<Step, String> {
    read_bytes(text).map(Step::Send)
}

fn read_expect(text: &str) -> Result<Step, String> {
    Pattern::new(text).map(Step::Expect)
}

fn read_reject(text: &str) -> Result<Step, String> {
    Pattern::new(text).map(Step::Reject)
}

fn read_amount(text: &str) -> Result<Step, String> {
    let amount = match text.split_once(':') {
        _ if text == "eof" => Amount::End,
        Some(("until", text)) => Amount::Until(read_bytes(text)?),
        _ if text.starts_with(|it: char| it.is_ascii_digit()) => Amount::Bytes(parse_size(text)?),
        _ => return Err("expected a size such as 100 or 64KiB, `eof` or `until:TEXT`".into()),
    };
    match amount {
        Amount::Bytes(0) => Err("to read 0 bytes is no step".into()),
        Amount::Until(text) if text.is_empty() => Err("`until:` what?".into()),
        amount => Ok(Step::Read(amount)),
    }
}

fn read_bytes(text: &str) -> Result<Vec<u8>, String> {
    unescape(text).map_err(|wrong| wrong.to_string())
}

impl clap::FromArgMatches for Script {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut steps = Vec::new();
        for name in ["send", "expect", "reject", "read"] {
            let values = matches.get_many::<Step>(name).into_iter().flatten();
            let places = matches.indices_of(name).into_iter().flatten();
            steps.extend(places.zip(values.cloned()));
        }
        steps.sort_by_key(|(place, _)| *place);
        let steps = steps.into_iter().map(|(_, step)| step).collect();
        Ok(Self { steps })
    }

    /// Steps that are given replace all that were there.
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let given = Self::from_arg_matches(matches)?;
        if !given.steps.is_empty() {
            *self = given;
        }
        Ok(())
    }
}

/// What came, quoted for a reason.
fn quote(bytes: &[u8]) -> String {
    format!("\"{}\"", escape_head(bytes, QUOTED))
}

/// A number of bytes in words.
fn count_of(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".into(),
        _ => format!("{bytes} bytes"),
    }
}

/// The last of what came, quoted for a reason.
fn quote_end(bytes: &[u8]) -> String {
    match bytes.len().checked_sub(QUOTED) {
        Some(more @ 1..) => format!("\"…{}\"", escape(&bytes[more..])),
        _ => quote(bytes),
    }
}

/// What came, as a finding shows it.
pub(super) fn seen(bytes: &[u8]) -> String {
    escape(bytes.get(..SEEN).unwrap_or(bytes))
}

#[cfg(test)]
mod tests;

//! A conversation step by step: what to send, what to expect, how much to read.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

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
    /// Wait until this comes.
    Expect(String),
    /// Fail as soon as this comes, in whichever step.
    Reject(String),
    /// Take so much, whatever it is.
    Read(String),
}

impl clap::Args for Script {
    fn augment_args(command: Command) -> Command {
        let step = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name(value)
                .action(ArgAction::Append)
                .value_parser(ValueParser::string())
                .allow_hyphen_values(true)
                .help_heading("Conversation")
                .help(help)
        };
        command
            .arg(step("send", "TEXT", "Send TEXT; `\\n`, `\\r`, `\\t`, `\\0`, `\\xNN` and `\\\\` are understood, `hex:…` too"))
            .arg(step("expect", "REGEX", "Wait until what comes matches; for HTTP the body, for DNS a record"))
            .arg(step("reject", "REGEX", "Fail as soon as what comes matches"))
            .arg(step("read", "AMOUNT", "Take `N` bytes, or all until `eof` or `until:TEXT`"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Script {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut steps = Vec::new();
        for name in ["send", "expect", "reject", "read"] {
            let values = matches.get_many::<String>(name).into_iter().flatten();
            let places = matches.indices_of(name).into_iter().flatten();
            for (place, value) in places.zip(values) {
                let step = match name {
                    "send" => Step::Send(value.clone().into_bytes()),
                    "expect" => Step::Expect(value.clone()),
                    "reject" => Step::Reject(value.clone()),
                    _ => Step::Read(value.clone()),
                };
                steps.push((place, step));
            }
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

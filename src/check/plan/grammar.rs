//! The keys of a plan that are options of a check: read by the parser of the
//! command line, so that there is one grammar and each option is a key.

use std::any::TypeId;
use std::collections::HashMap;
use std::error::Error as _;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Args, Command, FromArgMatches, value_parser};

use super::mistakes::Mistakes;
use super::tree::{Node, Place, Value};
use crate::check::Settings;
use crate::probe::script::Script;

/// No option's name is longer, so nothing longer resembles one, in bytes.
const LONGEST_NAME: usize = 64;

/// Knows every key.
pub(super) struct Grammar {
    command: Command,
    options: HashMap<String, Arg>,
    /// The steps of a conversation.
    steps: Vec<String>,
}

/// An option as a plan gives it: one argument of a command line.
#[derive(Clone)]
pub(super) struct Given {
    /// Its long name.
    pub(super) option: String,
    /// Where its value stands.
    pub(super) place: Place,
    argument: OsString,
    /// A switch turned off, which the command line has no word for.
    is_off: bool,
}

impl Given {
    /// How much a copy takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.argument.len()
    }
}

impl Grammar {
    /// Knows the options of a check, and other `words` that a plan may use.
    pub(super) fn new(words: &[&'static str]) -> Self {
        let words = words.iter().map(|word| Arg::new(*word).long(*word));
        let mut command = Settings::augment_args(Command::new("check"))
            .no_binary_name(true)
            .disable_help_flag(true)
            .mut_args(as_key);
        let options = by_name(&command);
        command = command.args(words);
        command.build();
        let script = Script::augment_args(Command::new("steps"));
        let steps = by_name(&script).into_keys().collect();
        Self {
            command,
            options,
            steps,
        }
    }

    /// The long name of the option that `key` means: `_` is as good as `-`.
    pub(super) fn option(&self, key: &str) -> Option<String> {
        let name = key.replace('_', "-");
        Some(name).filter(|it| self.options.contains_key(it))
    }

    /// The long name of every option.
    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<String> {
        self.options.keys().cloned().collect()
    }

    /// Whether the option is a step of a conversation.
    pub(super) fn is_step(&self, option: &str) -> bool {
        self.steps.iter().any(|it| it == option)
    }

    /// The known key that `key` resembles most, if it does.
    pub(super) fn closest(&mut self, key: &str) -> Option<String> {
        let key = Some(key).filter(|it| it.len() <= LONGEST_NAME)?;
        let unknown = format!("--{}", key.replace('_', "-"));
        let error = self.command.try_get_matches_from_mut([unknown]).err()?;
        match error.get(ContextKind::SuggestedArg)? {
            ContextValue::String(known) => Some(known.trim_start_matches('-').into()),
            _ => None,
        }
    }

    /// The value of an option as arguments: one for each element of an array.
    /// Relative paths begin at `directory`.
    pub(super) fn give(
        &self,
        option: &str,
        node: &Node<'_>,
        directory: &Path,
        mistakes: &mut Mistakes,
    ) -> Vec<Given> {
        let Some(known) = self.options.get(option) else {
            return Vec::new();
        };
        let kind = known.get_value_parser().type_id();
        let is_switch = kind == TypeId::of::<bool>();
        let repeats = matches!(known.get_action(), ArgAction::Append);
        let elements = match repeats {
            true => node.elements(),
            false => std::slice::from_ref(node),
        };
        let wanted = match (is_switch, repeats) {
            (true, _) => "`true` or `false`",
            (false, true) => "a string, or an array of strings",
            (false, false) => "a string or a whole number",
        };
        let mut all = Vec::new();
        for element in elements {
            let value: OsString = match &element.value {
                Value::Flag(flag) if is_switch => flag.to_string().into(),
                Value::Text(text) if kind == TypeId::of::<PathBuf>() => {
                    directory.join(text.as_ref()).into()
                }
                Value::Text(text) | Value::Number(text) if !is_switch => text.as_ref().into(),
                _ => {
                    let expected = format!("expected {wanted}, not {}", element.kind());
                    mistakes.add(element.place.clone(), expected);
                    continue;
                }
            };
            let mut argument = OsString::from(format!("--{option}="));
            argument.push(value);
            all.push(Given {
                option: option.into(),
                place: element.place.clone(),
                argument,
                is_off: matches!(element.value, Value::Flag(false)),
            });
        }
        all
    }

    /// `base`, changed as `given` says.
    ///
    /// # Errors
    /// The parser's.
    pub(super) fn settings(
        &mut self,
        base: &Settings,
        given: &[&Given],
    ) -> Result<Settings, clap::Error> {
        let mut settings = base.clone();
        let (off, on): (Vec<&Given>, Vec<&Given>) = given.iter().partition(|it| it.is_off);
        // What is off is in nobody's way: each is read without the others.
        for together in off.chunks(1).chain([on.as_slice()]) {
            let arguments = together.iter().map(|it| &it.argument);
            let mut matches = self.command.try_get_matches_from_mut(arguments)?;
            settings.update_from_arg_matches_mut(&mut matches)?;
        }
        Ok(settings)
    }

    /// What is wrong with each of `given` alone, then with the right ones
    /// together.
    pub(super) fn explain(&mut self, given: &[&Given], header: &Place, mistakes: &mut Mistakes) {
        let base = Settings::default();
        let mut right = Vec::new();
        for one in given {
            match self.settings(&base, &[one]) {
                Ok(_) => right.push(*one),
                Err(error) => mistakes.add(one.place.clone(), self.describe(&one.option, &error)),
            }
        }
        if let Err(error) = self.settings(&base, &right) {
            let (one, other) = (
                named(&error, ContextKind::InvalidArg),
                named(&error, ContextKind::PriorArg),
            );
            let place = right.iter().find(|it| it.option == one);
            let place = place.map_or(header, |it| &it.place);
            let expected = match other.is_empty() {
                true => format!("expected other keys beside it: {}", first_line(&error)),
                false => format!("expected either `{one}` or `{other}`, not both"),
            };
            mistakes.add(place.clone(), expected);
        }
    }

    fn describe(&self, option: &str, error: &clap::Error) -> String {
        if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) {
            return format!("expected one of {}", valid.join(", "));
        }
        let cause = error.source();
        let cause = cause.map_or_else(|| first_line(error), ToString::to_string);
        let value = self.options.get(option).and_then(Arg::get_value_names);
        let value = value.and_then(<[_]>::first);
        let value = value.map_or("a value", |it| it.as_str());
        format!("expected {value} of `{option}`: {cause}")
    }
}

/// As an option of a plan: a switch takes its value, and what is not given
/// stays as it was.
fn as_key(option: Arg) -> Arg {
    let option = match option.get_action() {
        ArgAction::SetTrue => option
            .action(ArgAction::Set)
            .value_parser(value_parser!(bool)),
        _ => option,
    };
    option.default_value(Resettable::Reset)
}

fn by_name(command: &Command) -> HashMap<String, Arg> {
    let options = command.get_arguments();
    let named = options.filter_map(|it| Some((it.get_long()?.into(), it.clone())));
    named.collect()
}

/// The long name of an option that an error is about.
fn named(error: &clap::Error, kind: ContextKind) -> String {
    let usage = match error.get(kind) {
        Some(ContextValue::String(usage)) => usage.as_str(),
        _ => "",
    };
    let name = usage.split(' ').next().unwrap_or_default();
    name.trim_start_matches('-').into()
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").into()
}

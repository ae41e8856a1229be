//! The keys of one table: which are a plan's own words, which are options.

use std::collections::HashSet;

use super::grammar::Given;
use super::reader::Reader;
use super::tree::{Entry, Node, Value};

/// The keys of a check that are no options.
pub(super) const WORDS: [&str; 6] = ["name", "target", "state", "tags", "hosts", "steps"];

/// One table, its keys told apart.
#[derive(Default)]
pub(super) struct Table<'n, 't> {
    /// Those of [`WORDS`].
    pub(super) words: Vec<&'n Entry<'t>>,
    /// Options, and steps of a conversation, in the order of the text.
    pub(super) given: Vec<Given>,
}

impl<'n, 't> Table<'n, 't> {
    pub(super) fn word(&self, key: &str) -> Option<&'n Entry<'t>> {
        self.words.iter().copied().find(|it| it.key == key)
    }
}

impl Reader<'_> {
    /// Tells words from options, and says which keys are neither.
    pub(super) fn table<'n, 't>(&mut self, entries: &'n [Entry<'t>]) -> Table<'n, 't> {
        let mut table = Table::default();
        let mut step = None;
        for entry in self.once(entries) {
            if WORDS.contains(&entry.key.as_ref()) {
                table.words.push(entry);
                if entry.key == "steps" {
                    table.given.extend(self.steps(&entry.node));
                }
            } else if let ("expect", Value::Table(all)) = (&*entry.key, &entry.node.value) {
                table.given.extend(self.expectations(all));
            } else if let Some(option) = self.grammar.option(&entry.key) {
                if self.grammar.is_step(&option) {
                    step = step.or(Some(entry));
                }
                table.given.extend(self.give(&option, &entry.node));
            } else {
                self.unknown(entry);
            }
        }
        if let Some((step, _)) = step.zip(table.word("steps")) {
            let key = &step.key;
            let expected = format!("expected either `{key}` or `steps`, not both");
            self.mistakes.add(step.place.clone(), expected);
        }
        table
    }

    fn give(&mut self, option: &str, node: &Node<'_>) -> Vec<Given> {
        let (directory, mistakes) = (&self.directory, &mut self.mistakes);
        self.grammar.give(option, node, directory, mistakes)
    }

    /// `{copies = "one", sha256 = "…"}`: options that say what is expected.
    fn expectations(&mut self, entries: &[Entry<'_>]) -> Vec<Given> {
        let mut all = Vec::new();
        for entry in self.once(entries) {
            let option = self.grammar.option(&entry.key);
            match option.filter(|it| !self.grammar.is_step(it)) {
                Some(option) => all.extend(self.give(&option, &entry.node)),
                None => self.unknown(entry),
            }
        }
        all
    }

    /// `[{send = "…"}, {expect = "…"}]`, in this order.
    fn steps(&mut self, node: &Node<'_>) -> Vec<Given> {
        let Value::List(steps) = &node.value else {
            self.expect("an array of steps such as `{send = \"…\"}`", node);
            return Vec::new();
        };
        let mut all = Vec::new();
        for step in steps {
            let only = match &step.value {
                Value::Table(entries) => entries.first().filter(|_| entries.len() == 1),
                _ => None,
            };
            let option = only.and_then(|it| self.grammar.option(&it.key));
            let option = option.filter(|it| self.grammar.is_step(it));
            if let Some((only, option)) = only.zip(option) {
                all.extend(self.give(&option, &only.node));
            } else {
                let place = only.map_or(&step.place, |it| &it.place);
                let expected = "expected one step, such as `{send = \"…\"}`";
                self.mistakes.add(place.clone(), expected);
            }
        }
        all
    }

    fn unknown(&mut self, entry: &Entry<'_>) {
        let key = &entry.key;
        let expected = format!("expected a key of a check, not `{key}`");
        let closest = match self.mistakes.are_enough() {
            true => None,
            false => self.grammar.closest(key),
        };
        let expected = match closest {
            Some(known) => format!("{expected} (hint: `{known}`)"),
            None => expected,
        };
        self.mistakes.add(entry.place.clone(), expected);
    }

    /// Each key with its first value; says which come again. TOML has said so
    /// already where both are spelt alike.
    pub(super) fn once<'n, 't>(&mut self, entries: &'n [Entry<'t>]) -> Vec<&'n Entry<'t>> {
        let mut keys = HashSet::new();
        let mut once = Vec::new();
        for entry in entries {
            let key = &entry.key;
            if keys.insert(key.replace('_', "-")) {
                once.push(entry);
            } else {
                let expected = format!("expected each key once: `{key}` is here already");
                self.mistakes.add(entry.place.clone(), expected);
            }
        }
        once
    }
}

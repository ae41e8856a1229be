//! From the tree of a plan to its checks.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::grammar::{Given, Grammar};
use super::mistakes::{Mistakes, PlanErrors};
use super::table::WORDS;
use super::tree::{Entry, Node, Place, Value};
use super::{Planned, syntax};
use crate::check::Settings;
use crate::finding::Expected;

/// Defaults are no larger than this, in bytes: each check has a copy.
const LARGEST_DEFAULTS: usize = 4096;

/// Reads a plan whole; see [`super::read`].
pub(super) fn read(source: &str, text: &str, base: &Settings) -> Result<Vec<Planned>, PlanErrors> {
    let mut mistakes = Mistakes::default();
    let root = syntax::read(text, &mut mistakes);
    let directory = Path::new(source).parent();
    let mut reader = Reader {
        text,
        directory: directory.unwrap_or(Path::new("")).into(),
        base,
        grammar: Grammar::new(&WORDS),
        defaults: Vec::new(),
        names: HashSet::new(),
        from_templates: 0,
        mistakes,
        checks: Vec::new(),
    };
    reader.plan(&root);
    reader.mistakes.into_result(source, text)?;
    Ok(reader.checks)
}

/// What is known of a plan while it is read.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    /// Where relative paths begin.
    pub(super) directory: PathBuf,
    pub(super) base: &'a Settings,
    pub(super) grammar: Grammar,
    defaults: Vec<Given>,
    /// Every name so far.
    pub(super) names: HashSet<Rc<str>>,
    /// How many checks the templates make so far.
    pub(super) from_templates: usize,
    pub(super) mistakes: Mistakes,
    pub(super) checks: Vec<Planned>,
}

/// What all checks of one table have in common.
pub(super) struct Common<'n, 't> {
    pub(super) name: Option<&'n Node<'t>>,
    pub(super) target: &'n Node<'t>,
    /// `None` without templates.
    pub(super) hosts: Option<Vec<String>>,
    /// The state, and where it is given.
    pub(super) state: Option<(Expected, &'n Entry<'t>)>,
    pub(super) tags: Rc<[String]>,
    pub(super) given: Vec<Given>,
    /// How many of them, at the end, are the table's own: the rest are defaults.
    own: usize,
    pub(super) settings: Rc<Settings>,
}

impl Common<'_, '_> {
    /// What the table itself gives.
    pub(super) fn own(&self) -> &[Given] {
        let defaults = self.given.len().saturating_sub(self.own);
        self.given.get(defaults..).unwrap_or_default()
    }
}

impl Reader<'_> {
    fn plan(&mut self, root: &[Entry<'_>]) {
        let root = self.once(root);
        // Wherever they stand, they are for all checks.
        if let Some(defaults) = root.iter().find(|it| it.key == "defaults") {
            self.read_defaults(&defaults.node);
        }
        for entry in root {
            match entry.key.as_ref() {
                "defaults" => {}
                "check" => self.read_checks(&entry.node),
                key => {
                    let expected = format!("expected `[defaults]` or `[[check]]`, not `{key}`");
                    self.mistakes.add(entry.place.clone(), expected);
                }
            }
        }
    }

    fn read_defaults(&mut self, node: &Node<'_>) {
        let Value::Table(entries) = &node.value else {
            return self.expect("a table", node);
        };
        let table = self.table(entries);
        for entry in table.words.iter().filter(|it| it.key != "steps") {
            let expected = format!("expected `{}` in a `[[check]]` only", entry.key);
            self.mistakes.add(entry.place.clone(), expected);
        }
        let size: usize = table.given.iter().map(Given::size).sum();
        if size > LARGEST_DEFAULTS {
            let expected = format!("expected at most {LARGEST_DEFAULTS} bytes of defaults");
            return self.mistakes.add(node.place.clone(), expected);
        }
        // Wrong defaults are forgotten: each check would say the same again.
        if self.settings(&table.given, &node.place).is_some() {
            self.defaults = table.given;
        }
    }

    fn read_checks(&mut self, node: &Node<'_>) {
        let Value::List(nodes) = &node.value else {
            return self.expect("an array of tables, `[[check]]`", node);
        };
        let starts = nodes.iter().skip(1).map(|it| it.place.start);
        for (node, end) in nodes.iter().zip(starts.chain([self.text.len()])) {
            match &node.value {
                Value::Table(entries) => self.read_check(entries, &node.place, end),
                _ => self.expect("a table", node),
            }
        }
    }

    /// One table, whose header stands at `header` and which ends at `end`.
    fn read_check(&mut self, entries: &[Entry<'_>], header: &Place, end: usize) {
        let table = self.table(entries);
        let state = table.word("state");
        let state = state.and_then(|it| Some((self.state(&it.node)?, it)));
        let tags = table.word("tags");
        let tags = tags.map(|it| self.texts(&it.node, "a tag"));
        let tags = tags.into_iter().flatten();
        let tags = tags.filter_map(|it| it.text().map(String::from)).collect();
        let hosts = table.word("hosts").map(|it| self.hosts(&it.node));
        let given = self.with_defaults(&table.given);
        // Wrong options are forgotten: the target may have mistakes of its own.
        let (given, settings) = match self.settings(&given, header) {
            Some(settings) => (given, settings),
            None => (Vec::new(), self.base.clone()),
        };
        let Some(target) = table.word("target") else {
            if !self.mistakes.are_of_syntax_in(&(header.start..end)) {
                let expected = "expected a `target`: what to check";
                self.mistakes.add(header.clone(), expected);
            }
            return;
        };
        self.expand(&Common {
            name: table.word("name").map(|it| &it.node),
            target: &target.node,
            hosts,
            state,
            tags,
            given,
            own: table.given.len(),
            settings: Rc::new(settings),
        });
    }

    /// A check's own options, after the defaults that it does not replace; a
    /// conversation is replaced as a whole.
    fn with_defaults(&self, own: &[Given]) -> Vec<Given> {
        let options: HashSet<&str> = own.iter().map(|it| it.option.as_str()).collect();
        let speaks = options.iter().any(|it| self.grammar.is_step(it));
        let kept = self.defaults.iter().filter(|default| {
            let option = default.option.as_str();
            !(options.contains(option) || speaks && self.grammar.is_step(option))
        });
        kept.chain(own).cloned().collect()
    }

    /// What is given, on top of the command line's; nothing if it is wrong.
    fn settings(&mut self, given: &[Given], header: &Place) -> Option<Settings> {
        let given: Vec<&Given> = given.iter().collect();
        match self.grammar.settings(self.base, &given) {
            Ok(settings) if settings.families.only_v4 && settings.families.only_v6 => {
                let expected = "expected the family that the command line asks for";
                self.mistakes.add(header.clone(), expected);
                None
            }
            Ok(settings) => Some(settings),
            Err(_) => {
                self.grammar.explain(&given, header, &mut self.mistakes);
                None
            }
        }
    }

    fn state(&mut self, node: &Node<'_>) -> Option<Expected> {
        let state = node.text().and_then(find_state);
        if state.is_none() {
            let words = Expected::WORDS.map(|(name, _)| name).join(", ");
            self.expect(&format!("one of {words}"), node);
        }
        state
    }

    /// A string, or an array of them, none empty.
    pub(super) fn texts<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Vec<&'n Node<'t>> {
        let mut texts = Vec::new();
        for element in node.elements() {
            match element.text() {
                Some(text) if !text.is_empty() => texts.push(element),
                _ => self.expect(what, element),
            }
        }
        if node.elements().is_empty() {
            let expected = format!("expected {what}, not nothing");
            self.mistakes.add(node.place.clone(), expected);
        }
        texts
    }

    /// Says that this should be something else.
    pub(super) fn expect(&mut self, what: &str, node: &Node<'_>) {
        let expected = match node.text() {
            Some(_) => format!("expected {what}"),
            None => format!("expected {what}, not {}", node.kind()),
        };
        self.mistakes.add(node.place.clone(), expected);
    }
}

/// The state that a word stands for.
pub(super) fn find_state(word: &str) -> Option<Expected> {
    let known = Expected::WORDS.iter().find(|(name, _)| *name == word);
    known.map(|(_, expected)| *expected)
}

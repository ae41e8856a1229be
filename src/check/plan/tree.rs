//! A plan as a tree, the same for TOML and JSON; each part knows its place in
//! the text.

use std::borrow::Cow;
use std::ops::Range;

/// A place in the text of a plan, in bytes.
pub(super) type Place = Range<usize>;

/// A value and where it stands. The place of a table is its header, or the
/// brace that opens it.
pub(super) struct Node<'t> {
    pub(super) place: Place,
    pub(super) value: Value<'t>,
}

/// What a value is.
pub(super) enum Value<'t> {
    Text(Cow<'t, str>),
    /// A whole number in decimal.
    Number(Cow<'t, str>),
    Flag(bool),
    List(Vec<Node<'t>>),
    /// In the order of the text.
    Table(Vec<Entry<'t>>),
    /// Of a type that nothing in a plan has: its name.
    Foreign(&'static str),
}

/// A key with its value.
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    /// Where the key stands.
    pub(super) place: Place,
    pub(super) node: Node<'t>,
}

impl<'t> Node<'t> {
    pub(super) fn new(place: Place, value: Value<'t>) -> Self {
        Self { place, value }
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Number(_) => "a whole number",
            Value::Flag(_) => "a truth value",
            Value::List(_) => "an array",
            Value::Table(_) => "a table",
            Value::Foreign(kind) => kind,
        }
    }

    /// Its text, if it is a string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its elements; anything but an array is the only one.
    pub(super) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(nodes) => nodes,
            _ => std::slice::from_ref(self),
        }
    }

    /// Where a part of its text stands in `plan`; all of it where escapes do
    /// not let that be told.
    pub(super) fn within(&self, part: Place, plan: &str) -> Place {
        let raw = plan.get(self.place.clone()).unwrap_or_default();
        let text = self.text().unwrap_or_default();
        let quotes = raw.len().saturating_sub(text.len()) / 2;
        match raw.get(quotes..quotes + text.len()) == Some(text) {
            true => {
                let start = self.place.start + quotes;
                start + part.start..start + part.end
            }
            false => self.place.clone(),
        }
    }
}

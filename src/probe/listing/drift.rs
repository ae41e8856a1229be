//! How two lists differ.

use std::cmp::Ordering;

use crate::protocol::listing::Entry;

/// A name, and who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drift<'a> {
    /// Both, the same kind and size.
    Same(&'a Entry),
    /// Both, and they differ in kind or size.
    Differs(&'a Entry, &'a Entry),
    /// Only the first.
    First(&'a Entry),
    /// Only the second.
    Second(&'a Entry),
}

/// Walks both lists, which are in the order of their names.
pub(super) fn compare<'a>(first: &'a [Entry], second: &'a [Entry]) -> Vec<Drift<'a>> {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    let mut drift = Vec::new();
    loop {
        let order = match (first.peek(), second.peek()) {
            (None, None) => return drift,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.name.cmp(&b.name),
        };
        let a = (order != Ordering::Greater).then(|| first.next()).flatten();
        let b = (order != Ordering::Less).then(|| second.next()).flatten();
        drift.extend(match (a, b) {
            (Some(a), Some(b)) if (a.kind, a.size) == (b.kind, b.size) => Some(Drift::Same(a)),
            (Some(a), Some(b)) => Some(Drift::Differs(a, b)),
            (Some(a), None) => Some(Drift::First(a)),
            (None, b) => b.map(Drift::Second),
        });
    }
}

impl<'a> Drift<'a> {
    /// The entry that stands for the name.
    pub(super) fn entry(&self) -> &'a Entry {
        match *self {
            Self::Same(entry)
            | Self::Differs(entry, _)
            | Self::First(entry)
            | Self::Second(entry) => entry,
        }
    }

    /// Who has it, in a word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Same(_) => "both",
            Self::Differs(..) => "differs",
            Self::First(_) => "first",
            Self::Second(_) => "second",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::protocol::listing::Kind;

    fn entry(name: &str, size: u64) -> Entry {
        Entry {
            name: name.into(),
            kind: Kind::File,
            size,
            modified: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_name_is_told_once() {
        let first = [entry("a", 1), entry("b", 1), entry("c", 1)];
        let second = [entry("b", 1), entry("c", 2), entry("d", 1)];
        let drift = compare(&first, &second);
        let words: Vec<_> = drift
            .iter()
            .map(|it| (it.entry().name.as_slice(), it.word()))
            .collect();
        let expected: [(&[u8], &str); 4] = [
            (b"a", "first"),
            (b"b", "both"),
            (b"c", "differs"),
            (b"d", "second"),
        ];
        assert_eq!(words, expected);
        assert!(compare(&[], &[]).is_empty());
    }
}

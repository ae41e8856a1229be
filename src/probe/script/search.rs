//! Looking for something in bytes that become more, at a cost that stays
//! bounded however small the pieces are in which they come.

use super::pattern::{Pattern, Settled};

/// Bytes up to which every new one is worth a look; of more, a sixteenth must
/// be new. All looks together then cost less than 20 at the whole.
const LOOKED_AT_ALWAYS: usize = 1024;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sought<'a> {
    /// A match.
    Pattern(&'a Pattern),
    /// These bytes.
    Text(&'a [u8]),
}

/// What is known of bytes that become more.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The next look is due at this length.
    due: usize,
    /// Some bytes were not looked at yet, or the next one decides.
    unsure: bool,
}

impl Search {
    /// Where the thing sought ends in `bytes`, to which more may be added.
    pub(super) fn look(&mut self, sought: Sought<'_>, bytes: &[u8]) -> Option<usize> {
        let length = bytes.len();
        if length < self.due {
            self.unsure = true;
            return None;
        }
        self.due = match length {
            ..LOOKED_AT_ALWAYS => length + 1,
            _ => length + length / 16,
        };
        self.look_now(sought, bytes)
    }

    /// The same, whether a look is due or not.
    pub(super) fn look_now(&mut self, sought: Sought<'_>, bytes: &[u8]) -> Option<usize> {
        let settled = match sought {
            Sought::Pattern(pattern) => pattern.settled_end_in(bytes),
            Sought::Text(text) => find(text, bytes).map_or(Settled::Nowhere, Settled::At),
        };
        self.unsure = settled == Settled::NotYet;
        match settled {
            Settled::At(end) => Some(end),
            Settled::NotYet | Settled::Nowhere => None,
        }
    }

    /// The same for bytes that are all there is.
    pub(super) fn look_at_last(&mut self, sought: Sought<'_>, bytes: &[u8]) -> Option<usize> {
        self.unsure = false;
        match sought {
            Sought::Pattern(pattern) => pattern.end_in(bytes),
            Sought::Text(text) => find(text, bytes),
        }
    }

    /// Whether [`Self::look_at_last`] might find more.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// The first `count` bytes are gone.
    pub(super) fn forget(&mut self, count: usize) {
        self.due = self.due.saturating_sub(count);
    }
}

fn find(text: &[u8], bytes: &[u8]) -> Option<usize> {
    let start = bytes.windows(text.len()).position(|it| it == text)?;
    Some(start + text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where it is found when the bytes come up to each of these lengths.
    fn found_after(sought: Sought<'_>, bytes: &[u8], cuts: &[usize]) -> Option<usize> {
        let mut search = Search::default();
        let mut found = cuts.iter().map(|&cut| search.look(sought, &bytes[..cut]));
        let found = found.find_map(|it| it);
        found.or_else(|| Search::default().look_at_last(sought, bytes))
    }

    #[test]
    fn a_dribble_is_not_looked_at_for_every_byte() {
        let pattern = Pattern::new("x").unwrap();
        let (mut search, mut looks) = (Search::default(), 0);
        let bytes = vec![b'a'; 64 * 1024];
        for length in 0..bytes.len() {
            looks += usize::from(length >= search.due);
            assert_eq!(
                search.look(Sought::Pattern(&pattern), &bytes[..length]),
                None
            );
        }
        assert!(looks < LOOKED_AT_ALWAYS + 80, "{looks} looks");
        assert!(search.is_unsure());
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in "[ab\nOKé]{0,40}", cuts: Vec<prop::sample::Index>,
                                which in 0_usize..8) {
            let patterns = ["^OK$", "OK", "a+b", r"\bOK\b", "é", "[^a]b$", "(a|ab)(c|b)", "b\n^O"];
            let pattern = Pattern::new(patterns[which]).unwrap();
            let bytes = bytes.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|it| it.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            for sought in [Sought::Pattern(&pattern), Sought::Text(b"b\n")] {
                let whole = found_after(sought, bytes, &[bytes.len()]);
                prop_assert_eq!(found_after(sought, bytes, &cuts), whole);
            }
        }
    }
}

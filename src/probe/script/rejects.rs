//! What must not come in the whole of a conversation.

use super::search::{Search, Sought};
use super::{Script, Step};

/// Bytes that are looked at together. Of more the older half is forgotten,
/// always at the same places, in whichever pieces the bytes come.
const LOOKED_AT: usize = 64 * 1024;

/// The `--reject` steps of a script, and what came lately.
pub(super) struct Rejects<'a> {
    patterns: Vec<(usize, &'a Step, Search)>,
    lately: Vec<u8>,
}

/// A pattern that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected<'a> {
    /// The number of its step, from 1.
    pub(super) number: usize,
    pub(super) step: &'a Step,
    /// What came, up to the end of the match.
    pub(super) came: Vec<u8>,
}

impl<'a> Rejects<'a> {
    pub(super) fn new(script: &'a Script) -> Self {
        let steps = (1..).zip(&script.steps);
        let rejects = steps.filter(|(_, step)| matches!(step, Step::Reject(_)));
        Self {
            patterns: rejects
                .map(|(number, step)| (number, step, Search::default()))
                .collect(),
            lately: Vec::new(),
        }
    }

    /// Takes what came; the first pattern that matches.
    pub(super) fn feed(&mut self, mut came: &[u8]) -> Option<Rejected<'a>> {
        if self.patterns.is_empty() {
            return None;
        }
        while !came.is_empty() {
            let room = LOOKED_AT - self.lately.len();
            let (now, later) = came.split_at(came.len().min(room));
            self.lately.extend_from_slice(now);
            came = later;
            let is_full = self.lately.len() == LOOKED_AT;
            let rejected = self.first(|search, sought, bytes| match is_full {
                true => search.look_now(sought, bytes),
                false => search.look(sought, bytes),
            });
            if rejected.is_some() {
                return rejected;
            }
            if is_full {
                self.lately.drain(..LOOKED_AT / 2);
                for (_, _, search) in &mut self.patterns {
                    search.forget(LOOKED_AT / 2);
                }
            }
        }
        None
    }

    /// The first pattern that matches if nothing more comes.
    pub(super) fn look_at_last(&mut self) -> Option<Rejected<'a>> {
        self.first(Search::look_at_last)
    }

    /// Whether [`Self::look_at_last`] might find more.
    pub(super) fn is_unsure(&self) -> bool {
        self.patterns.iter().any(|(_, _, it)| it.is_unsure())
    }

    fn first(
        &mut self,
        look: impl Fn(&mut Search, Sought<'_>, &[u8]) -> Option<usize>,
    ) -> Option<Rejected<'a>> {
        let lately = &self.lately;
        let ends = self.patterns.iter_mut().filter_map(|it| {
            let (number, step, search) = it;
            let Step::Reject(pattern) = *step else {
                return None;
            };
            let end = look(search, Sought::Pattern(pattern), lately)?;
            Some((end, *number, *step))
        });
        // What came first counts, whichever was asked for first.
        let (end, number, step) = ends.min_by_key(|(end, number, _)| (*end, *number))?;
        Some(Rejected {
            number,
            step,
            came: lately[..end].to_vec(),
        })
    }
}

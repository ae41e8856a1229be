//! What becomes of a file that was being stored when the store, or its shard
//! servers, went away: the new one or the old one, never a mixture.

use serde::{Deserialize, Serialize};

/// What a shard server holds of a file that was being replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Both new blocks.
    New,
    /// Both old blocks.
    Old,
    /// One of each, or others, or none.
    Neither,
    /// Nobody knows: it cannot be asked now.
    Unknown,
}

/// What the store itself knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// There was an old file.
    pub(super) has_old: bool,
    /// What it keeps itself, whole.
    pub(super) keeps: Option<Kept>,
}

/// Which of two files the store keeps while servers may hold neither: the old one,
/// if it could still be read before it was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kept {
    Old,
    New,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// The new file is there: two servers rebuild it.
    New,
    /// The old file is there, or there was none: what is new is taken back.
    Old,
    /// Neither can be rebuilt from the servers, but the new one is kept here: it is
    /// sent to them again.
    Again,
    /// Servers that cannot be asked now decide it.
    Wait,
    /// Neither can be rebuilt from anywhere.
    Lost,
}

/// Any two servers rebuild a file.
const ENOUGH: usize = 2;

/// Decides from what the four servers hold.
pub(super) fn decide(servers: [Holds; 4], known: Known) -> Decision {
    let count = |what: Holds| servers.iter().filter(|it| **it == what).count();
    let (new, old, unknown) = (count(Holds::New), count(Holds::Old), count(Holds::Unknown));
    match () {
        () if new >= ENOUGH => Decision::New,
        () if new + unknown >= ENOUGH => Decision::Wait,
        () if can_be_old(servers, known) => Decision::Old,
        () if old + unknown >= ENOUGH => Decision::Wait,
        () if known.keeps == Some(Kept::New) => Decision::Again,
        () => Decision::Lost,
    }
}

/// The same for a change that has just failed, while its client waits: old, if
/// that can be.
pub(super) fn take_back(servers: [Holds; 4], known: Known) -> Decision {
    match can_be_old(servers, known) {
        true => Decision::Old,
        false => decide(servers, known),
    }
}

fn can_be_old(servers: [Holds; 4], known: Known) -> bool {
    let old = servers.iter().filter(|it| **it == Holds::Old).count();
    !known.has_old || old >= ENOUGH || known.keeps == Some(Kept::Old)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDS: [Holds; 4] = [Holds::New, Holds::Old, Holds::Neither, Holds::Unknown];

    fn combinations() -> impl Iterator<Item = ([Holds; 4], Known)> {
        (0..256 * 6).map(|number: usize| {
            let servers = [0, 2, 4, 6].map(|shift| HOLDS[(number >> shift) & 3]);
            let known = Known {
                has_old: number & 256 != 0,
                keeps: [None, Some(Kept::Old), Some(Kept::New)][number >> 9],
            };
            (servers, known)
        })
    }

    /// What the servers that cannot be asked may turn out to hold.
    fn outcomes(servers: [Holds; 4]) -> Vec<[Holds; 4]> {
        let mut outcomes = vec![servers];
        for at in 0..4 {
            let spread = outcomes.into_iter().flat_map(|outcome| {
                let turns: &[Holds] = match outcome[at] {
                    Holds::Unknown => &HOLDS[..3],
                    _ => &outcome[at..=at],
                };
                let turns = turns.to_vec();
                turns.into_iter().map(move |turn| {
                    let mut outcome = outcome;
                    outcome[at] = turn;
                    outcome
                })
            });
            outcomes = spread.collect();
        }
        outcomes
    }

    #[test]
    fn two_servers_with_new_blocks_make_it_new_else_it_is_old() {
        for (servers, known) in combinations() {
            if servers.contains(&Holds::Unknown) {
                continue;
            }
            let new = servers.iter().filter(|it| **it == Holds::New).count();
            let old = servers.iter().filter(|it| **it == Holds::Old).count();
            let decision = decide(servers, known);
            let is_there = old >= 2 || !known.has_old;
            let expected = match (new >= 2, is_there, known.keeps) {
                (true, ..) => Decision::New,
                (false, true, _) | (false, false, Some(Kept::Old)) => Decision::Old,
                (false, false, Some(Kept::New)) => Decision::Again,
                (false, false, None) => Decision::Lost,
            };
            assert_eq!(decision, expected, "{servers:?} {known:?}");
        }
    }

    #[test]
    fn nothing_is_decided_that_an_absent_server_could_change() {
        for (servers, known) in combinations() {
            let decision = decide(servers, known);
            let later = outcomes(servers).into_iter();
            let later: Vec<Decision> = later.map(|it| decide(it, known)).collect();
            match decision {
                // One outcome of those left could be another: it is right to wait.
                Decision::Wait => assert!(servers.contains(&Holds::Unknown)),
                decided => assert!(
                    later.iter().all(|it| *it == decided),
                    "{servers:?} {known:?}: {decided:?}, later {later:?}"
                ),
            }
        }
    }

    #[test]
    fn what_is_kept_can_be_rebuilt() {
        for (servers, known) in combinations() {
            let count = |what| servers.iter().filter(|it| **it == what).count();
            match decide(servers, known) {
                Decision::New => assert!(count(Holds::New) >= 2),
                Decision::Old => assert!(can_be_old(servers, known)),
                Decision::Again => assert_eq!(known.keeps, Some(Kept::New)),
                Decision::Lost => assert!(known.keeps.is_none() && known.has_old),
                Decision::Wait => {}
            }
            match take_back(servers, known) {
                Decision::Old => assert!(can_be_old(servers, known)),
                other => assert_eq!(other, decide(servers, known)),
            }
        }
    }
}

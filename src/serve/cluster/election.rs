//! Who leads: the lowest number that can be reached. No I/O and no clock.
//!
//! Every member announces itself to every other once a heartbeat, and what
//! answers is up. What is not heard from for three heartbeats is down. A link
//! that works in one direction alone works for both ends, or two would lead:
//! who announces itself to us is up too, unless our own announcement to it was
//! refused, which only a host without it does.
//!
//! Words about others, that somebody leads, prove nothing, however they are
//! meant: they may be old. All they do is to have the one that they are about
//! asked at once. So every member goes by what it sees itself, and all that see
//! each other see the same.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Heartbeats without a sign after which a member is down.
const MISSED: u32 = 3;

/// A word about a member has it asked again at the earliest after this part of
/// a heartbeat, however many words there are.
const SOONEST: u32 = 4;

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The announcement to a member was answered, with this number.
    Answered {
        /// Whom it was for.
        member: u32,
        /// Who it says it is.
        says: u32,
    },
    /// The announcement to a member was not answered.
    Failed {
        /// Whom it was for.
        member: u32,
        /// Its host said that nothing listens there.
        is_refused: bool,
    },
    /// A member announced itself.
    Heard(u32),
    /// Somebody says that this one leads.
    Word(u32),
    /// Time has passed.
    Time,
}

/// What is to be done, or to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Announce us to a member; its outcome is to be told, within a heartbeat.
    Announce(u32),
    /// Say to a member that we lead.
    Tell(u32),
    /// A member is up, or down.
    Turned {
        /// Which.
        member: u32,
        /// Whether it is up now.
        is_up: bool,
    },
    /// Another one leads, or it is not known who.
    Leads(Option<u32>),
    /// Where a member should be there is somebody else.
    Stranger {
        /// Who should be there.
        member: u32,
        /// Who says to be there.
        says: u32,
    },
}

/// The election, as one member sees it.
#[derive(Debug)]
pub(super) struct Election {
    own: u32,
    heartbeat: Duration,
    links: BTreeMap<u32, Link>,
    leader: Option<u32>,
    /// When anything was learnt last: a process that was stopped knows nothing.
    awake: Instant,
    /// Whether everybody was asked once.
    is_settled: bool,
    outputs: VecDeque<Output>,
}

/// What is known of another member.
#[derive(Debug)]
struct Link {
    /// When it is asked next.
    due: Instant,
    /// When it was asked last.
    asked: Option<Instant>,
    /// Whether the outcome of that is still to come.
    is_asking: bool,
    /// How it came out the last time.
    last: Option<Outcome>,
    answered: Option<Instant>,
    heard: Option<Instant>,
    is_up: bool,
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// By another member than it was for.
    Stranger(u32),
    Refused,
    Silent,
}

impl Election {
    /// The election as the member `own` sees it, with the numbers of the others.
    pub(super) fn new(
        own: u32,
        others: impl IntoIterator<Item = u32>,
        heartbeat: Duration,
        now: Instant,
    ) -> Self {
        let link = |id| (id, Link::new(now));
        let others = others.into_iter().filter(|id| *id != own);
        Self {
            own,
            heartbeat,
            links: others.map(link).collect(),
            leader: None,
            awake: now,
            is_settled: false,
            outputs: VecDeque::new(),
        }
    }

    /// Learns something; what is to be done for it is in the outputs.
    pub(super) fn handle(&mut self, input: Input, now: Instant) {
        if now.saturating_duration_since(self.awake) >= self.window() {
            self.forget(now);
        }
        self.awake = now;
        match input {
            Input::Answered { member, says } if says == member => {
                self.conclude(member, Outcome::Answered, now);
            }
            Input::Answered { member, says } => {
                self.conclude(member, Outcome::Stranger(says), now);
            }
            Input::Failed { member, is_refused } => {
                let outcome = if is_refused {
                    Outcome::Refused
                } else {
                    Outcome::Silent
                };
                self.conclude(member, outcome, now);
            }
            Input::Heard(member) => {
                if let Some(link) = self.links.get_mut(&member) {
                    link.heard = Some(now);
                }
                self.ask_soon(member, now);
            }
            Input::Word(member) => self.ask_soon(member, now),
            Input::Time => {}
        }
        self.review(now);
    }

    /// The next thing to be done.
    pub(super) fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When time itself is news.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let window = self.window();
        let due = |it: &Link| (!it.is_asking).then_some(it.due);
        let gone = |it: &Link| it.is_up.then(|| it.sign().map(|at| at + window))?;
        let links = self.links.values();
        links.flat_map(|it| [due(it), gone(it)]).flatten().min()
    }

    /// Who leads, if that is known.
    pub(super) fn leader(&self) -> Option<u32> {
        self.leader
    }

    /// Whether we do.
    pub(super) fn leads(&self) -> bool {
        self.leader == Some(self.own)
    }

    /// Whether a member is up; oneself is.
    pub(super) fn is_up(&self, member: u32) -> bool {
        member == self.own || self.links.get(&member).is_some_and(|it| it.is_up)
    }

    fn window(&self) -> Duration {
        self.heartbeat * MISSED
    }

    /// What was known is older than it may be: nobody is judged before everybody
    /// was asked again.
    fn forget(&mut self, now: Instant) {
        self.is_settled = false;
        for link in self.links.values_mut() {
            link.last = None;
            link.due = now;
        }
    }

    fn conclude(&mut self, member: u32, outcome: Outcome, now: Instant) {
        let Some(link) = self.links.get_mut(&member) else {
            return;
        };
        link.is_asking = false;
        if outcome == Outcome::Answered {
            link.answered = Some(now);
        }
        if let Outcome::Stranger(says) = outcome
            && link.last != Some(outcome)
        {
            self.outputs.push_back(Output::Stranger { member, says });
        }
        link.last = Some(outcome);
    }

    /// Has a member asked before its turn, if there is anything to be learnt.
    fn ask_soon(&mut self, member: u32, now: Instant) {
        let soonest = self.heartbeat / SOONEST;
        if let Some(link) = self.links.get_mut(&member)
            && !link.is_up
        {
            let next = link.asked.map_or(now, |at| at + soonest);
            link.due = link.due.min(next);
        }
    }

    /// Draws the conclusions from what is known now.
    fn review(&mut self, now: Instant) {
        let window = self.window();
        let mut risen = Vec::new();
        for (id, link) in &mut self.links {
            if !link.is_asking && link.due <= now {
                link.is_asking = true;
                link.asked = Some(now);
                link.due = now + self.heartbeat;
                self.outputs.push_back(Output::Announce(*id));
            }
            let is_fresh = |at: Instant| now.saturating_duration_since(at) < window;
            let is_up = link.sign().is_some_and(is_fresh);
            if is_up != link.is_up {
                link.is_up = is_up;
                let member = *id;
                self.outputs.push_back(Output::Turned { member, is_up });
                risen.extend(is_up.then_some(member));
            }
        }
        self.is_settled |= self.links.values().all(|it| it.last.is_some());
        let up = self.links.iter().filter(|(_, it)| it.is_up);
        let lowest = up.map(|(id, _)| *id).chain([self.own]).min();
        let leader = lowest.filter(|_| self.is_settled);
        if leader != self.leader {
            self.leader = leader;
            self.outputs.push_back(Output::Leads(leader));
            if self.leads() {
                let up = self.links.iter().filter(|(_, it)| it.is_up);
                risen = up.map(|(id, _)| *id).collect();
            }
        }
        if self.leads() {
            self.outputs.extend(risen.into_iter().map(Output::Tell));
        }
    }
}

impl Link {
    fn new(now: Instant) -> Self {
        Self {
            due: now,
            asked: None,
            is_asking: false,
            last: None,
            answered: None,
            heard: None,
            is_up: false,
        }
    }

    /// When it was last seen to be there.
    fn sign(&self) -> Option<Instant> {
        match self.last {
            Some(Outcome::Silent | Outcome::Answered) => self.answered.max(self.heard),
            // Who is refused there is not there, whatever is said in its name.
            Some(Outcome::Refused) | None => self.answered,
            // Somebody else has its place.
            Some(Outcome::Stranger(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! What was said, by whom, and what everybody still has to be told: without
//! files, sockets or a clock.
//!
//! An update is gathered with others, written with them as one group, and only
//! once that is on the disk does it become part of the text and wait for the
//! others to take it. One group is written at a time, so there is one order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::rc::Rc;

use crate::protocol::document::{HEADER_BYTES, encode};

/// How much there may be of everything, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of the text.
    pub(super) document: usize,
    /// Of the frames of a group, unless one alone is longer.
    pub(super) group: usize,
    /// Of what waits for a client, past which it is lost.
    pub(super) queue: usize,
}

/// Who is there and what was said.
pub(super) struct Room {
    limits: Limits,
    /// All that was committed, and nothing else.
    text: Vec<u8>,
    gathering: Group,
    writing: Option<Group>,
    members: BTreeMap<u64, Member>,
    next: u64,
}

/// Updates that are committed together or not at all.
#[derive(Default)]
struct Group {
    /// Them as frames, one after another.
    frames: Vec<u8>,
    /// Whose each is, and where it stands among the frames.
    said: Vec<(u64, Range<usize>)>,
    /// Their texts alone; taken out while they are written.
    text: Vec<u8>,
    /// How many bytes of text there are.
    length: usize,
}

#[derive(Default)]
struct Member {
    queue: VecDeque<Piece>,
    /// Bytes in the queue.
    waiting: usize,
    /// How many of its updates are not committed yet.
    unsettled: usize,
    /// How many are.
    kept: u64,
    /// Why one of them never will be.
    failure: Option<Rc<str>>,
    /// More waited for it than may.
    is_lost: bool,
    /// It is told nothing more.
    is_deaf: bool,
    /// It says nothing more.
    is_silent: bool,
}

/// Whole frames that wait for a client. All clients share the bytes.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    frames: Rc<[u8]>,
    range: Range<usize>,
}

/// What becomes of an update.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// It is gathered.
    Taken,
    /// There is no room for it now: it is to be offered again.
    Later,
    /// It is not taken, and why.
    Refused(Rc<str>),
}

/// What a member is to be told.
#[derive(Debug)]
pub(super) enum Next {
    /// This, and then more.
    Piece(Piece),
    /// Nothing now.
    Nothing,
    /// Nothing more: too much waited for it.
    Lost,
}

impl Piece {
    pub(super) fn bytes(&self) -> &[u8] {
        self.frames.get(self.range.clone()).unwrap_or_default()
    }
}

impl Room {
    /// One with the text that is committed already.
    pub(super) fn new(text: Vec<u8>, limits: Limits) -> Self {
        Self {
            limits,
            text,
            gathering: Group::default(),
            writing: None,
            members: BTreeMap::new(),
            next: 0,
        }
    }

    /// All that was committed. It only grows.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Somebody comes, who is to be told the text as it is now, and then every
    /// update after it.
    pub(super) fn join(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        self.members.insert(number, Member::default());
        number
    }

    /// Somebody leaves; what they said stays.
    pub(super) fn leave(&mut self, number: u64) {
        self.members.remove(&number);
    }

    /// They say something.
    pub(super) fn offer(&mut self, from: u64, text: &str) -> Offer {
        let member = self.members.entry(from).or_default();
        if let Some(failure) = &member.failure {
            return Offer::Refused(Rc::clone(failure));
        }
        if text.is_empty() {
            return Offer::Taken;
        }
        let written = self.writing.as_ref().map_or(0, |it| it.length);
        let most = self.limits.document;
        if self.text.len() + written + self.gathering.length + text.len() > most {
            return Offer::Refused(format!("the document would exceed {most} bytes").into());
        }
        let Some(frame) = encode(text) else {
            return Offer::Refused("no header can tell its length".into());
        };
        let group = &mut self.gathering;
        let is_full = group.frames.len() + frame.len() > self.limits.group;
        if is_full && !group.said.is_empty() {
            return Offer::Later;
        }
        group.add(from, &frame);
        member.unsettled += 1;
        Offer::Taken
    }

    /// What is to be written next, unless something is being written or there is
    /// nothing. It ends with [`Room::committed`] or [`Room::failed`].
    pub(super) fn next_group(&mut self) -> Option<Vec<u8>> {
        if self.writing.is_some() || self.gathering.said.is_empty() {
            return None;
        }
        let mut group = std::mem::take(&mut self.gathering);
        let text = std::mem::take(&mut group.text);
        self.writing = Some(group);
        Some(text)
    }

    /// The group is on the disk: everybody else is to be told.
    pub(super) fn committed(&mut self, text: &[u8]) {
        let Some(Group { frames, said, .. }) = self.writing.take() else {
            return;
        };
        self.text.extend_from_slice(text);
        for (from, _) in &said {
            if let Some(member) = self.members.get_mut(from) {
                member.unsettled -= 1;
                member.kept += 1;
            }
        }
        let frames: Rc<[u8]> = frames.into();
        for (number, member) in &mut self.members {
            if member.is_deaf || member.is_lost {
                continue;
            }
            for range in others(&said, *number) {
                member.waiting += range.len();
                let frames = Rc::clone(&frames);
                member.queue.push_back(Piece { frames, range });
            }
            if member.waiting > self.limits.queue {
                member.is_lost = true;
                member.queue.clear();
            }
        }
    }

    /// The group could not be written: nobody is told of it, and whoever had a part
    /// in it has said their last.
    pub(super) fn failed(&mut self, why: &str) {
        let Some(group) = self.writing.take() else {
            return;
        };
        let culprits: BTreeSet<u64> = group.said.iter().map(|(from, _)| *from).collect();
        for number in &culprits {
            if let Some(member) = self.members.get_mut(number) {
                member.failure = Some(why.into());
                member.unsettled = 0;
            }
        }
        // What they said after it would stand without what it follows.
        self.gathering = self.gathering.without(&culprits);
    }

    /// What is to be sent to a member next; it stays first until [`Room::sent`].
    pub(super) fn next_piece(&self, number: u64) -> Next {
        let Some(member) = self.members.get(&number) else {
            return Next::Nothing;
        };
        match member.queue.front() {
            _ if member.is_lost => Next::Lost,
            Some(piece) => Next::Piece(piece.clone()),
            None => Next::Nothing,
        }
    }

    /// The first piece that waits for a member was sent.
    pub(super) fn sent(&mut self, number: u64) {
        if let Some(member) = self.members.get_mut(&number)
            && let Some(piece) = member.queue.pop_front()
        {
            member.waiting -= piece.range.len();
        }
    }

    /// A member is told nothing more, but what waits for it already.
    pub(super) fn deafen(&mut self, number: u64) {
        if let Some(member) = self.members.get_mut(&number) {
            member.is_deaf = true;
        }
    }

    /// A member says nothing more.
    pub(super) fn silence(&mut self, number: u64) {
        if let Some(member) = self.members.get_mut(&number) {
            member.is_silent = true;
        }
    }

    /// Whether all that a member said is committed; an error if some of it never
    /// will be. Nothing while that is open.
    pub(super) fn settled(&self, number: u64) -> Option<Result<(), Rc<str>>> {
        let member = self.members.get(&number)?;
        match &member.failure {
            Some(failure) => Some(Err(Rc::clone(failure))),
            None if member.unsettled == 0 => Some(Ok(())),
            None => None,
        }
    }

    /// How many updates of a member are committed.
    pub(super) fn kept(&self, number: u64) -> u64 {
        self.members.get(&number).map_or(0, |it| it.kept)
    }

    /// Whether nobody says anything more, and all that was said is settled.
    pub(super) fn is_over(&self) -> bool {
        let all_silent = self.members.values().all(|it| it.is_silent);
        all_silent && self.gathering.said.is_empty() && self.writing.is_none()
    }
}

impl Group {
    fn add(&mut self, from: u64, frame: &[u8]) {
        let text = &frame[HEADER_BYTES..];
        let start = self.frames.len();
        self.frames.extend_from_slice(frame);
        self.said.push((from, start..self.frames.len()));
        self.text.extend_from_slice(text);
        self.length += text.len();
    }

    /// The same without what these said.
    fn without(&self, culprits: &BTreeSet<u64>) -> Self {
        let mut rest = Self::default();
        for (from, range) in &self.said {
            if !culprits.contains(from) {
                rest.add(*from, &self.frames[range.clone()]);
            }
        }
        rest
    }
}

/// Where the updates of everybody but `number` stand, those side by side as one.
fn others(said: &[(u64, Range<usize>)], number: u64) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (from, range) in said {
        match ranges.last_mut() {
            _ if *from == number => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => ranges.push(range.clone()),
        }
    }
    ranges
}

#[cfg(test)]
mod tests;

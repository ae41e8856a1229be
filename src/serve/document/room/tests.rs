//! Every client is told the same, in the same order, and only what was committed.

use proptest::prelude::*;

use super::*;
use crate::protocol::document::Reader;

const LIMITS: Limits = Limits {
    document: 1000,
    group: 60,
    queue: 200,
};

fn room() -> Room {
    Room::new(Vec::new(), LIMITS)
}

/// Writes what is gathered.
fn commit(room: &mut Room) {
    let text = room.next_group().expect("something to write");
    room.committed(&text);
}

/// What waits for a member, frame by frame; it is told all of it.
fn told(room: &mut Room, number: u64) -> Vec<String> {
    let (mut reader, mut frames) = (Reader::new(1 << 20), Vec::new());
    while let Next::Piece(piece) = room.next_piece(number) {
        let mut bytes = piece.bytes();
        while let Some(text) = reader.take(&mut bytes).expect("frames") {
            frames.push(text);
        }
        assert!(!reader.is_within(), "a piece holds whole frames");
        room.sent(number);
    }
    frames
}

#[test]
fn nothing_is_told_before_it_is_committed_and_not_to_whoever_said_it() {
    let mut room = room();
    let (a, b) = (room.join(), room.join());
    assert_eq!(room.offer(a, "one"), Offer::Taken);
    assert_eq!(room.settled(a), None);
    let text = room.next_group().unwrap();
    assert_eq!(text, b"one");
    assert!(matches!(room.next_piece(b), Next::Nothing));
    assert_eq!(room.offer(b, "two"), Offer::Taken);
    assert_eq!(room.offer(a, "three"), Offer::Taken);
    assert_eq!(room.next_group(), None, "one group at a time");
    assert_eq!(room.text(), b"");
    room.committed(&text);
    assert_eq!(room.text(), b"one");
    // Who comes now has the first in the text, and is told the others.
    let c = room.join();
    assert_eq!((room.settled(a), room.settled(b)), (None, None));
    commit(&mut room);
    assert_eq!(
        (room.settled(a), room.settled(b)),
        (Some(Ok(())), Some(Ok(())))
    );
    assert_eq!(told(&mut room, a), ["two"]);
    assert_eq!(told(&mut room, b), ["one", "three"]);
    assert_eq!(told(&mut room, c), ["two", "three"]);
    assert_eq!(room.text(), b"onetwothree");
}

#[test]
fn a_group_that_cannot_be_written_is_told_to_nobody() {
    let mut room = room();
    let (a, b, c) = (room.join(), room.join(), room.join());
    room.offer(a, "lost");
    room.next_group().unwrap();
    room.offer(a, "follows what is lost");
    room.offer(b, "stays");
    room.failed("no space");
    assert_eq!(room.settled(a), Some(Err("no space".into())));
    assert_eq!(room.offer(a, "more"), Offer::Refused("no space".into()));
    commit(&mut room);
    assert_eq!([a, b, c].map(|it| room.kept(it)), [0, 1, 0]);
    assert_eq!(room.text(), b"stays");
    assert_eq!(told(&mut room, c), ["stays"]);
    assert_eq!(room.settled(b), Some(Ok(())));
}

#[test]
fn what_waits_for_the_disk_has_a_limit() {
    let mut room = room();
    let a = room.join();
    assert_eq!(room.offer(a, &"x".repeat(40)), Offer::Taken);
    assert_eq!(room.offer(a, "x"), Offer::Later, "50 and 11 bytes");
    let text = room.next_group().unwrap();
    assert_eq!(room.offer(a, "x"), Offer::Taken);
    room.committed(&text);
    commit(&mut room);
    // One that is longer than a group is a group.
    assert_eq!(room.offer(a, &"x".repeat(100)), Offer::Taken);
    assert_eq!(room.offer(a, "x"), Offer::Later);
}

#[test]
fn the_document_has_a_limit_that_counts_what_is_not_written_yet() {
    let mut room = Room::new(vec![b'x'; 980], LIMITS);
    let a = room.join();
    assert_eq!(room.offer(a, "12345"), Offer::Taken);
    room.next_group().unwrap();
    assert_eq!(room.offer(a, "12345"), Offer::Taken);
    let refused = Offer::Refused("the document would exceed 1000 bytes".into());
    assert_eq!(room.offer(a, "12345678901"), refused);
    assert_eq!(room.offer(a, "1234567890"), Offer::Taken);
    assert_eq!(room.offer(a, ""), Offer::Taken, "nothing is always taken");
}

#[test]
fn whoever_does_not_read_is_lost_and_nobody_else() {
    let mut room = room();
    let (a, b, c) = (room.join(), room.join(), room.join());
    for _ in 0..4 {
        room.offer(a, &"x".repeat(40));
        commit(&mut room);
        told(&mut room, b);
    }
    assert!(
        matches!(room.next_piece(c), Next::Piece(_)),
        "200 bytes wait"
    );
    room.offer(a, "x");
    commit(&mut room);
    assert!(matches!(room.next_piece(c), Next::Lost));
    assert_eq!(told(&mut room, b), ["x"]);
    room.leave(c);
    assert!(matches!(room.next_piece(c), Next::Nothing));
}

#[test]
fn it_is_over_when_nobody_speaks_and_all_is_settled() {
    let mut room = room();
    let (a, b) = (room.join(), room.join());
    room.offer(a, "x");
    room.silence(a);
    assert!(!room.is_over());
    room.silence(b);
    assert!(!room.is_over());
    let text = room.next_group().unwrap();
    assert!(!room.is_over());
    room.committed(&text);
    assert!(room.is_over());
    room.deafen(b);
    room.offer(a, "y");
    commit(&mut room);
    assert_eq!(told(&mut room, b), ["x"], "what waited already");
}

#[derive(Debug, Clone)]
enum Step {
    Join,
    Leave(usize),
    Say(usize),
    Read(usize),
    Begin,
    Commit,
    Fail,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Join),
        1 => (0..6usize).prop_map(Step::Leave),
        8 => (0..6usize).prop_map(Step::Say),
        2 => (0..6usize).prop_map(Step::Read),
        3 => Just(Step::Begin),
        3 => Just(Step::Commit),
        1 => Just(Step::Fail),
    ];
    prop::collection::vec(step, 0..200)
}

/// What a member must have been told: the text as it came, and what others said.
struct Witness {
    number: u64,
    seen: String,
    said: Vec<String>,
}

proptest! {
    #[test]
    fn everybody_is_told_the_text_without_what_they_said(steps in steps()) {
        let limits = Limits { document: 1 << 20, group: 100, queue: 1 << 20 };
        let mut room = Room::new(b"begin;".to_vec(), limits);
        let (mut witnesses, mut writing, mut count) = (Vec::<Witness>::new(), None, 0);
        for step in steps {
            let there = witnesses.len().max(1);
            let some = |at: usize| at % there;
            match step {
                Step::Join => {
                    let seen = String::from_utf8(room.text().to_vec()).unwrap();
                    witnesses.push(Witness { number: room.join(), seen, said: Vec::new() });
                }
                _ if witnesses.is_empty() => {}
                Step::Leave(at) => {
                    let at = some(at);
                    let witness = witnesses.remove(at);
                    room.leave(witness.number);
                }
                Step::Say(at) => {
                    count += 1;
                    let witness = &mut witnesses[some(at)];
                    let text = format!("{count}by{};", witness.number);
                    if room.offer(witness.number, &text) == Offer::Taken {
                        witness.said.push(text);
                    }
                }
                Step::Read(at) => {
                    let witness = &mut witnesses[some(at)];
                    witness.seen.extend(told(&mut room, witness.number));
                }
                Step::Begin => {
                    let next = room.next_group();
                    prop_assert!(writing.is_none() || next.is_none());
                    writing = writing.or(next);
                }
                Step::Commit => {
                    let Some(text) = writing.take() else { continue };
                    room.committed(&text);
                }
                Step::Fail => {
                    if writing.take().is_some() {
                        room.failed("why");
                    }
                }
            }
        }
        let text = String::from_utf8(room.text().to_vec()).unwrap();
        for witness in &mut witnesses {
            witness.seen.extend(told(&mut room, witness.number));
            let own = format!("by{}", witness.number);
            let others = text.split_inclusive(';').filter(|it| !it.trim_end_matches(';').ends_with(&own));
            prop_assert_eq!(&witness.seen, &others.collect::<String>());
            // What is committed of one's own is all up to some point, in order.
            let own: Vec<&str> = text.split_inclusive(';').filter(|it| it.trim_end_matches(';').ends_with(&own)).collect();
            prop_assert_eq!(&own, &witness.said[..own.len()]);
        }
    }
}

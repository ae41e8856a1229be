//! Whole conversations over a pair of sockets; the clock jumps.

use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use proptest::prelude::*;

use super::*;
use crate::finding::Phases;
use crate::net::{Close, UnixAddress, UnixStream};
use crate::probe::{Event, Place};
use crate::reactor::{now, run_fast_forward, sleep, spawn, yield_now};

const LIMIT: Duration = Duration::from_secs(3);

/// What a conversation came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    result: Result<(), Failed>,
    seen: Option<String>,
    phases: Phases,
}

/// Has the conversation with a peer that acts so.
fn converse<P>(steps: Vec<Step>, peer: impl FnOnce(UnixStream) -> P + 'static) -> Outcome
where
    P: Future<Output = ()> + 'static,
{
    let outcome = run_fast_forward(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let peer = spawn(peer(theirs));
        let place = Place::Unix(UnixAddress::new("@peer"));
        let mut link = Link::new(Box::new(ours), Finding::new(State::Open), now(), LIMIT);
        let at = At {
            place: &place,
            host: "@peer",
            resolve: None,
            limit: LIMIT,
            close: Close::Fin,
            observe: &|_: Event<'_>| {},
        };
        let result = Script { steps }.run(&mut link, &at).await;
        drop(peer);
        Outcome {
            result,
            seen: link.finding.seen,
            phases: link.finding.phases,
        }
    });
    outcome.unwrap()
}

/// A peer that sends these pieces and closes.
fn sends(pieces: Vec<Vec<u8>>) -> impl FnOnce(UnixStream) -> Sending {
    move |mut stream| {
        Box::pin(async move {
            for piece in pieces {
                // The other side may have enough already.
                let _ = stream.write_all(&piece).await;
                yield_now().await;
            }
        })
    }
}

type Sending = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn one(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

fn expect(pattern: &str) -> Step {
    read_expect(pattern).unwrap()
}

fn reject(pattern: &str) -> Step {
    read_reject(pattern).unwrap()
}

fn amount(text: &str) -> Step {
    read_amount(text).unwrap()
}

fn send(text: &str) -> Step {
    read_send(text).unwrap()
}

#[track_caller]
fn reason(outcome: &Outcome) -> &str {
    match &outcome.result {
        Err(failed) => &failed.reason,
        Ok(()) => panic!("it passed: {outcome:?}"),
    }
}

#[test]
fn steps_take_what_belongs_to_them() {
    let steps = vec![
        expect("^OK ONE "),
        amount("until:\\n"),
        amount("5"),
        expect("^end"),
        amount("eof"),
    ];
    let outcome = converse(steps, sends(one(b"OK ONE 5\nhelloend\nmore")));
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.seen.unwrap(), r"OK ONE 5\nhelloend\nmore");
}

#[test]
fn the_step_that_fails_is_named_with_what_came() {
    let outcome = converse(
        vec![amount("3"), expect("^OK")],
        sends(one(b"abcERROR NOTFOUND\n")),
    );
    assert_eq!(
        reason(&outcome),
        r#"step 2 (--expect ^OK): the connection was closed after 15 bytes: "ERROR NOTFOUND\n""#
    );
    assert_eq!(outcome.seen.unwrap(), r"ERROR NOTFOUND\n");
    let outcome = converse(vec![amount("9")], sends(one(b"abc")));
    assert_eq!(
        reason(&outcome),
        r#"step 1 (--read 9): the connection was closed after 3 bytes: "abc""#
    );
    let outcome = converse(vec![amount("until:\\n")], sends(vec![]));
    assert_eq!(
        reason(&outcome),
        r"step 1 (--read until:\n): the connection was closed before anything came"
    );
    assert_eq!(outcome.seen, None);
}

/// A peer that sends this and then keeps silent, without closing.
fn stalls(bytes: &'static [u8]) -> impl FnOnce(UnixStream) -> Sending {
    move |mut stream| {
        Box::pin(async move {
            stream.write_all(bytes).await.unwrap();
            sleep(10 * LIMIT).await;
        })
    }
}

#[test]
fn the_deadline_ends_every_step() {
    let said = |step, bytes| reason(&converse(vec![step], stalls(bytes))).to_owned();
    assert_eq!(
        said(expect("^OK"), b""),
        "step 1 (--expect ^OK): nothing came within 3s"
    );
    assert_eq!(
        said(expect("^OK"), b"\xff no"),
        r#"step 1 (--expect ^OK): "\xff no" came instead"#
    );
    assert_eq!(
        said(amount("4"), b"no"),
        "step 1 (--read 4): 2 of 4 bytes came within 3s"
    );
    assert_eq!(
        said(amount("eof"), b"n"),
        "step 1 (--read eof): 1 byte came within 3s, but no end"
    );
    let steps = vec![amount("2"), expect("x")];
    let outcome = converse(steps, stalls(b"no"));
    assert_eq!(
        reason(&outcome),
        "step 2 (--expect x): nothing more came within 3s"
    );
}

#[test]
fn a_peer_that_does_not_read_holds_nobody_up() {
    let steps = vec![Step::Send(vec![b'x'; 8 << 20])];
    let outcome = converse(steps, stalls(b""));
    let said = reason(&outcome);
    assert!(said.contains("): the peer took "), "{said}");
    assert!(said.ends_with(" of 8388608 bytes within 3s"), "{said}");
}

#[test]
fn both_can_send_much_at_once() {
    let (up, down) = (vec![b'x'; 1 << 20], vec![b'y'; 60 << 10]);
    let steps = vec![Step::Send(up), amount("60KiB"), amount("eof")];
    let outcome = converse(steps, move |mut stream| {
        Box::pin(async move {
            stream.write_all(&down).await.unwrap();
            let mut came = vec![0; 1 << 20];
            stream.read_exact(&mut came).await.unwrap();
        }) as Sending
    });
    assert_eq!(outcome.result, Ok(()));
}

#[test]
fn much_without_a_match_ends_early() {
    let outcome = converse(vec![expect("needle")], |mut stream| {
        Box::pin(async move { while stream.write_all(&[b'.'; 4096]).await.is_ok() {} }) as Sending
    });
    let said = reason(&outcome);
    assert!(
        said.contains("64 KiB came without a match: \"...."),
        "{said}"
    );
    assert!(outcome.seen.unwrap().len() <= SEEN);
}

#[test]
fn what_is_read_to_its_end_is_counted_and_not_kept() {
    let pieces = (0..256).map(|_| vec![b'.'; 16 * 1024]).collect();
    let outcome = converse(vec![amount("2MiB"), amount("eof")], sends(pieces));
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.seen.unwrap().len(), SEEN);
}

#[test]
fn a_reject_holds_from_the_first_step_to_the_last() {
    let came = one(b"banner\nFATAL error\nOK\n");
    let steps = vec![amount("until:OK"), reject("FATAL"), amount("eof")];
    let outcome = converse(steps, sends(came));
    assert_eq!(
        reason(&outcome),
        r#"step 2 (--reject FATAL): "banner\nFATAL" came"#
    );
    // Of several, the one that came first.
    let steps = vec![reject("OOO"), reject("ab"), amount("eof")];
    let outcome = converse(steps, sends(one(b"abOOO")));
    assert_eq!(reason(&outcome), r#"step 2 (--reject ab): "ab" came"#);
    // Far into what is only counted, across the places where it is cut.
    let mut bytes = vec![b'.'; 300_000];
    bytes[229_375..229_380].copy_from_slice(b"FATAL");
    let outcome = converse(vec![amount("eof"), reject("FATAL")], sends(vec![bytes]));
    assert!(reason(&outcome).ends_with("...FATAL\" came"), "{outcome:?}");
}

#[test]
fn a_match_that_the_next_byte_may_undo_waits_for_it_or_for_a_pause() {
    let outcome = converse(vec![expect("login: $")], stalls(b"login: "));
    assert_eq!(outcome.result, Ok(()));
    let outcome = converse(
        vec![expect("^OK$")],
        sends(vec![b"OK".into(), b"AY".into()]),
    );
    assert!(reason(&outcome).contains("after 4 bytes: \"OKAY\""));
    let steps = vec![reject("^OK$"), expect("never")];
    let outcome = converse(steps, stalls(b"OK"));
    assert!(reason(&outcome).starts_with("step 1 (--reject ^OK$)"));
}

#[test]
fn the_first_byte_is_timed_from_the_question() {
    let outcome = converse(vec![send("?"), amount("1")], |mut stream| {
        Box::pin(async move {
            stream.read_exact(&mut [0]).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            stream.write_all(b"!").await.unwrap();
        }) as Sending
    });
    assert_eq!(outcome.result, Ok(()));
    assert!(outcome.phases.first_byte >= Some(Duration::from_secs(1)));
}

#[test]
fn a_whole_answer_is_judged_at_once() {
    let script = |steps| Script { steps };
    let judged = script(vec![expect("^b$"), expect("a"), reject("x"), send("!")]);
    assert_eq!(judged.judge(b"a\nb\n"), Ok(()));
    assert_eq!(
        judged.judge(b"a\n").unwrap_err(),
        r#""a\n" does not match --expect ^b$"#
    );
    assert_eq!(
        judged.judge(b"xa\nb").unwrap_err(),
        r#""xa\nb" matches --reject x"#
    );
    assert_eq!(script(vec![]).judge(b""), Ok(()));
}

#[test]
fn amounts_are_sizes_the_end_or_text() {
    assert_eq!(read_amount("64KiB"), Ok(Step::Read(Amount::Bytes(65_536))));
    assert_eq!(read_amount("eof"), Ok(Step::Read(Amount::End)));
    let until = Step::Read(Amount::Until(b"a:\r\n".into()));
    assert_eq!(read_amount(r"until:a:\r\n"), Ok(until));
    for wrong in ["0", "until:", "EOF", "-1", "5x", "until:\\q", ""] {
        assert!(read_amount(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_reject_alone_would_look_at_nothing() {
    let script = |steps| Script { steps };
    let said = script(vec![send("a"), reject("x")]).validate().unwrap_err();
    assert!(said.contains("--reject alone"), "{said}");
    assert_eq!(script(vec![reject("x"), amount("1")]).validate(), Ok(()));
    assert_eq!(script(vec![]).validate(), Ok(()));
}

#[test]
fn a_script_has_a_sentence() {
    let script = Script {
        steps: vec![send("GET a\\n"), expect("^OK"), reject("x"), amount("eof")],
    };
    let first = || String::from("accepts a connection");
    assert_eq!(
        script.sentence(first()),
        "accepts a connection, takes \"GET a\\n\", sends a match for ^OK, \
         never sends a match for x and closes the connection"
    );
    assert_eq!(Script::default().sentence(first()), first());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_do_not_matter(bytes in "[abO\nK\u{e9}]{0,60}", cuts: Vec<prop::sample::Index>,
                            picked in prop::collection::vec(0_usize..8, 0..4)) {
        let known = [
            expect("^OK$"), expect("a+b"), expect("é"), amount("until:K"),
            amount("3"), reject("bb$"), reject("ab"), reject("OOO"),
        ];
        let mut steps: Vec<Step> = picked.iter().map(|it| known[*it].clone()).collect();
        steps.push(amount("eof"));
        let mut cuts: Vec<_> = cuts.iter().map(|it| it.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let cut = |ends: &[usize]| bytes.as_bytes()[ends[0]..ends[1]].to_vec();
        let whole = converse(steps.clone(), sends(one(bytes.as_bytes())));
        let pieces = converse(steps, sends(cuts.windows(2).map(cut).collect()));
        prop_assert_eq!(&pieces.result, &whole.result);
        if whole.result.is_ok() {
            prop_assert_eq!(&pieces.seen, &whole.seen);
        }
    }
}

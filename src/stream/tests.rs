//! The pump over sockets of this process.

use std::time::Duration;

use futures_lite::io::Cursor;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use super::{AfterInput, AfterPeer, Crlf, Cut, Flow, Input, Local, Peer, Terms, pump};
use crate::finding::End;
use crate::net::UnixStream;
use crate::reactor::{self, sleep, timeout};

/// What a pump with `input` comes to, what it wrote out, and what `other` says.
async fn pumped<T>(
    input: Option<&[u8]>,
    terms: Terms,
    other: impl AsyncFnOnce(UnixStream) -> T,
) -> (Result<End, Cut>, Vec<u8>, T) {
    let (near, far) = UnixStream::pair().unwrap();
    let mut output = Vec::new();
    let local = Local {
        input: input.map(|it| Input::Bytes(Box::new(Cursor::new(it.to_vec())))),
        output: Some(Box::new(&mut output)),
    };
    let flow = Flow::default();
    let pumping = async {
        let near = near;
        pump(local, Peer::of(&near, &near), &terms, &flow).await
    };
    let (outcome, said) = future::zip(pumping, other(far)).await;
    (outcome, output, said)
}

#[test]
fn each_direction_ends_on_its_own() {
    reactor::run(async {
        let (outcome, output, heard) =
            pumped(Some(b"question"), Terms::default(), async |mut far| {
                let mut heard = Vec::new();
                far.read_to_end(&mut heard).await.unwrap();
                far.write_all(b"answer").await.unwrap();
                heard
            })
            .await;
        assert_eq!(outcome.unwrap(), End::Fin);
        assert_eq!(output, b"answer");
        assert_eq!(heard, b"question");
    })
    .unwrap();
}

#[test]
fn a_peer_that_finishes_first_gets_the_rest() {
    reactor::run(async {
        let long = vec![7; 4 << 20];
        let (outcome, output, heard) = pumped(Some(&long), Terms::default(), async |mut far| {
            far.write_all(b"bye").await.unwrap();
            far.close().await.unwrap();
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            heard.len()
        })
        .await;
        assert_eq!(outcome.unwrap(), End::Fin);
        assert_eq!(output, b"bye");
        assert_eq!(heard, 4 << 20);
    })
    .unwrap();
}

#[test]
fn a_peer_that_takes_no_more_is_a_cut_and_what_it_said_is_kept() {
    reactor::run(async {
        let long = vec![7; 4 << 20];
        let (outcome, output, ()) = pumped(Some(&long), Terms::default(), async |mut far| {
            far.write_all(b"enough").await.unwrap();
        })
        .await;
        let cut = outcome.unwrap_err();
        assert!(matches!(cut.end(), End::ShortWrite | End::Rst), "{cut:?}");
        assert_eq!(output, b"enough");
    })
    .unwrap();
}

#[test]
fn staying_keeps_our_direction_open() {
    reactor::run_fast_forward(async {
        let terms = Terms {
            after_input: AfterInput::Stay,
            ..Terms::default()
        };
        let (outcome, _, stayed) = pumped(Some(b"x"), terms, async |mut far| {
            let mut byte = [0; 2];
            far.read_exact(&mut byte[..1]).await.unwrap();
            let more = timeout(Duration::from_secs(9), far.read(&mut byte));
            more.await.is_err()
        })
        .await;
        assert_eq!(outcome.unwrap(), End::Fin);
        assert!(stayed, "an end was seen");
    })
    .unwrap();
}

#[test]
fn leaving_and_limits_end_it() {
    reactor::run_fast_forward(async {
        let second = Duration::from_secs(1);
        let after = |after_input| Terms {
            after_input,
            ..Terms::default()
        };
        let idle = Terms {
            idle: Some(second),
            after_peer: AfterPeer::Leave,
            ..Terms::default()
        };
        for (input, terms, expected) in [
            (Some(&b"x"[..]), after(AfterInput::Leave), End::Local),
            (
                Some(b"x"),
                after(AfterInput::FinishWithin(second)),
                End::Local,
            ),
            (
                Some(b"x"),
                after(AfterInput::FinishUntilQuiet(second)),
                End::Local,
            ),
            (None, idle, End::Idle),
        ] {
            let (outcome, _, ()) = pumped(input, terms, async |far| {
                sleep(10 * second).await;
                drop(far);
            })
            .await;
            assert_eq!(outcome.unwrap(), expected);
        }
    })
    .unwrap();
}

#[test]
fn line_ends_become_those_of_the_network() {
    for (given, expected) in [
        ("a\nb\r\nc", "a\r\nb\r\nc"),
        ("\n\n", "\r\n\r\n"),
        ("\r\r\n\r", "\r\r\n\r"),
        ("", ""),
        ("plain", "plain"),
    ] {
        for step in 2..9 {
            let mut crlf = Crlf::new(Cursor::new(given.as_bytes()));
            let (mut all, mut room) = (Vec::new(), vec![0; step]);
            loop {
                let count = future::block_on(crlf.read(&mut room)).unwrap();
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&room[..count]);
            }
            let all = String::from_utf8(all).unwrap();
            assert_eq!(all, expected, "{given:?} by {step}");
        }
    }
}

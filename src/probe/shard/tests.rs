//! The client against servers that answer as they should, and against others.

use std::time::Duration;

use futures_lite::io::Cursor;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use super::{Failure, Session};
use crate::net::UnixStream;
use crate::protocol::shard::{Ending, Place, User};
use crate::reactor::{now, run_fast_forward, sleep};

const LIMIT: Duration = Duration::from_secs(5);

/// What the client came to with a server, and what the server heard.
fn with<T>(
    client: impl AsyncFnOnce(&mut Session<UnixStream>) -> T,
    server: impl AsyncFnOnce(&mut UnixStream),
) -> (T, Vec<u8>) {
    let conversation = async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let asking = async {
            let mut session = Session::over(near, LIMIT);
            client(&mut session).await
        };
        let answering = async {
            server(&mut far).await;
            let mut heard = Vec::new();
            let _ = far.read_to_end(&mut heard).await;
            heard
        };
        future::zip(asking, answering).await
    };
    run_fast_forward(conversation).unwrap()
}

/// What the client came to with a server that says this at once, in these
/// pieces, and closes.
fn answered<T>(client: impl AsyncFnOnce(&mut Session<UnixStream>) -> T, pieces: &[&[u8]]) -> T {
    let conversation = async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut session = Session::over(near, LIMIT);
        let answering = async move {
            for piece in pieces {
                far.write_all(piece).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
            far.close().await.unwrap();
            // Until the client is gone, so that nothing is reset.
            let mut rest = Vec::new();
            let _ = far.read_to_end(&mut rest).await;
        };
        let asking = async move { client(&mut session).await };
        future::zip(asking, answering).await.0
    };
    run_fast_forward(conversation).unwrap()
}

fn place() -> Place {
    Place::new("notes_A1.txt", "work").unwrap()
}

/// What comes of a retrieval of at most 100 bytes, and the bytes.
async fn fetch(session: &mut Session<UnixStream>) -> (Result<u64, Failure>, Vec<u8>) {
    let mut kept = Vec::new();
    let mut keep = |bytes: &[u8]| {
        kept.extend_from_slice(bytes);
        Ok(())
    };
    let fetched = session.retrieve(&place(), 100, &mut keep).await;
    (fetched, kept)
}

async fn put(session: &mut Session<UnixStream>, bytes: &[u8]) -> Result<(), Failure> {
    let mut source = Cursor::new(bytes);
    session
        .store(&place(), bytes.len() as u64, &mut source)
        .await
}

#[track_caller]
fn said<T>(outcome: Result<T, Failure>) -> (&'static str, String) {
    match outcome {
        Ok(_) => panic!("it worked"),
        Err(failure) => (failure.word(), failure.to_string()),
    }
}

#[test]
fn a_whole_session_sends_what_the_protocol_says() {
    let client = async |session: &mut Session<UnixStream>| {
        session.login(&User::new("alice").unwrap()).await.unwrap();
        put(session, b"block").await.unwrap();
        let (fetched, bytes) = fetch(session).await;
        assert_eq!((fetched.unwrap(), &bytes[..]), (5, &b"block"[..]));
        session.delete(&place()).await.unwrap();
        session.logout().await.unwrap();
        session.login(&User::new("bob").unwrap()).await.unwrap();
        assert!(session.is_usable());
    };
    let server = async |far: &mut UnixStream| {
        let mut head = [0; "alice\r\nSTR\r\n5\r\nnotes_A1.txt\r\nwork\r\n\r\n".len()];
        far.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"alice\r\nSTR\r\n5\r\nnotes_A1.txt\r\nwork\r\n\r\n");
        far.write_all(&[0]).await.unwrap();
        let mut body = [0; 5];
        far.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"block");
        far.write_all(b"\x005\r\nblock\0").await.unwrap();
    };
    let ((), heard) = with(client, server);
    let rest =
        b"RTV\r\nnotes_A1.txt\r\nwork\r\n\r\nDEL\r\nnotes_A1.txt\r\nwork\r\n\r\nLOGOUT\r\nbob\r\n";
    assert_eq!(heard, rest);
}

#[test]
fn a_server_like_the_original_gets_bare_words_and_pauses() {
    let client = async |session: UnixStream| {
        let mut session = Session::over(session, LIMIT).with_ending(Ending::Pause);
        let started = now();
        session.login(&User::new("alice").unwrap()).await.unwrap();
        session.logout().await.unwrap();
        now() - started
    };
    let conversation = async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let took = client(near).await;
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        (took, heard)
    };
    let (took, heard) = run_fast_forward(conversation).unwrap();
    assert_eq!(heard, b"aliceLOGOUT");
    assert!(took >= Duration::from_millis(1200), "{took:?}");
}

#[test]
fn an_error_instead_of_a_block_leaves_the_session_usable() {
    let client = async |session: &mut Session<UnixStream>| {
        let (fetched, bytes) = fetch(session).await;
        let lacking = said(fetched);
        assert!(bytes.is_empty() && session.is_usable());
        let refused = said(put(session, b"block").await);
        assert!(session.is_usable());
        let kept = said(session.delete(&place()).await);
        assert!(session.is_usable());
        (lacking, refused, kept)
    };
    let pieces: &[&[u8]] = &[
        b"ERROR no such block\r\n",
        b"ERROR too ",
        b"large\r\nERROR no\r\n",
    ];
    let (lacking, refused, kept) = answered(client, pieces);
    let expected = "it does not have the block: no such block";
    assert_eq!(lacking, ("lacking", expected.into()));
    assert_eq!(refused, ("refused", "it refuses: too large".into()));
    assert_eq!(kept, ("refused", "it refuses: no".into()));
}

#[test]
fn answers_that_are_none_are_told_apart_and_end_the_session() {
    let fetched = |pieces| {
        let client = async |session: &mut Session<UnixStream>| {
            let fetched = fetch(session).await.0;
            assert!(!session.is_usable());
            let again = said(session.delete(&place()).await);
            assert_eq!(again.0, "own");
            said(fetched)
        };
        answered(client, pieces)
    };
    for (pieces, word, text) in [
        (
            &[][..],
            "down",
            "it closed the connection without an answer",
        ),
        (&[&b"ERRO"[..]], "garbage", "it answered `ERRO`"),
        (&[b"5"], "garbage", "it answered `5`"),
        (
            &[b"HTTP/1.1 400\r\n"],
            "garbage",
            "it answered `HTTP/1.1 400\\r\\n`",
        ),
        (&[b"\0"], "garbage", "it answered out of turn: no size"),
        (&[b"5\r\nabc"], "short", "it closed after 3 of 5 bytes"),
        (
            &[b"5\r", b"\n", b"ab", b"c"],
            "short",
            "it closed after 3 of 5 bytes",
        ),
        (
            &[b"101\r\n"],
            "garbage",
            "it announces 101 bytes, 100 at most are wanted",
        ),
        (
            &[b"9223372036854775808\r\n"],
            "garbage",
            "`9223372036854775808` is no length",
        ),
    ] {
        assert_eq!(fetched(pieces), (word, text.into()));
    }
}

#[test]
fn what_is_silent_or_slow_is_given_up() {
    for announced in [&b""[..], b"100\r\n0123456789"] {
        let client = async |session: &mut Session<UnixStream>| {
            let started = now();
            let fetched = fetch(session).await.0;
            (said(fetched), now() - started, session.is_usable())
        };
        let server = async |far: &mut UnixStream| far.write_all(announced).await.unwrap();
        let ((slow, took, usable), _) = with(client, server);
        assert_eq!(slow, ("slow", "too little moved within 5s".into()));
        assert!(took >= LIMIT && took < LIMIT * 2 && !usable, "{took:?}");
    }
}

#[test]
fn a_server_that_sends_byte_by_byte_is_given_up_as_well() {
    let client = async |session: &mut Session<UnixStream>| said(fetch(session).await.0);
    let server = async |far: &mut UnixStream| {
        far.write_all(b"100\r\n").await.unwrap();
        for _ in 0..99 {
            sleep(Duration::from_secs(1)).await;
            if far.write_all(b"x").await.is_err() {
                break;
            }
        }
    };
    assert_eq!(with(client, server).0.0, "slow");
}

#[test]
fn a_server_that_takes_nothing_is_given_up() {
    let conversation = async {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(&[0]).await.unwrap();
        let mut session = Session::over(near, LIMIT);
        let outcome = put(&mut session, &vec![7; 8 << 20]).await;
        drop(far);
        said(outcome)
    };
    assert_eq!(run_fast_forward(conversation).unwrap().0, "slow");
}

#[test]
fn the_reason_is_heard_of_a_server_that_stops_taking() {
    for then_closes in [false, true] {
        let conversation = async {
            let (near, mut far) = UnixStream::pair().unwrap();
            let mut session = Session::over(near, LIMIT);
            let storing = async {
                let outcome = put(&mut session, &vec![7; 8 << 20]).await;
                assert!(!session.is_usable());
                said(outcome)
            };
            let refusing = async {
                far.write_all(&[0]).await.unwrap();
                let mut some = vec![0; 100_000];
                far.read_exact(&mut some).await.unwrap();
                far.write_all(b"ERROR no space left\r\n").await.unwrap();
                if then_closes {
                    drop(far);
                } else {
                    sleep(LIMIT * 10).await;
                }
            };
            future::zip(storing, refusing).await.0
        };
        let outcome = run_fast_forward(conversation).unwrap();
        assert_eq!(outcome, ("refused", "it refuses: no space left".into()));
    }
}

#[test]
fn a_block_is_as_long_as_announced() {
    let short = async |session: &mut Session<UnixStream>| {
        let mut source = Cursor::new(b"abc");
        let outcome = session.store(&place(), 5, &mut source).await;
        (said(outcome).0, session.is_usable())
    };
    assert_eq!(answered(short, &[b"\0"]), ("own", false));
    let long = async |session: &mut Session<UnixStream>| {
        session.begin_store(&place(), 5).await.unwrap();
        session.send(b"abc").await.unwrap();
        (said(session.send(b"def").await).0, session.is_usable())
    };
    assert_eq!(answered(long, &[b"\0"]), ("own", false));
    let early = async |session: &mut Session<UnixStream>| {
        session.begin_store(&place(), 5).await.unwrap();
        said(session.finish_store().await).0
    };
    assert_eq!(answered(early, &[b"\0\0"]), "own");
}

#[test]
fn what_cannot_be_kept_is_a_failure_of_ours() {
    let client = async |session: &mut Session<UnixStream>| {
        let mut keep = |_: &[u8]| Err(std::io::ErrorKind::StorageFull.into());
        let outcome = session.retrieve(&place(), 100, &mut keep).await;
        (said(outcome).0, session.is_usable())
    };
    assert_eq!(answered(client, &[b"5\r\nabcde"]), ("own", false));
}

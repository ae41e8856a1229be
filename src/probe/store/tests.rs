//! The client's side, with servers whose answers come in any pieces, or not at all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};

use super::session::Received;
use super::*;
use crate::finding::Exit;
use crate::protocol::store::{Command, Password, place};
use crate::reactor::run_fast_forward;

const HELLO: &str = "HI\r\n2\r\nUsername: \r\nPassword: \r\n\r\n";
const WELCOME: &str = "S\r\nWelcome alice! You are a legend...\r\n";
const DONE: &str = "Successfully retrieved file a.txt from the file system";

/// Says so many bytes at a time, then nothing more, or its end; takes whatever it is told.
struct Script {
    rest: Vec<u8>,
    step: usize,
    ends: bool,
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = self.rest.len().min(self.step).min(buffer.len());
        if count == 0 && !self.ends {
            // The clock of the test wakes whoever waits for it.
            return Poll::Pending;
        }
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn session(text: &str, step: usize, ends: bool) -> Session<Script> {
    let script = Script {
        rest: text.as_bytes().into(),
        step,
        ends,
    };
    Session::over(script, Duration::from_secs(10).into())
}

fn who() -> Credentials {
    Credentials {
        user: "alice".into(),
        password: Password::new(b"secret").unwrap(),
    }
}

fn retrieve() -> Command {
    Command::Retrieve(place("a.txt", "docs").unwrap())
}

async fn get(session: &mut Session<Script>) -> Result<(Received, Vec<u8>), Trouble> {
    let mut came = Vec::new();
    let mut keep = |bytes: &[u8]| {
        came.extend_from_slice(bytes);
        Ok(())
    };
    let received = session.get(&retrieve(), &|_| (), &mut keep).await?;
    Ok((received, came))
}

#[test]
fn a_session_is_understood_in_any_pieces() {
    let lines = "1 a:1 up 2 0\n2 b:2 down 0 2\nEND\n";
    let list = format!("\\alice\\d\n\\alice\\d\\HI\n{HELLO}");
    let said = format!("{HELLO}{WELCOME}WARN 3 is slow\n5\r\nhello{DONE}{lines}{list}");
    for step in [1, 2, 3, 7, 1000] {
        run_fast_forward(async {
            let mut session = session(&said, step, false);
            session.enter(&who(), false).await.unwrap();
            let (received, came) = get(&mut session).await.unwrap();
            assert_eq!(came, b"hello");
            assert_eq!((received.size, received.warnings.len()), (5, 1));
            let mut heard = Vec::new();
            let mut take = |line: &str| {
                heard.push(line.to_owned());
                true
            };
            let asked = session.lines(&Command::Status, &mut take);
            asked.await.unwrap();
            assert_eq!(heard, ["1 a:1 up 2 0", "2 b:2 down 0 2"]);
            let listed = session.list().await.unwrap();
            assert_eq!(listed, ["\\alice\\d", "\\alice\\d\\HI"]);
        })
        .unwrap();
    }
}

#[test]
fn whatever_is_cut_is_no_file() {
    let said = format!("5\r\nhello{DONE}");
    for cut in 0..said.len() {
        for ends in [true, false] {
            let got = run_fast_forward(async { get(&mut session(&said[..cut], 4, ends)).await });
            match got.unwrap() {
                // All of the file is there, only the text after it is missing.
                Ok((received, came)) => {
                    assert_eq!((cut, came.as_slice()), (8, &b"hello"[..]));
                    assert_eq!(received.warnings.len(), 1);
                }
                Err(trouble) => assert_ne!(trouble.class(), Exit::NotFound, "{trouble}"),
            }
        }
    }
}

#[test]
fn what_nobody_knows_is_shown_once_it_is_over() {
    for (said, shown) in [
        (
            "E Something new happened",
            "it answered `E Something new happened`",
        ),
        (
            "ERROR the file name you gave did not exist in the file system!",
            "ERROR the file name",
        ),
        ("5x\r\n", "it answered `5x"),
        ("5\r\nhelloUnsuccessfully", "it answered `Unsuccessfully`"),
    ] {
        let got = run_fast_forward(async { get(&mut session(said, 1, false)).await });
        let error = got.unwrap().unwrap_err().to_string();
        assert!(error.contains(shown), "{error}");
    }
}

#[test]
fn who_may_not_log_in_is_told_why() {
    let unknown = "E\r\nUsername does not exist in database!\r\n1\r\nDo you want?\r\n\r\n";
    let wrong = "E\r\nPassword did not match username alice\r\n2\r\na\r\nb\r\n\r\n";
    let full = "E\r\nToo many users\r\n0\r\n\r\n";
    for (said, why) in [
        (
            unknown,
            "there is no user `alice` (hint: --create makes the account)",
        ),
        (wrong, "that is not the password of `alice`"),
        (full, "it says `Too many users`"),
    ] {
        let said = format!("{HELLO}{said}");
        let entered = run_fast_forward(async {
            let mut session = session(&said, 1, false);
            session.enter(&who(), false).await
        });
        let trouble = entered.unwrap().unwrap_err();
        assert_eq!(trouble.to_string(), why);
        assert_eq!(trouble.class(), Exit::Protocol);
    }
}

#[test]
fn a_password_that_comes_back_is_not_shown() {
    for said in [
        "E\r\nbad alice secret\r\n2\r\nUsername: \r\nPassword: \r\n\r\n",
        "E\r\nthere is no use\\secret\r\n0\r\n\r\n",
        "alice secret\r\n",
        "E\r\nx\r\nsecret\r\n",
        "S\r\n1\r\nsecret: \r\n\r\n",
    ] {
        let said = format!("{HELLO}{said}");
        let entered = run_fast_forward(async {
            let mut session = session(&said, 1, true);
            session.enter(&who(), false).await
        });
        let error = entered.unwrap().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn silence_has_a_limit() {
    for said in ["", "HI\r\n", "HI\r\n2\r\nUser"] {
        let greeted = run_fast_forward(async { session(said, 1, false).greet().await });
        let trouble = greeted.unwrap().unwrap_err();
        assert_eq!(trouble.class(), Exit::Timeout, "{trouble}");
    }
}

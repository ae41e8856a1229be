//! One connection to a store: a login, then commands, whoever made the server and
//! however its answers come.
//!
//! Texts have no end of their own: those that are known are taken as soon as they
//! are whole, only for what nobody knows a silence is waited for.

mod lines;

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use sha2::{Digest, Sha256};

use super::trouble::holds;
use super::{Credentials, Trouble};
use crate::probe::copies::{Broken, Patience};
use crate::protocol::input::Input;
use crate::protocol::raw::escape_head;
use crate::protocol::store::login::{HELLO, Prompt, Prompts, YES};
use crate::protocol::store::reply::Reply;
use crate::protocol::store::{Command, message};
use crate::reactor::{Buffer, sleep, timeout};
use crate::units::hexadecimal;

/// So much has to move within the patience of a client, or the rest of a file.
const LEAST_PROGRESS: u64 = 64 * 1024;

/// The original reads the head and the body of STR with one call each.
const BEFORE_BODY: Duration = Duration::from_millis(50);

/// How long the text after a file may take to begin: the original waits half a
/// second before it.
const BEFORE_CLOSING: Duration = Duration::from_secs(2);

/// After so long without another byte, a text that nobody knows is over.
const QUIET: Duration = Duration::from_millis(200);

/// The most bytes of such a text, and those of it that are shown.
const LONGEST_TEXT: usize = 4 * 1024;
const SHOWN: usize = 200;

/// The most warnings before an answer.
const MOST_WARNINGS: usize = 64;

/// A connection to a store.
pub struct Session<S> {
    stream: S,
    input: Input,
    patience: Patience,
}

/// A file that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes.
    pub size: u64,
    /// Its checksum, as hexadecimal digits.
    pub sha256: String,
    /// What the store says is amiss.
    pub warnings: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A session over a connection that was just made.
    pub fn over(stream: S, patience: Patience) -> Self {
        Self {
            stream,
            input: Input::default(),
            patience,
        }
    }

    /// Greets; the store asks who it is.
    ///
    /// # Errors
    /// It does not.
    pub async fn greet(&mut self) -> Result<(), Trouble> {
        match self.ask(&[HELLO.as_bytes()]).await? {
            Prompt::Hello => Ok(()),
            other => Err(misplaced(&other)),
        }
    }

    /// Greets and logs in; a user that does not exist is made if `create` says so.
    ///
    /// # Errors
    /// [`Trouble::Denied`] says why not.
    pub async fn enter(&mut self, who: &Credentials, create: bool) -> Result<(), Trouble> {
        let entered = self.enter_as(who, create).await;
        entered.map_err(|it| it.without(who.password.bytes()))
    }

    async fn enter_as(&mut self, who: &Credentials, create: bool) -> Result<(), Trouble> {
        self.greet().await?;
        let (user, password) = (who.user.as_bytes(), who.password.bytes());
        match self.ask(&[user, password]).await? {
            Prompt::Unknown if create => {}
            other => return entered(&other, who),
        }
        match self.ask(&[YES.as_bytes()]).await? {
            Prompt::New => {}
            other => return Err(misplaced(&other)),
        }
        let made = self.ask(&[user, password, password]).await?;
        entered(&made, who)
    }

    /// Stores a file of so many bytes, all that `source` gives; `advance` is told
    /// how many were sent. Returns what the store says is amiss.
    ///
    /// # Errors
    /// The store does not have it.
    pub async fn put(
        &mut self,
        command: &Command,
        source: &mut dyn Read,
        advance: &dyn Fn(u64),
    ) -> Result<Vec<String>, Trouble> {
        let Command::Store(_, size) = command else {
            return Err(Trouble::malformed("that stores nothing"));
        };
        self.send(&command.encode()).await?;
        sleep(BEFORE_BODY).await;
        let mut piece = vec![0; usize::try_from(LEAST_PROGRESS).unwrap_or(usize::MAX)];
        let mut left = *size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let count = source.read(&mut piece[..most]).map_err(Broken::Kept)?;
            if count == 0 {
                let error = io::Error::other("the file has become shorter");
                return Err(Broken::Kept(error).into());
            }
            if !self.send_unless_answered(&piece[..count]).await? {
                break;
            }
            advance(count as u64);
            left -= count as u64;
        }
        match self.answer(command).await? {
            (Reply::Done, warnings) if left == 0 => Ok(warnings),
            (other, _) => Err(Trouble::malformed(format!(
                "it answered too early: {other:?}"
            ))),
        }
    }

    /// Receives a file: `expect` is told its length, `keep` gets its pieces.
    ///
    /// # Errors
    /// It does not come whole, or cannot be kept.
    pub async fn get(
        &mut self,
        command: &Command,
        expect: &dyn Fn(u64),
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Received, Trouble> {
        self.send(&command.encode()).await?;
        let (size, mut warnings) = match self.answer(command).await? {
            (Reply::Found(size), warnings) => (size, warnings),
            (other, _) => return Err(Trouble::malformed(format!("it answered {other:?}"))),
        };
        expect(size);
        let mut sum = Sha256::new();
        let mut came = 0;
        while came < size {
            let limit = self.patience.progress;
            let enough = size.min(came + LEAST_PROGRESS);
            let mut take = |bytes: &[u8]| {
                sum.update(bytes);
                keep(bytes)
            };
            let some = self.some(&mut came, enough, size, &mut take);
            timeout(limit, some)
                .await
                .map_err(|_| Trouble::late(limit))??;
        }
        warnings.extend(self.closing(command).await?);
        Ok(Received {
            size,
            sha256: hexadecimal(&sum.finalize()),
            warnings,
        })
    }

    /// Has a file removed. Returns what the store says is amiss.
    ///
    /// # Errors
    /// It is still there, or was not.
    pub async fn remove(&mut self, command: &Command) -> Result<Vec<String>, Trouble> {
        self.send(&command.encode()).await?;
        match self.answer(command).await? {
            (Reply::Done, warnings) => Ok(warnings),
            (other, _) => Err(Trouble::malformed(format!("it answered {other:?}"))),
        }
    }

    /// Says something before a login, and hears what is said to that.
    async fn ask(&mut self, fields: &[&[u8]]) -> Result<Prompt, Trouble> {
        self.send(&message(fields)).await?;
        let mut prompts = Prompts::default();
        loop {
            match prompts.next(&mut self.input)? {
                Some(prompt) => return Ok(prompt),
                None => self.more(self.patience.head).await?,
            }
        }
    }

    /// The answer to a command, and the warnings before it.
    async fn answer(&mut self, command: &Command) -> Result<(Reply, Vec<String>), Trouble> {
        let mut warnings = Vec::new();
        loop {
            match Reply::decode(&mut self.input, command) {
                Ok(None) => self.more(self.patience.head).await?,
                Ok(Some(Reply::Warning(text))) if warnings.len() < MOST_WARNINGS => {
                    warnings.push(text);
                }
                Ok(Some(reply @ (Reply::Failed(_) | Reply::Warning(_)))) => {
                    return Err(failed(reply, warnings));
                }
                Ok(Some(reply)) => return Ok((reply, warnings)),
                Err(_) => return Err(self.unknown().await),
            }
        }
    }

    /// The text after a file, of which nothing is missing any more.
    async fn closing(&mut self, command: &Command) -> Result<Option<String>, Trouble> {
        let mut limit = BEFORE_CLOSING;
        loop {
            match Reply::closing(&mut self.input, command) {
                Ok(Some(Reply::Done)) => return Ok(None),
                Ok(Some(other)) => return Err(failed(other, Vec::new())),
                Err(_) => return Err(self.unknown().await),
                Ok(None) => {}
            }
            let is_begun = !self.input.is_empty();
            match self.more(limit).await {
                Ok(()) if self.input.is_empty() => {}
                Ok(()) => limit = self.patience.head,
                Err(_) if !is_begun => {
                    return Ok(Some("it did not say that it had sent all of it".into()));
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// What came instead of an answer, once it is over.
    async fn unknown(&mut self) -> Trouble {
        while self.input.rest().len() < LONGEST_TEXT {
            if self.more(QUIET).await.is_err() {
                break;
            }
        }
        let text = escape_head(self.input.rest(), SHOWN);
        Trouble::malformed(format!("it answered `{text}`"))
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let limit = self.patience.progress;
        let written = timeout(limit, self.stream.write_all(bytes)).await;
        let written = written.map_err(|_| Trouble::late(limit))?;
        Ok(written.map_err(Broken::Lost)?)
    }

    /// Sends some of a file, unless the store answers before: then it wants no
    /// more.
    async fn send_unless_answered(&mut self, bytes: &[u8]) -> Result<bool, Trouble> {
        let limit = self.patience.progress;
        let (stream, input) = (&mut self.stream, &mut self.input);
        let mut rest = bytes;
        let sending = poll_fn(|context| {
            loop {
                let mut early = [0; 1024];
                match Pin::new(&mut *stream).poll_read(context, &mut early) {
                    Poll::Ready(Ok(count)) => {
                        input.add(&early[..count]);
                        return Poll::Ready(Ok(false));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
                if rest.is_empty() {
                    return Poll::Ready(Ok(true));
                }
                match Pin::new(&mut *stream).poll_write(context, rest) {
                    Poll::Ready(Ok(count)) => rest = &rest[count..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        let sent = timeout(limit, sending).await;
        let sent = sent.map_err(|_| Trouble::late(limit))?;
        Ok(sent.map_err(Broken::Lost)?)
    }

    /// Waits for more to come.
    async fn more(&mut self, limit: Duration) -> Result<(), Trouble> {
        if self.input.has_ended() {
            return Err(Trouble::malformed(match self.input.is_empty() {
                true => "it closed without an answer",
                false => "it closed within its answer",
            }));
        }
        let read = timeout(limit, read(&mut self.stream)).await;
        let bytes = read.map_err(|_| Trouble::late(limit))?;
        self.input.add(&bytes.map_err(Broken::Lost)?);
        Ok(())
    }

    /// Receives until `came` is `enough`.
    async fn some(
        &mut self,
        came: &mut u64,
        enough: u64,
        size: u64,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        while *came < enough {
            let early = self.input.take(size - *came);
            if !early.is_empty() {
                keep(&early).map_err(Broken::Kept)?;
                *came += early.len() as u64;
                continue;
            }
            let bytes = read(&mut self.stream).await.map_err(Broken::Lost)?;
            if bytes.is_empty() {
                let (came, length) = (*came, size);
                return Err(Broken::Short { came, length }.into());
            }
            self.input.add(&bytes);
        }
        Ok(())
    }
}

/// Reads once; nothing is the end of the stream.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut buffer = Buffer::take();
    let count = stream.read(&mut buffer).await?;
    Ok(buffer[..count].to_vec())
}

/// What a store says to credentials, as far as that decides anything.
fn entered(prompt: &Prompt, who: &Credentials) -> Result<(), Trouble> {
    let user = &who.user;
    Err(Trouble::Denied(match prompt {
        Prompt::Welcome(_) => return Ok(()),
        Prompt::NoMatch(_) => format!("that is not the password of `{user}`"),
        Prompt::Unknown => format!("there is no user `{user}` (hint: --create makes the account)"),
        Prompt::Taken => format!("somebody else has just become `{user}`"),
        Prompt::Malformed => format!("nobody can be called `{user}` there"),
        Prompt::Other { text, .. } if holds(text, who.password.bytes()) => {
            "it says why in words that hold the password, and are not shown".into()
        }
        Prompt::Other { text, .. } => format!("it says `{text}`"),
        other => return Err(misplaced(other)),
    }))
}

fn misplaced(prompt: &Prompt) -> Trouble {
    let text = String::from_utf8_lossy(&prompt.encode()).into_owned();
    let text = escape_head(text.as_bytes(), SHOWN);
    Trouble::malformed(format!("it answered out of turn: `{text}`"))
}

/// An answer that is an error, or none.
fn failed(reply: Reply, warnings: Vec<String>) -> Trouble {
    match reply {
        Reply::Failed(failure) => Trouble::Refused { failure, warnings },
        other => Trouble::malformed(format!("it answered out of turn: {other:?}")),
    }
}

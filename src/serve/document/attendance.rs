//! One client of a document: it is told the text, then what the others say, while
//! what it says is taken.
//!
//! A client that finishes its direction is closed in order once all that it said is
//! committed: so it can know. Whoever is not heard to the end is reset.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_io::AsyncWrite;
use futures_lite::future;

use super::Document;
use super::room::{Next, Offer, Room};
use crate::finding::End;
use crate::protocol::document::{Reader, encode_header};
use crate::reactor::{Buffer, now, timeout, within, yield_now};
use crate::serve::Client;

/// How long a frame that has begun may stop.
const FRAME_PAUSE: Duration = Duration::from_secs(10);

/// How long a client that has finished may take for what waits for it.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What is still taken from a client, in bytes, once the server is to end: more
/// than had come before.
const LAST_BYTES: usize = 8 << 20;

/// Bytes of the text that are given to the kernel at once.
const AT_ONCE: usize = 256 << 10;

/// A client in the room. Dropping it takes it out.
struct Member<'a> {
    document: &'a Document,
    client: &'a Client,
    number: u64,
    /// So much of the text was there when it came.
    length: usize,
    /// When bytes last came from it.
    heard: Cell<Instant>,
    /// When bytes last went to it.
    told: Cell<Instant>,
    /// It is told what waits for it by now, and then no more.
    is_leaving: Cell<bool>,
}

/// Why nothing more is taken from a client.
enum Heard {
    /// It has finished, or stopped to say anything, between two frames.
    Whole(End),
    /// The server is to end.
    Stopped,
    /// It is not heard any longer, for this reason.
    Cut(String, End),
    Broken(io::Error),
}

/// Why nothing more is told to a client.
enum Told {
    /// It was told all there was.
    All,
    /// Too much waited for it.
    Lost,
    Broken(io::Error),
}

/// What happens first.
enum Event {
    Heard(Heard),
    Told(Told),
}

/// Attends to a client until its end.
pub(super) async fn attend(document: &Document, client: &Client) -> io::Result<End> {
    let member = Member::join(document, client);
    let mut hearing = pin!(member.hear_out());
    let mut telling = pin!(member.tell());
    let heard = async { Event::Heard(hearing.as_mut().await) };
    let told = async { Event::Told(telling.as_mut().await) };
    let (heard, told) = match future::or(heard, told).await {
        Event::Heard(heard @ (Heard::Whole(_) | Heard::Stopped)) => {
            member.leave();
            let told = timeout(LAST_WORDS, telling).await;
            (heard, told.unwrap_or(Told::Lost))
        }
        Event::Heard(heard) => (heard, Told::All),
        Event::Told(Told::Broken(error)) => {
            // It may have said something before it left.
            member.leave();
            (hearing.await, Told::Broken(error))
        }
        Event::Told(told) => (Heard::Stopped, told),
    };
    member.part(heard, told).await
}

impl<'a> Member<'a> {
    fn join(document: &'a Document, client: &'a Client) -> Self {
        let mut room = document.room.borrow_mut();
        Self {
            document,
            client,
            number: room.join(),
            length: room.text().len(),
            heard: Cell::new(now()),
            told: Cell::new(now()),
            is_leaving: Cell::new(false),
        }
    }

    /// Takes what it says, until that has ended and is settled.
    async fn hear_out(&self) -> Heard {
        let heard = self.hear().await;
        let (document, number) = (self.document, self.number);
        document.room.borrow_mut().silence(number);
        document.changed.notify();
        if matches!(heard, Heard::Stopped) {
            // What others said is for this one too.
            let over = |room: &mut Room| room.is_over().then_some(());
            document.when(&document.changed, over).await;
        }
        let settled = document.when(&document.changed, |room| room.settled(number));
        match (settled.await, heard) {
            (Err(why), Heard::Whole(_) | Heard::Stopped) => Heard::Cut(why.to_string(), End::Local),
            (_, heard) => heard,
        }
    }

    async fn hear(&self) -> Heard {
        let mut reader = Reader::new(self.document.largest_update);
        let mut stopping = pin!(self.client.stopping());
        // Bytes that are taken yet, once the server is to end.
        let mut last = None;
        while last != Some(0) {
            if last.is_none() {
                let stop = async {
                    stopping.as_mut().await;
                    Ok(true)
                };
                match future::or(stop, self.wait(&reader)).await {
                    Ok(false) => {}
                    Ok(true) => {
                        last = Some(LAST_BYTES);
                        // The loop has looked by then at what has come.
                        yield_now().await;
                        yield_now().await;
                    }
                    Err(heard) => return heard,
                }
            }
            let mut buffer = Buffer::take();
            match self.client.stream.try_read(&mut buffer) {
                Ok(0) => return ended(&reader),
                Ok(count) => {
                    self.client.received(count);
                    if let Err(why) = self.take(&mut reader, &buffer[..count]).await {
                        return Heard::Cut(why, End::Local);
                    }
                    self.heard.set(now());
                    last = last.map(|it: usize| it.saturating_sub(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    last = last.map(|_| 0);
                }
                Err(error) => return Heard::Broken(error),
            }
        }
        Heard::Stopped
    }

    /// Waits until something may have come; it never says that the server is to
    /// end. A drop loses nothing.
    async fn wait(&self, reader: &Reader) -> Result<bool, Heard> {
        let (document, number) = (self.document, self.number);
        let failed = async {
            let failure = |room: &mut Room| room.settled(number).and_then(Result::err);
            let why = document.when(&document.changed, failure).await;
            Err(Heard::Cut(why.to_string(), End::Local))
        };
        let readable = async {
            self.client.stream.readable().await;
            Ok(false)
        };
        let mut waiting = pin!(future::or(failed, readable));
        loop {
            let idle = self.client.idle_timeout();
            let (limit, since) = match reader.is_within() {
                true => {
                    let pause = idle.map_or(FRAME_PAUSE, |it| it.min(FRAME_PAUSE));
                    (Some(pause), self.heard.get())
                }
                false => (idle, self.heard.get().max(self.told.get())),
            };
            let passed = now().saturating_duration_since(since);
            let left = limit.map(|it| it.saturating_sub(passed));
            if left == Some(Duration::ZERO) {
                return Err(match reader.missing() {
                    Some(missing) => Heard::Cut(format!("it stopped {missing}"), End::Idle),
                    None => Heard::Whole(End::Idle),
                });
            }
            if let Ok(outcome) = within(left, waiting.as_mut()).await {
                return outcome;
            }
        }
    }

    /// Takes the frames that are whole by now. A drop would lose some.
    async fn take(&self, reader: &mut Reader, bytes: &[u8]) -> Result<(), String> {
        let (document, mut rest) = (self.document, bytes);
        while let Some(text) = reader.take(&mut rest).map_err(|wrong| wrong.0)? {
            if text.is_empty() {
                continue;
            }
            let offer = |room: &mut Room| match room.offer(self.number, &text) {
                Offer::Taken => Some(Ok(())),
                Offer::Later => None,
                Offer::Refused(why) => Some(Err(why.to_string())),
            };
            document.when(&document.changed, offer).await?;
            document.said.notify();
        }
        Ok(())
    }

    /// Tells it the text, and then what is said, until it leaves.
    async fn tell(&self) -> Told {
        match self.tell_all().await {
            Ok(()) => Told::All,
            Err(told) => told,
        }
    }

    async fn tell_all(&self) -> Result<(), Told> {
        let (document, number) = (self.document, self.number);
        if let Some(header) = encode_header(self.length as u64).filter(|_| self.length > 0) {
            self.client.promise(true);
            self.write(&Source::Bytes(&header)).await?;
            self.write(&Source::Text(self.length)).await?;
            self.client.promise(false);
        }
        loop {
            let next = |room: &mut Room| match room.next_piece(number) {
                Next::Nothing if !self.is_leaving.get() => None,
                next => Some(next),
            };
            let piece = match document.when(&document.changed, next).await {
                Next::Piece(piece) => piece,
                Next::Nothing => return Ok(()),
                Next::Lost => return Err(Told::Lost),
            };
            self.client.promise(true);
            self.write(&Source::Bytes(piece.bytes())).await?;
            self.client.promise(false);
            document.room.borrow_mut().sent(number);
        }
    }

    /// Sends all of it, unless too much waits meanwhile.
    async fn write(&self, source: &Source<'_>) -> Result<(), Told> {
        let (document, mut sent) = (self.document, 0);
        while sent < source.length() {
            let writing = poll_fn(|context| {
                let room = document.room.borrow();
                let bytes = source.bytes(&room, sent);
                Pin::new(&mut &self.client.stream).poll_write(context, bytes)
            });
            let lost = |room: &mut Room| match room.next_piece(self.number) {
                Next::Lost => Some(Told::Lost),
                _ => None,
            };
            let writing = async { writing.await.map_err(Told::Broken) };
            let lost = async { Err(document.when(&document.changed, lost).await) };
            let count = future::or(writing, lost).await?;
            self.client.sent(count);
            self.told.set(now());
            sent += count;
        }
        Ok(())
    }

    /// Whatever is said from now on is not for it.
    fn leave(&self) {
        self.is_leaving.set(true);
        self.document.room.borrow_mut().deafen(self.number);
        self.document.changed.notify();
    }

    /// Ends the connection, and says what it came to.
    async fn part(&self, heard: Heard, told: Told) -> io::Result<End> {
        let end = match (heard, told) {
            (_, Told::Lost) => {
                self.note(Some("it does not read, and too much waits for it"));
                self.client.stream.reset_on_close();
                return Ok(End::Local);
            }
            (Heard::Cut(why, end), _) => {
                self.note(Some(&why));
                self.client.stream.reset_on_close();
                return Ok(end);
            }
            (Heard::Whole(End::Fin), Told::Broken(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            (Heard::Broken(error), _) | (_, Told::Broken(error)) => Err(error),
            (Heard::Whole(end), Told::All) => Ok(end),
            (Heard::Stopped, Told::All) => {
                self.client.linger().await;
                Ok(End::Local)
            }
        };
        self.note(None);
        end
    }

    fn note(&self, why: Option<&str>) {
        let updates = self.document.room.borrow().kept(self.number);
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        self.client.note(&format!("said {updates} updates{why}"));
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.document.room.borrow_mut().leave(self.number);
        self.document.changed.notify();
    }
}

/// Bytes that are to be sent.
enum Source<'a> {
    Bytes(&'a [u8]),
    /// So much of the text, which may grow behind it meanwhile.
    Text(usize),
}

impl Source<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(length) => *length,
        }
    }

    /// What comes after the bytes that are sent.
    fn bytes<'a>(&'a self, room: &'a Room, sent: usize) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => &bytes[sent..],
            Self::Text(length) => &room.text()[sent..(*length).min(sent + AT_ONCE)],
        }
    }
}

/// What the end of the stream comes to.
fn ended(reader: &Reader) -> Heard {
    match reader.missing() {
        Some(missing) => Heard::Cut(format!("it ended {missing}"), End::Fin),
        None => Heard::Whole(End::Fin),
    }
}

#[cfg(test)]
mod tests;

//! Bytes over a connection, both ways at once: sends, and keeps what comes
//! until a step takes it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use super::rejects::{Rejected, Rejects};
use super::{SEEN, Script};
use crate::probe::link::Link;
use crate::probe::{At, Event};
use crate::reactor::{Buffer, now, timeout, yield_now};

/// Bytes that are kept until a step takes them; a peer that sends more has to
/// wait.
pub(super) const UNREAD: usize = 64 * 1024;

/// The bytes of a conversation.
pub(super) struct Exchange<'a> {
    pub(super) link: &'a mut Link,
    pub(super) at: &'a At<'a>,
    /// What came and was not taken by a step yet.
    pub(super) unread: Vec<u8>,
    /// All that came.
    pub(super) all: Head,
    pub(super) rejects: Rejects<'a>,
    /// What came although it must not.
    rejected: Option<Rejected<'a>>,
    /// The peer will send no more.
    pub(super) ended: bool,
    connected: Instant,
    /// The end of the first step that sends.
    sent: Option<Instant>,
}

/// The first bytes of many.
#[derive(Default, Clone)]
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    /// How many there are in all.
    pub(super) count: u64,
}

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Bytes,
    /// Nothing for as long as it was waited.
    Silence,
    End,
}

/// Why a conversation cannot go on.
pub(super) enum Stop<'a> {
    Rejected(Rejected<'a>),
    Broken(io::Error),
    /// Not all could be sent in time; this many bytes were.
    Stuck(usize),
}

/// What moved over the connection.
enum Moved {
    Sent(usize),
    /// All that was sent is with the kernel.
    Flushed,
    Came,
    End,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(script: &'a Script, link: &'a mut Link, at: &'a At<'a>) -> Self {
        Self {
            link,
            at,
            unread: Vec::new(),
            all: Head::default(),
            rejects: Rejects::new(script),
            rejected: None,
            ended: false,
            connected: now(),
            sent: None,
        }
    }

    /// The time left to all of the conversation.
    pub(super) fn left(&self) -> Duration {
        self.link.deadline.saturating_duration_since(now())
    }

    /// Sends all of it, and keeps what comes meanwhile.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Stop<'a>> {
        let mut unsent = bytes;
        loop {
            let left = self.left();
            if left.is_zero() {
                return Err(Stop::Stuck(bytes.len() - unsent.len()));
            }
            let moved = timeout(left, self.transfer(Some(unsent))).await;
            if let Some(rejected) = self.rejected.take() {
                return Err(Stop::Rejected(rejected));
            }
            match moved {
                Ok(Ok(Moved::Sent(count))) => unsent = &unsent[count..],
                Ok(Ok(Moved::Flushed)) => break,
                Ok(Err(error)) => {
                    self.drain().await;
                    return Err(Stop::Broken(error));
                }
                Ok(Ok(Moved::Came | Moved::End)) | Err(_) => {}
            }
        }
        self.sent.get_or_insert_with(now);
        Ok(())
    }

    /// What came before the connection broke is still there to be read.
    async fn drain(&mut self) {
        while self.unread.len() < UNREAD {
            let moved = timeout(Duration::ZERO, self.transfer(None)).await;
            if !matches!(moved, Ok(Ok(Moved::Came))) {
                break;
            }
        }
    }

    /// Waits for more, at most so long.
    pub(super) async fn receive(&mut self, limit: Duration) -> Result<Heard, Stop<'a>> {
        if self.ended {
            return Ok(Heard::End);
        }
        // A wait that finds something at once never looks at the time.
        if limit.is_zero() {
            return Ok(Heard::Silence);
        }
        let moved = timeout(limit, self.transfer(None)).await;
        match (self.rejected.take(), moved) {
            (Some(rejected), _) => Err(Stop::Rejected(rejected)),
            (None, Ok(Ok(Moved::End))) => Ok(Heard::End),
            (None, Ok(Ok(_))) => {
                // To look at what came takes time: others get their turn.
                yield_now().await;
                Ok(Heard::Bytes)
            }
            (None, Ok(Err(error))) => Err(Stop::Broken(error)),
            (None, Err(_)) => Ok(Heard::Silence),
        }
    }

    /// Moves some bytes: of `unsent`, if any is given, or else towards us. A
    /// drop loses nothing.
    async fn transfer(&mut self, unsent: Option<&[u8]>) -> io::Result<Moved> {
        poll_fn(|context| {
            if let Some(unsent) = unsent
                && let Poll::Ready(moved) = self.poll_send(unsent, context)
            {
                return Poll::Ready(moved);
            }
            self.poll_receive(context)
        })
        .await
    }

    fn poll_send(&mut self, unsent: &[u8], context: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let stream = Pin::new(&mut self.link.stream);
        if unsent.is_empty() {
            return stream.poll_flush(context).map_ok(|()| Moved::Flushed);
        }
        let written = stream.poll_write(context, unsent);
        written.map(|outcome| match outcome? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => {
                (self.at.observe)(Event::Sent(&unsent[..count]));
                Ok(Moved::Sent(count))
            }
        })
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let room = UNREAD - self.unread.len();
        if self.ended || room == 0 {
            return Poll::Pending;
        }
        let mut buffer = Buffer::take();
        let room = room.min(buffer.len());
        let stream = Pin::new(&mut self.link.stream);
        let read = stream.poll_read(context, &mut buffer[..room]);
        read.map(|outcome| match outcome {
            Ok(count @ 1..) => {
                self.note(&buffer[..count]);
                Ok(Moved::Came)
            }
            // TLS that ends without a word is an end all the same.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            Ok(0) | Err(_) => {
                self.ended = true;
                Ok(Moved::End)
            }
        })
    }

    /// Keeps and looks at what came.
    fn note(&mut self, came: &[u8]) {
        (self.at.observe)(Event::Received(came));
        if self.all.count == 0 {
            let asked = self.sent.unwrap_or(self.connected);
            let took = now().saturating_duration_since(asked);
            self.link.finding.phases.first_byte = Some(took);
        }
        self.all.add(came);
        self.unread.extend_from_slice(came);
        self.rejected = self.rejected.take().or_else(|| self.rejects.feed(came));
    }
}

impl Head {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = SEEN - self.bytes.len();
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.count += bytes.len() as u64;
    }
}

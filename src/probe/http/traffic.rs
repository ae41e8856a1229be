//! What goes over a connection while hyper has it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use futures_io::{AsyncRead, AsyncWrite};

use crate::probe::Event;
use crate::probe::link::Bytes;
use crate::reactor::now;

/// The first bytes of an answer that are kept, to tell what it is.
const KEPT_BYTES: usize = 512;

/// A connection that is listened to. Nothing is read before something was sent:
/// a server that speaks first is heard all the same.
pub(super) struct Overheard<'a> {
    stream: Box<dyn Bytes>,
    observe: &'a dyn Fn(Event<'_>),
    traffic: Rc<RefCell<Traffic>>,
    waiting: Option<Waker>,
}

/// What went over a connection so far.
#[derive(Default)]
pub(super) struct Traffic {
    /// When the first byte was sent.
    pub(super) asked: Option<Instant>,
    /// When the first byte came.
    pub(super) answered: Option<Instant>,
    /// The first bytes that came.
    pub(super) first: Vec<u8>,
    /// What ended the connection, if it was not its end.
    pub(super) broken: Option<io::Error>,
    /// Whether the other side has ended it.
    pub(super) ended: bool,
}

impl<'a> Overheard<'a> {
    pub(super) fn new(
        stream: Box<dyn Bytes>,
        observe: &'a dyn Fn(Event<'_>),
    ) -> (Self, Rc<RefCell<Traffic>>) {
        let traffic = Rc::<RefCell<Traffic>>::default();
        let overheard = Self {
            stream,
            observe,
            traffic: Rc::clone(&traffic),
            waiting: None,
        };
        (overheard, traffic)
    }

    /// Keeps the error, and gives hyper one like it.
    fn note_error(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.traffic.borrow_mut().broken = Some(error);
        kind.into()
    }
}

impl Traffic {
    fn note_answer(&mut self, came: &[u8]) {
        if came.is_empty() {
            self.ended = true;
            return;
        }
        self.answered.get_or_insert_with(now);
        let room = KEPT_BYTES.saturating_sub(self.first.len());
        self.first.extend_from_slice(&came[..came.len().min(room)]);
    }
}

impl AsyncRead for Overheard<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.traffic.borrow().asked.is_none() {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = ready!(outcome).map_err(|it| self.note_error(it))?;
        let came = &buffer[..count];
        self.traffic.borrow_mut().note_answer(came);
        if count > 0 {
            (self.observe)(Event::Received(came));
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Overheard<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.traffic.borrow_mut().asked.get_or_insert_with(now);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        let count = ready!(outcome).map_err(|it| self.note_error(it))?;
        (self.observe)(Event::Sent(&bytes[..count]));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

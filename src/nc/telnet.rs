//! `-t`: what the peer offers and asks for by TELNET is refused (RFC 854), and
//! nothing else of it is understood: its bytes are shown as they are.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures_io::AsyncRead;

use crate::stream::Input;

/// Refusals that wait to be sent, in bytes: a peer that takes none is read no more.
const WAITING_BYTES: usize = 4 * 1024;

/// What is read at once: it makes no more refusals than its own length.
const READ_BYTES: usize = 1024;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;

/// The refusals on their way from what is read to what is sent.
#[derive(Clone, Default)]
pub(super) struct Refusals(Rc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: RefCell<VecDeque<u8>>,
    /// Nothing more is read.
    over: Cell<bool>,
    listener: Cell<Option<Waker>>,
    speaker: Cell<Option<Waker>>,
}

/// What is read from the peer, unchanged.
pub(super) struct Listening<R> {
    inner: R,
    state: State,
    refusals: Refusals,
}

/// What is sent to the peer: refusals between the bytes of the input.
pub(super) struct Speaking<'a> {
    input: Option<Input<'a>>,
    refusals: Refusals,
    /// Whether to go on when the input has ended.
    stays: bool,
}

/// How far a command has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After DO or WILL, with what refuses it.
    Asked(u8),
    /// After DONT or WONT, of which an option follows. The original answers these
    /// too; but nothing is on here that could be left, and an answer to an answer may
    /// go on for ever (RFC 854, GENERAL CONSIDERATIONS).
    Told,
}

impl State {
    /// What comes after `byte`, and the refusal that is due.
    fn after(self, byte: u8) -> (Self, Option<[u8; 3]>) {
        match (self, byte) {
            (Self::Data, IAC) => (Self::Command, None),
            (Self::Command, DO) => (Self::Asked(WONT), None),
            (Self::Command, WILL) => (Self::Asked(DONT), None),
            (Self::Command, DONT | WONT) => (Self::Told, None),
            (Self::Asked(refusal), option) => (Self::Data, Some([IAC, refusal, option])),
            _ => (Self::Data, None),
        }
    }
}

impl<R> Listening<R> {
    pub(super) fn new(inner: R, refusals: Refusals) -> Self {
        Self {
            inner,
            state: State::Data,
            refusals,
        }
    }
}

impl<'a> Speaking<'a> {
    pub(super) fn new(input: Option<Input<'a>>, refusals: Refusals, stays: bool) -> Self {
        Self {
            input,
            refusals,
            stays,
        }
    }
}

fn wake(waiting: &Cell<Option<Waker>>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Listening<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let queue = &this.refusals.0;
        if queue.waiting.borrow().len() > WAITING_BYTES {
            queue.listener.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        let room = buffer.len().min(READ_BYTES);
        let reading = Pin::new(&mut this.inner).poll_read(context, &mut buffer[..room]);
        let count = ready!(reading)?;
        for byte in &buffer[..count] {
            let (state, refusal) = this.state.after(*byte);
            this.state = state;
            queue.waiting.borrow_mut().extend(refusal.iter().flatten());
        }
        queue.over.set(count == 0);
        wake(&queue.speaker);
        Poll::Ready(Ok(count))
    }
}

impl AsyncRead for Speaking<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let queue = &this.refusals.0;
        let count = {
            let mut waiting = queue.waiting.borrow_mut();
            let count = buffer.len().min(waiting.len());
            for (to, byte) in buffer.iter_mut().zip(waiting.drain(..count)) {
                *to = byte;
            }
            count
        };
        if count > 0 {
            wake(&queue.listener);
            return Poll::Ready(Ok(count));
        }
        queue.speaker.set(Some(context.waker().clone()));
        let reading = match &mut this.input {
            Some(Input::Standard(input)) => Pin::new(input).poll_read(context, buffer),
            Some(Input::Bytes(input)) => Pin::new(input).poll_read(context, buffer),
            None => Poll::Ready(Ok(0)),
        };
        if !matches!(reading, Poll::Ready(Ok(0))) {
            return reading;
        }
        this.input = None;
        match this.stays && !queue.over.get() {
            true => Poll::Pending,
            false => Poll::Ready(Ok(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::io::Cursor;
    use futures_lite::{AsyncReadExt, future};

    use super::*;

    fn refused(said: &[u8], steps: usize) -> Vec<u8> {
        future::block_on(async {
            let refusals = Refusals::default();
            let mut listening = Listening::new(Cursor::new(said), refusals.clone());
            let mut speaking = Speaking::new(None, refusals, true);
            let mut heard = Vec::new();
            let mut buffer = vec![0; steps];
            loop {
                let count = listening.read(&mut buffer).await.unwrap();
                heard.extend_from_slice(&buffer[..count]);
                if count == 0 {
                    break;
                }
            }
            assert_eq!(heard, said, "all is shown as it came");
            let mut sent = Vec::new();
            speaking.read_to_end(&mut sent).await.unwrap();
            sent
        })
    }

    #[test]
    fn offers_and_requests_are_refused_wherever_they_are_cut() {
        let said = [
            b'h', IAC, DO, 1, b'i', IAC, WILL, 3, IAC, 244, IAC, IAC, IAC, WONT, 5, IAC, DONT, DO,
            IAC,
        ];
        for step in 1..=said.len() {
            assert_eq!(refused(&said, step), [IAC, WONT, 1, IAC, DONT, 3], "{step}");
        }
    }

    #[test]
    fn a_peer_that_takes_no_refusal_is_not_read_for_ever() {
        let said = [IAC, DO, 1].repeat(READ_BYTES * 10);
        let refusals = Refusals::default();
        let mut listening = Listening::new(Cursor::new(&said[..]), refusals.clone());
        let mut context = Context::from_waker(Waker::noop());
        let mut buffer = [0; 4096];
        let mut read = 0;
        while let Poll::Ready(Ok(count)) =
            Pin::new(&mut listening).poll_read(&mut context, &mut buffer)
        {
            read += count;
        }
        assert!(read <= WAITING_BYTES + 2 * READ_BYTES, "{read}");
        let waiting = refusals.0.waiting.borrow().len();
        assert!(waiting <= WAITING_BYTES + READ_BYTES, "{waiting}");
    }
}

//! Where results go: buffered while results pour in, written as soon as the
//! loop has nothing else to do.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Bytes kept back at most.
const BUFFERED: usize = 64 * 1024;

pub(super) struct Output {
    to: Box<dyn Write>,
    buffer: Vec<u8>,
    failure: Option<io::Error>,
    changed: Changed,
}

/// Says that something waits to be written.
#[derive(Clone, Default)]
pub(super) struct Changed(Rc<(Cell<bool>, Cell<Option<Waker>>)>);

impl Output {
    pub(super) fn new(to: Box<dyn Write>) -> Self {
        Self {
            to,
            buffer: Vec::new(),
            failure: None,
            changed: Changed::default(),
        }
    }

    pub(super) fn changed(&self) -> Changed {
        self.changed.clone()
    }

    /// Adds what `write` appends; whether it did.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.buffer.len();
        write(&mut self.buffer);
        let any = self.buffer.len() > before;
        if self.buffer.len() >= BUFFERED {
            self.flush();
        }
        any
    }

    /// Lets [`super::Reporter::attend`] write in its next turn.
    pub(super) fn flush_soon(&self) {
        self.changed.notify();
    }

    pub(super) fn flush(&mut self) {
        if self.failure.is_none() && !self.buffer.is_empty() {
            let written = self.to.write_all(&self.buffer);
            let written = written.and_then(|()| self.to.flush());
            self.failure = written.err();
        }
        self.buffer.clear();
    }

    /// Why the output cannot be written, told once.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl Changed {
    fn notify(&self) {
        let (changed, waiter) = &*self.0;
        changed.set(true);
        if let Some(waiter) = waiter.take() {
            waiter.wake();
        }
    }

    /// Waits until something changed.
    pub(super) fn wait(&self) -> impl Future<Output = ()> {
        let (changed, waiter) = &*self.0;
        poll_fn(|context| {
            if changed.replace(false) {
                return Poll::Ready(());
            }
            waiter.set(Some(context.waker().clone()));
            Poll::Pending
        })
    }
}

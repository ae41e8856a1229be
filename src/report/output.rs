//! Standard output: buffered while results pour in, written as soon as the
//! loop has nothing else to do.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{self, Stdout, Write};
use std::rc::Rc;
use std::task::{Poll, Waker};

use serde::Serialize;

/// Bytes kept back at most.
const BUFFERED: usize = 64 * 1024;

pub(super) struct Output {
    stdout: Stdout,
    buffer: Vec<u8>,
    /// Where lines are made; kept for its capacity.
    line: String,
    failure: Option<io::Error>,
    changed: Changed,
}

/// Says that something waits to be written.
#[derive(Clone, Default)]
pub(super) struct Changed(Rc<(Cell<bool>, Cell<Option<Waker>>)>);

impl Output {
    pub(super) fn new() -> Self {
        Self {
            stdout: io::stdout(),
            buffer: Vec::new(),
            line: String::new(),
            failure: None,
            changed: Changed::default(),
        }
    }

    pub(super) fn changed(&self) -> Changed {
        self.changed.clone()
    }

    pub(super) fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
        self.flush_if_full();
    }

    fn flush_if_full(&mut self) {
        if self.buffer.len() >= BUFFERED {
            self.flush();
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.buffer.extend_from_slice(line.as_bytes());
        self.text("\n");
    }

    /// Writes the line that `write` makes, if it makes one.
    pub(super) fn compose(&mut self, write: impl FnOnce(&mut String) -> bool) -> bool {
        self.line.clear();
        let any = write(&mut self.line);
        if any {
            self.line.push('\n');
            self.buffer.extend_from_slice(self.line.as_bytes());
            self.flush_if_full();
        }
        any
    }

    pub(super) fn json(&mut self, value: impl Serialize) {
        if let Err(error) = serde_json::to_writer(&mut self.buffer, &value) {
            self.failure.get_or_insert(error.into());
        }
    }

    /// Lets [`super::Reporter::attend`] write in its next turn.
    pub(super) fn flush_soon(&self) {
        self.changed.notify();
    }

    pub(super) fn flush(&mut self) {
        if self.failure.is_none() && !self.buffer.is_empty() {
            let mut stdout = self.stdout.lock();
            let written = stdout.write_all(&self.buffer).and_then(|()| stdout.flush());
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

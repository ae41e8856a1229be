//! Sockets and other sources that the loop watches.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use mio::event::{Event, Source};
use mio::{Interest, Token};

use super::EventLoop;

/// Which way a source is used; each has its own readiness and its own waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Reading, accepting, receiving.
    Read,
    /// Writing, connecting, sending.
    Write,
}

/// A source that the loop watches; the only door between `net` and the loop.
///
/// It is registered once, edge-triggered, for both directions, and deregistered
/// before it is closed. Readiness is remembered: an operation is tried first
/// and waits only after `WouldBlock`, so waiting costs no system call.
///
/// One task may wait in each direction. Of two in the same one, the later is
/// remembered and the earlier woken, to try again.
pub(crate) struct Watched<S: Source> {
    source: S,
    token: Token,
    readiness: Rc<Readiness>,
    event_loop: Rc<EventLoop>,
}

/// What the loop remembers of a source, for each direction. Laid out flat, as
/// every idle connection has one.
pub(super) struct Readiness {
    /// An operation may succeed: true until one would block.
    ready: [Cell<bool>; 2],
    /// Only `WouldBlock` proves that nothing is left: the peer has hung up or
    /// sent urgent data, and no further event would announce the rest.
    until_blocked: [Cell<bool>; 2],
    waiter: [Cell<Option<Waker>>; 2],
}

impl<S: Source> Watched<S> {
    /// Registers `source` with this thread's loop.
    ///
    /// # Errors
    /// The kernel refused, for example for lack of memory or watches.
    pub(crate) fn new(mut source: S) -> io::Result<Self> {
        let event_loop = EventLoop::current();
        let readiness = Rc::new(Readiness::new());
        let mut sources = event_loop.sources.borrow_mut();
        let entry = sources.vacant_entry();
        let token = Token(entry.key());
        event_loop
            .poll
            .borrow()
            .registry()
            .register(&mut source, token, interest())?;
        entry.insert(Rc::clone(&readiness));
        drop(sources);
        Ok(Self {
            source,
            token,
            readiness,
            event_loop,
        })
    }

    /// The source itself, for what never blocks.
    pub(crate) fn get(&self) -> &S {
        &self.source
    }

    /// Tries `operation`; after `WouldBlock` waits until the source is ready in
    /// `direction` and tries again. Interrupted calls are repeated. Takes one
    /// operation off the task's budget and yields when it is spent.
    pub(crate) fn poll_operate<T>(
        &self,
        direction: Direction,
        context: &mut Context<'_>,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let source = &self.source;
        self.readiness
            .poll(direction, &self.event_loop, context, || operation(source))
    }

    /// As [`Self::poll_operate`], as a future. A drop loses nothing.
    pub(crate) fn operate<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> impl Future<Output = io::Result<T>> {
        poll_fn(move |context| self.poll_operate(direction, context, &mut operation))
    }

    /// As [`Self::operate`], for sources that need exclusive access.
    pub(crate) async fn operate_mut<T>(
        &mut self,
        direction: Direction,
        mut operation: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        let (readiness, event_loop) = (&self.readiness, &self.event_loop);
        let source = &mut self.source;
        poll_fn(|context| readiness.poll(direction, event_loop, context, || operation(source)))
            .await
    }

    /// Waits until an operation in `direction` is worth a try.
    pub(crate) fn ready(&self, direction: Direction) -> impl Future<Output = ()> {
        poll_fn(move |context| {
            if !self.readiness.is_ready(direction) {
                self.readiness.wait(direction, context);
                return Poll::Pending;
            }
            if self.event_loop.may_operate(context) {
                return Poll::Ready(());
            }
            Poll::Pending
        })
    }

    /// Tries `operation` once, without waiting.
    ///
    /// # Errors
    /// `WouldBlock`, also without a try if the source is known not to be ready.
    pub(crate) fn try_operate<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.readiness
            .attempt(direction, &mut || operation(&self.source))
    }

    /// Notes that a stream gave less than was asked for: the kernel has no
    /// more, so the next try can wait for an event. Never for datagrams.
    pub(crate) fn drained(&self, direction: Direction) {
        self.readiness.drained(direction);
    }
}

impl<S: Source> Drop for Watched<S> {
    fn drop(&mut self) {
        let poll = self.event_loop.poll.borrow();
        // Before the descriptor is closed: a duplicate of it, say in a child,
        // would keep the registration alive. A failure leaves nothing to undo.
        let _ = poll.registry().deregister(&mut self.source);
        drop(poll);
        let readiness = self.event_loop.sources.borrow_mut().remove(self.token.0);
        drop(readiness);
    }
}

impl Readiness {
    fn new() -> Self {
        Self {
            ready: [const { Cell::new(true) }; 2],
            until_blocked: [const { Cell::new(false) }; 2],
            waiter: [const { Cell::new(None) }; 2],
        }
    }

    /// Remembers a kernel event and wakes whoever waits for it.
    pub(super) fn note(&self, event: &Event) {
        let over = event.is_error() || event.is_write_closed();
        let rest = over || event.is_read_closed() || event.is_priority();
        if event.is_readable() || rest {
            self.wake(Direction::Read, rest);
        }
        if event.is_writable() || over {
            self.wake(Direction::Write, over);
        }
    }

    fn is_ready(&self, direction: Direction) -> bool {
        self.ready[direction as usize].get()
    }

    fn poll<T>(
        &self,
        direction: Direction,
        event_loop: &EventLoop,
        context: &mut Context<'_>,
        mut operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if self.is_ready(direction) {
            if !event_loop.may_operate(context) {
                return Poll::Pending;
            }
            match self.attempt(direction, &mut operation) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
        self.wait(direction, context);
        Poll::Pending
    }

    fn attempt<T>(
        &self,
        direction: Direction,
        operation: &mut impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        if !self.is_ready(direction) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready[direction as usize].set(false);
                    self.until_blocked[direction as usize].set(false);
                    return Err(error);
                }
                outcome => return outcome,
            }
        }
    }

    fn drained(&self, direction: Direction) {
        if !self.until_blocked[direction as usize].get() {
            self.ready[direction as usize].set(false);
        }
    }

    /// Remembers the asking task. The one it replaces is woken to try again.
    fn wait(&self, direction: Direction, context: &Context<'_>) {
        let waiter = &self.waiter[direction as usize];
        let waker = match waiter.take() {
            Some(same) if same.will_wake(context.waker()) => same,
            Some(other) => {
                other.wake();
                context.waker().clone()
            }
            None => context.waker().clone(),
        };
        waiter.set(Some(waker));
    }

    fn wake(&self, direction: Direction, until_blocked: bool) {
        self.ready[direction as usize].set(true);
        if until_blocked {
            self.until_blocked[direction as usize].set(true);
        }
        if let Some(waiter) = self.waiter[direction as usize].take() {
            waiter.wake();
        }
    }
}

/// Both directions, and urgent data where the kernel announces it.
fn interest() -> Interest {
    let both = Interest::READABLE | Interest::WRITABLE;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let both = both | Interest::PRIORITY;
    both
}

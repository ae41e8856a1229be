//! Timers: exact order, exact removal, and no tick.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::EventLoop;
use crate::units::LONGEST;

/// The loop's pending timers, by deadline; the number keeps equal ones apart.
#[derive(Default)]
pub(super) struct Timers {
    pending: RefCell<BTreeMap<(Instant, u64), Waker>>,
    count: Cell<u64>,
}

impl Timers {
    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        let pending = self.pending.borrow();
        pending
            .first_key_value()
            .map(|((deadline, _), _)| *deadline)
    }

    /// Wakes everybody whose deadline is `now` or past.
    pub(super) fn fire(&self, now: Instant) {
        loop {
            let mut pending = self.pending.borrow_mut();
            match pending.first_entry() {
                Some(entry) if entry.key().0 <= now => {
                    let waker = entry.remove();
                    drop(pending);
                    waker.wake();
                }
                _ => break,
            }
        }
    }

    fn set(&self, key: (Instant, u64), waker: &Waker) {
        let mut pending = self.pending.borrow_mut();
        let old = match pending.get_mut(&key) {
            Some(old) if old.will_wake(waker) => None,
            Some(old) => Some(std::mem::replace(old, waker.clone())),
            None => pending.insert(key, waker.clone()),
        };
        drop(pending);
        drop(old);
    }

    fn remove(&self, key: (Instant, u64)) {
        let waker = self.pending.borrow_mut().remove(&key);
        drop(waker);
    }

    fn next_number(&self) -> u64 {
        self.count.replace(self.count.get() + 1)
    }
}

/// A wait for a moment; made by [`sleep`]. Dropping it forgets the timer.
#[must_use = "a sleep does nothing until it is awaited"]
pub struct Sleep {
    key: (Instant, u64),
    armed: bool,
    event_loop: Rc<EventLoop>,
}

/// Waits for `duration`, never less; late by what the running tasks take and
/// at most a millisecond of the kernel's rounding. Past 100 years it is cut.
///
/// # Panics
/// No loop runs on this thread.
pub fn sleep(duration: Duration) -> Sleep {
    let event_loop = EventLoop::current();
    let deadline = event_loop.now() + duration.min(LONGEST);
    Sleep {
        key: (deadline, event_loop.timers.next_number()),
        armed: false,
        event_loop,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= self.event_loop.now() {
            return Poll::Ready(());
        }
        self.event_loop.timers.set(self.key, context.waker());
        self.armed = true;
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.armed {
            self.event_loop.timers.remove(self.key);
        }
    }
}

/// The time that [`timeout`] allowed has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time allowed has passed")
    }
}

impl std::error::Error for Elapsed {}

pin_project! {
    /// A future with a deadline; made by [`timeout`]. A struct, because an async
    /// function would hold the future twice.
    #[must_use = "a timeout does nothing until it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        // Boxed: most waits of a server have no deadline, and every idle
        // connection would hold room for one.
        sleep: Option<Box<Sleep>>,
    }
}

/// Waits for `future`, at most for `duration`; past it, the future is never
/// polled again, and dropped with the timeout.
///
/// A future that is ready in the same turn as the deadline wins. The outcome is
/// [`Elapsed`] if the deadline came first.
///
/// # Panics
/// No loop runs on this thread.
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    within(Some(duration), future)
}

/// As [`timeout`], where no duration means no deadline.
///
/// # Panics
/// A deadline is asked for, and no loop runs on this thread.
pub fn within<F: Future>(duration: Option<Duration>, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: duration.map(sleep).map(Box::new),
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(context) {
            return Poll::Ready(Ok(output));
        }
        match this.sleep {
            Some(sleep) => Pin::new(sleep).poll(context).map(|()| Err(Elapsed)),
            None => Poll::Pending,
        }
    }
}

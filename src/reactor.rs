//! The event loop: one thread, one `mio::Poll`, any number of tasks.
//!
//! The model is asyncio's: [`run`] drives a main future, [`spawn`] starts tasks
//! beside it, and every wait gives the thread to whoever is ready. A turn of
//! the loop is: kernel events (without waiting if anything is woken), then due
//! timers, then the tasks woken before this batch began, each once. So no task
//! can starve the sockets, and none the timers.
//!
//! This module knows nothing of addresses or protocols; `net` builds on
//! `Watched`, the only door between a socket and the loop.

mod blocking;
mod buffer;
mod group;
mod limit;
mod signals;
mod task;
mod timer;
mod watched;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use async_task::Runnable;
use mio::{Events, Token};
use slab::Slab;

pub use blocking::blocking;
pub use buffer::{BUFFER_BYTES, Buffer};
pub use group::TaskGroup;
pub use limit::{Limit, Permit};
pub use signals::{Signals, signals};
pub use task::{Task, spawn, yield_now};
pub use timer::{Elapsed, Sleep, Timeout, sleep, timeout, within};
pub(crate) use watched::{Direction, Watched};

/// Socket operations a task may do in one poll before it must let others run.
///
/// With the 256 KiB buffer of the loop this bounds a poll to about 8 MiB, some
/// milliseconds, however fast the peer sends.
const OPERATIONS_PER_POLL: u32 = 32;

/// Kernel events fetched by one call; more only saves calls that are already cheap.
const EVENTS_PER_TURN: usize = 1024;

/// The token of the loop's own waker; every other token is a slot of `sources`.
const WAKE: Token = Token(usize::MAX);

/// How long the kernel must be quiet before the test clock jumps.
const QUIET: Duration = Duration::from_millis(1);

/// Runs `main` to its end on a new loop, then drops every task still alive.
///
/// # Errors
/// The kernel refused the poll descriptor or the loop's waker.
///
/// # Panics
/// A loop already runs on this thread; or `main` panicked.
pub fn run<T>(main: impl Future<Output = T>) -> io::Result<T> {
    drive(main, Clock::Real)
}

/// As [`run`], but the clock jumps to the next deadline whenever every task
/// waits and the kernel has been quiet for a millisecond: for tests.
///
/// Sockets are real; the clock stands still while [`blocking`] work is out.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// As [`run`].
pub fn run_fast_forward<T>(main: impl Future<Output = T>) -> io::Result<T> {
    drive(main, Clock::Jumping)
}

/// The loop's clock: monotonic, and ahead of the system's only where the test
/// clock has jumped. Outside a loop, the system's monotonic clock.
#[must_use]
pub fn now() -> Instant {
    CURRENT.with(|current| {
        let skipped = current.borrow().as_ref().map(|it| it.skipped.get());
        Instant::now() + skipped.unwrap_or_default()
    })
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Real,
    Jumping,
}

/// What a loop knows. Borrows are short and never held while foreign code
/// (a future, a destructor, a waker) runs.
struct EventLoop {
    poll: RefCell<mio::Poll>,
    sources: RefCell<Slab<Rc<watched::Readiness>>>,
    /// A waker for each live task: how the end of the loop finds them.
    tasks: RefCell<Slab<Waker>>,
    woken: RefCell<VecDeque<Runnable>>,
    timers: timer::Timers,
    budget: Cell<u32>,
    clock: Clock,
    skipped: Cell<Duration>,
    buffers: buffer::Pool,
    helpers: Limit,
    remote: Arc<Remote>,
}

/// The part of a loop that other threads may touch.
struct Remote {
    woken: Mutex<Vec<Runnable>>,
    pending: AtomicBool,
    waker: mio::Waker,
}

fn drive<T>(main: impl Future<Output = T>, clock: Clock) -> io::Result<T> {
    let entered = Entered::new(EventLoop::new(clock)?);
    let event_loop = &entered.event_loop;
    let flag = Arc::new(MainFlag {
        woken: AtomicBool::new(true),
        remote: Arc::clone(&event_loop.remote),
    });
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    // Declared last, so that it is dropped while the loop is still there.
    let mut main = pin!(main);
    loop {
        if flag.woken.swap(false, Ordering::Acquire) {
            event_loop.budget.set(OPERATIONS_PER_POLL);
            if let Poll::Ready(output) = main.as_mut().poll(&mut context) {
                return Ok(output);
            }
        }
        let busy = flag.woken.load(Ordering::Acquire);
        event_loop.wait(&mut events, busy)?;
        event_loop.timers.fire(event_loop.now());
        event_loop.run_batch();
    }
}

impl EventLoop {
    fn new(clock: Clock) -> io::Result<Rc<Self>> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKE)?;
        Ok(Rc::new(Self {
            poll: RefCell::new(poll),
            sources: RefCell::default(),
            tasks: RefCell::default(),
            woken: RefCell::default(),
            timers: timer::Timers::default(),
            budget: Cell::new(OPERATIONS_PER_POLL),
            clock,
            skipped: Cell::default(),
            buffers: buffer::Pool::default(),
            helpers: Limit::new(blocking::HELPERS),
            remote: Arc::new(Remote {
                woken: Mutex::default(),
                pending: AtomicBool::new(false),
                waker,
            }),
        }))
    }

    /// The loop of this thread, as asyncio's running loop.
    fn current() -> Rc<Self> {
        CURRENT
            .with(|current| current.borrow().clone())
            .expect("no event loop runs on this thread: call this inside reactor::run")
    }

    fn now(&self) -> Instant {
        Instant::now() + self.skipped.get()
    }

    /// Fetches kernel events, waiting for one only if nothing is woken.
    fn wait(&self, events: &mut Events, busy: bool) -> io::Result<()> {
        self.take_remote();
        let busy = busy || !self.woken.borrow().is_empty();
        let until = self.timers.next();
        let jumping = self.clock == Clock::Jumping && until.is_some() && self.helpers.out() == 0;
        let patience = match until {
            _ if busy => Some(Duration::ZERO),
            Some(until) => {
                let left = until.saturating_duration_since(self.now());
                Some(if jumping { left.min(QUIET) } else { left })
            }
            None => None,
        };
        match self.poll.borrow_mut().poll(events, patience) {
            Ok(()) => {}
            // A signal is not an event: the next turn waits again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        if jumping && !busy && events.is_empty() {
            let left = until.map(|until| until.saturating_duration_since(self.now()));
            self.skipped
                .set(self.skipped.get() + left.unwrap_or_default());
        }
        for event in events.iter() {
            let source = self.sources.borrow().get(event.token().0).cloned();
            // No source: it was dropped in this very turn. A slot that has been
            // given away since costs its new owner one try that would block.
            if let Some(source) = source {
                source.note(event);
            }
        }
        self.take_remote();
        Ok(())
    }

    /// Moves what other threads woke into the queue; one atomic load if nothing.
    fn take_remote(&self) {
        if self.remote.pending.swap(false, Ordering::Acquire) {
            let mut remote = self.remote.lock();
            self.woken.borrow_mut().extend(remote.drain(..));
        }
    }

    /// Runs the tasks that are woken now, not those that these wake.
    fn run_batch(&self) {
        let batch = self.woken.borrow().len();
        for _ in 0..batch {
            let Some(runnable) = self.woken.borrow_mut().pop_front() else {
                break;
            };
            self.budget.set(OPERATIONS_PER_POLL);
            runnable.run();
        }
    }

    /// Takes one socket operation off this poll's budget; without any left,
    /// wakes the asking task for the next turn and says no.
    fn may_operate(&self, context: &Context<'_>) -> bool {
        let left = self.budget.get().checked_sub(1);
        match left {
            Some(left) => self.budget.set(left),
            None => context.waker().wake_by_ref(),
        }
        left.is_some()
    }

    /// Drops every task. Destructors may spawn; those tasks are dropped too.
    fn drop_tasks(&self) {
        loop {
            let tasks: Vec<Waker> = self.tasks.borrow().iter().map(|it| it.1.clone()).collect();
            tasks.into_iter().for_each(Waker::wake);
            // Whatever the flag says: a thread may have come half-way with one.
            self.woken.borrow_mut().extend(self.remote.lock().drain(..));
            let woken = std::mem::take(&mut *self.woken.borrow_mut());
            if woken.is_empty() {
                break;
            }
            drop(woken);
        }
    }
}

impl Remote {
    /// Queues a woken task: on the loop's own thread without lock or system
    /// call, from any other through the waker.
    fn schedule(self: &Arc<Self>, runnable: Runnable) {
        let mut runnable = Some(runnable);
        self.if_here(|event_loop| event_loop.woken.borrow_mut().extend(runnable.take()));
        if let Some(runnable) = runnable {
            self.lock().push(runnable);
            self.wake_loop();
        }
    }

    /// Calls `act` with the loop if it is this thread's.
    fn if_here(self: &Arc<Self>, act: impl FnOnce(&EventLoop)) -> bool {
        // A thread that is ending has no loop any more.
        let here = CURRENT.try_with(|current| match current.borrow().as_deref() {
            Some(event_loop) if Arc::ptr_eq(&event_loop.remote, self) => {
                act(event_loop);
                true
            }
            _ => false,
        });
        here.unwrap_or(false)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Runnable>> {
        // The lock guards a plain list: a panic elsewhere cannot leave it torn.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_loop(&self) {
        self.pending.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the event loop: {error}");
        }
    }
}

/// The waker of the main future.
struct MainFlag {
    woken: AtomicBool,
    remote: Arc<Remote>,
}

impl Wake for MainFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let news = !self.woken.swap(true, Ordering::AcqRel);
        if news && !self.remote.if_here(|_| ()) {
            self.remote.wake_loop();
        }
    }
}

/// Makes a loop this thread's current one, and ends it on drop, also when
/// `main` panics.
struct Entered {
    event_loop: Rc<EventLoop>,
}

impl Entered {
    fn new(event_loop: Rc<EventLoop>) -> Self {
        CURRENT.with(|current| {
            let before = current.borrow_mut().replace(Rc::clone(&event_loop));
            if let Some(before) = before {
                current.replace(Some(before));
                panic!("a loop already runs on this thread: spawn a task instead");
            }
        });
        Self { event_loop }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.event_loop.drop_tasks();
        CURRENT.take();
    }
}

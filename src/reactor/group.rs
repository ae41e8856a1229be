//! Tasks with a common end.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use slab::Slab;

use super::EventLoop;
use super::task::{Task, spawn};

/// Tasks with a common end: dropping the group cancels them all.
///
/// A panic in one of them is logged and hurts no other.
#[derive(Default)]
pub struct TaskGroup(Rc<State>);

#[derive(Default)]
struct State {
    tasks: RefCell<Slab<Task<()>>>,
    running: Cell<usize>,
    waiting: RefCell<Vec<(usize, Waker)>>,
}

impl TaskGroup {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task in the group.
    ///
    /// # Panics
    /// No loop runs on this thread.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        // Said before anything is borrowed that a destructor would need.
        drop(EventLoop::current());
        let state = &self.0;
        let mut tasks = state.tasks.borrow_mut();
        let entry = tasks.vacant_entry();
        let place = Place {
            state: Rc::clone(state),
            key: entry.key(),
        };
        state.running.set(state.running.get() + 1);
        entry.insert(spawn(Member { future, place }));
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.running.get()
    }

    /// Whether every task has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until fewer than `limit` tasks run: a connection limit, or, with
    /// the present count, the end of any one of them.
    pub async fn wait_below(&self, limit: usize) {
        poll_fn(|context| {
            if self.len() < limit {
                return Poll::Ready(());
            }
            let mut waiting = self.0.waiting.borrow_mut();
            // One entry a task, however often it is polled.
            waiting.retain(|(_, waker)| !waker.will_wake(context.waker()));
            waiting.push((limit, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Waits until every task has ended.
    pub async fn join(&self) {
        self.wait_below(1).await;
    }
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        let tasks = std::mem::take(&mut *self.0.tasks.borrow_mut());
        drop(tasks);
    }
}

pin_project! {
    /// A future with its place in the group. A struct, because an async block
    /// around the future would hold it twice.
    struct Member<F> {
        #[pin]
        future: F,
        place: Place,
    }
}

impl<F: Future<Output = ()>> Future for Member<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.project().future.poll(context)
    }
}

/// A task's place in its group, given up when its future is dropped.
struct Place {
    state: Rc<State>,
    key: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let state = &self.state;
        state.running.set(state.running.get() - 1);
        let task = state.tasks.borrow_mut().try_remove(self.key);
        drop(task);
        let running = state.running.get();
        let mut waiting = state.waiting.borrow_mut();
        let woken: Vec<_> = waiting
            .extract_if(.., |(limit, _)| running < *limit)
            .collect();
        drop(waiting);
        for (_, waker) in woken {
            waker.wake();
        }
    }
}

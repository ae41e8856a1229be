//! A limit on how many may do something at once, handed on in order of asking.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// At most so many [`Permit`]s at once. Clones share the limit.
#[derive(Clone)]
pub struct Limit(Rc<State>);

struct State {
    most: usize,
    free: Cell<usize>,
    waiting: RefCell<BTreeMap<u64, Waker>>,
    count: Cell<u64>,
}

/// The right to be one of those many, given back on drop.
pub struct Permit(Limit);

impl Limit {
    /// A limit of `most` permits.
    ///
    /// # Panics
    /// `most` is 0: nobody could ever go on.
    #[must_use]
    pub fn new(most: usize) -> Self {
        assert!(most > 0, "a limit of 0 would wait for ever");
        Self(Rc::new(State {
            most,
            free: Cell::new(most),
            waiting: RefCell::default(),
            count: Cell::default(),
        }))
    }

    /// Takes a permit, waiting for one if all are out. A drop of the wait loses
    /// nothing and passes the turn on.
    pub async fn acquire(&self) -> Permit {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        let count = &self.0.count;
        Acquire {
            limit: self,
            number: count.replace(count.get() + 1),
        }
        .await
    }

    /// Takes a permit if one is free and nobody waits for it.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        let free = self.0.waiting.borrow().is_empty();
        if free { self.take() } else { None }
    }

    /// How many permits are out.
    #[must_use]
    pub fn out(&self) -> usize {
        self.0.most - self.0.free.get()
    }

    fn take(&self) -> Option<Permit> {
        let left = self.0.free.get().checked_sub(1)?;
        self.0.free.set(left);
        Some(Permit(self.clone()))
    }

    fn wake_next(&self) {
        if self.0.free.get() > 0 {
            let waiting = self.0.waiting.borrow();
            let next = waiting.first_key_value().map(|(_, waker)| waker.clone());
            drop(waiting);
            next.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Limit(state) = &self.0;
        state.free.set(state.free.get() + 1);
        self.0.wake_next();
    }
}

struct Acquire<'a> {
    limit: &'a Limit,
    number: u64,
}

impl Future for Acquire<'_> {
    type Output = Permit;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        let mut waiting = self.limit.0.waiting.borrow_mut();
        let first = waiting
            .first_key_value()
            .is_none_or(|(number, _)| *number >= self.number);
        if first && let Some(permit) = self.limit.take() {
            return Poll::Ready(permit);
        }
        let old = waiting.insert(self.number, context.waker().clone());
        drop(waiting);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let waker = self.limit.0.waiting.borrow_mut().remove(&self.number);
        drop(waker);
        // Whoever leaves, served or not, lets the next one look.
        self.limit.wake_next();
    }
}

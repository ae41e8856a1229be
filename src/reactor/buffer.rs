//! Buffers that belong to the loop, not to the connection.
//!
//! An idle connection holds none. A task borrows one when its socket is
//! readable and gives it back once all is written; only a task whose peer does
//! not read keeps one, and past a limit it gets a small one.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::EventLoop;

/// Size of a buffer of the loop.
///
/// Never 64 KiB: that is a few bytes more than a loopback segment holds and
/// halves the throughput there, while 256 KiB is good everywhere.
pub const BUFFER_BYTES: usize = 256 * 1024;

/// Size of the buffers handed out while many tasks keep a full one: small
/// enough for thousands, and just as fast for whoever is not stuck.
const SMALL_BYTES: usize = 16 * 1024;

/// Full buffers in use at once (16 MiB); what is asked for beyond is small.
const FULL_IN_USE: usize = 64;

/// Full buffers kept for the next user (1 MiB).
const FULL_KEPT: usize = 4;

#[derive(Default)]
pub(super) struct Pool {
    kept: RefCell<Vec<Box<[u8]>>>,
    in_use: Cell<usize>,
}

impl Pool {
    /// How many wait for their next user.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.kept.borrow().len()
    }
}

/// A byte buffer of the loop, [`BUFFER_BYTES`] long, or 16 KiB while more than
/// 64 are in use: so what slow readers leave unsent is bounded at 16 MiB and
/// 16 KiB for each further one. It comes as its last user left it.
pub struct Buffer {
    bytes: Box<[u8]>,
    event_loop: Rc<EventLoop>,
}

impl Buffer {
    /// Takes a buffer; it goes back when it is dropped.
    ///
    /// # Panics
    /// No loop runs on this thread.
    #[must_use]
    pub fn take() -> Self {
        let event_loop = EventLoop::current();
        let pool = &event_loop.buffers;
        let size = match pool.in_use.get() {
            0..FULL_IN_USE => BUFFER_BYTES,
            _ => SMALL_BYTES,
        };
        let kept = match size {
            BUFFER_BYTES => pool.kept.borrow_mut().pop(),
            _ => None,
        };
        let bytes = kept.unwrap_or_else(|| vec![0; size].into_boxed_slice());
        if size == BUFFER_BYTES {
            pool.in_use.set(pool.in_use.get() + 1);
        }
        Self { bytes, event_loop }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() < BUFFER_BYTES {
            return;
        }
        let pool = &self.event_loop.buffers;
        pool.in_use.set(pool.in_use.get() - 1);
        let mut kept = pool.kept.borrow_mut();
        if kept.len() < FULL_KEPT {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

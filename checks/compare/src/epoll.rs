//! The kernel's readiness queue, without anything above it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData};
use rustix::io::Errno;

pub use rustix::event::epoll::EventFlags;

/// How many events one wait may bring.
const BATCH: usize = 1024;

/// One registration for both directions, for good.
pub const BOTH: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

/// A queue and the events of its last wait.
pub struct Epoll {
    queue: OwnedFd,
    events: Vec<Event>,
}

impl Epoll {
    /// An empty queue.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(BATCH),
        })
    }

    /// Watches `source`; its events carry `token`.
    pub fn add(&self, source: impl AsFd, token: usize, flags: EventFlags) -> io::Result<()> {
        let data = EventData::new_u64(token as u64);
        Ok(epoll::add(&self.queue, source, data, flags)?)
    }

    /// Stops watching `source`.
    pub fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.queue, source)?)
    }

    /// Waits until something is ready, or for `limit`; without one, for ever.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        let limit = limit.map(|it| Timespec {
            tv_sec: i64::try_from(it.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(it.subsec_nanos()),
        });
        match epoll::wait(
            &self.queue,
            spare_capacity(&mut self.events),
            limit.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Self::wait`], at most until `deadline`; whether that has passed.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.wait(Some(left))?;
        Ok(Instant::now() >= deadline)
    }

    /// How many events the last wait brought.
    #[must_use]
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// Token and flags of the event at `index` of the last wait.
    #[must_use]
    pub fn event(&self, index: usize) -> (usize, EventFlags) {
        let event = self.events[index];
        let token = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
        (token, event.flags)
    }
}

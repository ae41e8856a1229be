//! The stretch of time that is measured.

use std::time::{Duration, Instant};

use netkit_compare::watch;

use crate::options::Options;

/// Warm-up, then the window, at both edges of which the server's clock is read.
#[derive(Debug)]
pub(crate) struct Window {
    opens: Instant,
    length: Duration,
    watched: Option<i32>,
    open: Option<Reading>,
}

/// The clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    at: Instant,
    cpu: Duration,
    own_cpu: Duration,
    waited: Duration,
}

/// What a turn of the loop has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not measured yet.
    WarmUp,
    /// The window has just been opened: forget what was counted.
    Opened,
    /// Measured.
    Open,
    /// The end.
    Over(Span),
}

/// What happened between the edges of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// How long it was.
    pub(crate) elapsed: Duration,
    /// What the server and its children used meanwhile.
    pub(crate) cpu: Option<Duration>,
    /// What the load itself used.
    pub(crate) own_cpu: Duration,
    /// How long the load or the server had to wait for its CPU.
    pub(crate) waited: Duration,
}

impl Window {
    /// The warm-up begins now.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            opens: Instant::now() + options.warm_up,
            length: options.window,
            watched: options.watch,
            open: None,
        }
    }

    /// Where in time this is.
    pub(crate) fn phase(&mut self) -> Phase {
        let now = Instant::now();
        let Some(open) = self.open else {
            if now < self.opens {
                return Phase::WarmUp;
            }
            self.open = Some(Reading::now(self.watched));
            return Phase::Opened;
        };
        if now < open.at + self.length {
            return Phase::Open;
        }
        Phase::Over(open.until_now(self.watched))
    }

    /// When the phase changes next.
    pub(crate) fn next_change(&self) -> Instant {
        self.open.map_or(self.opens, |open| open.at + self.length)
    }
}

impl Reading {
    /// Reads them, the server's too.
    pub(crate) fn now(watched: Option<i32>) -> Self {
        let own = std::process::id().cast_signed();
        Self {
            own_cpu: watch::cpu_time(own),
            waited: watch::waiting_time(own) + watched.map_or(Duration::ZERO, waited_for_others),
            cpu: watched.map_or(Duration::ZERO, watch::cpu_time),
            at: Instant::now(),
        }
    }

    /// What has happened since then.
    pub(crate) fn until_now(self, watched: Option<i32>) -> Span {
        let end = Self::now(watched);
        Span {
            elapsed: end.at - self.at,
            cpu: watched.map(|_| end.cpu.saturating_sub(self.cpu)),
            own_cpu: end.own_cpu.saturating_sub(self.own_cpu),
            waited: end.waited.saturating_sub(self.waited),
        }
    }
}

/// How long `pid` has waited for its CPU; nothing where it shares that with
/// children of its own, which it may well wait for.
fn waited_for_others(pid: i32) -> Duration {
    match watch::tree(pid).as_slice() {
        [alone] => watch::waiting_time(*alone),
        _ => Duration::ZERO,
    }
}

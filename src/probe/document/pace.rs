//! How slow a server may be: a byte now and then keeps nobody waiting for ever.

use std::time::Duration;

use crate::reactor::{Elapsed, now, timeout};

/// What has to get on within the limit, in bytes.
const LEAST_PROGRESS: usize = 64 * 1024;

/// How long each 64 KiB may be waited for. What happens between the waits does not
/// count.
pub(super) struct Pace {
    limit: Duration,
    /// For the present 64 KiB, and how many of them there are.
    waited: Duration,
    progress: usize,
}

impl Pace {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            waited: Duration::ZERO,
            progress: 0,
        }
    }

    /// Waits for `work`, as long as may be waited yet.
    ///
    /// # Errors
    /// It takes longer.
    pub(super) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        let started = now();
        let left = self.limit.saturating_sub(self.waited);
        let outcome = timeout(left, work).await;
        self.waited += now().saturating_duration_since(started);
        outcome
    }

    /// So many bytes got on.
    pub(super) fn advance(&mut self, count: usize) {
        self.progress += count;
        if self.progress >= LEAST_PROGRESS {
            self.restart();
        }
    }

    /// What was waited for is there.
    pub(super) fn restart(&mut self) {
        (self.waited, self.progress) = (Duration::ZERO, 0);
    }
}

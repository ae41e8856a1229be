//! The progress bar: on standard error, on a terminal, and only for runs that
//! take more than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::reactor::now;

/// Nothing is drawn in a run shorter than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the bar moves without news.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Progress {
    started: Instant,
    expected: usize,
    done: usize,
    /// Hidden at first: its rate and its end are reckoned from the start.
    bar: Option<ProgressBar>,
    shown: bool,
}

impl Progress {
    pub(super) fn new(expected: usize) -> Self {
        Self {
            started: now(),
            expected,
            done: 0,
            bar: None,
            shown: false,
        }
    }

    pub(super) fn advance(&mut self) {
        self.done += 1;
        // A name may have more addresses than the one that was counted on.
        self.expected = match self.expected {
            0 => 0,
            expected => expected.max(self.done),
        };
    }

    /// When the bar has to move again; a report without one needs no timer.
    pub(super) fn tick_time(&self) -> Option<Duration> {
        (self.expected > 0).then_some(TICK)
    }

    pub(super) fn tick(&mut self) {
        if self.expected == 0 {
            return;
        }
        let elapsed = now().saturating_duration_since(self.started);
        let bar = self.bar.get_or_insert_with(|| hidden(elapsed));
        if elapsed >= PATIENCE && !self.shown {
            self.shown = true;
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_length(self.expected as u64);
        bar.set_position(self.done as u64);
        bar.tick();
    }

    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Lets `write` print without the bar in its way.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn hidden(elapsed: Duration) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let bar = bar.with_elapsed(elapsed);
    let style = ProgressStyle::with_template(
        "{bar:30} {human_pos}/{human_len} checks, {per_sec:1}, {elapsed}, {eta} left",
    );
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

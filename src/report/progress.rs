//! The progress bar: on standard error, on a terminal, and only for runs that
//! take more than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::reactor::now;

/// Nothing is drawn in a run shorter than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the bar moves without news.
const TICK: Duration = Duration::from_millis(100);

/// What is counted: the template of its bar.
const CHECKS: &str = "{bar:30} {human_pos}/{human_len} checks, {per_sec:1}, {elapsed}, {eta} left";
const BYTES: &str =
    "{bar:30} {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {elapsed}, {eta} left";

pub(super) struct Progress {
    started: Instant,
    expected: u64,
    done: u64,
    template: &'static str,
    /// Nobody sees a bar that is on no terminal.
    on_terminal: bool,
    /// Hidden at first: its rate and its end are reckoned from the start.
    bar: Option<ProgressBar>,
    shown: bool,
}

impl Progress {
    /// Of so many checks.
    pub(super) fn new(expected: usize, on_terminal: bool) -> Self {
        Self {
            started: now(),
            expected: if on_terminal { expected as u64 } else { 0 },
            done: 0,
            template: CHECKS,
            on_terminal,
            bar: None,
            shown: false,
        }
    }

    /// So many bytes more are to come; from now on bytes are counted.
    pub(super) fn expect_bytes(&mut self, bytes: u64) {
        if self.on_terminal {
            self.template = BYTES;
            self.expected = self.expected.saturating_add(bytes);
        }
    }

    pub(super) fn advance_by(&mut self, count: u64) {
        self.done = self.done.saturating_add(count);
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
        let bar = self
            .bar
            .get_or_insert_with(|| hidden(self.template, elapsed));
        if elapsed >= PATIENCE && !self.shown {
            self.shown = true;
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_length(self.expected);
        bar.set_position(self.done);
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

fn hidden(template: &str, elapsed: Duration) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let bar = bar.with_elapsed(elapsed);
    let style = ProgressStyle::with_template(template);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

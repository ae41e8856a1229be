//! What the checks of one run share: time, pace, counts, and what still stands.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::Options;
use super::diagnosis::Diagnosis;
use super::pace::Pace;
use super::saved::Saved;
use crate::finding::{CheckResult, Exit, Record, State, Summary};
use crate::reactor::now;
use crate::units::enumerate;

/// So many hosts that are not finished are named.
const MOST_NAMED: usize = 8;

/// One port of one target, at one address or, unresolved, at none.
pub(super) type Key = (usize, u16, Option<SocketAddr>);

/// What the checks of a run share.
pub(super) struct Run {
    pub(super) options: Options,
    pub(super) started: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) pace: Pace,
    pub(super) diagnosis: Diagnosis,
    tell: Rc<dyn Fn(Record)>,
    /// With `--diff`: what an earlier run found.
    saved: Option<Saved>,
    ok: Cell<usize>,
    failed: Cell<usize>,
    unknown: Cell<usize>,
    by_state: RefCell<BTreeMap<State, usize>>,
    /// The state of the first result that was not as expected.
    first_failure: Cell<Option<Exit>>,
    /// Attempts that have a task and no verdict yet.
    pub(super) unsettled: Cell<usize>,
    /// While waiting: the last result of whatever is not as expected yet.
    pub(super) standing: RefCell<BTreeMap<Key, CheckResult>>,
    /// Hosts that are begun and not finished, by their place in the run.
    pub(super) begun: RefCell<BTreeMap<usize, String>>,
    /// Hosts that are not begun.
    pub(super) ahead: Cell<usize>,
    /// Whoever waits for the run to be decided early.
    waiter: Cell<Option<Waker>>,
}

impl Run {
    pub(super) fn new(
        options: &Options,
        checks: usize,
        saved: Option<Saved>,
        tell: Rc<dyn Fn(Record)>,
    ) -> Self {
        let pace = Pace::new(options, checks);
        let started = now();
        Self {
            deadline: options.wait.map(|wait| started + wait),
            options: options.clone(),
            started,
            pace,
            diagnosis: Diagnosis::new(checks),
            tell,
            saved,
            ok: Cell::default(),
            failed: Cell::default(),
            unknown: Cell::default(),
            by_state: RefCell::default(),
            first_failure: Cell::default(),
            unsettled: Cell::default(),
            standing: RefCell::default(),
            begun: RefCell::default(),
            ahead: Cell::default(),
            waiter: Cell::default(),
        }
    }

    /// How long an attempt that starts now may take, of `timeout`.
    pub(super) fn patience(&self, timeout: Duration) -> Duration {
        match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(now()).min(timeout),
            None => timeout,
        }
    }

    pub(super) fn tell(&self, record: Record) {
        (self.tell)(record);
    }

    pub(super) fn tell_result(&self, mut result: CheckResult) {
        if let Some(saved) = &self.saved {
            saved.compare(&mut result);
        }
        let state = result.finding.state;
        let count = match (result.ok, state) {
            (true, _) => &self.ok,
            (false, State::Unknown) => &self.unknown,
            (false, _) => &self.failed,
        };
        count.set(count.get() + 1);
        *self.by_state.borrow_mut().entry(state).or_default() += 1;
        if !result.ok && self.first_failure.get().is_none() {
            let class = Exit::of_failure(state, result.finding.lack);
            self.first_failure.set(Some(class));
            self.waiter.take().into_iter().for_each(Waker::wake);
        }
        self.diagnosis.see(&result);
        self.tell(Record::Result(Box::new(result)));
    }

    /// Waits until nothing more needs to be known: with `--fail-fast`, the first
    /// failure.
    pub(super) fn is_decided(&self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            if self.options.fail_fast && self.first_failure.get().is_some() {
                return Poll::Ready(());
            }
            self.waiter.set(Some(context.waker().clone()));
            Poll::Pending
        })
    }

    /// Tells what still stands, and the summary; `signal` ended the run.
    pub(super) fn finish(&self, signal: Option<i32>) -> Exit {
        let standing = std::mem::take(&mut *self.standing.borrow_mut());
        for result in standing.into_values() {
            self.tell_result(result);
        }
        let (ok, failed, mut unknown) = (self.ok.get(), self.failed.get(), self.unknown.get());
        let cut_short = self.options.fail_fast && failed + unknown > 0;
        if signal.is_none() && !cut_short {
            // Their tasks broke off, which is logged.
            unknown += self.unsettled.get();
        }
        let checks = ok + failed + unknown;
        // Of a run that was cut short, nobody knows what is gone, nor what the
        // rest would have said.
        let complete = signal.is_none() && !cut_short;
        let gone = self.saved.as_ref().filter(|_| complete).map(Saved::gone);
        let gone = gone.unwrap_or_default();
        let diagnosis = complete.then(|| self.diagnosis.notes());
        let unfinished = signal.and_then(|_| self.unfinished());
        let any_gone = !gone.is_empty();
        let notes = gone.into_iter().chain(unfinished);
        let notes = notes.chain(diagnosis.into_iter().flatten()).collect();
        let exit = match (signal, Exit::of_counts(checks, failed, unknown)) {
            (Some(number), _) => Exit::by_signal(number),
            (None, Exit::Good) if any_gone => Exit::Bad,
            (None, Exit::Nothing) if self.options.allow_empty => Exit::Good,
            (None, Exit::Bad | Exit::Unknown) if self.deadline.is_some() => Exit::Deadline,
            (None, Exit::Bad) if self.options.exit_detail => self.detail(),
            (None, exit) => exit,
        };
        self.tell(Record::Summary(Summary {
            checks,
            ok,
            failed,
            unknown,
            by_state: self.by_state.borrow().clone(),
            elapsed: now().saturating_duration_since(self.started),
            notes,
            exit,
        }));
        exit
    }

    /// What an interrupted run leaves undone, in words.
    fn unfinished(&self) -> Option<String> {
        let begun = self.begun.borrow();
        let mut names: Vec<String> = begun.values().take(MOST_NAMED).cloned().collect();
        let more = begun.len() - names.len() + self.ahead.get();
        if more > 0 && !names.is_empty() {
            names.push(format!("{more} more"));
        }
        (!names.is_empty()).then(|| format!("interrupted before it was done: {}", enumerate(names)))
    }

    fn detail(&self) -> Exit {
        self.first_failure.get().unwrap_or(Exit::Bad)
    }
}

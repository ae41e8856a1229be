//! One target: rounds of attempts at each of its ports and addresses.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::target::Target;
use super::{Key, Run};
use crate::finding::{Attempt, CheckResult, Evidence, Expected, Phases, Record, State, Transition};
use crate::net::{Begun, Failure, Opened, ResolveError, Resolved, begin_connect, resolve};
use crate::reactor::{TaskGroup, now, sleep, timeout, yield_now};

/// Ports tried in one go, after which others get their turn.
const PORTS_AT_A_STRETCH: u32 = 64;

/// How long to wait for somebody to give a descriptor or a port back.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(20);

/// The least time between two rounds: less would leave no turn to others.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Checks a target: one round, or with `--wait` as many as it takes. What is
/// still under way holds up no further round of the others.
pub(super) async fn run_target(run: Rc<Run>, index: usize, target: Rc<Target>) {
    let task = Rc::new(TargetRun {
        run,
        index,
        target,
        passed: RefCell::default(),
        under_way: RefCell::default(),
        was_unresolved: Cell::default(),
    });
    let pending = TaskGroup::new();
    let interval = task.run.options.interval.max(SHORTEST_INTERVAL);
    loop {
        let next_round = sleep(interval);
        task.start_round(&pending).await;
        let Some(deadline) = task.run.deadline else {
            return pending.join().await;
        };
        let left = || deadline.saturating_duration_since(now());
        let settled = timeout(interval.min(left()), pending.join()).await;
        if settled.is_ok() && !task.is_standing() {
            return;
        }
        let _ = timeout(left(), next_round).await;
        if left().is_zero() {
            // Attempts end with the deadline by themselves.
            return pending.join().await;
        }
    }
}

/// A target in its run.
struct TargetRun {
    run: Rc<Run>,
    index: usize,
    target: Rc<Target>,
    /// While waiting: what need not be tried again.
    passed: RefCell<BTreeSet<Key>>,
    /// What a task of its own has yet to settle.
    under_way: RefCell<BTreeSet<Key>>,
    /// The name had no address a moment ago, and whatever it has now changed.
    was_unresolved: Cell<bool>,
}

/// What an attempt came to.
struct Verdict {
    state: State,
    evidence: Evidence,
    connect: Option<Duration>,
    /// It had less time than an attempt should have.
    hurried: bool,
}

impl TargetRun {
    /// Tries whatever has neither passed nor is under way; what takes time
    /// goes on in `pending`.
    async fn start_round(self: &Rc<Self>, pending: &TaskGroup) {
        let limit = self.run.patience();
        let hurried = limit < self.run.options.timeout;
        match resolve(&self.target.host, 0, self.run.options.families, limit).await {
            Ok(resolved) => self.start_all(resolved, pending).await,
            // Cut short by the deadline, it knows less than the one before.
            Err(error) if error.cut_short && hurried && self.is_standing() => {}
            Err(error) => self.unresolved(error),
        }
    }

    /// Drops what stood for addresses that the name no longer has.
    fn forget_others(&self, addresses: &[SocketAddr]) {
        let unresolved = (self.index, 0, None);
        if self.run.standing.borrow().contains_key(&unresolved) {
            self.was_unresolved.set(true);
        }
        let known = |address: SocketAddr| addresses.iter().any(|it| it.ip() == address.ip());
        let mut standing = self.run.standing.borrow_mut();
        standing.retain(|key, _| key.0 != self.index || key.2.is_some_and(known));
    }

    /// Whether anything of this target is not as expected yet.
    fn is_standing(&self) -> bool {
        let standing = self.run.standing.borrow();
        let keys = (self.index, 0, None)..(self.index + 1, 0, None);
        standing.range(keys).next().is_some()
    }

    async fn start_all(self: &Rc<Self>, resolved: Resolved, pending: &TaskGroup) {
        self.forget_others(&resolved.addresses);
        let resolved = Rc::new(resolved);
        let ports = self.target.ports.iter().cloned().flatten();
        for (port, number) in ports.zip(1..) {
            if self.run.options.any && resolved.addresses.len() > 1 {
                let (task, resolved) = (Rc::clone(self), Rc::clone(&resolved));
                task.spawn(pending, (task.index, port, None), async move |task| {
                    task.try_any(&resolved, port).await;
                });
            } else {
                for address in resolved.at_port(port) {
                    self.start(address, &resolved, pending).await;
                }
            }
            if number % PORTS_AT_A_STRETCH == 0 {
                yield_now().await;
            }
        }
    }

    /// Lets `work` go on in `pending`, unless the same is under way already.
    fn spawn(
        self: &Rc<Self>,
        pending: &TaskGroup,
        key: Key,
        work: impl AsyncFnOnce(&Rc<Self>) + 'static,
    ) {
        if !self.under_way.borrow_mut().insert(key) {
            return;
        }
        let task = Rc::clone(self);
        task.run.unsettled.set(task.run.unsettled.get() + 1);
        pending.spawn(async move {
            work(&task).await;
            task.under_way.borrow_mut().remove(&key);
            task.run.unsettled.set(task.run.unsettled.get() - 1);
        });
    }

    /// Starts one attempt. What is decided at once needs no task: that makes a
    /// scan of closed ports cheap.
    async fn start(
        self: &Rc<Self>,
        address: SocketAddr,
        resolved: &Rc<Resolved>,
        pending: &TaskGroup,
    ) {
        let key = (self.index, address.port(), Some(address));
        if self.has_passed(address) || self.under_way.borrow().contains(&key) {
            return;
        }
        let permit = self.run.limit.acquire().await;
        let limit = self.run.patience();
        match begin_connect(address) {
            Begun::Done(outcome) if !is_exhaustion(&outcome) => {
                self.settle(address, resolved, outcome.into());
            }
            begun => {
                let resolved = Rc::clone(resolved);
                self.spawn(pending, key, async move |task| {
                    let verdict = task.finish(begun, address, limit).await;
                    drop(permit);
                    task.settle(address, &resolved, verdict);
                });
            }
        }
    }

    /// All addresses of one port; one that is as expected is enough.
    async fn try_any(self: &Rc<Self>, resolved: &Rc<Resolved>, port: u16) {
        if resolved.at_port(port).all(|it| self.has_passed(it)) {
            return;
        }
        let results = Rc::new(RefCell::new(Vec::new()));
        let addresses = TaskGroup::new();
        for address in resolved.at_port(port) {
            let (task, resolved) = (Rc::clone(self), Rc::clone(resolved));
            let results = Rc::clone(&results);
            addresses.spawn(async move {
                let permit = task.run.limit.acquire().await;
                let limit = task.run.patience();
                let verdict = task.finish(begin_connect(address), address, limit).await;
                drop(permit);
                task.tell_attempt(address, &verdict);
                let hurried = verdict.hurried;
                let result = task.result(address, &resolved, verdict);
                results.borrow_mut().push((result, hurried));
            });
        }
        addresses.join().await;
        let results = results.take();
        let enough = results.iter().any(|(result, _)| result.ok);
        for (mut result, hurried) in results {
            result.ok |= enough;
            if result.ok || !(hurried && self.stands(&result)) {
                self.note(result);
            }
        }
    }

    /// Waits for what is pending. A machine that ran out of descriptors or
    /// ports tries again until `limit`: that says nothing about the target.
    async fn finish(&self, mut begun: Begun, address: SocketAddr, limit: Duration) -> Verdict {
        let deadline = now() + limit;
        let mut allowed = limit;
        loop {
            let outcome = match begun {
                Begun::Done(outcome) => outcome,
                Begun::Pending(connecting) => connecting.finish(allowed).await,
            };
            let left = deadline.saturating_duration_since(now());
            // Alone, nobody of ours is left who could give a descriptor back.
            let alone = self.run.limit.out() <= 1;
            if !is_exhaustion(&outcome) || alone || left.is_zero() {
                let verdict = Verdict::from(outcome);
                return Verdict {
                    hurried: limit < self.run.options.timeout && verdict.state == State::Filtered,
                    ..verdict
                };
            }
            sleep(EXHAUSTED_PAUSE.min(left)).await;
            allowed = deadline.saturating_duration_since(now());
            begun = begin_connect(address);
        }
    }

    /// With `-v` every attempt is told, also those that a later one outdoes.
    fn tell_attempt(&self, address: SocketAddr, verdict: &Verdict) {
        if log::log_enabled!(log::Level::Info) {
            (self.run.tell)(Record::Attempt(Attempt {
                target: self.target.with_port(address.port()),
                address,
                family: address.into(),
                state: verdict.state,
                evidence: verdict.evidence.clone(),
                connect: verdict.connect,
                winner: false,
            }));
        }
    }

    fn has_passed(&self, address: SocketAddr) -> bool {
        let key = (self.index, address.port(), Some(address));
        self.run.deadline.is_some() && self.passed.borrow().contains(&key)
    }

    fn settle(&self, address: SocketAddr, resolved: &Resolved, verdict: Verdict) {
        self.tell_attempt(address, &verdict);
        let hurried = verdict.hurried;
        let result = self.result(address, resolved, verdict);
        // Cut short by the deadline, it knows less than the one before.
        if !(hurried && self.stands(&result)) {
            self.note(result);
        }
    }

    /// Whether an earlier result of the same port and address stands.
    fn stands(&self, result: &CheckResult) -> bool {
        let key = self.key(result);
        self.run.standing.borrow().contains_key(&key)
    }

    fn key(&self, result: &CheckResult) -> Key {
        let port = result.address.map_or(0, |it| it.port());
        (self.index, port, result.address)
    }

    fn result(&self, address: SocketAddr, resolved: &Resolved, verdict: Verdict) -> CheckResult {
        let expected = self.target.expected;
        CheckResult {
            target: self.target.with_port(address.port()),
            address: Some(address),
            family: Some(address.into()),
            state: verdict.state,
            expected,
            // Silence that was cut short is no proof of a filter.
            ok: expected.allows(verdict.state) && (!verdict.hurried || expected == Expected::Any),
            evidence: verdict.evidence,
            attempts: 1,
            flaky: false,
            phases: Phases {
                resolve: resolved.took,
                connect: verdict.connect,
                total: total(resolved.took, verdict.connect),
                ..Phases::default()
            },
            tls: None,
            http: None,
            seen: None,
        }
    }

    /// One result for all ports: none of them could be tried.
    fn unresolved(&self, error: ResolveError) {
        let before = (self.index, 0, None);
        self.run
            .standing
            .borrow_mut()
            .retain(|key, _| key.0 != self.index || *key == before);
        let expected = self.target.expected;
        // A name that is not there may well be what `down` expects.
        let ok = matches!(expected, Expected::Down | Expected::Any);
        self.note(CheckResult {
            target: self.target.to_string(),
            address: None,
            family: None,
            state: State::Unresolved,
            expected,
            ok,
            evidence: Evidence {
                reason: Some(error.reason.into()),
                hint: Some(error.hint.into()),
                ..Evidence::default()
            },
            attempts: 1,
            flaky: false,
            phases: Phases {
                resolve: Some(error.took),
                total: Some(error.took),
                ..Phases::default()
            },
            tls: None,
            http: None,
            seen: None,
        });
    }

    /// Tells a result that is final; of others, while waiting, what changed.
    fn note(&self, mut result: CheckResult) {
        if self.run.deadline.is_none() {
            return self.run.tell_result(result);
        }
        let key = self.key(&result);
        let before = self.run.standing.borrow_mut().remove(&key);
        if let Some(before) = &before {
            result.attempts += before.attempts;
        }
        let appeared = result.address.is_some() && self.was_unresolved.take();
        let from = match before {
            Some(before) => Some(before.state),
            None => appeared.then_some(State::Unresolved),
        };
        // Passing at the first look is no change.
        if from != Some(result.state) && (from.is_some() || !result.ok) {
            (self.run.tell)(Record::Transition(Transition {
                target: result.target.clone(),
                address: result.address,
                from,
                to: result.state,
                at: now().saturating_duration_since(self.run.started),
            }));
        }
        if result.ok {
            self.passed.borrow_mut().insert(key);
            self.run.tell_result(result);
        } else {
            self.run.standing.borrow_mut().insert(key, result);
        }
    }
}

fn is_exhaustion(outcome: &Result<Opened, Failure>) -> bool {
    outcome.as_ref().is_err_and(Failure::is_exhaustion)
}

impl From<Result<Opened, Failure>> for Verdict {
    fn from(outcome: Result<Opened, Failure>) -> Self {
        let (state, evidence, took) = match outcome {
            Ok(opened) => (State::Open, opened.evidence.clone(), opened.took),
            Err(failure) => (failure.state, failure.evidence, failure.took),
        };
        Self {
            state,
            evidence,
            connect: Some(took),
            hurried: false,
        }
    }
}

fn total(resolve: Option<Duration>, connect: Option<Duration>) -> Option<Duration> {
    Some(resolve.unwrap_or_default() + connect?)
}

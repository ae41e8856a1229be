//! One host of a target: rounds of attempts at each of its ports and addresses.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Check;
use super::attempt::{Attempts, Verdict};
use super::run::{Key, Run};
use crate::finding::{CheckResult, Expected, Family, Finding, Phases, Record, State, Transition};
use crate::net::{Begun, ResolveError, Resolved, UnixAddress, begin_connect, resolve};
use crate::probe::{Place, Transport};
use crate::reactor::{TaskGroup, now, sleep, timeout, yield_now};
use crate::units;

/// Ports tried in one go, after which others get their turn.
const PORTS_AT_A_STRETCH: u32 = 64;

/// The least time between two rounds: less would leave no turn to others.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Checks a host: one round, or with `--wait` as many as it takes. What is
/// still under way holds up no further round of the others.
pub(super) async fn run_target(run: Rc<Run>, index: usize, check: Rc<Check>, host: String) {
    let task = Rc::new(HostRun {
        run,
        index,
        check,
        host,
        passed: RefCell::default(),
        held: RefCell::default(),
        under_way: RefCell::default(),
        was_unresolved: Cell::default(),
    });
    let pending = TaskGroup::new();
    let mut interval = task.run.options.interval.max(SHORTEST_INTERVAL);
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
        if let Some(longest) = task.run.options.backoff {
            interval = (2 * interval).min(longest.max(interval));
        }
    }
}

/// A host of a target in its run.
struct HostRun {
    run: Rc<Run>,
    index: usize,
    check: Rc<Check>,
    host: String,
    /// While waiting: what need not be tried again.
    passed: RefCell<BTreeSet<Key>>,
    /// With `--stable`: since when it is as expected without a break.
    held: RefCell<BTreeMap<Key, Instant>>,
    /// What a task of its own has yet to settle.
    under_way: RefCell<BTreeSet<Key>>,
    /// The name had no address a moment ago, and whatever it has now changed.
    was_unresolved: Cell<bool>,
}

impl HostRun {
    /// Tries whatever has neither passed nor is under way; what takes time
    /// goes on in `pending`.
    async fn start_round(self: &Rc<Self>, pending: &TaskGroup) {
        if self.check.target.scheme.transport == Transport::Unix {
            let place = Place::Unix(UnixAddress::new(self.host.as_str()));
            return self.start(place, None, pending).await;
        }
        let settings = &self.check.settings;
        let limit = self.run.patience(settings.timeout);
        let hurried = limit < settings.timeout;
        let (resolved, attempts) = self.resolve(limit).await;
        match resolved {
            Ok(resolved) => self.start_all(resolved, pending).await,
            // Cut short by the deadline, it knows less than the one before.
            Err(error) if error.cut_short && hurried && self.is_standing() => {}
            Err(error) => self.unresolved(error, attempts),
        }
    }

    /// Looks the name up, again as often as `--retries` allows; and how often it
    /// did.
    async fn resolve(&self, limit: Duration) -> (Result<Resolved, ResolveError>, u32) {
        let settings = &self.check.settings;
        let allowed = match self.run.deadline {
            Some(_) => 0,
            None => settings.retries,
        };
        let mut attempts = 1;
        loop {
            let resolved = resolve(&self.host, 0, settings.families, limit).await;
            if resolved.is_ok() || attempts > allowed {
                return (resolved, attempts);
            }
            attempts += 1;
            sleep(self.run.options.interval).await;
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

    /// Whether anything of this host is not as expected yet.
    fn is_standing(&self) -> bool {
        let standing = self.run.standing.borrow();
        let keys = (self.index, 0, None)..(self.index + 1, 0, None);
        standing.range(keys).next().is_some()
    }

    async fn start_all(self: &Rc<Self>, resolved: Resolved, pending: &TaskGroup) {
        self.forget_others(&resolved.addresses);
        let resolved = Rc::new(resolved);
        for (port, number) in self.check.target.ports.iter().zip(1..) {
            if self.check.settings.any && resolved.addresses.len() > 1 {
                let (task, resolved) = (Rc::clone(self), Rc::clone(&resolved));
                task.spawn(pending, (task.index, port, None), async move |task| {
                    task.try_any(&resolved, port).await;
                });
            } else {
                for address in resolved.at_port(port) {
                    self.start(Place::Ip(address), resolved.took, pending).await;
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
    async fn start(self: &Rc<Self>, place: Place, resolve: Option<Duration>, pending: &TaskGroup) {
        let key = self.key(&place);
        if self.has_passed(&key) || self.under_way.borrow().contains(&key) {
            return;
        }
        let turn = self.run.pace.turn(place.ip()).await;
        let limit = self.run.patience(self.check.settings.timeout);
        let begun = match (&place, self.check.asks()) {
            (Place::Ip(address), false) => Some(begin_connect(*address)),
            _ => None,
        };
        let attempts = self.attempts(&place, resolve);
        match begun {
            Some(Begun::Done(outcome)) if attempts.can_stand(&outcome) => {
                let verdict = attempts.at_once(outcome, limit);
                self.settle(&place, resolve, verdict);
            }
            begun => self.spawn(pending, key, async move |task| {
                let attempts = task.attempts(&place, resolve);
                let verdict = attempts.finish(begun, limit).await;
                drop(turn);
                task.settle(&place, resolve, verdict);
            }),
        }
    }

    fn attempts<'a>(&'a self, place: &'a Place, resolve: Option<Duration>) -> Attempts<'a> {
        Attempts {
            run: &self.run,
            check: &self.check,
            host: &self.host,
            place,
            resolve,
        }
    }

    /// All addresses of one port; one that is as expected is enough.
    async fn try_any(self: &Rc<Self>, resolved: &Rc<Resolved>, port: u16) {
        let places = || resolved.at_port(port).map(Place::Ip);
        if places().all(|it| self.has_passed(&self.key(&it))) {
            return;
        }
        let took = resolved.took;
        let results = Rc::new(RefCell::new(Vec::new()));
        let addresses = TaskGroup::new();
        for place in places() {
            let task = Rc::clone(self);
            let results = Rc::clone(&results);
            addresses.spawn(async move {
                let turn = task.run.pace.turn(place.ip()).await;
                let limit = task.run.patience(task.check.settings.timeout);
                let verdict = task.attempts(&place, took).finish(None, limit).await;
                drop(turn);
                let hurried = verdict.hurried;
                let result = task.result(&place, took, verdict);
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

    fn has_passed(&self, key: &Key) -> bool {
        self.run.deadline.is_some() && self.passed.borrow().contains(key)
    }

    fn settle(&self, place: &Place, resolve: Option<Duration>, verdict: Verdict) {
        let hurried = verdict.hurried;
        let result = self.result(place, resolve, verdict);
        // Cut short by the deadline, it knows less than the one before.
        if !(hurried && self.stands(&result)) {
            self.note(result);
        }
    }

    /// Whether an earlier result of the same port and address stands.
    fn stands(&self, result: &CheckResult) -> bool {
        let key = self.key_of(result);
        self.run.standing.borrow().contains_key(&key)
    }

    fn key(&self, place: &Place) -> Key {
        match place {
            Place::Ip(address) => (self.index, address.port(), Some(*address)),
            Place::Unix(_) => (self.index, 0, None),
        }
    }

    fn key_of(&self, result: &CheckResult) -> Key {
        let port = result.address.map_or(0, |it| it.port());
        (self.index, port, result.address)
    }

    fn result(&self, place: &Place, resolve: Option<Duration>, verdict: Verdict) -> CheckResult {
        let expected = self.check.target.expected;
        let ok = verdict.is_as(expected);
        let (address, family) = match place {
            Place::Ip(address) => (Some(*address), (*address).into()),
            Place::Unix(_) => (None, Family::Unix),
        };
        let mut finding = verdict.finding;
        let Phases { connect, total, .. } = finding.phases;
        finding.phases.resolve = resolve;
        let asked = total.or(connect);
        finding.phases.total = asked.map(|it| it + resolve.unwrap_or_default());
        if let (Some(address), false) = (address, ok) {
            let transport = self.check.target.scheme.transport;
            self.run.diagnosis.explain(transport, address, &mut finding);
        }
        CheckResult {
            name: self.check.name.clone(),
            target: self.check.target.one(&self.host, place.port()),
            address,
            family: Some(family),
            expected,
            ok,
            was: None,
            attempts: verdict.attempts,
            flaky: ok && verdict.attempts > 1,
            finding,
        }
    }

    /// One result for all ports: none of them could be tried.
    fn unresolved(&self, error: ResolveError, attempts: u32) {
        let before = (self.index, 0, None);
        self.run
            .standing
            .borrow_mut()
            .retain(|key, _| key.0 != self.index || *key == before);
        let expected = self.check.target.expected;
        let mut finding = Finding::new(State::Unresolved)
            .but(State::Unresolved, error.reason)
            .hinting(error.hint);
        finding.phases.resolve = Some(error.took);
        finding.phases.total = Some(error.took);
        self.note(CheckResult {
            name: self.check.name.clone(),
            target: self.check.target.all_of(&self.host),
            address: None,
            family: None,
            expected,
            // A name that is not there may well be what `down` expects; a resolver
            // that cannot say proves nothing.
            ok: match expected {
                Expected::Down => error.is_known,
                expected => expected == Expected::Any,
            },
            was: None,
            attempts,
            flaky: false,
            finding,
        });
    }

    /// Tells a result that is final; of others, while waiting, what changed.
    fn note(&self, mut result: CheckResult) {
        if self.run.deadline.is_none() {
            return self.run.tell_result(result);
        }
        let key = self.key_of(&result);
        let before = self.run.standing.borrow_mut().remove(&key);
        if let Some(before) = &before {
            result.attempts += before.attempts;
        }
        let appeared = result.address.is_some() && self.was_unresolved.take();
        let from = match before {
            Some(before) => Some(before.finding.state),
            None => appeared.then_some(State::Unresolved),
        };
        let to = result.finding.state;
        self.hold(key, &mut result);
        // Passing at the first look is no change.
        if from != Some(to) && (from.is_some() || !result.ok) {
            self.run.tell(Record::Transition(Transition {
                name: result.name.clone(),
                target: result.target.clone(),
                address: result.address,
                from,
                to,
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

    /// With `--stable`: a result that is as expected, but has not been for long
    /// enough, is not good yet.
    fn hold(&self, key: Key, result: &mut CheckResult) {
        let Some(needed) = self.run.options.stable else {
            return;
        };
        if !result.ok {
            self.held.borrow_mut().remove(&key);
            return;
        }
        let since = *self.held.borrow_mut().entry(key).or_insert_with(now);
        let lasted = now().saturating_duration_since(since);
        if lasted < needed {
            result.ok = false;
            let (lasted, needed) = (units::Latency(lasted), units::limit(needed));
            let reason = format!("as expected for {lasted} so far, not yet for {needed}");
            result.finding.evidence.reason = Some(reason.into());
        }
    }
}

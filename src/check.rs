//! Judging: are these targets in the state they should be in?
//!
//! Every address of a name is checked on its own, as many at once as the
//! machine allows, and told the moment it is known. With `--wait` whatever is
//! not as expected is tried again until it is, or until the deadline.

mod limits;
mod round;
mod target;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::finding::{CheckResult, Exit, Record, State, Summary};
use crate::net::Families;
use crate::reactor::{Limit, TaskGroup, now, signals};
use crate::units::{parse_duration, parse_positive_duration};

pub use target::{Target, TargetError};

/// More checks than this are asked for by mistake, or with `--max-checks`.
const MOST_CHECKS: usize = 65_536;

/// Options of `netkit check`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// What to check: `HOST:PORTS[=STATE]`, such as `web:80,443` or `[::1]:8000-8010=closed`
    ///
    /// STATE is what is expected: open (default), closed, filtered, down or any.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Which families to check.
    #[command(flatten)]
    pub families: Families,
    /// One address of a name that is as expected is enough
    #[arg(long)]
    pub any: bool,
    /// How long one attempt may take, and one look-up of a name
    #[arg(long, short, value_name = "TIME", default_value = "3s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// Keep trying until everything is as expected, at most for TIME
    #[arg(long, short, value_name = "TIME", value_parser = parse_positive_duration)]
    pub wait: Option<Duration>,
    /// Time between two attempts of --wait
    #[arg(long, short, value_name = "TIME", default_value = "500ms", value_parser = parse_duration)]
    pub interval: Duration,
    /// Connections at once [default: as many as descriptors and ephemeral ports allow]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub parallel: Option<u32>,
    /// Allow more than 65,536 checks
    #[arg(long, value_name = "N", default_value_t = MOST_CHECKS)]
    pub max_checks: usize,
    /// Nothing to check is no failure
    #[arg(long)]
    pub allow_empty: bool,
}

/// Checks that are understood and can be run.
pub struct Checks {
    targets: Vec<Rc<Target>>,
    options: Options,
}

/// Reads every target before anything is sent.
///
/// # Errors
/// A target cannot be understood, or there are too many checks.
pub fn prepare(options: &Options) -> anyhow::Result<Checks> {
    let targets: Vec<Rc<Target>> = options
        .targets
        .iter()
        .map(|text| Target::parse(text).map(Rc::new))
        .collect::<Result<_, _>>()?;
    let checks = Checks {
        targets,
        options: options.clone(),
    };
    let (count, most) = (checks.count(), options.max_checks);
    ensure!(
        count <= most,
        "{count} checks are more than {most} (hint: if that is what you want, --max-checks {count})"
    );
    Ok(checks)
}

impl Checks {
    /// How many ports are to be checked; each at every address of its host.
    #[must_use]
    pub fn count(&self) -> usize {
        self.targets.iter().map(|it| it.port_count()).sum()
    }

    /// Runs all of them; `tell` gets each result the moment it is known, and
    /// the summary at last. SIGINT and SIGTERM end it early, with a partial
    /// summary.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub async fn run(self, tell: Rc<dyn Fn(Record)>) -> anyhow::Result<Exit> {
        let run = Rc::new(Run::new(&self.options, tell));
        let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
        let targets = TaskGroup::new();
        for (index, target) in self.targets.into_iter().enumerate() {
            targets.spawn(round::run_target(Rc::clone(&run), index, target));
        }
        let finished = async {
            targets.join().await;
            Ok(None)
        };
        let interrupted = async { interrupts.next().await.map(Some) };
        let signal = future::or(finished, interrupted).await?;
        drop(targets);
        Ok(run.finish(signal))
    }
}

/// One port of one target, at one address or, unresolved, at none.
type Key = (usize, u16, Option<std::net::SocketAddr>);

/// What the checks of a run share.
struct Run {
    options: Options,
    started: Instant,
    deadline: Option<Instant>,
    limit: Limit,
    tell: Rc<dyn Fn(Record)>,
    ok: Cell<usize>,
    failed: Cell<usize>,
    unknown: Cell<usize>,
    by_state: RefCell<BTreeMap<State, usize>>,
    /// Attempts that have a task and no verdict yet.
    unsettled: Cell<usize>,
    /// While waiting: the last result of whatever is not as expected yet.
    standing: RefCell<BTreeMap<Key, CheckResult>>,
}

impl Run {
    fn new(options: &Options, tell: Rc<dyn Fn(Record)>) -> Self {
        let parallel = limits::parallel(options.parallel);
        log::info!("at most {parallel} connections at once");
        let started = now();
        Self {
            deadline: options.wait.map(|wait| started + wait),
            options: options.clone(),
            started,
            limit: Limit::new(parallel),
            tell,
            ok: Cell::default(),
            failed: Cell::default(),
            unknown: Cell::default(),
            by_state: RefCell::default(),
            unsettled: Cell::default(),
            standing: RefCell::default(),
        }
    }

    /// How long an attempt that starts now may take.
    fn patience(&self) -> Duration {
        match self.deadline {
            Some(deadline) => deadline
                .saturating_duration_since(now())
                .min(self.options.timeout),
            None => self.options.timeout,
        }
    }

    fn tell_result(&self, result: CheckResult) {
        let count = match (result.ok, result.state) {
            (true, _) => &self.ok,
            (false, State::Unknown) => &self.unknown,
            (false, _) => &self.failed,
        };
        count.set(count.get() + 1);
        *self.by_state.borrow_mut().entry(result.state).or_default() += 1;
        (self.tell)(Record::Result(Box::new(result)));
    }

    /// Tells what still stands, and the summary; `signal` ended the run.
    fn finish(&self, signal: Option<i32>) -> Exit {
        let standing = std::mem::take(&mut *self.standing.borrow_mut());
        for result in standing.into_values() {
            self.tell_result(result);
        }
        let (ok, failed, mut unknown) = (self.ok.get(), self.failed.get(), self.unknown.get());
        if signal.is_none() {
            // Their tasks broke off, which is logged.
            unknown += self.unsettled.get();
        }
        let checks = ok + failed + unknown;
        let exit = match (signal, Exit::of_counts(checks, failed, unknown)) {
            (Some(number), _) => Exit::by_signal(number),
            (None, Exit::Nothing) if self.options.allow_empty => Exit::Good,
            (None, Exit::Bad | Exit::Unknown) if self.deadline.is_some() => Exit::Deadline,
            (None, exit) => exit,
        };
        (self.tell)(Record::Summary(Summary {
            checks,
            ok,
            failed,
            unknown,
            by_state: self.by_state.borrow().clone(),
            elapsed: now().saturating_duration_since(self.started),
            exit,
        }));
        exit
    }
}

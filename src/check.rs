//! Judging: are these targets in the state they should be in?
//!
//! Every address of a name is checked on its own, as many at once as the
//! machine allows, and told the moment it is known. With `--wait` whatever is
//! not as expected is tried again until it is, or until the deadline.

mod attempt;
mod diagnosis;
mod explain;
mod limits;
mod pace;
mod plan;
mod round;
mod run;
mod saved;
mod settings;
mod sources;
mod target;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{bail, ensure};
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::finding::{Exit, Record};
use crate::probe::Question;
use crate::reactor::{TaskGroup, signals, yield_now};
use crate::units::{parse_duration, parse_positive_duration};

use run::Run;
use saved::Saved;

pub use plan::{PlanErrors, Planned, load as load_plan, read as read_plan};
pub use settings::Settings;
pub use target::{Hosts, Numbers, Part, Ports, Target, TargetError};

/// More checks than this are asked for by mistake, or with `--max-checks`.
const MOST_CHECKS: usize = 65_536;

/// The turns of the loop in which one port of loopback has answered.
const TURNS_OF_ONE_PORT: u32 = 2;

/// Options of `netkit check`.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[group(skip)]
pub struct Options {
    /// What to check: `[NAME://]HOST[:PORTS][=STATE]` or `NAME://HOST/PATH`, such as `web:80,443`,
    /// `10.0.0.0/28:22=filtered`, `web[1-8]:http` or `https://web/health`; `-` reads
    /// targets from standard input
    ///
    /// NAME is tcp (default), udp, tls, http, https, unix, dns, echo, peer, coordinator,
    /// listing or cluster. STATE is what is expected: open (default), closed, filtered, down or any.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Read targets from FILE too, one or more a line; `#` begins a comment
    #[arg(long = "targets", value_name = "FILE")]
    pub targets_file: Vec<PathBuf>,
    /// Read checks from a plan too: TOML, or JSON of the same shape; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub plan: Vec<PathBuf>,
    /// Of the plans, run only what has this tag
    #[arg(long, value_name = "TAG")]
    pub only: Vec<String>,
    /// Say in words what would be checked, also by PLAN, and send nothing
    #[arg(long, value_name = "PLAN", num_args = 0..=1,
          conflicts_with_all = ["format", "save", "diff", "command", "wait"])]
    pub explain: Option<Option<PathBuf>>,
    /// Keep trying until everything is as expected, at most for TIME
    #[arg(long, short, value_name = "TIME", value_parser = parse_positive_duration)]
    pub wait: Option<Duration>,
    /// Time between two attempts of --wait and --retries
    #[arg(long, short, value_name = "TIME", default_value = "500ms", value_parser = parse_duration)]
    pub interval: Duration,
    /// Double the interval after each round of --wait, up to TIME
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration, requires = "wait")]
    pub backoff: Option<Duration>,
    /// With --wait: pass only what has been as expected for TIME without a break
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration, requires = "wait")]
    pub stable: Option<Duration>,
    /// Connections at once [default: as many as descriptors and ephemeral ports allow]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub parallel: Option<u32>,
    /// Connections at once to one address [default: no such limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub per_host: Option<u32>,
    /// New connections a second at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// End at the first check that is not as expected
    #[arg(long, conflicts_with = "wait")]
    pub fail_fast: bool,
    /// Tell only what changed since FILE was saved, and fail if anything did
    #[arg(long, value_name = "FILE", conflicts_with = "wait")]
    pub diff: Option<PathBuf>,
    /// Allow more than 65,536 checks
    #[arg(long, value_name = "N", default_value_t = MOST_CHECKS)]
    pub max_checks: usize,
    /// Nothing to check is no failure
    #[arg(long)]
    pub allow_empty: bool,
    /// Tell by the exit status what failed first: 10 refused, 11 timeout, 12 unreachable,
    /// 13 name, 14 reset, 15 protocol, 16 TLS
    #[arg(long)]
    pub exit_detail: bool,
    /// Run this when everything is as expected, in netkit's place
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// How each target is checked; last, as its parts have headings in help.
    #[command(flatten)]
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            targets_file: Vec::new(),
            plan: Vec::new(),
            only: Vec::new(),
            explain: None,
            settings: Settings::default(),
            wait: None,
            interval: Duration::from_millis(500),
            backoff: None,
            stable: None,
            parallel: None,
            per_host: None,
            rate: None,
            fail_fast: false,
            diff: None,
            max_checks: MOST_CHECKS,
            allow_empty: false,
            exit_detail: false,
            command: Vec::new(),
        }
    }
}

/// One target, understood, with what is asked of it.
pub struct Check {
    /// What a plan calls it.
    pub name: Option<Rc<str>>,
    /// What is checked, and the state it should be in.
    pub target: Target,
    /// How.
    pub settings: Rc<Settings>,
    /// What is asked once it is connected.
    question: Question,
}

/// Checks that are understood and can be run.
pub struct Checks {
    all: Vec<Rc<Check>>,
    saved: Option<Saved>,
    options: Options,
}

impl Check {
    /// A check of `target`.
    ///
    /// # Errors
    /// The settings, or the target's path, make no sense: in words.
    pub fn new(
        name: Option<Rc<str>>,
        target: Target,
        settings: &Rc<Settings>,
    ) -> Result<Self, String> {
        if let Some(other) = other_family(&target, settings) {
            return Err(format!("cannot check `{target}`: {other}"));
        }
        let prepared = (target.scheme.prepare)(target.path.as_deref(), &settings.ask);
        let question = prepared.map_err(|error| format!("cannot check `{target}`: {error}"))?;
        Ok(Self {
            name,
            target,
            settings: Rc::clone(settings),
            question,
        })
    }

    /// Whether anything is asked once it is connected.
    fn asks(&self) -> bool {
        self.question.is_some()
    }
}

/// Why an address can never be asked in the family that is wanted; names and
/// networks say so by themselves.
fn other_family(target: &Target, settings: &Settings) -> Option<String> {
    let host = target.hosts.iter().next()?;
    let address = host.split('%').next()?.parse::<IpAddr>().ok()?;
    let option = match settings.families {
        families if families.only_v6 && address.is_ipv4() => "-6",
        families if families.only_v4 && address.is_ipv6() => "-4",
        _ => return None,
    };
    Some(format!(
        "its address is not of the family that {option} asks for"
    ))
}

/// Reads every target before anything is sent.
///
/// # Errors
/// A target cannot be understood, or there are too many checks.
pub fn prepare(options: &Options) -> anyhow::Result<Checks> {
    let settings = Rc::new(options.settings.clone());
    let mut checks = Vec::new();
    for target in sources::read(&options.targets, &options.targets_file)? {
        let check = Check::new(None, target, &settings).map_err(anyhow::Error::msg)?;
        checks.push(Rc::new(check));
    }
    let explained = options.explain.iter().flatten();
    if let Some(path) = explained.clone().find(|it| !it.exists()) {
        let path = path.display();
        bail!("there is no plan `{path}` (hint: to explain targets, put --explain behind them)");
    }
    let plans: Vec<&PathBuf> = options.plan.iter().chain(explained).collect();
    ensure!(
        options.only.is_empty() || !plans.is_empty(),
        "--only picks checks of a plan (hint: give one with --plan FILE)"
    );
    let stdins = plans.iter().filter(|it| it.as_os_str() == "-").count();
    let stdins = stdins + options.targets.iter().filter(|it| *it == "-").count();
    ensure!(
        stdins <= 1,
        "standard input can be read once: one `-`, for targets or for a plan"
    );
    for plan in plans {
        let planned = load_plan(plan, &options.settings)?;
        if let Some(tag) = options
            .only
            .iter()
            .find(|tag| !planned.iter().any(|it| it.tags.contains(tag)))
        {
            let plan = plan.display();
            bail!("no check of the plan `{plan}` has the tag `{tag}`");
        }
        let planned = planned.into_iter();
        let wanted = planned.filter(|it| it.is_tagged(&options.only));
        checks.extend(wanted.map(|it| Rc::new(it.check)));
    }
    if !checks.is_empty() {
        let schemes = checks.iter().map(|it| it.target.scheme);
        let heeded = options.settings.ask.all_reach(schemes);
        heeded.map_err(anyhow::Error::msg)?;
    }
    let saved = options.diff.as_deref().map(Saved::read).transpose()?;
    let checks = Checks {
        all: checks,
        saved,
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
        let counts = self.all.iter().map(|it| it.target.count());
        counts.fold(0, usize::saturating_add)
    }

    /// What has to be so for each of them to pass, a sentence each.
    pub fn sentences(&self) -> impl Iterator<Item = String> + '_ {
        self.all.iter().map(|it| it.sentence())
    }

    /// Runs all of them; `tell` gets each result the moment it is known, and
    /// the summary at last. SIGINT and SIGTERM end it early, with a partial
    /// summary.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub async fn run(self, tell: Rc<dyn Fn(Record)>) -> anyhow::Result<Exit> {
        let count = self.count();
        let run = Rc::new(Run::new(&self.options, count, self.saved, tell));
        let hosts = TaskGroup::new();
        let finished = async {
            let all = async {
                start_hosts(&run, &self.all, &hosts).await;
                hosts.join().await;
            };
            future::or(all, run.is_decided()).await;
            anyhow::Ok(None)
        };
        let interrupted = async {
            // One port that answers at once ends the run before.
            let turns = match (count, run.deadline) {
                (1, None) => TURNS_OF_ONE_PORT,
                _ => 0,
            };
            for _ in 0..turns {
                yield_now().await;
            }
            let mut interrupts = match signals(&[SIGINT, SIGTERM]) {
                Ok(interrupts) => interrupts,
                Err(error) => {
                    log::warn!("cannot wait for signals, one will leave no summary: {error}");
                    future::pending().await
                }
            };
            Ok(Some(interrupts.next().await?))
        };
        let signal = future::or(finished, interrupted).await?;
        drop(hosts);
        Ok(run.finish(signal))
    }
}

/// Starts a task for each host. While waiting every one of them is needed for
/// as long as it takes; else no more than can have a connection each.
async fn start_hosts(run: &Rc<Run>, checks: &[Rc<Check>], hosts: &TaskGroup) {
    let counts = checks.iter().map(|it| it.target.hosts.count());
    run.ahead.set(counts.fold(0, usize::saturating_add));
    let mut index = 0;
    for check in checks {
        for host in check.target.hosts.iter() {
            if run.deadline.is_none() {
                hosts.wait_below(run.pace.most() + 1).await;
            }
            run.ahead.set(run.ahead.get().saturating_sub(1));
            let name = check.target.all_of(&host);
            run.begun.borrow_mut().insert(index, name);
            let (run, check) = (Rc::clone(run), Rc::clone(check));
            hosts.spawn(async move {
                round::run_target(Rc::clone(&run), index, check, host).await;
                run.begun.borrow_mut().remove(&index);
            });
            index += 1;
        }
    }
}

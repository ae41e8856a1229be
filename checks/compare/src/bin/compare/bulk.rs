//! Netcats: netkit beside a bare copy loop and peers.

mod amounts;
mod file;
mod netcats;
mod processes;
mod transfers;

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::thread;

use netkit_compare::descriptors;

use crate::command::Tool;
use crate::goals::{Bound, Goals};
use crate::options::Options;
use crate::placement::Placement;
use crate::programs::{NC, NCAT, Program};
use crate::results::{Results, Sample};
use crate::rounds::{self, CHURN, LARGE, SMALL, Scenario};
use crate::series::Series;
use crate::server::{self, with_cats};
use netcats::names;
use transfers::{FILES, NOWHERE, PIPES, SCENARIOS};

/// What a `cat` for each connection is asked.
const WITH_CATS: [Scenario; 3] = [
    SMALL.named("exec cat, 64 × 64 B"),
    LARGE.named("exec cat, 64 × 16 KiB"),
    CHURN.named("exec cat, churn, 16 at once"),
];

/// The time that a process takes for one check.
const START: &str = "start: one check with -z";

/// Measures everything and prints it; what netkit is to reach is handed back.
pub(crate) fn compare(options: &Options) -> Result<Goals, Box<dyn Error>> {
    // A process for each connection, and pipes to each of them.
    descriptors::raise_limit()?;
    let placement = Placement::new()?;
    let mut goals = Goals::default();
    let netcats = netcats::all(options)?;
    let mut faults = 0.0;
    if SCENARIOS.iter().any(|it| options.wants(it.name)) {
        let results = transfers::measure(options, placement, &netcats)?;
        crate::print(&transfers::tables(&results, options, &netcats));
        transfer_goals(&mut goals, &results);
        faults += results.faults_of(names::NETKIT);
    }
    if WITH_CATS.iter().any(|it| options.wants(it.name)) {
        let servers = with_cats(options);
        let results = rounds::measure(options, placement, &servers, &WITH_CATS);
        let bases: &[_] = &[server::names::NCAT, server::names::SOCAT_EXEC];
        let tables = rounds::tables(&results, options, &servers, &WITH_CATS, [bases, bases]);
        crate::print(&tables);
        exec_goals(&mut goals, &results);
        faults += results.faults_of(names::NETKIT);
    }
    if options.wants(START) {
        start(options, placement, &mut goals)?;
    }
    if options.wants(amounts::NAME) {
        let rows = amounts::measure(options, placement, &netcats)?;
        crate::print(&amounts::table(&rows, options));
        let count = amounts::not_whole(&rows, names::NETKIT);
        let what = "stalled, lost or wrong";
        goals.add(amounts::NAME, what, Bound::AtMost(0.0), count);
    }
    goals.add(
        "everything else",
        "mismatches, errors, failures",
        Bound::AtMost(0.0),
        Some(faults),
    );
    Ok(goals)
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu
}

fn rate(sample: &Sample) -> f64 {
    sample.rate
}

/// Way, goal, who is compared with whom, by which figure, bound.
type TransferGoal = (
    transfers::Scenario,
    &'static str,
    [&'static str; 2],
    fn(&Sample) -> f64,
    Bound,
);

fn transfer_goals(goals: &mut Goals, results: &Results) {
    use Bound::{AtLeast, AtMost};
    use names::{COPY, NC, NCAT, NETKIT, NETKIT_NC};
    let nc = [NETKIT_NC, NC];
    let all: [TransferGoal; 9] = [
        (FILES, "CPU ÷ copy", [NETKIT, COPY], cpu, AtMost(1.05)),
        (FILES, "CPU ÷ ncat", [NETKIT, NCAT], cpu, AtMost(0.9)),
        (
            FILES,
            "MB/s ÷ copy (noisy)",
            [NETKIT, COPY],
            rate,
            AtLeast(0.9),
        ),
        (NOWHERE, "MB/s ÷ copy", [NETKIT, COPY], rate, AtLeast(0.95)),
        (NOWHERE, "MB/s ÷ ncat", [NETKIT, NCAT], rate, AtLeast(1.3)),
        (NOWHERE, "netkit nc, MB/s ÷ nc", nc, rate, AtLeast(1.0)),
        (PIPES, "MB/s ÷ copy", [NETKIT, COPY], rate, AtLeast(0.95)),
        (PIPES, "MB/s ÷ ncat", [NETKIT, NCAT], rate, AtLeast(1.2)),
        (PIPES, "netkit nc, MB/s ÷ nc", nc, rate, AtLeast(0.95)),
    ];
    for (scenario, what, [who, base], figure, bound) in all {
        let ratios = results.ratios(scenario.name, who, base, figure);
        goals.add(scenario.name, what, bound, ratios.median());
    }
}

fn exec_goals(goals: &mut Goals, results: &Results) {
    use server::names::{NCAT, NETKIT_EXEC};
    for (scenario, least) in WITH_CATS.into_iter().zip([1.2, 8.0, 1.5]) {
        let ratios = results.ratios(scenario.name, NETKIT_EXEC, NCAT, rate);
        let bound = Bound::AtLeast(least);
        goals.add(scenario.name, "rate ÷ ncat -e", bound, ratios.median());
    }
}

/// From before a process starts, for one check, until after its end.
fn start(options: &Options, placement: Placement, goals: &mut Goals) -> Result<(), Box<dyn Error>> {
    const NETKIT: &str = "netkit nc -z";
    const NC_Z: &str = "nc -z";
    let host = Ipv4Addr::LOCALHOST;
    let listener = TcpListener::bind((host, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || while listener.accept().is_ok() {});
    let question = format!("-z -n {host} {port}");
    let peer = |program: Program| {
        let wanted = options.peers.then_some(program);
        wanted.and_then(|it| it.find_for(options))
    };
    let all = [
        (NETKIT, options.netkit.clone(), format!("nc {question}")),
        (NC_Z, peer(NC), question.clone()),
        ("ncat -z", peer(NCAT), question),
        ("true", Some(PathBuf::from("true")), String::new()),
    ];
    let present = |(name, program, arguments): (_, Option<_>, String)| {
        Some(Tool::new(name, program?, &arguments))
    };
    let tools = all.into_iter().filter_map(present);
    // To fail is quicker than to check.
    let (tools, failing): (Vec<_>, Vec<_>) = tools.partition(Tool::succeeds);
    for tool in &failing {
        crate::note(&format!("{} is left out: it fails", tool.name));
    }
    let series = Series::measure(options, placement, &tools, options.rounds(61, 15))?;
    crate::print(&series.table(START, NC_Z));
    let netkit = options.netkit.as_ref();
    let failed = failing.iter().filter(|it| it.name == NETKIT).count();
    let failed = netkit.map(|_| failed as f64);
    let ratio = series.ratio(NETKIT, NC_Z);
    let peak = series.row(NETKIT).and_then(|row| row.peak_mebibytes);
    goals.add(START, "failed checks", Bound::AtMost(0.0), failed);
    goals.add(START, "÷ nc -z", Bound::AtMost(1.2), ratio);
    goals.add(START, "peak MiB", Bound::AtMost(4.0), peak);
    Ok(())
}

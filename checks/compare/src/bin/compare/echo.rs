//! Echo servers: netkit beside references and peers.

use std::error::Error;

use crate::goals::{Bound, Goals};
use crate::memory::{self, Idle};
use crate::options::Options;
use crate::placement::Placement;
use crate::results::{Results, Sample};
use crate::rounds::{self, CHURN, LARGE, MANY, SCENARIOS, SMALL, STREAM, STREAMS, Scenario};
use crate::server::{contestants, names};
use crate::start::Starts;

const MEBIBYTE: f64 = 1_048_576.0;

/// Measures everything and prints it; what netkit is to reach is handed back.
pub(crate) fn compare(options: &Options) -> Result<Goals, Box<dyn Error>> {
    let placement = Placement::new()?;
    let contestants = contestants(options)?;
    let mut results = rounds::measure(options, placement, &contestants, &SCENARIOS);
    let bases: [&[_]; 2] = [&[names::RAW, names::TOKIO], &[names::RAW]];
    let tables = rounds::tables(&results, options, &contestants, &SCENARIOS, bases);
    crate::print(&tables);
    let mut goals = Goals::default();
    echo_goals(&mut goals, &results);
    peer_goals(&mut goals, &results);
    if options.wants("idle connections") {
        crate::note("idle connections");
        let idle = memory::measure(options, placement, &contestants, &mut results.faults);
        crate::print(&memory::table(&idle));
        idle_goals(&mut goals, &idle);
    }
    if options.wants("start") {
        crate::note("starts");
        let starts = Starts::measure(options, placement, &contestants, &mut results.faults);
        crate::print(&starts.table());
        start_goals(&mut goals, &starts);
    }
    goals.add(
        "everything",
        "mismatches, errors, failures",
        Bound::AtMost(0.0),
        Some(results.faults_of(names::NETKIT)),
    );
    Ok(goals)
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu
}

fn rate(sample: &Sample) -> f64 {
    sample.rate
}

/// Load, goal, compared with whom, by which figure, bound.
type EchoGoal = (
    Scenario,
    &'static str,
    &'static str,
    fn(&Sample) -> f64,
    Bound,
);

fn echo_goals(goals: &mut Goals, results: &Results) {
    use Bound::{AtLeast, AtMost};
    use names::{RAW, TOKIO};
    let all: [EchoGoal; 14] = [
        (SMALL, "CPU ÷ raw", RAW, cpu, AtMost(1.05)),
        (SMALL, "CPU ÷ tokio", TOKIO, cpu, AtMost(1.03)),
        (SMALL, "rate ÷ raw", RAW, rate, AtLeast(0.95)),
        (MANY, "CPU ÷ raw", RAW, cpu, AtMost(1.06)),
        (MANY, "CPU ÷ tokio", TOKIO, cpu, AtMost(1.04)),
        (LARGE, "CPU ÷ raw", RAW, cpu, AtMost(1.06)),
        (LARGE, "CPU ÷ tokio", TOKIO, cpu, AtMost(1.0)),
        (STREAM, "MB/s ÷ raw", RAW, rate, AtLeast(0.95)),
        (STREAM, "MB/s ÷ tokio (± 5 %)", TOKIO, rate, AtLeast(0.95)),
        (STREAMS, "MB/s ÷ raw", RAW, rate, AtLeast(0.95)),
        (STREAMS, "MB/s ÷ tokio (± 5 %)", TOKIO, rate, AtLeast(0.95)),
        (CHURN, "CPU ÷ raw", RAW, cpu, AtMost(1.10)),
        (CHURN, "CPU ÷ tokio", TOKIO, cpu, AtMost(1.0)),
        (CHURN, "rate ÷ tokio", TOKIO, rate, AtLeast(0.95)),
    ];
    for (scenario, what, base, figure, bound) in all {
        let ratios = results.ratios(scenario.name, names::NETKIT, base, figure);
        goals.add(scenario.name, what, bound, ratios.median());
    }
}

fn peer_goals(goals: &mut Goals, results: &Results) {
    let all = [
        (SMALL, names::NCAT, 5.0),
        (SMALL, names::SOCAT_EXEC, 7.0),
        (SMALL, names::SOCAT_PIPE, 3.5),
        (SMALL, names::ASYNCIO, 2.5),
        (LARGE, names::NCAT, 50.0),
        (LARGE, names::SOCAT_EXEC, 50.0),
        (LARGE, names::SOCAT_PIPE, 50.0),
        (LARGE, names::ASYNCIO, 9.0),
        (CHURN, names::NCAT, 40.0),
        (CHURN, names::SOCAT_EXEC, 50.0),
        (CHURN, names::SOCAT_PIPE, 12.0),
    ];
    for (scenario, peer, least) in all {
        let ratio = results
            .ratios(scenario.name, names::NETKIT, peer, rate)
            .median();
        let what = format!("rate ÷ {peer}");
        goals.add(scenario.name, &what, Bound::AtLeast(least), ratio);
    }
    for scenario in [STREAM, STREAMS] {
        let slowest = results.figures(scenario.name, names::NETKIT, rate).least();
        goals.add(
            scenario.name,
            "MB/s in the worst round",
            Bound::AtLeast(1.0),
            slowest,
        );
    }
}

fn idle_goals(goals: &mut Goals, all: &[Idle]) {
    let idle = all.iter().find(|it| it.who == names::NETKIT);
    let each = idle.and_then(|it| it.each.median());
    let at_start = idle
        .and_then(|it| it.at_start.median())
        .map(|it| it / MEBIBYTE);
    let holding = idle
        .and_then(|it| it.holding.median())
        .map(|it| it / MEBIBYTE);
    let slowdown = idle.and_then(|it| it.slowdown.median());
    goals.add("idle connections", "bytes each", Bound::AtMost(512.0), each);
    goals.add("memory", "MiB at start", Bound::AtMost(4.0), at_start);
    goals.add(
        "memory",
        "MiB with 10,000 idle",
        Bound::AtMost(10.0),
        holding,
    );
    goals.add(
        "idle connections",
        "p50 among ÷ alone",
        Bound::AtMost(1.1),
        slowdown,
    );
}

fn start_goals(goals: &mut Goals, starts: &Starts) {
    for (base, most) in [(names::RAW, 1.5), (names::NCAT, 1.2)] {
        let what = format!("÷ {base}");
        let ratio = starts.ratio(names::NETKIT, base);
        goals.add("start", &what, Bound::AtMost(most), ratio);
    }
}

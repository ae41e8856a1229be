//! File servers: netkit beside what else serves files.

mod folder;
mod rounds;
mod servers;
mod slow;
mod wrk;

use std::error::Error;

use netkit_compare::descriptors;

use crate::goals::{Bound, Goals};
use crate::load;
use crate::options::Options;
use crate::placement::Placement;
use crate::results::{Results, Sample};
use folder::{Folder, LARGE, MIDDLE, SMALL};
use rounds::{HTTP_MIDDLE, HTTP_SMALL, PEER_SMALL, Scenario, question};
use servers::{FileServer, names};
use slow::Slow;

/// Measures everything and prints it; what netkit is to reach is handed back.
pub(crate) fn compare(options: &Options) -> Result<Goals, Box<dyn Error>> {
    // The servers inherit it.
    descriptors::raise_limit()?;
    let placement = Placement::new()?;
    let folder = Folder::new(options)?;
    let servers = startable(options, &folder, placement);
    let mut results = rounds::measure(options, placement, &folder, &servers);
    for who in &servers {
        if let Err(error) = verify(who, options, &folder, placement) {
            results.faults.push(format!("{}: {error}", who.name));
        }
    }
    for scenario in rounds::scenarios(options) {
        crate::print(&scenario.table(&results, &servers));
    }
    let mut goals = Goals::default();
    rate_goals(&mut goals, &results);
    if options.wants(slow::NAME) {
        crate::note(slow::NAME);
        let slow = slow::measure(options, placement, &folder, &servers, &mut results.faults);
        crate::print(&slow::table(&slow));
        memory_goals(&mut goals, &slow);
    }
    crate::print(&results.verdict("every byte compared, but for what wrk got"));
    goals.add(
        "everything",
        "mismatches, errors, failures",
        Bound::AtMost(0.0),
        Some(results.faults_of(names::NETKIT)),
    );
    Ok(goals)
}

/// Those that start; of the others it is said why they take no part.
fn startable(options: &Options, folder: &Folder, placement: Placement) -> Vec<FileServer> {
    let mut servers = servers::all(options);
    servers.retain(|who| {
        let started = who.start(folder, placement);
        if let Err(error) = &started {
            crate::note(&format!("{} is left out: {error}", who.name));
        }
        started.is_ok()
    });
    servers
}

/// Whether every file comes as it is: wrk does not look at them.
fn verify(
    who: &FileServer,
    options: &Options,
    folder: &Folder,
    placement: Placement,
) -> Result<(), Box<dyn Error>> {
    let server = who.start(folder, placement)?;
    for content in [SMALL, MIDDLE, LARGE] {
        let arguments = format!("fetch {}", question(who.protocol, content));
        load::run(placement, &server, &arguments, options.window())?;
    }
    Ok(())
}

fn rate(sample: &Sample) -> f64 {
    sample.rate
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu
}

/// Load, goal, who is compared with whom, by which figure, bound.
type FileGoal = (
    Scenario,
    &'static str,
    [&'static str; 2],
    fn(&Sample) -> f64,
    Bound,
);

fn rate_goals(goals: &mut Goals, results: &Results) {
    use Bound::{AtLeast, AtMost};
    use names::{MINISERVE, NETKIT_HTTP, NETKIT_PEER, NGINX, PYTHON};
    let all: [FileGoal; 4] = [
        (
            PEER_SMALL,
            "CPU ÷ Python",
            [NETKIT_PEER, PYTHON],
            cpu,
            AtMost(0.6),
        ),
        (
            HTTP_SMALL,
            "req/s ÷ miniserve",
            [NETKIT_HTTP, MINISERVE],
            rate,
            AtLeast(2.0),
        ),
        (
            HTTP_SMALL,
            "req/s ÷ nginx",
            [NETKIT_HTTP, NGINX],
            rate,
            AtLeast(0.45),
        ),
        (
            HTTP_MIDDLE,
            "req/s ÷ nginx",
            [NETKIT_HTTP, NGINX],
            rate,
            AtLeast(0.7),
        ),
    ];
    for (scenario, what, [who, base], figure, bound) in all {
        let ratios = results.ratios(scenario.name, who, base, figure);
        goals.add(scenario.name, what, bound, ratios.median());
    }
}

fn memory_goals(goals: &mut Goals, all: &[Slow]) {
    for who in [names::NETKIT_PEER, names::NETKIT_HTTP] {
        let slow = all.iter().find(|it| it.who == who);
        let beyond = slow.and_then(|it| it.beyond.median());
        let what = format!("MiB beyond start, {who}");
        goals.add(slow::NAME, &what, Bound::AtMost(64.0), beyond);
    }
}

//! Port checks: netkit beside bare loops and peers.

mod hosts;
mod tools;

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::command::Tool;
use crate::goals::{Bound, Goals};
use crate::options::Options;
use crate::placement::Placement;
use crate::series::Series;
use tools::Programs;
use tools::names::{NC_Z, NCAT_Z, NETKIT, NMAP_TUNED, OWN, RUSTSCAN};

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Below the ephemeral ports, where every other one is opened.
const HALF_OPEN: (u16, u16) = (10_000, 19_999);

/// Measures everything and prints it; what netkit is to reach is handed back.
pub(crate) fn compare(options: &Options) -> Result<Goals, Box<dyn Error>> {
    let placement = Placement::new()?;
    let programs = Programs::find(options)?;
    let mut goals = Goals::default();
    single(options, placement, &programs, &mut goals)?;
    for (title, last, full, quick) in [
        ("1000 closed ports", 1_000, 15, 5),
        ("10,000 closed ports", 10_000, 9, 3),
        ("65,535 ports, almost all closed", u16::MAX, 5, 2),
    ] {
        if !options.wants(title) {
            continue;
        }
        let rounds = options.rounds(full, quick);
        let series = Series::measure(options, placement, &programs.scans(HOST, 1, last), rounds)?;
        crate::print(&series.table(title, OWN));
        if last == u16::MAX {
            many_goals(&mut goals, &series);
        }
    }
    if options.wants("10,000 half open") {
        half_open(options, placement, &programs, &mut goals)?;
    }
    if let Some(netkit) = &options.netkit {
        let wrong = reported_open(netkit, &programs.ports, (1, u16::MAX))?;
        let what = "closed ports reported open";
        goals.add("65,535 ports", what, Bound::AtMost(0.0), Some(wrong as f64));
    }
    hosts::compare(options, placement, &programs, &mut goals)?;
    Ok(goals)
}

/// One check as a process, of an open and of a closed port.
fn single(
    options: &Options,
    placement: Placement,
    programs: &Programs,
    goals: &mut Goals,
) -> Result<(), Box<dyn Error>> {
    let rounds = options.rounds(61, 15);
    let listener = TcpListener::bind((HOST, 0))?;
    let open = listener.local_addr()?.port();
    thread::spawn(move || while listener.accept().is_ok() {});
    let closed = TcpListener::bind((HOST, 0))?.local_addr()?.port();
    for (title, port) in [
        ("one check, open port", open),
        ("one check, closed port", closed),
    ] {
        let series = Series::measure(options, placement, &programs.single(HOST, port), rounds)?;
        crate::print(&series.table(title, NC_Z));
        let to_nc = series.ratio(NETKIT, NC_Z);
        let to_ncat = series.ratio(NETKIT, NCAT_Z);
        let peak = series.row(NETKIT).and_then(|row| row.peak_mebibytes);
        goals.add(title, "÷ nc -z", Bound::AtMost(1.2), to_nc);
        goals.add(title, "÷ ncat -z", Bound::AtMost(1.0 / 25.0), to_ncat);
        goals.add(title, "peak MiB", Bound::AtMost(4.0), peak);
    }
    Ok(())
}

fn many_goals(goals: &mut Goals, series: &Series) {
    for (base, most) in [
        (OWN, 1.2),
        (NC_Z, 0.65),
        (NMAP_TUNED, 0.55),
        (RUSTSCAN, 1.0 / 15.0),
    ] {
        let (what, ratio) = (format!("÷ {base}"), series.ratio(NETKIT, base));
        goals.add("65,535 ports", &what, Bound::AtMost(most), ratio);
    }
}

/// Every other port is open.
fn half_open(
    options: &Options,
    placement: Placement,
    programs: &Programs,
    goals: &mut Goals,
) -> Result<(), Box<dyn Error>> {
    let listeners = Listeners::start(&programs.ports, placement)?;
    let rounds = options.rounds(9, 3);
    let series = Series::measure(
        options,
        placement,
        &programs.scans(HOST, HALF_OPEN.0, HALF_OPEN.1),
        rounds,
    )?;
    let title = format!("10,000 ports, {} of them open", listeners.count);
    crate::print(&series.table(&title, OWN));
    for (base, most) in [(OWN, 1.2), (NMAP_TUNED, 0.95)] {
        let what = format!("÷ {base}");
        goals.add(
            "10,000 half open",
            &what,
            Bound::AtMost(most),
            series.ratio(NETKIT, base),
        );
    }
    if let Some(netkit) = &options.netkit {
        let wrong = reported_open(netkit, &programs.ports, HALF_OPEN)?;
        let what = "closed ports reported open";
        goals.add(
            "10,000 half open",
            what,
            Bound::AtMost(0.0),
            Some(wrong as f64),
        );
    }
    Ok(())
}

/// A process that listens on every other port. Dropping it ends it.
struct Listeners {
    child: Child,
    count: usize,
}

impl Listeners {
    fn start(ports: &Path, placement: Placement) -> Result<Self, Box<dyn Error>> {
        placement.as_load()?;
        let mut child = Command::new(ports)
            .args(["listen", &HOST.to_string(), &range(HALF_OPEN)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipe = child.stdout.take();
        let mut listeners = Self { child, count: 0 };
        let mut line = String::new();
        BufReader::new(pipe.ok_or("no standard output")?).read_line(&mut line)?;
        let count = line
            .trim()
            .strip_prefix("listening ")
            .ok_or("nothing listens")?;
        listeners.count = count.parse()?;
        Ok(listeners)
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many ports netkit calls open that the bare loop, which tells connections
/// to itself apart, finds open neither before nor after.
fn reported_open(
    netkit: &Path,
    ports: &Path,
    ports_of: (u16, u16),
) -> Result<usize, Box<dyn Error>> {
    let range = range(ports_of);
    let own = Tool::new(OWN, ports.to_owned(), &format!("own {HOST} {range}"));
    let arguments = format!("check {HOST}:{range} -o ndjson");
    let netkit = Tool::new(NETKIT, netkit.to_owned(), &arguments);
    let mut known = open_ports(&own.output()?)?;
    let reported = netkit.output()?;
    known.extend(open_ports(&own.output()?)?);
    let mut wrong = 0;
    for line in reported.lines() {
        let record: Value = serde_json::from_str(line)?;
        let address = record["address"].as_str().unwrap_or_default();
        let port = address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        let is_open = record["type"] == "result" && record["state"] == "open";
        wrong += usize::from(is_open && port.is_none_or(|port| !known.contains(&port)));
    }
    Ok(wrong)
}

fn range((first, last): (u16, u16)) -> String {
    format!("{first}-{last}")
}

fn open_ports(outcome: &str) -> Result<BTreeSet<u16>, Box<dyn Error>> {
    let outcome: Value = serde_json::from_str(outcome)?;
    Ok(serde_json::from_value(outcome["open"].clone())?)
}

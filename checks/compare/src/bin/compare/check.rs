//! Port checks: netkit beside bare loops and peers.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use netkit_compare::samples::Samples;
use serde_json::Value;

use crate::command::Tool;
use crate::goals::{Bound, Goals};
use crate::options::{Options, sibling};
use crate::placement::{Placement, quiet_moment};
use crate::programs::{NC, NCAT, NMAP};
use crate::table::{NOTHING, Table, figure, spread};

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Below the ephemeral ports, where every other one is opened.
const HALF_OPEN: &str = "10000-19999";

const OWN: &str = "own loop";
const EPOLL: &str = "own loop, plain epoll";
const NETKIT: &str = "netkit check";
const NC_Z: &str = "nc -z";
const NCAT_Z: &str = "ncat -z";
const NMAP_TUNED: &str = "nmap -sT, tuned";

/// Measures everything and prints it; what netkit is to reach is handed back.
pub(crate) fn compare(options: &Options) -> Result<Goals, Box<dyn Error>> {
    let placement = Placement::new()?;
    let programs = Programs::find(options)?;
    let mut goals = Goals::default();
    single(options, placement, &programs, &mut goals)?;
    for (title, range, full, quick) in [
        ("1000 closed ports", "1-1000", 15, 5),
        ("10,000 closed ports", "1-10000", 9, 3),
        ("65,535 ports, almost all closed", "1-65535", 5, 2),
    ] {
        if !options.wants(title) {
            continue;
        }
        let rounds = options.rounds(full, quick);
        let series = Series::measure(options, placement, &programs.scans(range), rounds)?;
        crate::print(&series.table(title, OWN));
        if range == "1-65535" {
            many_goals(&mut goals, &series);
        }
    }
    if options.wants("10,000 half open") {
        half_open(options, placement, &programs, &mut goals)?;
    }
    if let Some(netkit) = &options.netkit {
        let wrong = reported_open(netkit, &programs.ports, "1-65535")?;
        let what = "closed ports reported open";
        goals.add("65,535 ports", what, Bound::AtMost(0.0), Some(wrong as f64));
    }
    Ok(goals)
}

/// Everything that can check a port here.
struct Programs {
    ports: PathBuf,
    netkit: Option<PathBuf>,
    nc: Option<PathBuf>,
    ncat: Option<PathBuf>,
    nmap: Option<PathBuf>,
}

impl Programs {
    fn find(options: &Options) -> Result<Self, Box<dyn Error>> {
        let peer =
            |program: crate::programs::Program| options.peers.then(|| program.find()).flatten();
        Ok(Self {
            ports: sibling("ports")?,
            netkit: options.netkit.clone(),
            nc: peer(NC),
            ncat: peer(NCAT),
            nmap: peer(NMAP),
        })
    }

    /// Checks of a range.
    fn scans(&self, range: &str) -> Vec<Tool> {
        let tool = |name, program: &Option<PathBuf>, arguments: String| {
            program
                .clone()
                .map(|program| Tool::new(name, program, &arguments))
        };
        let ports = Some(self.ports.clone());
        let tuned = "-sT -T5 -n -Pn --min-parallelism 512 --max-retries 0";
        let all = [
            tool(OWN, &ports, format!("own {HOST} {range}")),
            tool(EPOLL, &ports, format!("epoll {HOST} {range}")),
            tool(NETKIT, &self.netkit, format!("check {HOST}:{range}")),
            tool(NC_Z, &self.nc, format!("-z -n {HOST} {range}")),
            tool(NMAP_TUNED, &self.nmap, format!("{tuned} -p {range} {HOST}")),
        ];
        all.into_iter().flatten().collect()
    }

    /// Checks of one port.
    fn single(&self, port: u16) -> Vec<Tool> {
        let mut all = self.scans(&port.to_string());
        all.retain(|tool| tool.name != NMAP_TUNED && tool.name != EPOLL);
        if let Some(ncat) = &self.ncat {
            all.push(Tool::new(
                NCAT_Z,
                ncat.clone(),
                &format!("-z -n {HOST} {port}"),
            ));
        }
        all.push(Tool::new("true", PathBuf::from("true"), ""));
        all
    }
}

/// Times of several tools with the same task.
struct Series {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    elapsed_ms: Samples,
    cpu_ms: Samples,
    peak_mebibytes: Option<f64>,
}

impl Series {
    /// Runs them in turn; who begins changes from round to round.
    fn measure(
        options: &Options,
        placement: Placement,
        tools: &[Tool],
        rounds: usize,
    ) -> Result<Self, Box<dyn Error>> {
        placement.as_measured()?;
        let mut rows: Vec<Row> = tools.iter().map(Row::new).collect();
        for round in 0..rounds {
            quiet_moment(options.patience());
            for place in 0..tools.len() {
                let place = (place + round) % tools.len();
                let cost = tools[place].time()?;
                rows[place]
                    .elapsed_ms
                    .push(cost.elapsed.as_secs_f64() * 1e3);
                rows[place].cpu_ms.push(cost.cpu.as_secs_f64() * 1e3);
            }
        }
        placement.as_load()?;
        Ok(Self { rows })
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The median of one, divided by that of another.
    fn ratio(&self, name: &str, base: &str) -> Option<f64> {
        let of = |name| self.row(name)?.elapsed_ms.median();
        Some(of(name)? / of(base)?)
    }

    /// The same of CPU time.
    fn cpu_ratio(&self, name: &str, base: &str) -> Option<f64> {
        let of = |name| self.row(name)?.cpu_ms.median();
        Some(of(name)? / of(base)?)
    }

    fn table(&self, title: &str, base: &str) -> String {
        let over = format!("÷ {base}");
        let columns = ["tool", "ms", &over, "CPU ms", &over, "peak MiB"];
        let mut table = Table::new(title, &columns);
        let known = |value: Option<f64>| value.map_or_else(|| NOTHING.to_owned(), figure);
        for row in &self.rows {
            table.row(vec![
                row.name.to_owned(),
                spread(&row.elapsed_ms),
                known(self.ratio(row.name, base)),
                spread(&row.cpu_ms),
                known(self.cpu_ratio(row.name, base)),
                known(row.peak_mebibytes),
            ]);
        }
        table.text()
    }
}

impl Row {
    fn new(tool: &Tool) -> Self {
        let peak = tool.peak().inspect_err(|error| {
            crate::note(&format!("cannot read the memory of {}: {error}", tool.name));
        });
        Self {
            name: tool.name,
            elapsed_ms: Samples::default(),
            cpu_ms: Samples::default(),
            peak_mebibytes: peak.ok().map(|it| it as f64 / 1_048_576.0),
        }
    }
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
        let series = Series::measure(options, placement, &programs.single(port), rounds)?;
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
    for (base, most) in [(OWN, 1.2), (NC_Z, 0.65), (NMAP_TUNED, 0.55)] {
        let what = format!("÷ {base}");
        goals.add(
            "65,535 ports",
            &what,
            Bound::AtMost(most),
            series.ratio(NETKIT, base),
        );
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
    let series = Series::measure(options, placement, &programs.scans(HALF_OPEN), rounds)?;
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
            .args(["listen", &HOST.to_string(), HALF_OPEN])
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
fn reported_open(netkit: &Path, ports: &Path, range: &str) -> Result<usize, Box<dyn Error>> {
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

fn open_ports(outcome: &str) -> Result<BTreeSet<u16>, Box<dyn Error>> {
    let outcome: Value = serde_json::from_str(outcome)?;
    Ok(serde_json::from_value(outcome["open"].clone())?)
}

//! Everything that can check a port here, with the same task for each.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::command::Tool;
use crate::options::{Options, sibling};
use crate::programs::{NC, NCAT, NMAP, Program, RUSTSCAN};

/// The names in tables.
pub(super) mod names {
    /// The bare loop with the two tricks that pay.
    pub(crate) const OWN: &str = "own loop";
    /// The same without them.
    pub(crate) const EPOLL: &str = "own loop, plain epoll";
    /// What is measured.
    pub(crate) const NETKIT: &str = "netkit check";
    /// OpenBSD's netcat, one port after the other.
    pub(crate) const NC_Z: &str = "nc -z";
    /// Nmap's netcat, a process for each port.
    pub(crate) const NCAT_Z: &str = "ncat -z";
    /// Connects like the others, as many at once as they.
    pub(crate) const NMAP_TUNED: &str = "nmap -sT, tuned";
    /// `RustScan` without the nmap that it starts otherwise.
    pub(crate) const RUSTSCAN: &str = "rustscan";
}

/// How long every tool waits for an answer from many hosts.
const TIMEOUT_MS: u32 = 1_000;

/// The programs, as far as they are here.
pub(super) struct Programs {
    pub(super) ports: PathBuf,
    pub(super) netkit: Option<PathBuf>,
    nc: Option<PathBuf>,
    ncat: Option<PathBuf>,
    nmap: Option<PathBuf>,
    rustscan: Option<PathBuf>,
}

/// A network of hosts, and the ports of each that are checked.
pub(super) struct Hosts {
    /// The first three numbers of every address, with the dot behind them.
    pub(super) prefix: &'static str,
    /// The last of the fourth numbers; 1 is the first.
    pub(super) last: u8,
    /// The first port.
    pub(super) first_port: u16,
    /// The first port behind which nobody answers.
    pub(super) first_silent: u16,
    /// The last port.
    pub(super) last_port: u16,
}

impl Programs {
    pub(super) fn find(options: &Options) -> Result<Self, Box<dyn Error>> {
        let peer = |program: Program| {
            let wanted = options.peers.then_some(program);
            wanted.and_then(|it| it.find_for(options))
        };
        Ok(Self {
            ports: sibling("ports")?,
            netkit: options.netkit.clone(),
            nc: peer(NC),
            ncat: peer(NCAT),
            nmap: peer(NMAP),
            rustscan: peer(RUSTSCAN),
        })
    }

    /// Checks of a range of ports of one host.
    pub(super) fn scans(&self, host: Ipv4Addr, first: u16, last: u16) -> Vec<Tool> {
        let range = if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        };
        let ports = Some(self.ports.as_path());
        let nmap = "-sT -T5 -n -Pn --min-parallelism 512 --max-retries 0";
        let all = [
            tool(names::OWN, ports, &format!("own {host} {range}")),
            tool(names::EPOLL, ports, &format!("epoll {host} {range}")),
            tool(
                names::NETKIT,
                self.netkit.as_deref(),
                &format!("check {host}:{range}"),
            ),
            tool(
                names::NC_Z,
                self.nc.as_deref(),
                &format!("-z -n {host} {range}"),
            ),
            tool(
                names::NCAT_Z,
                self.ncat.as_deref(),
                &format!("-z -n {host} {first}"),
            )
            .map(|it| it.sample(u32::from(last - first) + 1)),
            tool(
                names::NMAP_TUNED,
                self.nmap.as_deref(),
                &format!("{nmap} -p {range} {host}"),
            ),
            self.rustscan(&format!("-a {host} -r {range}")),
        ];
        all.into_iter().flatten().collect()
    }

    /// Checks of one port.
    pub(super) fn single(&self, host: Ipv4Addr, port: u16) -> Vec<Tool> {
        let mut all = self.scans(host, port, port);
        let others = [names::EPOLL, names::NMAP_TUNED, names::RUSTSCAN];
        all.retain(|tool| !others.contains(&tool.name));
        all.push(Tool::new("true", PathBuf::from("true"), ""));
        all
    }

    /// Checks of many hosts, of which half the ports are silent; each tool
    /// waits as long for them.
    pub(super) fn networks(&self, hosts: &Hosts) -> Vec<Tool> {
        let Hosts {
            prefix,
            last,
            first_port,
            first_silent,
            last_port,
        } = hosts;
        let (range, ms) = (format!("{first_port}-{last_port}"), TIMEOUT_MS);
        let count = u32::from(*last);
        let a_host = u32::from(last_port - first_port) + 1;
        let ports = Some(self.ports.as_path());
        let nmap = format!(
            "-sT -T5 -n -Pn --min-parallelism 4096 --min-hostgroup {last} --max-retries 0 \
             --initial-rtt-timeout {ms}ms --min-rtt-timeout {ms}ms --max-rtt-timeout {ms}ms"
        );
        let all = [
            tool(
                names::OWN,
                ports,
                &format!("own {prefix}1-{last} {range} {ms}"),
            ),
            tool(
                names::EPOLL,
                ports,
                &format!("epoll {prefix}1-{last} {range} {ms}"),
            ),
            tool(names::NETKIT, self.netkit.as_deref(), &hosts.for_netkit()),
            // A second is the least that it takes.
            tool(
                names::NC_Z,
                self.nc.as_deref(),
                &format!("-z -n -w 1 {prefix}1 {range}"),
            )
            .map(|it| it.sample(count)),
            self.ncat.as_deref().map(|ncat| {
                // One that is refused and one that is silent, of which there
                // are as many.
                let pair = [first_port, first_silent].map(|port| format!("{prefix}1 {port}"));
                let one = |place: &String| format!("{} -z -n -w {ms}ms {place}", ncat.display());
                let script = pair.each_ref().map(one).join("; ");
                Tool::script(names::NCAT_Z, &script).sample(count * a_host / 2)
            }),
            tool(
                names::NMAP_TUNED,
                self.nmap.as_deref(),
                &format!("{nmap} -p {range} {prefix}1-{last}"),
            ),
            self.rustscan(&format!(
                "-a {prefix}0/24 -x {prefix}0,{prefix}255 -r {range} -t {ms}"
            )),
        ];
        all.into_iter().flatten().collect()
    }

    /// Without the nmap that it starts otherwise, and without its start screen.
    fn rustscan(&self, arguments: &str) -> Option<Tool> {
        let usual = "--no-config --no-banner -g -b 3000 -u 5000 --tries 1";
        tool(
            names::RUSTSCAN,
            self.rustscan.as_deref(),
            &format!("{usual} {arguments}"),
        )
    }
}

impl Hosts {
    /// What netkit is told to check all of them.
    pub(super) fn for_netkit(&self) -> String {
        let Self {
            prefix,
            last,
            first_port,
            last_port,
            ..
        } = self;
        format!("check --timeout {TIMEOUT_MS}ms {prefix}[1-{last}]:{first_port}-{last_port}")
    }
}

fn tool(name: &'static str, program: Option<&Path>, arguments: &str) -> Option<Tool> {
    Some(Tool::new(name, program?.to_owned(), arguments))
}

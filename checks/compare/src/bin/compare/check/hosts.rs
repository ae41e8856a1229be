//! Many hosts, of which half the ports are silent, in a network namespace of
//! this process: no packet leaves it.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

use super::tools::names::{NETKIT, NMAP_TUNED, OWN};
use super::tools::{Hosts, Programs};
use crate::command::Tool;
use crate::goals::{Bound, Goals};
use crate::options::Options;
use crate::placement::Placement;
use crate::programs::{IP, NFT};
use crate::series::Series;

const TITLE: &str = "254 hosts × 20 ports, half of them silent";

/// Every address of `10.1.0.0/24` is this machine's: on its loopback interface
/// a whole network is.
const HOSTS: Hosts = Hosts {
    prefix: "10.1.0.",
    last: 254,
    first_port: 80,
    first_silent: 90,
    last_port: 99,
};

/// Measures and prints it. What this thread does or starts later is in the
/// namespace too, so it comes last.
pub(super) fn compare(
    options: &Options,
    placement: Placement,
    programs: &Programs,
    goals: &mut Goals,
) -> Result<(), Box<dyn Error>> {
    if !options.wants(TITLE) {
        return Ok(());
    }
    let (Some(ip), Some(nft)) = (IP.find(), NFT.find()) else {
        return Ok(());
    };
    if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
        crate::note(&format!(
            "{TITLE}: left out, cannot make a network namespace: {error}"
        ));
        return Ok(());
    }
    furnish(&ip, &nft)?;
    let rounds = options.rounds(5, 1);
    let series = Series::measure(options, placement, &programs.networks(&HOSTS), rounds)?;
    crate::print(&series.table(TITLE, OWN));
    for (base, most) in [(OWN, 1.2), (NMAP_TUNED, 0.95)] {
        let what = format!("÷ {base}");
        goals.add(
            TITLE,
            &what,
            Bound::AtMost(most),
            series.ratio(NETKIT, base),
        );
    }
    if let Some(netkit) = &programs.netkit {
        let wrong = wrong_states(netkit)?;
        goals.add(
            TITLE,
            "wrong states",
            Bound::AtMost(0.0),
            Some(wrong as f64),
        );
    }
    Ok(())
}

/// The addresses and the firewall.
fn furnish(ip: &Path, nft: &Path) -> Result<(), Box<dyn Error>> {
    let Hosts {
        prefix,
        first_silent,
        last_port,
        ..
    } = HOSTS;
    run(ip, &["link", "set", "lo", "up"], "")?;
    run(
        ip,
        &["address", "add", &format!("{prefix}1/24"), "dev", "lo"],
        "",
    )?;
    let rules = format!(
        "table ip silence {{ chain input {{ type filter hook input priority 0\n\
         ip daddr {prefix}0/24 tcp dport {first_silent}-{last_port} drop\n}}\n}}"
    );
    run(nft, &["-f", "-"], &rules)
}

fn run(program: &Path, arguments: &[&str], input: &str) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    Err(format!("`{}` failed", program.display()).into())
}

/// How many ports netkit leaves out, or takes for something else than they are.
fn wrong_states(netkit: &Path) -> Result<usize, Box<dyn Error>> {
    let arguments = format!("{} -o ndjson", HOSTS.for_netkit());
    let netkit = Tool::new(NETKIT, netkit.to_owned(), &arguments);
    let mut right = 0;
    for line in netkit.output()?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let address = record["address"].as_str().unwrap_or_default();
        let port = address
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        let Some(Ok(port)) = port else { continue };
        let expected = if port < HOSTS.first_silent {
            "refused"
        } else {
            "filtered"
        };
        right += usize::from(record["type"] == "result" && record["state"] == expected);
    }
    let ports = usize::from(HOSTS.last_port - HOSTS.first_port) + 1;
    Ok((ports * usize::from(HOSTS.last)).abs_diff(right))
}

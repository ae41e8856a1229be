//! What the results of a run say together: a few sentences, each true whatever
//! else may be the matter.
//!
//! Only of what is not as expected, and only of runs that a person reads: of a
//! scan nothing is kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::finding::{CheckResult, Expected, Family, Finding, State};
use crate::net::explain_refusal;
use crate::probe::Transport;

/// A run of more checks is a scan: what listens instead is not told for each.
const MOST_EXPLAINED: usize = 16;

/// A run with more results is a scan: none of them is kept.
const MOST_KEPT: usize = 1024;

/// Sentences at most.
const MOST_NOTES: usize = 10;

/// Addresses or ports that a sentence names; of more it tells the number.
const MOST_NAMED: usize = 4;

/// Gathers the results of a run.
pub(super) struct Diagnosis {
    explains: bool,
    /// Absent once there were too many.
    seen: RefCell<Option<Vec<Seen>>>,
}

/// What a sentence may need of a result.
#[derive(Clone)]
struct Seen {
    target: String,
    address: Option<SocketAddr>,
    state: State,
    ok: bool,
    /// It should have been open.
    wanted: bool,
    /// It was this machine that had no way to it.
    no_way: bool,
}

impl Diagnosis {
    /// For a run of so many checks.
    pub(super) fn new(checks: usize) -> Self {
        Self {
            explains: checks <= MOST_EXPLAINED,
            seen: RefCell::new(Some(Vec::new())),
        }
    }

    /// Adds to a refusal that was not expected what listens instead.
    pub(super) fn explain(&self, transport: Transport, address: SocketAddr, finding: &mut Finding) {
        // After an HTTP answer it was another address that refused.
        let own = transport == Transport::Tcp && finding.http.is_none();
        if self.explains && own && finding.state == State::Refused {
            explain_refusal(address, &mut finding.evidence);
        }
    }

    /// Takes a final result.
    pub(super) fn see(&self, result: &CheckResult) {
        let mut kept = self.seen.borrow_mut();
        match kept.as_mut() {
            Some(seen) if seen.len() < MOST_KEPT => seen.push(Seen::from(result)),
            _ => *kept = None,
        }
    }

    /// The sentences, once all results of the run are known.
    pub(super) fn notes(&self) -> Vec<String> {
        let Some(mut seen) = self.seen.take() else {
            return Vec::new();
        };
        let mut notes = match of_all(&seen) {
            Some(note) => vec![note],
            None => without_a_way(&mut seen)
                .into_iter()
                .chain(of_names(&seen))
                .chain(of_hosts(&seen))
                .collect(),
        };
        notes.truncate(MOST_NOTES);
        notes
    }
}

impl From<&CheckResult> for Seen {
    fn from(result: &CheckResult) -> Self {
        let Finding {
            state, evidence, ..
        } = &result.finding;
        Self {
            target: result.target.clone(),
            address: result.address,
            state: *state,
            ok: result.ok,
            wanted: result.expected == Expected::Open,
            no_way: *state == State::Unreachable && evidence.icmp.is_none(),
        }
    }
}

impl Seen {
    fn ip(&self) -> Option<IpAddr> {
        self.address.map(|it| it.ip())
    }

    /// Not as expected, and not only for want of patience.
    fn is_bad(&self) -> bool {
        !self.ok && self.state != State::Open
    }

    /// Whether its state says all there is to say of a connection.
    fn is_plain(&self) -> bool {
        use State::{Filtered, Open, Refused, Unreachable};
        matches!(self.state, Open | Refused | Filtered | Unreachable)
    }

    fn is_of(&self, family: Family) -> bool {
        self.address.is_some_and(|it| Family::from(it) == family)
    }
}

/// All results are bad, and alike, at several hosts: that is this machine's
/// fault as likely as theirs.
fn of_all(seen: &[Seen]) -> Option<String> {
    let count = |of: &dyn Fn(&Seen) -> bool| seen.iter().filter(|it| of(it)).count();
    let all = |of: &dyn Fn(&Seen) -> bool| count(of) == seen.len();
    let targets: BTreeSet<_> = seen.iter().map(|it| &it.target).collect();
    let addresses: BTreeSet<_> = seen.iter().filter_map(Seen::ip).collect();
    let (targets, addresses) = (targets.len(), addresses.len());
    let bad = all(&|it| it.is_bad() && it.wanted);
    if bad && addresses > 1 && all(&|it| it.no_way) {
        let note = format!("this machine has no way to any of the {addresses} addresses");
        return Some(format!("{note}: is its network up?"));
    }
    if bad && addresses > 1 && targets > 1 && all(&|it| it.state == State::Filtered) {
        let note = format!("none of the {addresses} addresses answers");
        return Some(format!("{note}: does a firewall hold this machine back?"));
    }
    if bad && targets > 1 && all(&|it| it.state == State::Unresolved) {
        let note = format!("none of the {targets} names could be resolved");
        return Some(format!("{note}: see the name servers in /etc/resolv.conf"));
    }
    None
}

/// No address of one family has a way, but each has a sibling in the other; what
/// is said is taken out.
fn without_a_way(seen: &mut Vec<Seen>) -> Option<String> {
    let lacks = |family| {
        let (of_family, others): (Vec<_>, Vec<_>) = seen
            .iter()
            .filter(|it| it.address.is_some())
            .partition(|it| it.is_of(family));
        let siblings: BTreeSet<_> = others.iter().map(|it| &it.target).collect();
        let mut of_family_lack = of_family
            .iter()
            .map(|it| it.no_way && it.is_bad() && siblings.contains(&it.target));
        !of_family.is_empty() && of_family_lack.all(|it| it)
    };
    let (family, word, option) = match (lacks(Family::Ipv6), lacks(Family::Ipv4)) {
        (true, false) => (Family::Ipv6, "IPv6", "-4"),
        (false, true) => (Family::Ipv4, "IPv4", "-6"),
        _ => return None,
    };
    seen.retain(|it| !it.is_of(family));
    Some(format!(
        "this machine has no way to any {word} address of these names: {option} leaves them out"
    ))
}

/// The addresses of one name and port, told apart.
fn of_names(seen: &[Seen]) -> impl Iterator<Item = String> {
    let mut names: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for it in seen.iter().filter(|it| it.address.is_some()) {
        names.entry(&it.target).or_default().push(it);
    }
    let names = names.into_iter();
    names.filter_map(|(target, addresses)| of_name(target, addresses))
}

fn of_name(target: &str, mut addresses: Vec<&Seen>) -> Option<String> {
    // Not open first; a target that is given twice has each address twice.
    addresses.sort_by_key(|it| (it.state == State::Open, it.address));
    addresses.dedup_by_key(|it| it.address);
    let plain = addresses.iter().all(|it| it.wanted && it.is_plain());
    if addresses.len() < 2 || !plain || !addresses.iter().any(|it| it.is_bad()) {
        return None;
    }
    // Of a family of which some are open and some not: neither.
    let open = |family| {
        let of_family = addresses.iter().filter(|it| it.is_of(family));
        let states: BTreeSet<_> = of_family.map(|it| it.state == State::Open).collect();
        (states.len() == 1).then(|| states.contains(&true))
    };
    let any_open = addresses.iter().any(|it| it.state == State::Open);
    let all_silent = addresses.iter().all(|it| it.state == State::Filtered);
    let conclusion = match (open(Family::Ipv4), open(Family::Ipv6)) {
        (Some(true), Some(false)) => "it is open on IPv4 only",
        (Some(false), Some(true)) => "it is open on IPv6 only",
        _ if any_open => "a client fails or not by the address that it picks",
        _ if all_silent => "a firewall drops it, the host is down, or its backlog is full",
        _ => return None,
    };
    Some(format!("{target}: {}: {conclusion}", states(&addresses)))
}

/// `::1 refused, 127.0.0.1 open`, or how many of each where they are many.
fn states(addresses: &[&Seen]) -> String {
    if addresses.len() <= MOST_NAMED {
        let named = addresses.iter().filter_map(|it| Some((it.ip()?, it.state)));
        let named: Vec<_> = named.map(|(ip, state)| format!("{ip} {state}")).collect();
        return named.join(", ");
    }
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    for it in addresses {
        *counts.entry(it.state).or_default() += 1;
    }
    let counts = counts.iter();
    let counts: Vec<_> = counts.map(|(state, it)| format!("{it} {state}")).collect();
    format!("of {} addresses {}", addresses.len(), counts.join(", "))
}

/// The ports of one host, told apart: some show that it is up.
fn of_hosts(seen: &[Seen]) -> impl Iterator<Item = String> {
    let mut hosts: BTreeMap<IpAddr, Vec<&Seen>> = BTreeMap::new();
    for it in seen {
        // That this machine is up goes without saying.
        if let Some(ip) = it.ip().filter(|ip| !ip.is_loopback()) {
            hosts.entry(ip).or_default().push(it);
        }
    }
    hosts
        .into_iter()
        .flat_map(|(ip, ports)| of_host(ip, &ports))
}

fn of_host(ip: IpAddr, results: &[&Seen]) -> Vec<String> {
    let ports = |of: &dyn Fn(&Seen) -> bool| -> BTreeSet<u16> {
        let found = results.iter().filter(|it| of(it));
        found.filter_map(|it| Some(it.address?.port())).collect()
    };
    let open = ports(&|it| it.state == State::Open);
    let note = |state, conclusion| {
        let bad = ports(&|it| it.state == state && it.is_bad() && it.wanted);
        // A port that is both answers by one protocol and not by another.
        let told = !open.is_empty() && !bad.is_empty() && open.is_disjoint(&bad);
        let (bad, open) = (listed(&bad), listed(&open));
        told.then(|| format!("{ip}: {bad} {state}, {open} open: the host is up, {conclusion}"))
    };
    let refused = note(State::Refused, "is the service started?");
    let silent = "most likely a firewall drops it, or the server's backlog is full";
    refused
        .into_iter()
        .chain(note(State::Filtered, silent))
        .collect()
}

/// `port 80`, `ports 80, 443`, `ports 80, 443, 8000, 8001 and 3 more`.
fn listed(ports: &BTreeSet<u16>) -> String {
    let word = if ports.len() == 1 { "port" } else { "ports" };
    let named = ports.iter().take(MOST_NAMED).map(u16::to_string);
    let named: Vec<_> = named.collect();
    match ports.len().saturating_sub(MOST_NAMED) {
        0 => format!("{word} {}", named.join(", ")),
        more => format!("{word} {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(target: &str, address: &str, state: State) -> Seen {
        Seen {
            target: target.into(),
            address: Some(address.parse().unwrap()),
            state,
            ok: state == State::Open,
            wanted: true,
            no_way: false,
        }
    }

    fn notes(seen: Vec<Seen>) -> Vec<String> {
        let diagnosis = Diagnosis::new(seen.len());
        diagnosis.seen.replace(Some(seen));
        diagnosis.notes()
    }

    #[test]
    fn what_netkit_could_not_tell_or_did_not_like_proves_nothing() {
        for state in [State::Unknown, State::Mismatch, State::Tls, State::Silent] {
            let seen = vec![
                seen("web:80", "10.0.0.1:80", State::Open),
                seen("web:80", "[fd00::1]:80", state),
                seen("10.0.0.2:80", "10.0.0.2:80", State::Open),
                seen("10.0.0.2:81", "10.0.0.2:81", state),
            ];
            assert_eq!(notes(seen), [""; 0], "{state}");
        }
    }

    #[test]
    fn open_for_less_time_than_asked_is_open() {
        let mut short = seen("web:80", "10.0.0.1:80", State::Open);
        short.ok = false;
        let other = seen("web:80", "[fd00::1]:80", State::Open);
        assert_eq!(notes(vec![short, other]), [""; 0]);
    }

    #[test]
    fn a_target_given_twice_is_told_once() {
        let both = [
            seen("web:80", "10.0.0.1:80", State::Open),
            seen("web:80", "[fd00::1]:80", State::Refused),
        ];
        let note = "web:80: fd00::1 refused, 10.0.0.1 open: it is open on IPv4 only";
        assert_eq!(notes([both.clone(), both].concat()), [note]);
    }

    #[test]
    fn a_port_that_is_open_and_refused_by_two_protocols_is_no_pattern() {
        let both = vec![
            seen("10.0.0.1:53", "10.0.0.1:53", State::Open),
            seen("udp://10.0.0.1:53", "10.0.0.1:53", State::Refused),
        ];
        assert_eq!(notes(both), [""; 0]);
    }
}

//! How many connections at once this machine allows.

use std::fs;

use crate::net::raise_descriptor_limit;

/// Descriptors left to everything but connections: standard streams, the loop,
/// the resolver's files, signals.
const RESERVED: u64 = 32;

/// The ephemeral ports of Linux, where nothing else can be read.
const USUAL_EPHEMERAL: u64 = 28_232;

/// So few checks never run out of ephemeral ports: to ask how many there are
/// would take longer than a check.
const FEW: usize = 64;

/// How many connections can be under way at once, at most `wanted`: what
/// descriptors allow, their limit raised as far as it goes, and ephemeral
/// ports, of which a quarter stays free for everybody else. `checks` is how
/// many ports are to be checked.
pub(super) fn parallel(wanted: Option<u32>, checks: usize) -> usize {
    let asked = (checks > FEW).then(ephemeral_ports).flatten();
    let ports = asked.unwrap_or(USUAL_EPHEMERAL);
    let possible = raise_descriptor_limit()
        .saturating_sub(RESERVED)
        .min(ports - ports / 4);
    let wanted = wanted.map_or(u64::MAX, u64::from);
    usize::try_from(possible.max(1).min(wanted)).unwrap_or(1)
}

fn ephemeral_ports() -> Option<u64> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    last.checked_sub(first)?.checked_add(1)
}

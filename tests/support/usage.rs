//! What a process uses, as `/proc` tells it.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many descriptors the process has open.
pub(crate) fn descriptors(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd"))
        .expect("cannot list the descriptors of the process")
        .count()
}

/// How many bytes of memory the process has resident.
pub(crate) fn resident_bytes(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process is gone");
    let kibibytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
        .expect("no VmRSS line in the status of the process");
    kibibytes * 1024
}

/// How long the process has run on a processor so far, all threads together.
pub(crate) fn processor_time(id: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("the process is gone");
    let nanoseconds = threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    // A kernel without these statistics would otherwise pass every test of idleness.
    assert!(
        nanoseconds > 0,
        "no processor time in /proc/{id}/task/*/schedstat"
    );
    Duration::from_nanos(nanoseconds)
}

/// Which part of one processor the process uses while `body` runs, in per cent.
pub(crate) fn processor_share(id: u32, body: impl FnOnce()) -> f64 {
    let (before, start) = (processor_time(id), Instant::now());
    body();
    let used = processor_time(id).saturating_sub(before);
    100.0 * used.as_secs_f64() / start.elapsed().as_secs_f64()
}

/// The inode of the socket at this machine with these two TCP addresses, as in
/// `/proc/PID/fd/N -> socket:[INODE]`.
pub(crate) fn socket_inode(local: SocketAddr, remote: SocketAddr) -> u64 {
    let table = fs::read_to_string("/proc/net/tcp").expect("cannot read /proc/net/tcp")
        + &fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let ports = (
        format!(":{:04X}", local.port()),
        format!(":{:04X}", remote.port()),
    );
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 9)
        .find(|fields| fields[1].ends_with(&ports.0) && fields[2].ends_with(&ports.1))
        .and_then(|fields| fields[9].parse().ok())
        .expect("no such connection in /proc/net")
}

/// Raises this process's descriptor limit to the most that it may have; what it starts later
/// inherits it. Fails the test when that is less than `needed`.
pub(crate) fn raise_descriptor_limit(needed: u64) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("cannot read the descriptor limit");
    assert!(
        most >= needed,
        "this test needs a hard limit of {needed} descriptors, here it is {most} (`ulimit -Hn`)"
    );
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("cannot raise the descriptor limit");
}

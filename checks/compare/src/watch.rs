//! What a process and its children cost, read from outside.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// CPU time of `root` and of all below it, those included that have ended and
/// been waited for.
///
/// Living processes by their own clock, to the nanosecond; the ended ones by
/// the kernel's ticks.
#[must_use]
pub fn cpu_time(root: i32) -> Duration {
    tree(root)
        .into_iter()
        .map(|pid| own(pid) + waited_for(pid))
        .sum()
}

/// How long `pid` has been ready to run while its CPU was with others: what
/// tells a disturbed measurement from a quiet one.
#[must_use]
pub fn waiting_time(pid: i32) -> Duration {
    // sched-stats: time on the CPU, time on the run queue, time slices.
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let waited = text
        .split_whitespace()
        .nth(1)
        .and_then(|it| it.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}

/// Bytes that `pid` has written to anything so far; a copy that the kernel makes
/// for it without a write is not among them.
#[must_use]
pub fn written_bytes(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("wchar: ")?.parse().ok())
        .unwrap_or(0)
}

/// Resident bytes of `root` alone.
#[must_use]
pub fn resident_bytes(root: i32) -> u64 {
    kibibytes(&format!("/proc/{root}/status"), "VmRSS:") * 1024
}

/// The most resident bytes that `root` has had since it was started.
#[must_use]
pub fn peak_bytes(root: i32) -> u64 {
    kibibytes(&format!("/proc/{root}/status"), "VmHWM:") * 1024
}

/// The sum of what `root` and each of those below it had at most.
#[must_use]
pub fn peak_bytes_of_all(root: i32) -> u64 {
    tree(root).into_iter().map(peak_bytes).sum()
}

/// Resident bytes of `root` and all below it; what several share is divided
/// among them.
#[must_use]
pub fn proportional_bytes(root: i32) -> u64 {
    let of = |pid| kibibytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:");
    tree(root).into_iter().map(of).sum::<u64>() * 1024
}

/// `root` and everything below it, `root` first.
#[must_use]
pub fn tree(root: i32) -> Vec<i32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        all.extend(
            children
                .split_whitespace()
                .filter_map(|it| it.parse::<i32>().ok()),
        );
        next += 1;
    }
    all
}

fn own(pid: i32) -> Duration {
    ClockId::pid_cpu_clock_id(Pid::from_raw(pid))
        .and_then(clock_gettime)
        .map_or(Duration::ZERO, Duration::from)
}

fn waited_for(pid: i32) -> Duration {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // proc_pid_stat(5): the name, in brackets, may hold anything; `cutime` and
    // `cstime` are the 16th and 17th field, the first one after it is the 3rd.
    let fields = line.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|it| it.parse::<u64>().ok())
        .sum();
    let a_second = rustix::param::clock_ticks_per_second();
    Duration::from_secs_f64(ticks as f64 / a_second as f64)
}

fn kibibytes(path: &str, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

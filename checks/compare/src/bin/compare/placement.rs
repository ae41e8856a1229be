//! Which CPU is whose, and what kind of machine this is.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who runs where: what is measured and what measures never share a CPU, where
/// there are two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    measured: usize,
    load: usize,
}

impl Placement {
    /// The first two CPUs that this process may use.
    pub(crate) fn new() -> std::io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let measured = usable.next().unwrap_or(0);
        let load = usable.next().unwrap_or(measured);
        if load == measured {
            crate::note("only one CPU: server and load share it, so rates mean little");
        }
        Ok(Self { measured, load })
    }

    /// From here on, this process and what it starts are what is measured.
    pub(crate) fn as_measured(self) -> std::io::Result<()> {
        pin(self.measured)
    }

    /// From here on, this process and what it starts are the load.
    pub(crate) fn as_load(self) -> std::io::Result<()> {
        pin(self.load)
    }
}

fn pin(cpu: usize) -> std::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// Waits until nothing else has run for a while, at most for `patience`.
pub(crate) fn quiet_moment(patience: Duration) {
    const STEP: Duration = Duration::from_millis(5);
    const ENOUGH: usize = 5;
    let end = Instant::now() + patience;
    let mut quiet = 0;
    while quiet < ENOUGH && Instant::now() < end {
        thread::sleep(STEP);
        // This process itself is running while it reads.
        quiet = if running() <= 1 { quiet + 1 } else { 0 };
    }
}

fn running() -> usize {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("procs_running "));
    count.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// The machine, in a line.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let count = cpus.matches("processor\t").count();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "))
        .unwrap_or("unknown CPU");
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim();
    format!("{count} × {model}, Linux {kernel}; {}", load_average())
}

/// What else the machine has had to do.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = text.split_whitespace().next().unwrap_or("unknown");
    format!("load average {minute}")
}

//! One run of wrk against one server.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use netkit_compare::watch;
use serde_json::Value;

use crate::command::cpu_of_children;
use crate::load;
use crate::placement::Placement;
use crate::server::Server;

/// What makes wrk's figures a line of JSON.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wrk.lua");

/// Connections that stay open.
const CONNECTIONS: usize = 64;

/// Past its window, for answers under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for `file` over and over. The outcome has the keys of our own load's,
/// but for how long others had the CPU: that shows only in what is left of it.
pub(super) fn run(
    wrk: &Path,
    placement: Placement,
    server: &Server,
    file: &str,
    window: Duration,
) -> Result<Value, Box<dyn Error>> {
    placement.as_load()?;
    let (cpu, own_cpu) = (watch::cpu_time(server.process()), cpu_of_children()?);
    let child = Command::new(wrk)
        .arg("--threads=1")
        .arg(format!("--connections={CONNECTIONS}"))
        // It takes whole seconds only.
        .arg(format!("--duration={}s", window.as_secs().max(1)))
        .arg(format!("--script={SCRIPT}"))
        .arg(format!("http://{}/{file}", server.address))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let text = load::output(child, window + PATIENCE, "wrk")?;
    let (cpu, own_cpu) = (
        watch::cpu_time(server.process()).saturating_sub(cpu),
        cpu_of_children()?.saturating_sub(own_cpu),
    );
    let line = text.lines().last().unwrap_or_default();
    let mut outcome: Value = serde_json::from_str(line)?;
    let figure = |key: &str| outcome[key].as_f64().unwrap_or(f64::NAN);
    let seconds = figure("seconds");
    let (rate, megabytes) = (figure("operations") / seconds, figure("bytes") / 1e6);
    outcome["rate"] = rate.into();
    outcome["mb_per_second"] = (megabytes / seconds).into();
    outcome["cpu_us"] = (cpu.as_secs_f64() * 1e6).into();
    outcome["load_busy"] = (own_cpu.as_secs_f64() / seconds).into();
    outcome["mismatches"] = 0.into();
    Ok(outcome)
}

//! One run of the load against one server.

use std::error::Error;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::options::{Options, sibling};
use crate::placement::{Placement, quiet_moment};
use crate::server::Server;

/// Past its window, for opening and closing what it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Above this share, others have disturbed the window.
const DISTURBED: f64 = 0.05;

/// What the busier side leaves unused of its CPU in a quiet window.
const USUALLY_UNUSED: f64 = 0.1;

/// How often a window is measured until nobody disturbs it.
const TRIES: usize = 4;

/// The same where time is short.
const QUICK_TRIES: usize = 2;

/// Runs it once.
pub(crate) fn run(
    placement: Placement,
    server: &Server,
    arguments: &str,
    window: Duration,
) -> Result<Value, Box<dyn Error>> {
    placement.as_load()?;
    let mut command = Command::new(sibling("load")?);
    let (mode, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let child = command
        .arg(mode)
        .arg(server.address.to_string())
        .args(rest.split_whitespace())
        .args(["--seconds", &window.as_secs_f64().to_string()])
        .args(["--watch", &server.process().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let text = output(child, window + PATIENCE, &format!("load {arguments}"))?;
    Ok(serde_json::from_str(&text)?)
}

/// What `child` says until it ends, which it has to do within `limit`.
pub(crate) fn output(
    mut child: Child,
    limit: Duration,
    name: &str,
) -> Result<String, Box<dyn Error>> {
    let mut pipe = child.stdout.take().ok_or("no standard output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let outcome = pipe.read_to_string(&mut text).map(|_| text);
        // The other end has given up, and said so.
        let _ = sender.send(outcome);
    });
    let Ok(outcome) = receiver.recv_timeout(limit) else {
        child.kill()?;
        child.wait()?;
        return Err(format!("`{name}` did not end").into());
    };
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("`{name}` failed: {status}").into());
    }
    Ok(outcome?)
}

/// Runs it until nobody disturbs, a few times at most; the quietest counts.
/// What comes back says under `disturbed` whether that was no use.
pub(crate) fn run_quietly(
    options: &Options,
    placement: Placement,
    server: &Server,
    arguments: &str,
    window: Duration,
    saturates: bool,
) -> Result<Value, Box<dyn Error>> {
    quietest(options, saturates, || {
        run(placement, server, arguments, window)
    })
}

/// The same of anything with such an outcome.
pub(crate) fn quietest(
    options: &Options,
    saturates: bool,
    measure: impl Fn() -> Result<Value, Box<dyn Error>>,
) -> Result<Value, Box<dyn Error>> {
    let mut best: Option<(f64, Value)> = None;
    let tries = if options.quick { QUICK_TRIES } else { TRIES };
    for _ in 0..tries {
        quiet_moment(options.patience());
        let mut outcome = measure()?;
        let disturbance = disturbance(&outcome, saturates);
        outcome["disturbed"] = (disturbance >= DISTURBED).into();
        if best.as_ref().is_none_or(|(least, _)| disturbance < *least) {
            best = Some((disturbance, outcome));
        }
        if disturbance < DISTURBED {
            break;
        }
    }
    best.map(|(_, outcome)| outcome)
        .ok_or_else(|| "nothing was measured".into())
}

/// The share of the window in which server or load waited for the CPU, or, if
/// this server `saturates` one, neither had enough of it to be the limit. The
/// kernel counts waiting only when it is over: a whole window without a turn
/// shows in the second figure.
fn disturbance(outcome: &Value, saturates: bool) -> f64 {
    let figure = |key: &str| outcome[key].as_f64().unwrap_or(0.0);
    let waited = figure("waited_share");
    if !saturates {
        return waited;
    }
    let server = figure("cpu_us") / figure("seconds") / 1e6;
    let unused = 1.0 - server.max(figure("load_busy")).min(1.0);
    waited.max(unused - USUALLY_UNUSED)
}

//! What the load is told to do.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use lexopt::prelude::{Long, Value, ValueExt};

/// The kind of load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// One message under way on each connection.
    RoundTrips,
    /// As many bytes as the sockets take, both ways at once.
    Stream,
    /// Connect, one echo, close.
    Churn,
    /// Connections that have echoed once and stay.
    Idle,
    /// One busy connection, alone and among idle ones.
    ActiveAmongIdle,
}

/// Everything from the command line.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The kind of load.
    pub(crate) mode: Mode,
    /// The server.
    pub(crate) address: SocketAddr,
    /// Connections at once; `--parallel` is the same.
    pub(crate) connections: usize,
    /// Bytes of a message.
    pub(crate) size: usize,
    /// The measured window.
    pub(crate) window: Duration,
    /// What is not measured before it.
    pub(crate) warm_up: Duration,
    /// The server's process, whose CPU time and memory are read.
    pub(crate) watch: Option<i32>,
}

const USAGE: &str = "load round-trips|stream|churn|idle|active-among-idle ADDRESS \
[--connections N] [--parallel N] [--size BYTES] [--seconds S] [--warm-up S] [--watch PID]";

impl Options {
    /// Reads the arguments.
    pub(crate) fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut words = Vec::new();
        let (mut connections, mut size, mut watch) = (64, 64, None);
        let (mut seconds, mut warm_up) = (1.0, 0.1);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(word) => words.push(word.string()?),
                Long("connections" | "parallel") => connections = arguments.value()?.parse()?,
                Long("size") => size = arguments.value()?.parse()?,
                Long("seconds") => seconds = arguments.value()?.parse()?,
                Long("warm-up") => warm_up = arguments.value()?.parse()?,
                Long("watch") => watch = Some(arguments.value()?.parse()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let [mode, address] = words.as_slice() else {
            return Err(USAGE.into());
        };
        Ok(Self {
            mode: mode_of(mode)?,
            address: address.parse()?,
            connections,
            size,
            window: Duration::try_from_secs_f64(seconds)?,
            warm_up: Duration::try_from_secs_f64(warm_up)?,
            watch,
        })
    }
}

fn mode_of(word: &str) -> Result<Mode, String> {
    Ok(match word {
        "round-trips" => Mode::RoundTrips,
        "stream" => Mode::Stream,
        "churn" => Mode::Churn,
        "idle" => Mode::Idle,
        "active-among-idle" => Mode::ActiveAmongIdle,
        other => return Err(format!("unknown load `{other}`\n{USAGE}")),
    })
}

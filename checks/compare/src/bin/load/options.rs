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
    /// So many bytes there and back on one connection, and its end.
    Whole,
    /// Connect, one echo, close.
    Churn,
    /// Connections that have echoed once and stay.
    Idle,
    /// One busy connection, alone and among idle ones.
    ActiveAmongIdle,
    /// Connect, one small file, close.
    Get,
    /// One file, once.
    Fetch,
    /// Downloads that have begun and stall, and a quick one among them.
    Slow,
}

/// How a file is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    /// `GET <path>`, `FOUND <length>`.
    Peer,
    /// HTTP/1.1, a request for each connection.
    Http,
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
    /// Bytes of a message, of the file, or of everything.
    pub(crate) size: usize,
    /// The file.
    pub(crate) path: String,
    /// How it is asked for.
    pub(crate) protocol: Protocol,
    /// The measured window.
    pub(crate) window: Duration,
    /// What is not measured before it.
    pub(crate) warm_up: Duration,
    /// The server's process, whose CPU time and memory are read.
    pub(crate) watch: Option<i32>,
}

const USAGE: &str = "load round-trips|stream|whole|churn|idle|active-among-idle|get|fetch|slow ADDRESS \
[--connections N] [--parallel N] [--size BYTES] [--path FILE] [--protocol peer|http] \
[--seconds S] [--warm-up S] [--watch PID]";

impl Options {
    /// Reads the arguments.
    pub(crate) fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut words = Vec::new();
        let (mut connections, mut size, mut watch) = (64, 64, None);
        let (mut seconds, mut warm_up) = (1.0, 0.1);
        let (mut path, mut protocol) = (String::new(), Protocol::Peer);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(word) => words.push(word.string()?),
                Long("connections" | "parallel") => connections = arguments.value()?.parse()?,
                Long("size") => size = arguments.value()?.parse()?,
                Long("path") => path = arguments.value()?.string()?,
                Long("protocol") => protocol = protocol_of(&arguments.value()?.string()?)?,
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
            path,
            protocol,
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
        "whole" => Mode::Whole,
        "churn" => Mode::Churn,
        "idle" => Mode::Idle,
        "active-among-idle" => Mode::ActiveAmongIdle,
        "get" => Mode::Get,
        "fetch" => Mode::Fetch,
        "slow" => Mode::Slow,
        other => return Err(format!("unknown load `{other}`\n{USAGE}")),
    })
}

fn protocol_of(word: &str) -> Result<Protocol, String> {
    Ok(match word {
        "peer" => Protocol::Peer,
        "http" => Protocol::Http,
        other => return Err(format!("unknown protocol `{other}`\n{USAGE}")),
    })
}

//! Downloads that have begun and stall, and a quick one among them.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use netkit_compare::descriptors;
use netkit_compare::samples::Samples;
use netkit_compare::watch;
use nix::sys::socket::{setsockopt, sockopt::RcvBuf, sockopt::TcpMaxSeg};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use serde_json::{Value, json};

use crate::answer::{Answer, Question};
use crate::fetch::{fetch, finish};
use crate::options::Options;

/// How long the first bytes may take before the server counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// What each reads before it stalls.
const FIRST: usize = 4 * 1024;

/// As over Ethernet. Loopback's own are 64 KiB, and the kernel would hold
/// megabytes for each connection: more than it has for all of them.
const SEGMENT: u32 = 1460;

/// The kernel doubles it. With four times as much it holds twice as much for
/// each, and begins to save memory on all connections of the machine.
const RECEIVE_BUFFER: usize = 4 * 1024;

/// How many of them read on to the end after all.
const RESUMED: usize = 10;

/// How many quick ones are timed at least.
const LEAST: usize = 5;

struct Stalled {
    stream: TcpStream,
    answer: Answer,
}

/// Runs the load.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    descriptors::raise_limit()?;
    let question = Question::new(options);
    let peak = || options.watch.map(watch::peak_bytes_of_all);
    let before = peak();
    let alone = quick_ones(options, &question)?;
    let mut stalled = Vec::with_capacity(options.connections);
    for index in 0..options.connections {
        let one = Stalled::begin(options.address, &question)
            .map_err(|error| format!("cannot begin download {index}: {error}"))?;
        stalled.push(one);
    }
    let among = quick_ones(options, &question)?;
    let every = stalled.len().div_ceil(RESUMED).max(1);
    let some = stalled.into_iter().step_by(every);
    let lost = some.map(|it| finish(it.stream, &question, it.answer));
    let errors = lost.filter(Result::is_err).count();
    Ok(json!({
        "mode": "slow",
        "connections": options.connections,
        "peak_before_bytes": before,
        "peak_bytes": peak(),
        "alone_p50_us": alone.quantile(0.5),
        "p50_us": among.quantile(0.5),
        "mismatches": 0,
        "errors": errors,
    }))
}

/// Microseconds that a whole download takes.
fn quick_ones(options: &Options, question: &Question) -> io::Result<Samples> {
    let mut samples = Samples::default();
    let end = Instant::now() + options.window;
    while samples.count() < LEAST || Instant::now() < end {
        let start = Instant::now();
        fetch(TcpStream::connect(options.address)?, question)?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(samples)
}

impl Stalled {
    fn begin(address: SocketAddr, question: &Question) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        setsockopt(&socket, TcpMaxSeg, &SEGMENT)?;
        setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER)?;
        connect(&socket, &address)?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&question.request)?;
        let mut first = [0; FIRST];
        stream.read_exact(&mut first)?;
        let mut answer = Answer::default();
        answer.take(question, &first)?;
        Ok(Self { stream, answer })
    }
}

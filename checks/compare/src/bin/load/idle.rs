//! Connections that have echoed once and stay, and a busy one among them.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use netkit_compare::pattern::Pattern;
use netkit_compare::samples::Samples;
use netkit_compare::watch;
use serde_json::{Value, json};

use crate::options::Options;

/// How long an echo may take before the server counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens them and reads how much memory that took.
pub(crate) fn hold(options: &Options) -> Result<Value, Box<dyn Error>> {
    let pattern = Pattern::new();
    let memory = |of: fn(i32) -> u64| options.watch.map(of);
    let before = memory(watch::resident_bytes);
    let proportional_before = memory(watch::proportional_bytes);
    let idle = open(options, &pattern)?;
    Ok(json!({
        "mode": "idle",
        "connections": idle.len(),
        "resident_before_bytes": before,
        "resident_bytes": memory(watch::resident_bytes),
        "proportional_before_bytes": proportional_before,
        "proportional_bytes": memory(watch::proportional_bytes),
        "mismatches": 0,
        "errors": closed(&idle)?,
    }))
}

/// Round trips of one connection, first alone and then among idle ones.
pub(crate) fn active(options: &Options) -> Result<Value, Box<dyn Error>> {
    let pattern = Pattern::new();
    let mut busy = dial(options.address)?;
    let alone = round_trips(&mut busy, options, &pattern)?;
    let idle = open(options, &pattern)?;
    let among = round_trips(&mut busy, options, &pattern)?;
    Ok(json!({
        "mode": "active-among-idle",
        "connections": idle.len(),
        "alone_p50_us": alone.quantile(0.5),
        "alone_p99_us": alone.quantile(0.99),
        "p50_us": among.quantile(0.5),
        "p99_us": among.quantile(0.99),
        "mismatches": 0,
        "errors": closed(&idle)?,
    }))
}

fn open(options: &Options, pattern: &Pattern) -> Result<Vec<TcpStream>, Box<dyn Error>> {
    let mut idle = Vec::with_capacity(options.connections);
    for index in 0..options.connections {
        let mut stream = dial(options.address)
            .map_err(|error| format!("cannot open connection {index}: {error}"))?;
        echo(&mut stream, pattern.slice(index * 7919, options.size))?;
        idle.push(stream);
    }
    Ok(idle)
}

fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn echo(stream: &mut TcpStream, message: &[u8]) -> Result<(), Box<dyn Error>> {
    stream.write_all(message)?;
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?;
    if answer == message {
        return Ok(());
    }
    Err("what came back is not what was sent".into())
}

fn round_trips(
    stream: &mut TcpStream,
    options: &Options,
    pattern: &Pattern,
) -> Result<Samples, Box<dyn Error>> {
    let mut samples = Samples::default();
    let measured = Instant::now() + options.warm_up;
    let end = measured + options.window;
    let (mut start, mut position) = (Instant::now(), 0);
    while start < end {
        echo(stream, pattern.slice(position, options.size))?;
        let now = Instant::now();
        if start >= measured {
            samples.push((now - start).as_secs_f64() * 1e6);
        }
        position += options.size;
        start = now;
    }
    Ok(samples)
}

/// How many of them the server has dropped.
fn closed(idle: &[TcpStream]) -> io::Result<u64> {
    let mut count = 0;
    for stream in idle {
        stream.set_nonblocking(true)?;
        let open = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        count += u64::from(!open);
    }
    Ok(count)
}

//! So many bytes there and back, both ways at once, and the end of each way.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use netkit_compare::pattern::{LONGEST, Pattern};
use serde_json::{Value, json};

use crate::options::Options;

/// How long nothing may come back before the server counts as stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the load.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    let pattern = Pattern::new();
    let stream = TcpStream::connect(options.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (received, fate) = thread::scope(|scope| {
        scope.spawn(|| send(&stream, &pattern, options.size));
        let outcome = receive(&stream, &pattern, options.size);
        // The sender may be stuck too. Who is gone already needs no end.
        let _ = stream.shutdown(Shutdown::Both);
        outcome
    });
    Ok(json!({
        "mode": "whole",
        "bytes": received,
        "fate": fate,
    }))
}

fn send(mut stream: &TcpStream, pattern: &Pattern, size: usize) -> io::Result<()> {
    for position in (0..size).step_by(LONGEST) {
        stream.write_all(pattern.slice(position, size - position))?;
    }
    stream.shutdown(Shutdown::Write)
}

/// How many bytes came back, and what ended that: `whole`, `wrong`, `lost` or
/// `stalled`.
fn receive(mut stream: &TcpStream, pattern: &Pattern, size: usize) -> (usize, &'static str) {
    let mut buffer = vec![0; LONGEST];
    let mut received = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) if received == size => return (received, "whole"),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (received, "stalled"),
            Ok(0) | Err(_) => return (received, "lost"),
            Ok(count) => count,
        };
        let expected = pattern.slice(received, count);
        received += count;
        if received > size || buffer[..count] != *expected {
            return (received, "wrong");
        }
    }
}

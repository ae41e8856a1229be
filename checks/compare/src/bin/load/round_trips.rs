//! One message under way on each connection; the next when it has come back.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use netkit_compare::epoll::{BOTH, Epoll};
use netkit_compare::pattern::{LONGEST, Pattern};
use serde_json::Value;

use crate::options::Options;
use crate::tally::Tally;
use crate::window::{Phase, Window};

struct Client {
    stream: TcpStream,
    /// Where in the pattern its message begins.
    position: usize,
    sent: usize,
    received: usize,
    started: Instant,
}

/// The parts that all connections share.
struct Load {
    size: usize,
    pattern: Pattern,
    buffer: Vec<u8>,
    tally: Tally,
}

/// Runs the load.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    if options.size == 0 || options.size > LONGEST {
        return Err(format!("a message has 1 to {LONGEST} bytes, not {}", options.size).into());
    }
    let mut epoll = Epoll::new()?;
    let mut load = Load {
        size: options.size,
        pattern: Pattern::new(),
        buffer: vec![0; LONGEST],
        tally: Tally::default(),
    };
    let mut clients = Vec::new();
    for index in 0..options.connections {
        let stream = crate::connect(options.address)?;
        epoll.add(&stream, index, BOTH)?;
        clients.push(Some(Client {
            stream,
            position: index * 7919,
            sent: 0,
            received: 0,
            started: Instant::now(),
        }));
    }
    let mut window = Window::new(options);
    loop {
        match window.phase() {
            Phase::Opened => load.tally.open(),
            Phase::Over(span) => {
                return Ok(load.tally.outcome("round-trips", span));
            }
            Phase::WarmUp | Phase::Open => {}
        }
        epoll.wait_until(window.next_change())?;
        for index in 0..epoll.count() {
            let (place, _) = epoll.event(index);
            let Some(client) = &mut clients[place] else {
                continue;
            };
            if load.advance(client).is_err() {
                load.tally.errors += 1;
                clients[place] = None;
            }
        }
    }
}

impl Load {
    /// Reads and writes as far as it goes.
    fn advance(&mut self, client: &mut Client) -> io::Result<()> {
        // The first event, and what did not fit at once.
        self.send(client)?;
        loop {
            let count = match client.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.take(client, count)?;
            if count < self.size {
                continue;
            }
            return Ok(());
        }
    }

    /// Compares what came; a complete message starts the next one.
    fn take(&mut self, client: &mut Client, count: usize) -> io::Result<()> {
        if client.received + count > client.sent {
            self.tally.mismatches += 1;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let start = client.position + client.received;
        let expected = self.pattern.slice(start, count);
        self.tally.received(&self.buffer[..count], expected);
        client.received += count;
        if client.received < self.size {
            return Ok(());
        }
        let now = Instant::now();
        self.tally.operation(client.started, now);
        client.started = now;
        client.position += self.size;
        (client.sent, client.received) = (0, 0);
        self.send(client)
    }

    fn send(&self, client: &mut Client) -> io::Result<()> {
        while client.sent < self.size {
            let start = client.position + client.sent;
            let rest = self.pattern.slice(start, self.size - client.sent);
            match client.stream.write(rest) {
                Ok(count) => client.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

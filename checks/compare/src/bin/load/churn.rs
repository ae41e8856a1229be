//! Connect, one echo, close; so many at once.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use netkit_compare::epoll::{BOTH, Epoll};
use netkit_compare::pattern::Pattern;
use serde_json::Value;

use crate::dial::{dial, is_pending};
use crate::options::Options;
use crate::tally::Tally;
use crate::window::{Phase, Window};

/// A server that fails so often is not measured but broken.
const MOST_ERRORS: u64 = 1000;

struct Slot {
    stream: TcpStream,
    started: Instant,
    message: Vec<u8>,
    sent: bool,
    received: usize,
}

struct Load {
    epoll: Epoll,
    address: SocketAddr,
    pattern: Pattern,
    size: usize,
    begun: usize,
    slots: Vec<Option<Slot>>,
    tally: Tally,
}

/// Runs the load.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    let mut load = Load {
        epoll: Epoll::new()?,
        address: options.address,
        pattern: Pattern::new(),
        size: options.size,
        begun: 0,
        slots: (0..options.connections).map(|_| None).collect(),
        tally: Tally::default(),
    };
    for place in 0..options.connections {
        load.begin(place)?;
    }
    let mut window = Window::new(options);
    loop {
        match window.phase() {
            Phase::Opened => load.tally.open(),
            Phase::Over(span) => return Ok(load.tally.outcome("churn", span)),
            Phase::WarmUp | Phase::Open => {}
        }
        load.epoll.wait_until(window.next_change())?;
        for index in 0..load.epoll.count() {
            let (place, _) = load.epoll.event(index);
            load.advance(place)?;
        }
        if load.tally.errors > MOST_ERRORS {
            return Err(format!("cannot go on: {MOST_ERRORS} connections failed").into());
        }
    }
}

impl Load {
    /// A new connection in the place of what was there.
    fn begin(&mut self, place: usize) -> io::Result<()> {
        self.slots[place] = None;
        let stream = dial(self.address, self.begun)?;
        self.epoll.add(&stream, place, BOTH)?;
        let message = self.pattern.slice(self.begun * 7919, self.size).to_vec();
        self.slots[place] = Some(Slot {
            stream,
            started: Instant::now(),
            message,
            sent: false,
            received: 0,
        });
        self.begun += 1;
        self.advance(place)
    }

    fn advance(&mut self, place: usize) -> io::Result<()> {
        let Some(slot) = &mut self.slots[place] else {
            return Ok(());
        };
        match slot.exchange(&mut self.tally) {
            Ok(false) => return Ok(()),
            Ok(true) => self.tally.operation(slot.started, Instant::now()),
            Err(_) => {
                self.tally.errors += 1;
                if self.tally.errors > MOST_ERRORS {
                    return Ok(());
                }
            }
        }
        self.begin(place)
    }
}

impl Slot {
    /// Whether the whole message has come back.
    fn exchange(&mut self, tally: &mut Tally) -> io::Result<bool> {
        if !self.sent {
            match self.stream.write(&self.message) {
                Ok(count) if count == self.message.len() => self.sent = true,
                Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if is_pending(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
            // Nothing can have come back yet.
            return Ok(false);
        }
        let mut buffer = [0; 4096];
        while self.received < self.message.len() {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    let rest = &self.message[self.received..];
                    tally.received(&buffer[..count], &rest[..count.min(rest.len())]);
                    self.received += count;
                }
                Err(error) if is_pending(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

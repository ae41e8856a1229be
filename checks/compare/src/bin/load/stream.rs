//! As many bytes as the sockets take, both ways at once.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use netkit_compare::epoll::{BOTH, Epoll, EventFlags};
use netkit_compare::pattern::{LONGEST, Pattern};
use serde_json::Value;

use crate::options::Options;
use crate::tally::Tally;
use crate::window::{Phase, Window};

struct Client {
    stream: TcpStream,
    sent: usize,
    received: usize,
    readable: bool,
    writable: bool,
}

/// Runs the load.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    let mut epoll = Epoll::new()?;
    let pattern = Pattern::new();
    let mut buffer = vec![0; LONGEST];
    let mut tally = Tally::default();
    let mut clients = Vec::new();
    for index in 0..options.connections {
        let stream = crate::connect(options.address)?;
        epoll.add(&stream, index, BOTH)?;
        clients.push(Client {
            stream,
            sent: 0,
            received: 0,
            readable: false,
            writable: true,
        });
    }
    let mut window = Window::new(options);
    loop {
        match window.phase() {
            Phase::Opened => tally.open(),
            Phase::Over(span) => return Ok(tally.outcome("stream", span)),
            Phase::WarmUp | Phase::Open => {}
        }
        if clients.iter().any(|it| it.readable || it.writable) {
            epoll.wait(Some(Duration::ZERO))?;
        } else {
            epoll.wait_until(window.next_change())?;
        }
        for index in 0..epoll.count() {
            let (place, flags) = epoll.event(index);
            let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            clients[place].readable |= flags.intersects(over | EventFlags::IN);
            clients[place].writable |= flags.contains(EventFlags::OUT);
        }
        for client in &mut clients {
            if client.turn(&pattern, &mut buffer, &mut tally).is_err() {
                tally.errors += 1;
                (client.readable, client.writable) = (false, false);
                epoll.remove(&client.stream)?;
            }
        }
    }
}

impl Client {
    /// One piece out, one piece in.
    fn turn(&mut self, pattern: &Pattern, buffer: &mut [u8], tally: &mut Tally) -> io::Result<()> {
        if self.writable {
            match self.stream.write(pattern.slice(self.sent, LONGEST)) {
                Ok(count) => {
                    self.sent += count;
                    self.writable = count == LONGEST;
                }
                Err(error) => self.writable = would_block(error)?,
            }
        }
        if self.readable {
            match self.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    tally.received(&buffer[..count], pattern.slice(self.received, count));
                    self.received += count;
                    self.readable = count == buffer.len();
                }
                Err(error) => self.readable = would_block(error)?,
            }
        }
        Ok(())
    }
}

/// Not ready any more, or the failure.
fn would_block(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        io::ErrorKind::WouldBlock => Ok(false),
        _ => Err(error),
    }
}

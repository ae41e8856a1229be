//! The limit of readiness I/O: an echo server of bare epoll calls.
//!
//! Edge triggered, one registration for both directions, a short read counts as
//! drained, answers are written at once, one buffer for all connections.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use netkit_compare::address;
use netkit_compare::epoll::{BOTH, Epoll, EventFlags};
use rustix::net::{SocketFlags, accept_with, sockopt};

/// Never exactly 64 KiB: that leaves a small tail of each write on loopback.
const BUFFER: usize = 256 * 1024;

/// Reads of one connection before the others get their turn.
const BUDGET: usize = 16;

/// The listener's token; connections have their place in the table.
const LISTENER: usize = usize::MAX;

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address::from_arguments()?)?;
    rustix::net::listen(&listener, 1024)?;
    listener.set_nonblocking(true)?;
    let mut server = Server {
        epoll: Epoll::new()?,
        connections: Vec::new(),
        free: Vec::new(),
        again: Vec::new(),
        buffer: vec![0; BUFFER],
    };
    server.epoll.add(&listener, LISTENER, EventFlags::IN)?;
    address::announce(&listener)?;
    loop {
        server.turn(&listener)?;
    }
}

struct Server {
    epoll: Epoll,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Those that used up their budget.
    again: Vec<usize>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What the peer has not taken yet; nothing more is read meanwhile.
    unsent: Vec<u8>,
    readable: bool,
    /// The peer has finished: a short read is not the end of what there is.
    finished: bool,
}

/// What a connection needs after its turn.
enum Next {
    Event,
    Turn,
    End,
}

impl Server {
    fn turn(&mut self, listener: &TcpListener) -> io::Result<()> {
        let limit = (!self.again.is_empty()).then_some(std::time::Duration::ZERO);
        self.epoll.wait(limit)?;
        for index in std::mem::take(&mut self.again) {
            self.serve(index);
        }
        for index in 0..self.epoll.count() {
            match self.epoll.event(index) {
                (LISTENER, _) => self.accept(listener)?,
                (place, flags) => self.wake(place, flags),
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        while let Ok(socket) = accept_with(listener, flags) {
            sockopt::set_tcp_nodelay(&socket, true)?;
            let connection = Connection {
                stream: socket.into(),
                unsent: Vec::new(),
                readable: false,
                finished: false,
            };
            let place = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.epoll.add(&connection.stream, place, BOTH)?;
            self.connections[place] = Some(connection);
        }
        Ok(())
    }

    fn wake(&mut self, place: usize, flags: EventFlags) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        connection.finished |= flags.intersects(over);
        connection.readable |= flags.intersects(over | EventFlags::IN);
        self.serve(place);
    }

    fn serve(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        match connection.echo(&mut self.buffer) {
            Ok(Next::Event) => {}
            Ok(Next::Turn) if self.again.contains(&place) => {}
            Ok(Next::Turn) => self.again.push(place),
            Ok(Next::End) | Err(_) => {
                self.connections[place] = None;
                self.free.push(place);
            }
        }
    }
}

impl Connection {
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            if !self.send(&unsent)? {
                return Ok(Next::Event);
            }
        }
        for _ in 0..BUDGET {
            if !self.readable {
                return Ok(Next::Event);
            }
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(Next::End),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(Next::Event);
                }
                Err(error) => return Err(error),
            };
            self.readable = count == buffer.len() || self.finished;
            if !self.send(&buffer[..count])? {
                return Ok(Next::Event);
            }
        }
        Ok(Next::Turn)
    }

    /// Whether all was taken; what was not is kept.
    fn send(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unsent = bytes.to_vec();
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

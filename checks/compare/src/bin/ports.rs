//! Port checks without anything around them, and ports to be checked.
//!
//! `own` asks a second time before it registers and uses a refused descriptor
//! again; `epoll` registers whatever is pending; `listen` opens every other
//! port of the range.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use netkit_compare::epoll::{Epoll, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getpeername, getsockname, socket_with,
};
use serde_json::json;

/// How many attempts may be pending at once.
const PENDING: usize = 4096;

/// How long the last of them may take.
const PATIENCE: Duration = Duration::from_secs(3);

const USAGE: &str = "ports own|epoll|listen HOST FIRST[-LAST]";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [mode, host, range] = words.as_slice() else {
        return Err(USAGE.into());
    };
    let host: Ipv4Addr = host.parse()?;
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (first.parse()?, last.parse()?);
    match mode.as_str() {
        "own" => scan(host, first, last, true),
        "epoll" => scan(host, first, last, false),
        "listen" => listen(host, first, last),
        _ => Err(USAGE.into()),
    }
}

struct Scan {
    epoll: Epoll,
    /// By the place that is their token.
    pending: Vec<Option<(u16, OwnedFd)>>,
    free: Vec<usize>,
    spare: Option<OwnedFd>,
    open: Vec<u16>,
    refused: u32,
    itself: u32,
    other: u32,
}

fn scan(host: Ipv4Addr, first: u16, last: u16, again: bool) -> Result<(), Box<dyn Error>> {
    let mut scan = Scan {
        epoll: Epoll::new()?,
        pending: Vec::new(),
        free: Vec::new(),
        spare: None,
        open: Vec::new(),
        refused: 0,
        itself: 0,
        other: 0,
    };
    for port in first..=last {
        scan.begin(SocketAddrV4::new(host, port), again)?;
        if scan.under_way() >= PENDING {
            scan.settle(PATIENCE)?;
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while scan.under_way() > 0 && Instant::now() < deadline {
        scan.settle(deadline.saturating_duration_since(Instant::now()))?;
    }
    scan.open.sort_unstable();
    let outcome = json!({
        "open": scan.open,
        "refused": scan.refused,
        "itself": scan.itself,
        "other": scan.other as usize + scan.under_way(),
    });
    writeln!(io::stdout(), "{outcome}")?;
    Ok(())
}

impl Scan {
    fn under_way(&self) -> usize {
        self.pending.len() - self.free.len()
    }

    fn begin(&mut self, address: SocketAddrV4, again: bool) -> io::Result<()> {
        let socket = match self.spare.take() {
            Some(socket) => socket,
            None => socket_with(
                AddressFamily::INET,
                SocketType::STREAM,
                SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
                None,
            )?,
        };
        let mut outcome = connect(&socket, &address);
        if again && outcome == Err(Errno::INPROGRESS) {
            outcome = connect(&socket, &address);
        }
        match outcome {
            Ok(()) | Err(Errno::ISCONN) => self.connected(address.port(), &socket)?,
            Err(Errno::CONNREFUSED) => {
                self.refused += 1;
                self.spare = again.then_some(socket);
            }
            Err(Errno::INPROGRESS | Errno::ALREADY) => self.wait_for(address.port(), socket)?,
            Err(_) => self.other += 1,
        }
        Ok(())
    }

    fn wait_for(&mut self, port: u16, socket: OwnedFd) -> io::Result<()> {
        let place = self.free.pop().unwrap_or_else(|| {
            self.pending.push(None);
            self.pending.len() - 1
        });
        self.epoll
            .add(&socket, place, EventFlags::OUT | EventFlags::ET)?;
        self.pending[place] = Some((port, socket));
        Ok(())
    }

    fn settle(&mut self, limit: Duration) -> io::Result<()> {
        self.epoll.wait(Some(limit))?;
        for index in 0..self.epoll.count() {
            let (place, _) = self.epoll.event(index);
            let Some((port, socket)) = self.pending[place].take() else {
                continue;
            };
            self.free.push(place);
            match socket_error(&socket)? {
                Ok(()) => self.connected(port, &socket)?,
                Err(Errno::CONNREFUSED) => self.refused += 1,
                Err(_) => self.other += 1,
            }
        }
        Ok(())
    }

    /// Connected to somebody, or to itself: the kernel may have chosen the very
    /// port that was asked for.
    fn connected(&mut self, port: u16, socket: &OwnedFd) -> io::Result<()> {
        if Some(getsockname(socket)?) == getpeername(socket)? {
            self.itself += 1;
        } else {
            self.open.push(port);
        }
        Ok(())
    }
}

/// Accepts and closes, so that no queue is ever full.
fn listen(host: Ipv4Addr, first: u16, last: u16) -> Result<(), Box<dyn Error>> {
    let mut epoll = Epoll::new()?;
    let mut listeners = Vec::new();
    for port in (first..=last).step_by(2) {
        // Somebody else's port is open as well.
        let Ok(listener) = TcpListener::bind(SocketAddr::from((host, port))) else {
            continue;
        };
        listener.set_nonblocking(true)?;
        epoll.add(&listener, listeners.len(), EventFlags::IN)?;
        listeners.push(listener);
    }
    let mut out = io::stdout();
    writeln!(out, "listening {}", listeners.len())?;
    out.flush()?;
    loop {
        epoll.wait(None)?;
        for index in 0..epoll.count() {
            let (place, _) = epoll.event(index);
            while listeners[place].accept().is_ok() {}
        }
    }
}

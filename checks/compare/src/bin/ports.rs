//! Port checks without anything around them, and ports to be checked.
//!
//! `own` asks a second time before it registers and uses a refused descriptor
//! again; `epoll` registers whatever is pending; `listen` opens every other
//! port of the range. HOST is an IPv4 address, `10.0.0.1-9` are nine of them.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use netkit_compare::descriptors;
use netkit_compare::epoll::{Epoll, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getpeername, getsockname, socket_with,
};
use serde_json::json;

/// How many attempts may be pending at once.
const PENDING: usize = 4096;

/// How long the last of them may take, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(3);

const USAGE: &str = "ports own|epoll|listen HOST FIRST[-LAST] [MILLISECONDS]";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let (words, patience) = match words.as_slice() {
        [words @ .., limit] if words.len() == 3 => (words, Duration::from_millis(limit.parse()?)),
        words => (words, PATIENCE),
    };
    let [mode, hosts, ports] = words else {
        return Err(USAGE.into());
    };
    let hosts = read_hosts(hosts)?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let ports = first.parse()?..=last.parse()?;
    match mode.as_str() {
        "own" => scan(&hosts, &ports, patience, true),
        "epoll" => scan(&hosts, &ports, patience, false),
        "listen" => listen(hosts[0], &ports),
        _ => Err(USAGE.into()),
    }
}

/// `10.0.0.1`, or `10.0.0.1-9`.
fn read_hosts(text: &str) -> Result<Vec<Ipv4Addr>, Box<dyn Error>> {
    let (first, last) = text.split_once('-').unwrap_or((text, ""));
    let first: Ipv4Addr = first.parse()?;
    let [a, b, c, d] = first.octets();
    let last = if last.is_empty() { d } else { last.parse()? };
    Ok((d..=last).map(|d| Ipv4Addr::new(a, b, c, d)).collect())
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

fn scan(
    hosts: &[Ipv4Addr],
    ports: &RangeInclusive<u16>,
    patience: Duration,
    again: bool,
) -> Result<(), Box<dyn Error>> {
    // Silent ports keep one each.
    descriptors::raise_limit()?;
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
    for host in hosts {
        for port in ports.clone() {
            scan.begin(SocketAddrV4::new(*host, port), again)?;
            if scan.under_way() >= PENDING {
                scan.settle(patience)?;
            }
        }
    }
    let deadline = Instant::now() + patience;
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
fn listen(host: Ipv4Addr, ports: &RangeInclusive<u16>) -> Result<(), Box<dyn Error>> {
    let mut epoll = Epoll::new()?;
    let mut listeners = Vec::new();
    for port in ports.clone().step_by(2) {
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

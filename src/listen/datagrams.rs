//! Datagrams: whoever sends is heard, and answered.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, future};

use super::hub::Hub;
use super::{Options, TARGET};
use crate::finding::Exit;
use crate::net::{Envelope, UdpSocket, bind_udp, stdin, stdout};
use crate::reactor::{TaskGroup, now, sleep};
use crate::serve::{Stop, tell};

/// Senders that are answered; who has been silent longest is forgotten first.
const SENDERS: usize = 1024;

/// The longest datagram, over IPv4 and IPv6 (RFC 768).
const LONGEST: usize = 65_535;

/// Bytes of standard input that are sent as one datagram.
const SENT: usize = 16 * 1024;

/// After a failure that may last.
const PAUSE: Duration = Duration::from_secs(1);

/// Who has sent something.
struct Room {
    senders: RefCell<VecDeque<(Envelope, Rc<UdpSocket>)>>,
    hub: Rc<Hub>,
    /// When something moved last.
    last: Cell<Instant>,
}

/// Hears until SIGTERM or SIGINT, or nothing has moved for --idle-timeout.
pub(super) async fn listen(
    host: Option<&str>,
    port: u16,
    options: &Options,
    announce: &mut dyn FnMut(&str),
) -> anyhow::Result<Exit> {
    let mut stop = Stop::catch()?;
    let bound = bind_udp(host, port, options.families).await?;
    for note in &bound.notes {
        log::warn!(target: TARGET, "{note}");
    }
    let addresses = bound.sockets.iter().map(UdpSocket::local_addr);
    let addresses: io::Result<Vec<_>> = addresses.collect();
    let servers = options.of_servers(host);
    tell("listen", None, "udp", &addresses?, &servers, announce)?;
    let output = (!options.transfer.send_only).then(stdout).transpose()?;
    let room = Rc::new(Room {
        senders: RefCell::default(),
        hub: Hub::new(output),
        last: Cell::new(now()),
    });
    let tasks = TaskGroup::new();
    for socket in bound.sockets {
        tasks.spawn(hear(Rc::clone(&room), Rc::new(socket), options.clone()));
    }
    if !options.transfer.recv_only {
        tasks.spawn(speak(Rc::clone(&room)));
    }
    let stopped = async {
        stop.wait().await?;
        Ok(Exit::Good)
    };
    let idle = async {
        room.quiet(options.transfer.idle_timeout).await;
        Ok(Exit::Good)
    };
    future::or(stopped, idle).await
}

impl Room {
    /// Remembers who sent something.
    fn meet(&self, envelope: Envelope, socket: &Rc<UdpSocket>) {
        self.last.set(now());
        let mut senders = self.senders.borrow_mut();
        senders.retain(|(known, _)| known.peer != envelope.peer);
        if senders.len() >= SENDERS {
            senders.pop_front();
        }
        senders.push_back((envelope, Rc::clone(socket)));
    }

    async fn quiet(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return future::pending().await;
        };
        loop {
            let left = limit.saturating_sub(now().saturating_duration_since(self.last.get()));
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

/// Writes what comes to standard output, each datagram whole.
async fn hear(room: Rc<Room>, socket: Rc<UdpSocket>, options: Options) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let (count, envelope) = match socket.receive_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                log::warn!(target: TARGET, "cannot receive: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let peer = envelope.peer_name();
        if !options.admits(peer.ip()) {
            log::debug!(target: TARGET, "{peer} is not admitted (--allow, --deny)");
            continue;
        }
        log::info!(target: TARGET, "{peer} sent {count} bytes");
        room.meet(envelope, &socket);
        if let Err(error) = room.hub.print(&buffer[..count]).await {
            log::warn!(target: TARGET, "cannot write standard output: {error}");
            sleep(PAUSE).await;
        }
    }
}

/// Sends standard input to everybody who has sent something.
async fn speak(room: Rc<Room>) {
    let Ok(mut input) = stdin() else { return };
    let mut buffer = vec![0; SENT];
    while let Ok(count @ 1..) = input.read(&mut buffer).await {
        let senders: Vec<_> = room.senders.borrow().iter().cloned().collect();
        for (envelope, socket) in senders {
            room.last.set(now());
            if let Err(error) = socket.answer(&buffer[..count], &envelope).await {
                let peer = envelope.peer_name();
                log::info!(target: TARGET, "cannot answer {peer}: {error}");
            }
        }
    }
}

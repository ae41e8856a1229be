//! Standing a service up: one accept loop, one set of limits and one graceful
//! end for all of them.
//!
//! A service is its options, its name, and a function from a connection to the
//! way it ended; everything around that is here.

pub mod cluster;
pub mod coordinator;
pub mod document;
pub mod echo;
pub mod http;
pub mod listing;
pub mod peer;
pub mod shard;
pub mod store;

mod client;
mod confinement;
mod port_file;
mod run;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::future;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::finding::End;
use crate::net::{
    BindError, Bound, Families, TcpListener, TcpStream, listen, raise_descriptor_limit,
};
use crate::reactor::{Limit, Permit, Signals, TaskGroup, now, signals, sleep, timeout, yield_now};
use crate::units::{parse_duration, parse_positive_duration};

pub use client::{Client, NoRequest};
pub use confinement::Confinement;
pub use run::{Kind, LOOPBACK, run, tell};
use run::{open_root, open_tree};

/// Options of every server.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Address or name to listen on [default: every address, both families; document, cluster, store, shard: loopback]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Which families to listen on.
    #[command(flatten)]
    pub families: Families,
    /// Serve at most N connections at once; further clients wait in the kernel's queue, those of a document are closed [default: any number; document: 10; shard, cluster: what there are descriptors for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,
    /// Close a connection on which nothing moved for this long [default: 10s for a request, then 60s; 10min between the requests of a session; echo, document: never]
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration)]
    pub idle_timeout: Option<Duration>,
    /// How long running connections may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub grace: Duration,
    /// Write the port into FILE once connections are accepted
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// What becomes of a client for whom there is no place; a service decides.
    #[arg(skip)]
    pub when_full: WhenFull,
}

/// What becomes of a client for whom there is no place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits in the kernel's queue until there is one.
    #[default]
    Wait,
    /// It is closed at once, so that it knows.
    Close,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: None,
            families: Families::default(),
            max_connections: None,
            idle_timeout: None,
            grace: Duration::from_secs(5),
            port_file: None,
            when_full: WhenFull::Wait,
        }
    }
}

/// How long a server without descriptors waits before it looks again, unless a
/// connection of its own ends before.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(500);

/// How often it says so.
const EXHAUSTED_REPEAT: Duration = Duration::from_secs(60);

/// Connections in a row that may break while they wait to be accepted before
/// the server takes a breath.
const BROKEN_IN_A_ROW: u32 = 64;

/// A service that listens and does not accept yet.
pub struct Server {
    service: Rc<Service>,
    listening: Bound<TcpListener>,
}

/// What every client of a server has in common.
struct Service {
    /// Its name in logs.
    target: &'static str,
    /// Clients at once.
    limit: usize,
    when_full: WhenFull,
    idle_timeout: Option<Duration>,
    /// Its one permit is out for as long as clients are accepted: whoever gets
    /// it knows that the end has begun.
    end: Limit,
}

/// A service that accepts. Dropping it cuts every connection.
pub struct Running {
    service: Rc<Service>,
    acceptors: TaskGroup,
    accepting: Option<Permit>,
    connections: Rc<TaskGroup>,
}

impl Server {
    /// Listens as `options` say. `target` names the service in logs.
    ///
    /// # Errors
    /// No address could be bound.
    pub async fn bind(
        target: &'static str,
        port: u16,
        options: &Options,
    ) -> Result<Self, BindError> {
        raise_descriptor_limit();
        let listening = listen(options.host.as_deref(), port, options.families).await?;
        for note in &listening.notes {
            log::warn!(target: target, "{note}");
        }
        let limit = options.max_connections.map(|it| it as usize);
        let service = Service {
            target,
            limit: limit.unwrap_or(usize::MAX),
            when_full: options.when_full,
            idle_timeout: options.idle_timeout,
            end: Limit::new(1),
        };
        Ok(Self {
            service: Rc::new(service),
            listening,
        })
    }

    /// Where it listens, an address a socket.
    ///
    /// # Errors
    /// Never, in practice.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let sockets = self.listening.sockets.iter();
        sockets.map(TcpListener::local_addr).collect()
    }

    /// Accepts from now on, and calls `handle` with each client.
    pub fn start<H>(self, handle: H) -> Running
    where
        H: AsyncFn(&Client) -> io::Result<End> + 'static,
    {
        let running = Running {
            accepting: self.service.end.try_acquire(),
            service: self.service,
            acceptors: TaskGroup::new(),
            connections: Rc::default(),
        };
        let handle = Rc::new(handle);
        for listener in self.listening.sockets {
            let acceptor = Acceptor {
                service: Rc::clone(&running.service),
                listener,
                connections: Rc::clone(&running.connections),
                handle: Rc::clone(&handle),
                complained: None,
            };
            running.acceptors.spawn(acceptor.run());
        }
        running
    }
}

impl Running {
    /// Serves until SIGTERM or SIGINT, then stops accepting and lets what runs
    /// go on for `grace`; a second signal ends that at once.
    ///
    /// # Errors
    /// The signals cannot be waited for.
    pub async fn until_signalled(self, mut stop: Stop, grace: Duration) -> io::Result<()> {
        stop.0.next().await?;
        drop((self.acceptors, self.accepting));
        // They are gone, and their sockets closed, by the next turn.
        yield_now().await;
        let running = self.connections.len();
        log::info!(target: self.service.target, "stopping: {running} connections are running");
        let finished = async { timeout(grace, self.connections.join()).await.is_ok() };
        let again = async {
            let _ = stop.wait().await;
            false
        };
        if !future::or(finished, again).await {
            let left = self.connections.len();
            log::warn!(target: self.service.target, "cutting {left} connections");
        }
        Ok(())
    }
}

/// The signals that end a server. Caught from its making on, so that none that
/// arrives once the address is announced is missed.
pub struct Stop(Signals);

impl Stop {
    /// Catches SIGTERM and SIGINT.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn catch() -> io::Result<Self> {
        signals(&[SIGTERM, SIGINT]).map(Self)
    }

    /// Waits for `work`, or for one of them: then nothing comes of it.
    ///
    /// # Errors
    /// That of `work`, or the signals cannot be waited for.
    pub async fn or_done<T>(
        &mut self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<Option<T>> {
        let done = async { work.await.map(Some) };
        let stopped = async { Ok(self.wait().await.map(|_| None)?) };
        future::or(done, stopped).await
    }

    /// Waits for one of them and returns its number.
    ///
    /// # Errors
    /// The signals cannot be waited for.
    pub async fn wait(&mut self) -> io::Result<i32> {
        self.0.next().await
    }
}

struct Acceptor<H> {
    service: Rc<Service>,
    listener: TcpListener,
    connections: Rc<TaskGroup>,
    handle: Rc<H>,
    complained: Option<Instant>,
}

impl<H> Acceptor<H>
where
    H: AsyncFn(&Client) -> io::Result<End> + 'static,
{
    async fn run(mut self) {
        let mut broken = 0;
        loop {
            let waits = self.service.when_full == WhenFull::Wait;
            if waits {
                // Not accepting leaves further clients to the kernel's queue.
                self.connections.wait_below(self.service.limit).await;
            }
            self.listener.readable().await;
            // Another listener's client may have come first.
            let is_full = self.connections.len() >= self.service.limit;
            if waits && is_full {
                continue;
            }
            match self.listener.try_accept() {
                Ok((stream, peer)) => {
                    broken = 0;
                    match is_full {
                        true => self.turn_away(stream, peer),
                        false => self.serve(stream, peer),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if is_exhausted(&error) => self.wait_for_room(&error).await,
                // That connection broke while it waited; the next may be fine.
                Err(error) => {
                    log::debug!(target: self.service.target, "a client was gone before it was served: {error}");
                    broken += 1;
                    if broken % BROKEN_IN_A_ROW == 0 {
                        sleep(EXHAUSTED_PAUSE).await;
                    }
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        let handle = Rc::clone(&self.handle);
        let client = Client::start(Rc::clone(&self.service), stream, peer);
        self.connections.spawn(async move {
            let outcome = handle(&client).await;
            client.finish(outcome);
        });
    }

    /// Closes a client for whom there is no place.
    fn turn_away(&self, stream: TcpStream, peer: SocketAddr) {
        let client = Client::start(Rc::clone(&self.service), stream, peer);
        let limit = self.service.limit;
        client.note(&format!("one too many: {limit} are served → closed"));
    }

    /// The kernel's queue holds the clients meanwhile. The listener remembers
    /// that it is readable: no further event would say so.
    async fn wait_for_room(&mut self, error: &io::Error) {
        let due = |since: Instant| now().saturating_duration_since(since) >= EXHAUSTED_REPEAT;
        if self.complained.is_none_or(due) {
            self.complained = Some(now());
            log::warn!(target: self.service.target, "{}", exhaustion(error));
        }
        let one_ends = self.connections.wait_below(self.connections.len());
        let _ = timeout(EXHAUSTED_PAUSE, one_ends).await;
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::ENOSPC)
    )
}

fn exhaustion(error: &io::Error) -> String {
    let consequence = "new clients wait until a connection ends";
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => {
            let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
            format!("out of descriptors (limit {limit}): {consequence}; see `ulimit -n`")
        }
        Some(Errno::ENFILE) => format!("out of descriptors (the whole system): {consequence}"),
        _ => format!("cannot accept: {error}; {consequence}"),
    }
}

//! Servers of every kind, started and ended alike; those that echo.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use netkit_compare::watch;
use rustix::process::{Pid, Signal, kill_process};

use crate::options::{Options, sibling};
use crate::placement::Placement;
use crate::programs::{NCAT, PYTHON, Program, SOCAT};

/// How long a server may take until it accepts.
const PATIENCE: Duration = Duration::from_secs(5);

/// The Python server.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/echo_asyncio.py");

/// How socat takes connections, a process for each.
const SOCAT_LISTEN: &str = "TCP-LISTEN:PORT,bind=HOST,reuseaddr,backlog=1024,fork";

/// A server that takes part.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// Whether it starts a process for each connection.
    pub(crate) forks: bool,
    /// Whether it takes part in every round, or only in some.
    pub(crate) reference: bool,
    program: PathBuf,
    /// With `HOST`, `PORT` and `SCRIPT` where those belong.
    arguments: Vec<String>,
}

/// Names in tables, for those that goals refer to.
pub(crate) mod names {
    /// The bare epoll loop.
    pub(crate) const RAW: &str = "raw epoll";
    /// tokio on one thread.
    pub(crate) const TOKIO: &str = "tokio";
    /// What all of this is about.
    pub(crate) const NETKIT: &str = "netkit";
    /// The same with a cat for each connection.
    pub(crate) const NETKIT_EXEC: &str = "netkit listen --exec cat";
    /// ncat with a cat for each connection.
    pub(crate) const NCAT: &str = "ncat -e /bin/cat";
    /// socat with a cat for each connection.
    pub(crate) const SOCAT_EXEC: &str = "socat EXEC:cat";
    /// socat with a pipe for each connection.
    pub(crate) const SOCAT_PIPE: &str = "socat PIPE";
    /// Python.
    pub(crate) const ASYNCIO: &str = "asyncio streams";
}

/// Everyone that can take part here.
pub(crate) fn contestants(options: &Options) -> Result<Vec<Contestant>, Box<dyn Error>> {
    let mut all = vec![
        bare()?,
        reference(names::TOKIO, sibling("tokio")?, "HOST:PORT"),
    ];
    if let Some(netkit) = &options.netkit {
        let arguments = "echo-server --host HOST --port PORT";
        all.push(reference(names::NETKIT, netkit.clone(), arguments));
    }
    if options.peers {
        all.extend(peers_with_cats());
        let arguments = format!("{SOCAT_LISTEN} PIPE");
        all.extend(peer(names::SOCAT_PIPE, SOCAT, &arguments, true));
        let arguments = "SCRIPT HOST PORT";
        all.extend(peer(names::ASYNCIO, PYTHON, arguments, false));
    }
    Ok(all)
}

/// The one with nothing but system calls.
pub(crate) fn bare() -> Result<Contestant, Box<dyn Error>> {
    Ok(reference(names::RAW, sibling("raw")?, "HOST:PORT"))
}

/// Those that start a `cat` for each connection.
pub(crate) fn with_cats(options: &Options) -> Vec<Contestant> {
    let mut all = Vec::new();
    if let Some(netkit) = &options.netkit {
        let arguments = "listen HOST:PORT --keep-open --exec cat";
        let reference = reference(names::NETKIT_EXEC, netkit.clone(), arguments);
        all.push(Contestant {
            forks: true,
            ..reference
        });
    }
    if options.peers {
        all.extend(peers_with_cats());
    }
    all
}

fn peers_with_cats() -> impl Iterator<Item = Contestant> {
    let ncat = "-l -k -m 1024 -e /bin/cat HOST PORT";
    let socat = format!("{SOCAT_LISTEN} EXEC:cat");
    let all = [
        peer(names::NCAT, NCAT, ncat, true),
        peer(names::SOCAT_EXEC, SOCAT, &socat, true),
    ];
    all.into_iter().flatten()
}

fn reference(name: &'static str, program: PathBuf, arguments: &str) -> Contestant {
    Contestant {
        name,
        forks: false,
        reference: true,
        program,
        arguments: words(arguments),
    }
}

fn peer(name: &'static str, program: Program, arguments: &str, forks: bool) -> Option<Contestant> {
    Some(Contestant {
        name,
        forks,
        reference: false,
        program: program.find()?,
        arguments: words(arguments),
    })
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

/// Where a server is to be found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// It was told to listen there.
    Given(SocketAddr),
    /// It writes the port into this file.
    Told(&'a Path),
}

/// A server that accepts. Dropping it ends it and all its children.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From its start until it took a connection.
    pub(crate) started_in: Duration,
}

impl Contestant {
    /// Starts it and waits until it takes a connection.
    pub(crate) fn start(&self, placement: Placement) -> Result<Server, Box<dyn Error>> {
        let address = reserve(own_address())?;
        let mut command = self.command(address);
        Server::start(self.name, &mut command, Place::Given(address), placement)
    }

    fn command(&self, address: SocketAddr) -> Command {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let fill = |word: &String| match word.as_str() {
            "SCRIPT" => SCRIPT.to_owned(),
            word => word.replace("HOST", &host).replace("PORT", &port),
        };
        let mut command = Command::new(&self.program);
        command.args(self.arguments.iter().map(fill));
        command
    }
}

impl Place<'_> {
    /// Where, as far as that is known already.
    fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Given(address) => Some(address),
            Self::Told(file) => {
                let port = fs::read_to_string(file).ok()?;
                Some((Ipv4Addr::LOCALHOST, port.trim_end().parse().ok()?).into())
            }
        }
    }
}

impl Server {
    /// Starts one and waits until it takes a connection.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        place: Place,
        placement: Placement,
    ) -> Result<Self, Box<dyn Error>> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        placement.as_measured()?;
        let start = Instant::now();
        let child = command.spawn();
        placement.as_load()?;
        let mut server = Self {
            child: child.map_err(|error| cannot_start(command.get_program(), &error))?,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            started_in: Duration::ZERO,
        };
        server.wait(name, start, place)?;
        Ok(server)
    }

    /// Its process.
    pub(crate) fn process(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn wait(&mut self, name: &str, start: Instant, place: Place) -> Result<(), Box<dyn Error>> {
        loop {
            if let Some(address) = place.address()
                && TcpStream::connect(address).is_ok()
            {
                self.address = address;
                break;
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("cannot start {name}: it ended with {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("cannot start {name}: nothing after {PATIENCE:?}").into());
            }
        }
        self.started_in = start.elapsed();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not by a process group of its own: an interrupt from the terminal is
        // to reach everyone here.
        for process in watch::tree(self.process()) {
            if let Some(process) = Pid::from_raw(process) {
                // It may have ended by itself.
                let _ = kill_process(process, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

fn cannot_start(program: &OsStr, error: &io::Error) -> String {
    format!("cannot start `{}`: {error}", program.display())
}

/// A port of `host` that was free a moment ago: not every server can choose one
/// itself and tell.
pub(crate) fn reserve(host: Ipv4Addr) -> io::Result<SocketAddr> {
    TcpListener::bind((host, 0))?.local_addr()
}

/// A loopback address that nobody else uses.
pub(crate) fn own_address() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 20, high, low)
}

//! File servers of every kind.

use std::error::Error;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use super::folder::Folder;
use crate::options::Options;
use crate::placement::Placement;
use crate::programs::{MINISERVE, NGINX, PYTHON, Program};
use crate::server::{Place, Server, reserve};

/// The Python server.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer.py");

/// What nginx is told.
const CONFIGURATION: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/nginx.conf"));

/// How often a server is started that finds its port taken.
const TRIES: usize = 3;

/// Names in tables, for those that goals refer to.
pub(super) mod names {
    /// With these begin the names of what all of this is about.
    pub(crate) const NETKIT: &str = "netkit";
    /// The file service.
    pub(crate) const NETKIT_PEER: &str = "netkit serve peer";
    /// The web server.
    pub(crate) const NETKIT_HTTP: &str = "netkit serve http";
    /// Python's standard library, one client at a time.
    pub(crate) const PYTHON: &str = "Python, blocking";
    /// nginx.
    pub(crate) const NGINX: &str = "nginx, 1 worker";
    /// miniserve.
    pub(crate) const MINISERVE: &str = "miniserve";
}

/// How files are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The file service's.
    Peer,
    /// The Web's.
    Http,
}

/// A server that takes part.
#[derive(Debug, Clone)]
pub(super) struct FileServer {
    /// Its name in tables.
    pub(super) name: &'static str,
    /// How it is asked.
    pub(super) protocol: Protocol,
    /// Whether it serves more than one client at once.
    pub(super) concurrent: bool,
    program: PathBuf,
    /// With words in capitals, which are filled in.
    arguments: &'static str,
}

impl Protocol {
    /// Its name on command lines.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Http => "http",
        }
    }
}

/// Everyone that can take part here.
pub(super) fn all(options: &Options) -> Vec<FileServer> {
    use Protocol::{Http, Peer};
    let netkit = || options.netkit.clone();
    let other = |program: Program| {
        let wanted = options.peers.then_some(program);
        wanted.and_then(|it| it.find_for(options))
    };
    let all = [
        server(
            names::NETKIT_PEER,
            Peer,
            netkit(),
            "serve peer --root ROOT --host HOST --port 0 --port-file PORT_FILE",
        ),
        server(
            names::PYTHON,
            Peer,
            other(PYTHON),
            "SCRIPT ROOT HOST PORT_FILE",
        )
        .map(FileServer::one_at_a_time),
        server(
            names::NETKIT_HTTP,
            Http,
            netkit(),
            "serve http --root ROOT --host HOST --port 0 --port-file PORT_FILE",
        ),
        server(
            names::NGINX,
            Http,
            other(NGINX),
            "-e stderr -c CONFIGURATION",
        ),
        server(
            names::MINISERVE,
            Http,
            other(MINISERVE),
            "--interfaces HOST --port PORT ROOT",
        ),
    ];
    all.into_iter().flatten().collect()
}

fn server(
    name: &'static str,
    protocol: Protocol,
    program: Option<PathBuf>,
    arguments: &'static str,
) -> Option<FileServer> {
    Some(FileServer {
        name,
        protocol,
        concurrent: true,
        program: program?,
        arguments,
    })
}

impl FileServer {
    fn one_at_a_time(mut self) -> Self {
        self.concurrent = false;
        self
    }

    /// Starts it and waits until it takes a connection.
    pub(super) fn start(
        &self,
        folder: &Folder,
        placement: Placement,
    ) -> Result<Server, Box<dyn Error>> {
        let port_file = folder.path().join("port");
        if self.arguments.contains("PORT_FILE") {
            forget(&port_file)?;
            let mut command = self.command(folder, 0);
            return Server::start(self.name, &mut command, Place::Told(&port_file), placement);
        }
        let mut tries = 1;
        loop {
            let address = reserve(Ipv4Addr::LOCALHOST)?;
            self.configure(folder, address.port())?;
            let mut command = self.command(folder, address.port());
            match Server::start(self.name, &mut command, Place::Given(address), placement) {
                Err(_) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    fn command(&self, folder: &Folder, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        for word in self.arguments.split(' ') {
            match word {
                "SCRIPT" => command.arg(SCRIPT),
                "ROOT" => command.arg(folder.root()),
                "HOST" => command.arg(Ipv4Addr::LOCALHOST.to_string()),
                "PORT" => command.arg(port.to_string()),
                "PORT_FILE" => command.arg(folder.path().join("port")),
                "CONFIGURATION" => command.arg(folder.path().join("configuration")),
                word => command.arg(word),
            };
        }
        command
    }

    fn configure(&self, folder: &Folder, port: u16) -> io::Result<()> {
        if !self.arguments.contains("CONFIGURATION") {
            return Ok(());
        }
        let text = CONFIGURATION
            .replace("ROOT", &folder.root().display().to_string())
            .replace("FOLDER", &folder.path().display().to_string())
            .replace("PORT", &port.to_string());
        fs::write(folder.path().join("configuration"), text)
    }
}

/// A port that an earlier server has told is not the next one's.
fn forget(file: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

//! `netkit listen`: netcat's server, for one client or for any number at once.

mod chat;
mod datagrams;
mod hub;
mod introduction;
mod many;
mod one;
mod secure;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::finding::Exit;
use crate::net::{Families, UnixAddress};
use crate::serve;
use crate::transfer::{self, Observer, exec};
use crate::units::parse_duration;

/// Options of `netkit listen`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Options {
    /// Where to listen
    #[arg(
        value_name = "[HOST:]PORT",
        help = "Where to listen: PORT, HOST:PORT or unix:///PATH; port 0 picks a free one"
    )]
    pub target: String,
    /// Which families to listen on.
    #[command(flatten)]
    pub families: Families,
    /// Listen on UDP: whoever sends is heard, and answered
    #[arg(long, short = 'u', conflicts_with = "tls")]
    pub udp: bool,
    /// Serve any number of clients of a port, at once and one after another
    #[arg(long, short = 'k')]
    pub keep_open: bool,
    /// Pass what each client says on to all others
    #[arg(long, conflicts_with_all = ["udp", "exec", "sh_exec"])]
    pub broker: bool,
    /// The same, line by line, with the name of the speaker
    #[arg(long, conflicts_with_all = ["broker", "udp", "exec", "sh_exec"])]
    pub chat: bool,
    /// Serve at most N clients at once; further ones wait in the kernel's queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,
    /// Serve clients of this network and no others; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = parse_network)]
    pub allow: Vec<IpNet>,
    /// Serve no client of this network; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = parse_network)]
    pub deny: Vec<IpNet>,
    /// Expect each client to be introduced by its proxy; --allow and --deny are about the proxy
    #[arg(long, conflicts_with = "udp")]
    pub proxy_protocol: bool,
    /// How long running connections may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub grace: Duration,
    /// Write the port into FILE once connections are accepted
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// How to move bytes.
    #[command(flatten)]
    pub transfer: transfer::Options,
    /// What TLS is to be.
    #[command(flatten)]
    pub secure: secure::Options,
    /// What to run for each client.
    #[command(flatten)]
    pub program: exec::Options,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A port of an address, a name, or all addresses.
    Port(Option<String>, u16),
    /// A Unix socket.
    Unix(UnixAddress),
}

/// Its name in logs, also of what `serve` does for it.
const TARGET: &str = "netkit::listen";

/// Listens at `place` until the client's end, or SIGTERM or SIGINT; `announce`
/// gets a line for each socket once it accepts.
///
/// # Errors
/// No address could be bound, or the one connection ended badly: in words.
pub async fn listen(
    place: &Place,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    observer: Observer<'_>,
) -> anyhow::Result<Exit> {
    match place {
        Place::Port(host, port) if options.udp => {
            datagrams::listen(host.as_deref(), *port, options, announce).await
        }
        Place::Port(host, port) if options.is_for_many() => {
            many::listen(host.as_deref(), *port, options, announce).await
        }
        _ => one::listen(place, options, announce, observer).await,
    }
}

impl Options {
    /// Whether more than one client is served.
    #[must_use]
    pub fn is_for_many(&self) -> bool {
        self.keep_open || self.broker || self.chat
    }

    /// Makes sure that everything that is asked for can be done at `place`.
    ///
    /// # Errors
    /// An option that would be ignored: which, and why.
    pub fn check(&self, place: &Place) -> Result<(), String> {
        let transfer = &self.transfer;
        let has_program = self.program.exec.is_some() || self.program.sh_exec.is_some();
        let is_unix = matches!(place, Place::Unix(_));
        let (many, talks) = (self.is_for_many(), self.broker || self.chat);
        let one = "is for one client over one connection";
        let of_ports = "is for ports";
        let wrong = [
            (transfer.output.is_some(), many || self.udp, "--output", one),
            (
                transfer.receipt.expect_bytes.is_some(),
                many || self.udp,
                "--expect-bytes",
                one,
            ),
            (
                transfer.receipt.sha256.is_some(),
                many || self.udp,
                "--sha256",
                one,
            ),
            (transfer.hex, many || self.udp, "--hex", one),
            (transfer.trace.is_some(), many || self.udp, "--trace", one),
            (transfer.timestamps, many || self.udp, "--timestamps", one),
            (
                transfer.crlf,
                talks || self.udp,
                "--crlf",
                "is for standard input to connections",
            ),
            (has_program, self.udp, "--exec", "is for connections"),
            (
                self.keep_open,
                self.udp,
                "--keep-open",
                "is what --udp does anyway",
            ),
            (
                self.max_connections.is_some(),
                !many,
                "--max-connections",
                "goes with --keep-open",
            ),
            (self.port_file.is_some(), is_unix, "--port-file", of_ports),
            (!self.allow.is_empty(), is_unix, "--allow", of_ports),
            (!self.deny.is_empty(), is_unix, "--deny", of_ports),
            (many, is_unix, "--keep-open, --broker or --chat", of_ports),
            (self.udp, is_unix, "--udp", of_ports),
            (self.secure.tls, is_unix, "--tls", of_ports),
            (self.proxy_protocol, is_unix, "--proxy-protocol", of_ports),
        ];
        match wrong.iter().find(|(given, useless, ..)| *given && *useless) {
            Some((_, _, flag, why)) => Err(format!("{flag} {why}: leave it out")),
            None => Ok(()),
        }
    }

    /// What all servers share.
    fn of_servers(&self, host: Option<&str>) -> serve::Options {
        serve::Options {
            host: host.map(String::from),
            families: self.families,
            max_connections: self.max_connections,
            idle_timeout: self.transfer.idle_timeout,
            grace: self.grace,
            port_file: self.port_file.clone(),
            ..serve::Options::default()
        }
    }

    /// Whether clients of that address are served.
    fn admits(&self, address: IpAddr) -> bool {
        let is_in = |networks: &[IpNet]| networks.iter().any(|it| it.contains(&address));
        !is_in(&self.deny) && (self.allow.is_empty() || is_in(&self.allow))
    }
}

/// A network, or an address alone.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.ok_or_else(|| format!("`{text}` is no network (expected ADDRESS or ADDRESS/BITS)"))
}

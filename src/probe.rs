//! Speaking a protocol and showing what came.
//!
//! One file a protocol; here is what they share. Each scheme prepares what it
//! asks of a target once ([`Scheme::prepare`]), then asks it at any number of
//! addresses ([`Ask`]). A probe never serves.

pub mod cluster;
pub mod coordinator;
pub mod copies;
pub mod dns;
pub mod document;
pub mod echo;
mod excerpt;
mod expectations;
pub mod http;
mod lines;
mod link;
pub mod listing;
pub mod peer;
pub mod raw;
pub mod script;
mod settings;
pub mod shard;
pub mod show;
mod starttls;
pub mod store;
pub mod tls;
pub mod udp;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use crate::finding::{Attempt, Finding, Record, TlsEvidence};
use crate::net::{Attempted, Close, Families, UnixAddress};

pub use settings::Settings;

/// Every protocol that a target can name, as `NAME://…`; the first is meant
/// where none is named.
pub const SCHEMES: &[Scheme] = &[
    raw::TCP,
    udp::UDP,
    tls::TLS,
    http::HTTP,
    http::HTTPS,
    raw::UNIX,
    dns::DNS,
    echo::ECHO,
    peer::PEER,
    coordinator::COORDINATOR,
    listing::LISTING,
    document::DOCUMENT,
    cluster::CLUSTER,
    shard::SHARD,
    store::STORE,
];

/// A protocol that a target can name.
#[derive(Debug)]
pub struct Scheme {
    /// Its name, before `://`.
    pub name: &'static str,
    /// What carries it.
    pub transport: Transport,
    /// Its port where none is given; without one, the port must be given.
    pub default_port: Option<u16>,
    /// Whether a path may follow the port.
    pub takes_path: bool,
    /// The long names of the options it uses, with these settings, of those
    /// that are not for every protocol.
    pub options: fn(&Settings) -> &'static [&'static str],
    /// Understands what is asked of a target; nothing is sent yet.
    pub prepare: Prepare,
}

/// What is asked of a target: its path (with the `/`, if it has one) and the
/// settings. The error is a sentence that names the culprit.
pub type Prepare = fn(path: Option<&str>, settings: &Settings) -> Result<Question, String>;

/// What is asked at each address; nothing where being connected is enough,
/// which a scan of many ports does without a task for each.
pub type Question = Option<Rc<dyn Ask>>;

/// What carries a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections to a port.
    Tcp,
    /// Datagrams to a port.
    Udp,
    /// Connections to a socket in the file system, or to an abstract one.
    Unix,
}

/// Asks the same at any address.
pub trait Ask {
    /// One attempt at one place. It ends within the limit of `at` with whatever
    /// was found; a drop gives it up.
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>>;

    /// What a good target does, as the rest of a sentence: `answers with a
    /// certificate for example.org`.
    fn sentence(&self) -> String;
}

/// Where an address is asked, and how long.
pub struct At<'a> {
    /// The place.
    pub place: &'a Place,
    /// The name or address that it was found by, without brackets.
    pub host: &'a str,
    /// How long its name took to be resolved, if it was.
    pub resolve: Option<Duration>,
    /// How long all of it may take.
    pub limit: Duration,
    /// How a connection is closed.
    pub close: Close,
    /// Told of everything, as it happens.
    pub observe: &'a dyn Fn(Event<'_>),
}

/// One end of a connection: an address with its port, or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(UnixAddress),
}

/// What happens while an address is asked.
pub enum Event<'a> {
    /// There is a connection.
    Connected(&'a Place),
    /// TLS was agreed.
    Secured(&'a TlsEvidence),
    /// These bytes were given to the kernel.
    Sent(&'a [u8]),
    /// These bytes came.
    Received(&'a [u8]),
    /// A step of the conversation is done, in words.
    Done(&'a str),
    /// The conversation is over, and why.
    Ended(&'a str),
}

impl Place {
    /// Its IP address and port; a Unix socket has none.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Its IP address; a Unix socket has none.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Its port; a Unix socket has none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(address) => address.fmt(f),
        }
    }
}

/// Where a client speaks to.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Target {
    /// Name or address of the server
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub host: String,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
}

/// What became of the addresses of a name, as records.
#[must_use]
pub fn attempts(target: &str, tried: &[Attempted], winner: Option<SocketAddr>) -> Vec<Record> {
    let record = |attempted: &Attempted| {
        Record::Attempt(Attempt {
            target: target.into(),
            address: attempted.address,
            family: attempted.address.into(),
            state: attempted.state,
            evidence: attempted.evidence.clone(),
            connect: Some(attempted.took),
            winner: winner == Some(attempted.address),
        })
    };
    tried.iter().map(record).collect()
}

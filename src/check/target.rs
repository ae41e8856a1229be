//! What is to be checked, as a user writes it:
//! `[NAME://]HOST[:PORTS][=STATE]`, or `NAME://HOST[:PORTS]/PATH`.

mod hosts;
mod ports;
mod reader;

use std::fmt;
use std::ops::Range;

use crate::finding::Expected;
use crate::net::host_with_port;
use crate::probe::{SCHEMES, Scheme, Transport};

pub use hosts::{Hosts, Numbers, Part};
pub use ports::Ports;

/// One target: a protocol, hosts, ports, and the state they should be in.
#[derive(Debug, Clone)]
pub struct Target {
    /// The protocol.
    pub scheme: &'static Scheme,
    /// The hosts; of a Unix socket, its path or `@name`.
    pub hosts: Hosts,
    /// Ports; a Unix socket has none.
    pub ports: Ports,
    /// What follows the port, with its `/`.
    pub path: Option<String>,
    /// The state they should be in.
    pub expected: Expected,
}

/// A target that cannot be understood; points at the culprit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetError {
    text: String,
    culprit: Range<usize>,
    expected: String,
}

impl Target {
    /// Reads `[NAME://]HOST[:PORTS][=STATE]` or `NAME://HOST[:PORTS]/PATH`.
    ///
    /// HOST is a name, an IPv4 address, an IPv6 address in brackets, a network
    /// such as `10.0.0.0/28` (every address of it), or a row such as
    /// `web[1-8]`. PORTS is a list of ports, ranges and names of services such
    /// as `80,443,8000-8010,ssh`. `unix:///PATH` and `unix://@NAME` have none.
    ///
    /// # Errors
    /// Points at the first character that is wrong and says what was expected.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        reader::read(text)
    }

    /// How many checks it means: each port of each host.
    #[must_use]
    pub fn count(&self) -> usize {
        let ports = match self.scheme.transport {
            Transport::Unix => 1,
            Transport::Tcp | Transport::Udp => self.ports.count(),
        };
        self.hosts.count().saturating_mul(ports)
    }

    /// One port of one of its hosts, as it is shown: as a target that means
    /// just that.
    #[must_use]
    pub fn one(&self, host: &str, port: Option<u16>) -> String {
        let place = match port {
            Some(port) => host_with_port(host, port),
            None => host.into(),
        };
        match (self.is_plain(), &self.path) {
            (true, _) => place,
            (false, path) => {
                let path = path.as_deref().unwrap_or_default();
                format!("{}://{place}{path}", self.scheme.name)
            }
        }
    }

    /// All ports of one of its hosts, as they are shown.
    #[must_use]
    pub fn all_of(&self, host: &str) -> String {
        match self.ports.count() {
            0 => self.one(host, None),
            1 => self.one(host, self.ports.iter().next()),
            _ => {
                let ports = self.ports.to_string();
                let place = match host.contains(':') {
                    true => format!("[{host}]:{ports}"),
                    false => format!("{host}:{ports}"),
                };
                self.one(&place, None)
            }
        }
    }

    /// Whether its protocol need not be named.
    fn is_plain(&self) -> bool {
        SCHEMES
            .first()
            .is_some_and(|it| it.name == self.scheme.name)
    }
}

impl fmt::Display for Target {
    /// Its first host stands for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.hosts.iter().next().unwrap_or_default();
        f.write_str(&self.all_of(&host))
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.scheme.name, it.expected);
        key(self) == key(other)
            && self.hosts == other.hosts
            && self.ports == other.ports
            && self.path == other.path
    }
}

impl TargetError {
    /// Where in the text the culprit stands, in bytes.
    #[must_use]
    pub fn culprit(&self) -> Range<usize> {
        self.culprit.clone()
    }

    /// What should have stood there.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            culprit,
            expected,
        } = self;
        let text = text.escape_debug();
        let columns = |range: Range<usize>| self.text[range].escape_debug().count();
        let before = columns(0..culprit.start);
        let carets = columns(culprit.clone()).max(1);
        writeln!(f, "wrong target `{text}`: expected {expected}")?;
        writeln!(f, "  {text}")?;
        write!(f, "  {:before$}{:^>carets$}", "", "")
    }
}

impl std::error::Error for TargetError {}

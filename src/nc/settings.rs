//! What nc is asked for, as plain data.

use std::net::SocketAddr;
use std::time::Duration;

/// Everything that the arguments say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) place: Place,
    pub(super) family: Family,
    pub(super) transport: Transport,
    pub(super) task: Task,
    /// `-s` and `-p`: where from.
    pub(super) source: Source,
    pub(super) socket: SocketOptions,
    /// `-w`, `-G`: how long one attempt to connect may take.
    pub(super) connect_limit: Option<Duration>,
    /// `-i`: how long to wait between lines and between ports.
    pub(super) pause: Option<Duration>,
    pub(super) talk: Talk,
    pub(super) proxy: Option<Proxy>,
    pub(super) compat: Compat,
    /// `-n`: no names, neither of hosts nor of ports.
    pub(super) numeric: bool,
    /// `-v`.
    pub(super) verbose: bool,
    /// `-r`: ports in random order.
    pub(super) shuffle: bool,
}

/// With whom to speak, or where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `-U`: a path, or `@` and a name of the abstract namespace.
    Unix(String),
    /// A host, if one is named, and ports as they were written.
    Internet(Option<String>, Vec<String>),
}

/// `-4` and `-6`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Family {
    #[default]
    Any,
    V4,
    V6,
}

/// Streams, or datagrams with `-u`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Transport {
    #[default]
    Stream,
    Datagrams,
}

/// What to do once connected, or to wait for others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Task {
    /// Move bytes both ways.
    #[default]
    Talk,
    /// `-z`: nothing.
    Scan,
    /// `-F`: give the socket to whoever holds the other end of standard output.
    PassSocket,
    /// `-l`; with `-k` again and again.
    Listen { again: bool },
}

/// `-s` and `-p`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
}

/// Options of every socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SocketOptions {
    /// `-b`.
    pub(super) broadcast: bool,
    /// `-D`.
    pub(super) debug: bool,
    /// `-T`.
    pub(super) traffic_class: Option<u8>,
    /// `-I`, in bytes.
    pub(super) receive_buffer: Option<usize>,
    /// `-O`, in bytes.
    pub(super) send_buffer: Option<usize>,
    /// `-M`.
    pub(super) hops: Option<u8>,
    /// `-m`.
    pub(super) least_hops: Option<u8>,
}

/// How bytes move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) with: With,
    /// `-C`: line ends as CRLF.
    pub(super) crlf: bool,
    /// `-t`: refuse what TELNET offers and asks for.
    pub(super) telnet: bool,
    pub(super) quit: Quit,
    /// `-w`: without a byte either way for so long it is over.
    pub(super) idle: Option<Duration>,
    /// `-W`: after so many reads it is over.
    pub(super) reads: Option<u32>,
}

/// What the peer talks with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum With {
    /// Standard input and output.
    #[default]
    Both,
    /// `-d`: standard output alone.
    OutputAlone,
    /// `-e`, `-c`: a program and its arguments.
    Program(Vec<String>),
}

/// What the end of standard input means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quit {
    /// Nothing: the peer does not learn of it.
    #[default]
    Stay,
    /// `-N`: our direction ends.
    Finish,
    /// `-q`: the same, and after so long all of it.
    Within(Duration),
    /// ncat's `--send-only`: it is all over.
    Leave,
}

/// `-x`, `-X` and `-P`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) protocol: ProxyProtocol,
    pub(super) host: String,
    pub(super) port: String,
    pub(super) user: Option<String>,
}

/// `-X`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ProxyProtocol {
    Socks4,
    #[default]
    Socks5,
    Http,
}

/// `--compat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Compat {
    /// OpenBSD's netcat without its faults.
    #[default]
    Mended,
    /// With them.
    Obsd,
    /// The flags of ncat.
    Ncat,
}

impl Settings {
    /// Whether bytes move over TCP.
    pub(super) fn is_tcp(&self) -> bool {
        matches!(self.place, Place::Internet(..)) && self.transport == Transport::Stream
    }
}

impl From<SocketAddr> for Family {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

impl Transport {
    pub(super) fn is_datagrams(self) -> bool {
        self == Self::Datagrams
    }

    /// What messages call it over IP.
    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Stream => "tcp",
            Self::Datagrams => "udp",
        }
    }
}

impl ProxyProtocol {
    /// The port of a proxy that is named without one.
    pub(super) fn default_port(self) -> &'static str {
        match self {
            Self::Http => "3128",
            Self::Socks4 | Self::Socks5 => "1080",
        }
    }
}

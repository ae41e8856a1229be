//! Everything that takes standard input to a connection and back here.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::options::{Options, sibling};
use crate::programs::{NC, NCAT, Program, SOCAT};

/// Names in tables, for those that goals refer to.
pub(super) mod names {
    /// The bare loop.
    pub(crate) const COPY: &str = "copy 256 KiB";
    /// `netkit connect` and `netkit listen`.
    pub(crate) const NETKIT: &str = "netkit";
    /// The same as OpenBSD's netcat.
    pub(crate) const NETKIT_NC: &str = "netkit nc";
    /// OpenBSD's netcat.
    pub(crate) const NC: &str = "nc";
    /// Nmap's netcat.
    pub(crate) const NCAT: &str = "ncat";
    /// socat.
    pub(crate) const SOCAT: &str = "socat";
    /// socat with eight times its usual buffer.
    pub(crate) const SOCAT_LARGE: &str = "socat -b 65536";
}

/// A netcat that takes part. `HOST` and `PORT` stand where those belong.
#[derive(Debug, Clone)]
pub(super) struct Netcat {
    /// Its name in tables.
    pub(super) name: &'static str,
    program: PathBuf,
    sends: &'static str,
    receives: &'static str,
    /// Both ways at once, where it can do that.
    pub(super) exchanges: Option<&'static str>,
}

/// Everyone that can take part here.
pub(super) fn all(options: &Options) -> Result<Vec<Netcat>, Box<dyn Error>> {
    let netkit = || options.netkit.clone();
    let peer = |program: Program| {
        let wanted = options.peers.then_some(program);
        wanted.and_then(|it| it.find_for(options))
    };
    let socat = peer(SOCAT);
    let all = [
        netcat(
            names::COPY,
            Some(sibling("copy")?),
            ["send HOST:PORT", "receive HOST:PORT"],
            None,
        ),
        netcat(
            names::NETKIT,
            netkit(),
            ["connect HOST:PORT", "listen HOST:PORT"],
            Some("connect HOST:PORT"),
        ),
        netcat(
            names::NETKIT_NC,
            netkit(),
            ["nc -n -N HOST PORT", "nc -n -l HOST PORT"],
            Some("nc -n -N HOST PORT"),
        ),
        netcat(
            names::NC,
            peer(NC),
            ["-n -N HOST PORT", "-n -l HOST PORT"],
            Some("-n -N HOST PORT"),
        ),
        netcat(
            names::NCAT,
            peer(NCAT),
            ["-n --send-only HOST PORT", "-n -l --recv-only HOST PORT"],
            Some("-n HOST PORT"),
        ),
        netcat(
            names::SOCAT,
            socat.clone(),
            [
                "-u STDIN TCP:HOST:PORT",
                "-u TCP-LISTEN:PORT,bind=HOST STDOUT",
            ],
            // Half a second after one end it would give up the other.
            Some("-t 60 STDIO TCP:HOST:PORT"),
        ),
        netcat(
            names::SOCAT_LARGE,
            socat,
            [
                "-b 65536 -u STDIN TCP:HOST:PORT",
                "-b 65536 -u TCP-LISTEN:PORT,bind=HOST STDOUT",
            ],
            Some("-b 65536 -t 60 STDIO TCP:HOST:PORT"),
        ),
    ];
    Ok(all.into_iter().flatten().collect())
}

fn netcat(
    name: &'static str,
    program: Option<PathBuf>,
    [sends, receives]: [&'static str; 2],
    exchanges: Option<&'static str>,
) -> Option<Netcat> {
    Some(Netcat {
        name,
        program: program?,
        sends,
        receives,
        exchanges,
    })
}

impl Netcat {
    /// It takes its input to `address`.
    pub(super) fn sender(&self, address: SocketAddr) -> Command {
        self.command(self.sends, address)
    }

    /// It takes the first connection to `address` to its output.
    pub(super) fn receiver(&self, address: SocketAddr) -> Command {
        self.command(self.receives, address)
    }

    /// It takes its input to `address`, and what comes from there to its output.
    pub(super) fn exchanger(&self, address: SocketAddr) -> Option<Command> {
        self.exchanges.map(|it| self.command(it, address))
    }

    fn command(&self, arguments: &str, address: SocketAddr) -> Command {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let fill = |word: &str| word.replace("HOST", &host).replace("PORT", &port);
        let mut command = Command::new(&self.program);
        command.args(arguments.split(' ').map(fill));
        command
    }
}

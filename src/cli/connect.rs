//! `netkit connect`: from the words of the command line to one place.

use std::ffi::OsString;
use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{bail, ensure};

use super::probe::one_server;
use super::{Parsed, Replying, Verb, attended, cannot_tell, complain, parse};
use crate::connect::{Options, Place, connect};
use crate::finding::{Exit, Record};
use crate::net::proxy::{Proxy, ProxyError};
use crate::net::{DialError, UnixAddress};
use crate::probe::show::RAW;
use crate::report::{Destination, Format};
use crate::transfer::{Observer, OwnFault};

pub(super) const EXAMPLES: &str = "Examples:
  netkit connect 172.31.34.27:5001               lines typed go out, what comes is shown
  netkit connect mail 25 --crlf                  host and port as with nc
  netkit connect backup:9000 < file              a file, and the truth about its arrival
  netkit connect tls://www.example.org:443       over TLS, verified
  netkit connect -u localhost:514 --send-only    datagrams
  netkit connect unix:///run/app.sock            a Unix socket
  netkit connect -u unix:///run/log.sock         one of datagrams
  netkit connect app:80 --proxy-protocol v2      as a proxy that names its client";

pub(super) fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<Replying<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Replying {
        mut options,
        report,
    } = options;
    // Not by the parser, whose errors would show the password.
    match options.proxy.as_deref().map(Proxy::from_str).transpose() {
        Ok(way) => options.way = way,
        Err(error) => return Ok(complain(&error.into())),
    }
    let place = match understand(&options) {
        Ok(place) => place,
        Err(error) => return Ok(complain(&error)),
    };
    let is_text = report.format == Format::Text;
    // Standard output is the peer's.
    let reporter = match global.reporter_to(Destination::Stderr, &report.into(), 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let records = reporter.clone();
    attended(&reporter, async move {
        let tell = |record: Record| match is_text {
            true => records.keep(&record),
            false => records.tell(&record),
        };
        let observer = Observer {
            tell: &tell,
            expect: &|bytes| records.expect_bytes(bytes),
            advance: &|bytes| records.advance_bytes(bytes),
        };
        own_faults(connect(&place, &options, observer).await)
    })
}

/// What failed on this side is no verdict on anybody.
pub(super) fn own_faults(outcome: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    outcome.or_else(|error| {
        let dial = error.downcast_ref().is_some_and(DialError::is_own_fault);
        let proxy = error.downcast_ref().is_some_and(ProxyError::is_own_fault);
        match error.is::<OwnFault>() || dial || proxy {
            true => Ok(cannot_tell(&error)),
            false => Err(error),
        }
    })
}

fn understand(options: &Options) -> anyhow::Result<Place> {
    options.program.program()?;
    let target = &options.target;
    let text = match &options.port {
        Some(port) if target.contains(':') && !target.contains(['[', '/']) => {
            format!("[{target}]:{port}")
        }
        Some(port) => format!("{target}:{port}"),
        None => target.clone(),
    };
    let peer = one_server(RAW, &text)?;
    let name = peer.scheme.name;
    if name == "unix" {
        ensure!(
            options.way.is_none(),
            "no Unix socket is behind a proxy: leave out --proxy"
        );
        introduces_nobody(options, "a Unix socket")?;
        ensure!(
            options.source.is_none() && options.source_port == 0,
            "a Unix socket has no address to come from: leave out --source and --source-port"
        );
        is_plain(options)?;
        let address = UnixAddress::new(peer.host);
        return Ok(match options.udp {
            true => Place::UnixDatagrams(address),
            false => Place::Unix(address),
        });
    }
    ensure!(
        options.way.is_none() || (name != "udp" && !options.udp),
        "no datagrams go through a proxy: leave out --proxy"
    );
    if let (Some(source), Ok(address)) = (options.source, peer.host.parse::<IpAddr>()) {
        ensure!(
            source.is_ipv4() == address.is_ipv4(),
            "nothing leads from {source} to {address}: --source is of the other family"
        );
    }
    let Some(port) = peer.port else {
        bail!("`{text}` has no port (expected HOST:PORT)");
    };
    if name == "udp" || options.udp {
        introduces_nobody(options, "a port of UDP")?;
    }
    if name != "tls" {
        is_plain(options)?;
    }
    Ok(match (name, options.udp) {
        ("tcp", false) => Place::Tcp(peer.host, port),
        ("tls", false) => Place::Tls(peer.host, port),
        ("udp" | "tcp", _) => Place::Udp(peer.host, port),
        (name, _) => bail!("`{name}://` is no way to connect (expected tcp, tls, udp or unix)"),
    })
}

fn is_plain(options: &Options) -> anyhow::Result<()> {
    let tls = &options.tls;
    ensure!(
        tls.sni.is_none() && tls.ca.is_none() && !tls.insecure,
        "--sni, --ca and --insecure are for TLS (hint: tls://{})",
        options.target
    );
    Ok(())
}

fn introduces_nobody(options: &Options, whom: &str) -> anyhow::Result<()> {
    ensure!(
        options.proxy_protocol.is_none(),
        "nobody is introduced to {whom}: leave out --proxy-protocol"
    );
    Ok(())
}

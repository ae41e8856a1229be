//! From a service's options to its end: what `netkit serve NAME` does for each
//! of them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::port_file::write_port_file;
use super::{Client, Confinement, Options, Server, Stop};
use crate::files::{Root, Tree};
use crate::finding::End;

/// The host of whoever listens on loopback alone: both of its addresses, as far as
/// there are both.
pub const LOOPBACK: &str = "localhost";

/// What tells one TCP service from another.
pub struct Kind<'a> {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in logs.
    pub target: &'static str,
    /// What clients put in front of its address, for those that are typed into
    /// a browser: the address is told so too.
    pub scheme: Option<&'static str>,
    /// The port to listen on.
    pub port: u16,
    /// Whether it listens on loopback alone, unless told another host.
    pub is_local: bool,
    /// The files that it needs, if it is to have no others.
    pub confinement: Option<Confinement<'a>>,
}

/// Stands a service up and serves until SIGTERM or SIGINT: `handle` is called
/// with each client, and `announce` with a line for each socket once it accepts.
///
/// # Errors
/// No address could be bound, or the port file not be written.
pub async fn run<H>(
    kind: Kind<'_>,
    options: &Options,
    announce: &mut dyn FnMut(&str),
    handle: H,
) -> anyhow::Result<()>
where
    H: AsyncFn(&Client) -> io::Result<End> + 'static,
{
    let mut options = options.clone();
    if kind.is_local {
        options.host.get_or_insert_with(|| LOOPBACK.into());
    }
    let options = &options;
    let mut stop = Stop::catch()?;
    let binding = async { Ok(Server::bind(kind.target, kind.port, options).await?) };
    let Some(server) = stop.or_done(binding).await? else {
        return Ok(());
    };
    let addresses = server.addresses()?;
    let running = server.start(handle);
    tell(kind.name, kind.scheme, "tcp", &addresses, options, announce)?;
    // Before the loop's next turn, so before the first client.
    if let Some(confinement) = kind.confinement {
        confinement.enter(kind.target);
    }
    Ok(running.until_signalled(stop, options.grace).await?)
}

/// Opens the directory of files that a service serves; `~/` is the home of
/// whoever runs it.
///
/// # Errors
/// There is none, or it may not be looked into.
pub(super) fn open_root(path: &Path) -> anyhow::Result<Root> {
    Root::open(&expand(path)).with_context(|| {
        let path = path.display();
        format!("cannot serve the files in `{path}` (hint: make it, or name another with --root)")
    })
}

/// Opens, or makes, the directory that a service keeps its files beneath; its
/// own directory in there, for what is not finished, is called `own`.
///
/// # Errors
/// It cannot be made or opened, or another server has it.
pub(super) fn open_tree(path: &Path, own: &'static str) -> anyhow::Result<Tree> {
    Tree::open(&expand(path), own).with_context(|| {
        let path = path.display();
        format!("cannot keep files in `{path}` (hint: name another directory with --root)")
    })
}

/// The path where `~/` is the home of whoever runs this.
fn expand(path: &Path) -> PathBuf {
    let home = path.strip_prefix("~").ok().zip(std::env::home_dir());
    home.map_or_else(|| path.to_owned(), |(rest, home)| home.join(rest))
}

/// Says where a service called `name` listens: in the port file, and in a line
/// for each socket.
///
/// # Errors
/// The port file cannot be written.
pub fn tell(
    name: &str,
    scheme: Option<&str>,
    protocol: &str,
    addresses: &[SocketAddr],
    options: &Options,
    announce: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    if let (Some(path), Some(address)) = (&options.port_file, addresses.first()) {
        write_port_file(path, address.port())?;
    }
    for address in addresses {
        let line = format!("listening {name} {address}/{protocol}");
        match scheme {
            Some(scheme) => announce(&format!("{line} {}", url(scheme, *address))),
            None => announce(&line),
        }
    }
    Ok(())
}

/// How a client on this machine reaches `address`.
fn url(scheme: &str, address: SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        ip if ip.is_unspecified() => format!("{scheme}://localhost:{port}/"),
        // Without its zone, which has no place in a URL (RFC 3986, section 3.2.2).
        ip => format!("{scheme}://{}/", SocketAddr::new(ip, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_that_a_client_here_can_use() {
        for (address, expected) in [
            ("0.0.0.0:80", "http://localhost:80/"),
            ("[::]:8000", "http://localhost:8000/"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("[::1]:8000", "http://[::1]:8000/"),
            ("[fe80::1%2]:8000", "http://[fe80::1]:8000/"),
        ] {
            assert_eq!(url("http", address.parse().unwrap()), expected);
        }
    }
}

//! The one argument that every server here takes, and the line it answers with.

use std::env;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The address in the first argument; without one, a free port of loopback.
pub fn from_arguments() -> Result<SocketAddr, String> {
    let Some(text) = env::args().nth(1) else {
        return Ok((Ipv4Addr::LOCALHOST, 0).into());
    };
    text.parse()
        .map_err(|_| format!("cannot read the address `{text}`: HOST:PORT is needed"))
}

/// Says on standard output where `listener` listens.
pub fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "listening {}", listener.local_addr()?)?;
    out.flush()
}

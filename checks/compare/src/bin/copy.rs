//! The bare copying of a netcat: one direction, one buffer, nothing else.
//!
//! `send` takes standard input to a connection, `receive` takes the first
//! connection to standard output.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

/// Never exactly 64 KiB: that leaves a small tail of each write on loopback.
const BUFFER: usize = 256 * 1024;

const USAGE: &str = "copy send|receive ADDRESS";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [way, address] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let address: SocketAddr = address.parse()?;
    match way.as_str() {
        "send" => send(address)?,
        "receive" => receive(address)?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn send(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    copy(&mut unbuffered(io::stdin())?, &mut stream)?;
    stream.shutdown(Shutdown::Write)?;
    // Until the other end has all of it.
    stream
        .read_exact(&mut [0])
        .or_else(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(()),
            _ => Err(error),
        })
}

fn receive(address: SocketAddr) -> io::Result<()> {
    let (mut stream, _) = TcpListener::bind(address)?.accept()?;
    copy(&mut stream, &mut unbuffered(io::stdout())?)
}

/// Without the buffers of the standard library.
fn unbuffered(stream: impl AsFd) -> io::Result<File> {
    Ok(stream.as_fd().try_clone_to_owned()?.into())
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}

//! Connections one after the other that never run out of ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// Connection number `index`, which may be pending yet.
pub(crate) fn dial(address: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    bind(&socket, &source(index))?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether that is only a matter of time.
pub(crate) fn is_pending(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
    )
}

/// A source address of its own for each connection: closed ones keep their
/// port for a minute, and one address would soon have none left.
fn source(index: usize) -> SocketAddrV4 {
    let [.., high, low] = (index % 0xffff).to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(127, 10, high, low), 0)
}

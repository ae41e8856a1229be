//! Scripted peers: small servers that behave badly on purpose.

use super::PATIENCE;
use super::client;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

/// An address of their own: whoever scans 127.0.0.1 meanwhile does not take a script's only turn.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(127, 83, 17, 5);

/// Listens on loopback and hands the first connection to `script`; the connection closes when
/// the script returns.
pub(crate) fn tcp(script: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((HOST, 0)).expect("cannot listen on loopback");
    tcp_on(listener, script)
}

/// As [`tcp`], of a listener that is there already.
pub(crate) fn tcp_on(
    listener: TcpListener,
    script: impl FnOnce(TcpStream) + Send + 'static,
) -> SocketAddr {
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("cannot accept");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("cannot set a timeout");
        script(stream);
    });
    address
}

/// Reads one line and answers it with `answer`, which may be anything; then waits for the client
/// to close.
pub(crate) fn answering(answer: impl FnOnce(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    tcp(move |mut stream| {
        let line = read_line(&stream);
        drop(stream.write_all(&answer(&line)));
        drop(stream.peek(&mut [0]));
    })
}

/// Echoes one line, then closes.
pub(crate) fn answering_once() -> SocketAddr {
    tcp(|mut stream| {
        let line = read_line(&stream);
        drop(stream.write_all(&line));
    })
}

/// Reads one line, answers these bytes and closes at once.
pub(crate) fn breaking_off(answer: &'static [u8]) -> SocketAddr {
    tcp(move |mut stream| {
        read_line(&stream);
        drop(stream.write_all(answer));
    })
}

/// Reads one line, then closes without an answer.
pub(crate) fn closing() -> SocketAddr {
    tcp(|stream| drop(read_line(&stream)))
}

/// Reads one line, then resets the connection.
pub(crate) fn resetting() -> SocketAddr {
    tcp(|stream| {
        read_line(&stream);
        client::reset(stream);
    })
}

/// Reads and never answers, until the client closes.
pub(crate) fn silent() -> SocketAddr {
    tcp(|stream| while !read_line(&stream).is_empty() {})
}

/// Accepts nothing: a port of 127.0.0.1 that refuses connections as long as the socket is held.
pub(crate) fn refusing() -> (socket2::Socket, SocketAddr) {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("cannot make a socket");
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    // Bound but not listening: nobody else can get the port, and the kernel refuses for it.
    socket.bind(&any.into()).expect("cannot bind to 127.0.0.1");
    let address = socket.local_addr().expect("a bound socket has an address");
    let address = address.as_socket().expect("an internet address");
    (socket, address)
}

/// Echoes datagrams on loopback, except those whose number (from 0) `loses` picks.
pub(crate) fn lossy_udp(loses: impl Fn(usize) -> bool + Send + 'static) -> SocketAddr {
    datagrams(move |number, datagram| match loses(number) {
        true => Vec::new(),
        false => vec![datagram.to_vec()],
    })
}

/// Answers each datagram, numbered from 0, with those that `script` makes of it.
pub(crate) fn datagrams(
    script: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind((HOST, 0)).expect("cannot bind to loopback");
    datagrams_on(socket, script)
}

/// As [`datagrams`], of a socket that is there already.
pub(crate) fn datagrams_on(
    socket: UdpSocket,
    script: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let address = socket.local_addr().expect("a socket has an address");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        let mut number = 0;
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            for answer in script(number, &buffer[..count]) {
                drop(socket.send_to(&answer, from));
            }
            number += 1;
        }
    });
    address
}

fn read_line(stream: &TcpStream) -> Vec<u8> {
    let mut line = Vec::new();
    // Whatever the client does wrong here shows in what it says about it.
    drop(BufReader::with_capacity(1, stream).read_until(b'\n', &mut line));
    line
}

//! `-F`: a connected socket goes to whoever holds the other end of standard output.

use super::{BOTH, alike};
use crate::support::PATIENCE;
use crate::support::client::expect_bytes;
use crate::support::peer;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

fn greeting() -> SocketAddr {
    peer::tcp(|mut stream| drop(stream.write_all(b"greeting")))
}

/// The descriptor that comes over `stream` beside its one byte.
fn descriptor(stream: &UnixStream) -> OwnedFd {
    let mut byte = [9];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut messages = RecvAncillaryBuffer::new(&mut space);
    let bytes = &mut [IoSliceMut::new(&mut byte)];
    let received = recvmsg(stream, bytes, &mut messages, RecvFlags::empty());
    assert_eq!(received.expect("a message").bytes, 1);
    let mut descriptors = messages.drain().flat_map(|it| match it {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    let passed = descriptors.next().expect("a descriptor");
    assert_eq!(byte, [0]);
    passed
}

#[test]
fn the_connected_socket_is_passed_and_it_ends() {
    for netcat in BOTH {
        let address = greeting();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let (near, far) = UnixStream::pair().unwrap();
        let mut command = netcat.command(&["-F", &host, &port]);
        command.stdin(Stdio::null()).stdout(OwnedFd::from(far));
        let mut child = command.spawn().expect("it starts");
        // Else the other end would stay open here.
        drop(command);
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream = TcpStream::from(descriptor(&near));
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        expect_bytes(&stream, b"greeting");
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(child.wait().unwrap().success(), "{netcat:?}");
    }
}

#[test]
fn what_cannot_take_a_socket_is_said() {
    let said = "nc: sendmsg: Socket operation on non-socket\n";
    alike(&["-F", "HOST", "PORT"], b"", greeting).expect(1, "", said);
}

//! Reads and writes fail, come short, or come for nothing.

use crate::support::PATIENCE;
use crate::support::client::{
    connect, expect_bytes, expect_end, expect_silence, finish, round_trip,
};
use crate::support::pattern::Pattern;
use crate::support::process::netkit;
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use crate::support::usage::{descriptors, processor_share, socket_inode};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::Duration;

/// Every call by which a stream can be written.
const WRITES: &str = "sendto,sendmsg,writev";

/// Every call by which a stream can be read.
const READS: &str = "recvfrom,recvmsg,readv";

#[test]
fn a_write_that_fails_closes_that_connection_only() {
    for error in ["EPIPE", "ECONNRESET", "ETIMEDOUT", "EIO"] {
        let mut server = Server::echo(&["-v"]);
        let (client, other) = (connect(server.ipv4()), connect(server.ipv4()));
        round_trip(&client, b"before");
        round_trip(&other, b"before");
        let open = descriptors(server.id());
        // EPIPE as the kernel makes it: with the signal.
        let signal = if error == "EPIPE" {
            ":signal=SIGPIPE"
        } else {
            ""
        };
        let what = format!("{WRITES}:error={error}{signal}:when=1");
        let tracer = Tracer::inject(server.id(), &what);
        (&client)
            .write_all(b"this is not echoed")
            .expect("cannot send");
        tracer.wait_for_injected(1);
        let ended = (&client).read(&mut [0; 32]);
        assert!(!matches!(ended, Ok(1..)), "{error}: {ended:?}");
        let peer = client.local_addr().expect("a client has an address");
        server.wait_for_log(&format!("{peer} closed"));
        assert_eq!(server.log().count_lines_with(&format!("{peer} closed")), 1);
        round_trip(&other, b"after");
        drop(tracer);
        let freed = crate::support::becomes_true(PATIENCE, || descriptors(server.id()) == open - 1);
        assert!(freed, "{error}: the descriptor is still open");
        server.expect_running();
    }
}

#[test]
fn a_write_said_to_be_short_is_continued_where_it_stopped() {
    let server = Server::echo(&[]);
    let client = connect(server.ipv4());
    round_trip(&client, b"before");
    // The kernel writes nothing then, so exactly the three bytes claimed are missing.
    let what = format!("{WRITES}:retval=3:when=1+2");
    let tracer = Tracer::inject(server.id(), &what);
    for number in 1..=50 {
        (&client).write_all(b"abcdefghij").expect("cannot send");
        expect_bytes(&client, b"defghij");
        tracer.wait_for_injected(number);
    }
    drop(tracer);
    finish(&client);
}

/// Enough that it does not fit into the sockets' buffers.
const TOTAL: u64 = 3_000_000;

#[test]
fn with_writes_of_three_bytes_a_long_stream_comes_back_whole() {
    let folder = tempfile::tempdir().expect("cannot make a folder");
    let library = short_writes(folder.path());
    let mut command = netkit(&["echo-server", "--port", "0"]);
    command.env("LD_PRELOAD", library);
    let server = Server::of(command);
    let tracer = Tracer::attach(server.id(), &["-e", "trace=sendto"]);
    round_trip(&connect(server.ipv4()), b"nine byte");
    let calls = tracer.detach();
    let lengths: Vec<&String> = calls.iter().filter(|line| line.contains(" = 3")).collect();
    assert_eq!(lengths.len(), 3, "not written in threes: {calls:#?}");

    let client = connect(server.ipv4());
    let writing = client.try_clone().expect("cannot duplicate the client");
    let writer = std::thread::spawn(move || {
        let sent = Pattern::new(5).write_to(&mut &writing, TOTAL);
        sent.and_then(|()| writing.shutdown(Shutdown::Write))
    });
    assert_eq!(Pattern::new(5).compare(&mut &client), Ok(TOTAL));
    writer
        .join()
        .expect("the writer panicked")
        .expect("cannot send");
}

/// A library that makes every write to a socket a write of at most three bytes.
fn short_writes(folder: &std::path::Path) -> std::path::PathBuf {
    let (source, library) = (folder.join("short.c"), folder.join("short.so"));
    std::fs::write(&source, SHORT_WRITES).expect("cannot write the source");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("cannot start `cc`, the linker of Rust programs");
    assert!(status.success(), "cannot compile the library");
    library
}

const SHORT_WRITES: &str = r"
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    return syscall(SYS_sendto, fd, bytes, count > 3 ? 3 : count, flags, 0, 0);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    for (int at = 0; at < count; at++)
        if (parts[at].iov_len > 0)
            return send(fd, parts[at].iov_base, parts[at].iov_len, MSG_NOSIGNAL);
    return 0;
}
";

#[test]
fn a_read_announced_for_nothing_is_ignored() {
    let server = Server::echo(&[]);
    let client = connect(server.ipv4());
    round_trip(&client, b"before");
    let tracer = Tracer::inject(server.id(), &format!("{READS}:error=EAGAIN:when=1"));
    (&client).write_all(b"first").expect("cannot send");
    tracer.wait_for_injected(1);
    // The next event brings both.
    (&client).write_all(b"second").expect("cannot send");
    expect_bytes(&client, b"firstsecond");
    drop(tracer);
    finish(&client);
}

#[test]
fn a_read_that_is_interrupted_is_repeated() {
    let server = Server::echo(&[]);
    let client = connect(server.ipv4());
    round_trip(&client, b"before");
    let tracer = Tracer::inject(server.id(), &format!("{READS}:error=EINTR:when=1+2"));
    for _ in 0..20 {
        round_trip(&client, b"interrupted");
    }
    tracer.wait_for_injected(20);
    drop(tracer);
    finish(&client);
}

#[test]
fn a_socket_that_never_takes_a_byte_neither_spins_nor_hurts_others() {
    cannot_write("EAGAIN", |stuck| expect_silence(stuck, PATIENCE / 100));
}

#[test]
fn a_socket_without_buffers_neither_spins_nor_hurts_others() {
    // An error ends the connection: it is not for the server to guess that it will pass.
    cannot_write("ENOBUFS", expect_end);
}

/// Writes to one socket fail for ever; `fate` is what becomes of its client.
fn cannot_write(error: &str, fate: fn(&TcpStream)) {
    let mut server = Server::echo(&["-4"]);
    let (stuck, other) = (connect(server.ipv4()), connect(server.ipv4()));
    round_trip(&stuck, b"before");
    round_trip(&other, b"before");
    let inode = socket_inode(server.ipv4(), address_of(&stuck));
    let tracer = Tracer::inject_on_socket(server.id(), inode, &format!("{WRITES}:error={error}"));
    (&stuck)
        .write_all(b"never comes back")
        .expect("cannot send");
    tracer.wait_for_injected(1);
    let share = processor_share(server.id(), || {
        for _ in 0..5 {
            round_trip(&other, b"undisturbed");
            expect_silence(&other, Duration::from_millis(200));
        }
    });
    assert!(share < 5.0, "{share:.1} % of a processor at {error}");
    let tries = tracer.injected();
    assert!(tries < 20, "tried {tries} times in a second");
    fate(&stuck);
    drop(stuck);
    round_trip(&other, b"after");
    drop(tracer);
    server.expect_running();
}

fn address_of(client: &TcpStream) -> std::net::SocketAddr {
    client.local_addr().expect("a client has an address")
}

//! Clients of other makes: each sends 100 MB, half-closes, and must get the same 100 MB back.

use crate::support::pattern::Pattern;
use crate::support::process::{finish, send_signal};
use crate::support::server::Server;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const TOTAL: u64 = 100_000_000;

/// For 100 MB through a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(180);

#[test]
fn nc_gets_100_megabytes_back_over_ipv4() {
    let server = Server::echo(&[]);
    transfer(nc(server.ipv4()));
}

#[test]
fn nc_gets_100_megabytes_back_over_ipv6() {
    let server = Server::echo(&[]);
    transfer(nc(server.ipv6()));
}

#[test]
fn ncat_gets_100_megabytes_back_over_ipv4() {
    let server = Server::echo(&[]);
    transfer(ncat(server.ipv4()));
}

#[test]
fn ncat_gets_100_megabytes_back_over_ipv6() {
    let server = Server::echo(&[]);
    transfer(ncat(server.ipv6()));
}

#[test]
fn socat_gets_100_megabytes_back_over_ipv4() {
    let server = Server::echo(&[]);
    transfer(socat(server.ipv4()));
}

#[test]
fn socat_gets_100_megabytes_back_over_ipv6() {
    let server = Server::echo(&[]);
    transfer(socat(server.ipv6()));
}

#[test]
fn python_streams_get_100_megabytes_back_over_ipv4() {
    let server = Server::echo(&[]);
    python_streams(server.ipv4());
}

#[test]
fn python_streams_get_100_megabytes_back_over_ipv6() {
    let server = Server::echo(&[]);
    python_streams(server.ipv6());
}

fn nc(address: SocketAddr) -> Command {
    let mut command = Command::new("nc.openbsd");
    command.arg("-N").args(host_and_port(address));
    command
}

fn ncat(address: SocketAddr) -> Command {
    let mut command = Command::new("ncat");
    command.args(host_and_port(address));
    command
}

fn socat(address: SocketAddr) -> Command {
    let mut command = Command::new("socat");
    // Without -t it gives the server half a second after the half-close.
    command
        .args(["-t", "60", "-"])
        .arg(format!("TCP:{address}"));
    command
}

fn host_and_port(address: SocketAddr) -> [String; 2] {
    [address.ip().to_string(), address.port().to_string()]
}

/// Feeds the pattern to the program's standard input and compares what comes out of its standard
/// output, both as they flow.
fn transfer(mut command: Command) {
    let described = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {described}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let mut stdout = child.stdout.take().expect("standard output is a pipe");
    let writer = std::thread::spawn(move || Pattern::new(7).write_to(&mut stdin, TOTAL));
    let (done, finished) = mpsc::channel::<()>();
    let id = child.id();
    let watchdog = std::thread::spawn(move || {
        let late = finished.recv_timeout(LONG) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            send_signal(id, "KILL");
        }
        late
    });
    let compared = Pattern::new(7).compare(&mut stdout);
    drop(done);
    let late = watchdog.join().expect("the watchdog panicked");
    let written = writer.join().expect("the writer panicked");
    let status = child.wait().expect("cannot wait for the client");
    assert!(!late, "{described}: not done after {LONG:?}: {compared:?}");
    assert_eq!(compared, Ok(TOTAL), "{described}");
    written.unwrap_or_else(|error| panic!("{described} stopped reading: {error}"));
    assert!(status.success(), "{described}: {status}");
}

/// The program hashes both directions itself and prints the counts and the hashes.
fn python_streams(address: SocketAddr) {
    let [host, port] = host_and_port(address);
    let mut command = Command::new("python3");
    command.args(["-c", PYTHON_STREAMS, &host, &port, &TOTAL.to_string()]);
    let output = finish(command, b"", LONG).expect_code(0);
    let words: Vec<&str> = output.stdout.split_whitespace().collect();
    assert_eq!(words.len(), 3, "{output:?}");
    assert_eq!(words[0], TOTAL.to_string(), "bytes that came back");
    assert_eq!(
        words[1], words[2],
        "hash of what was sent and of what came back"
    );
}

const PYTHON_STREAMS: &str = r#"
import asyncio, hashlib, sys

async def main(host, port, total):
    reader, writer = await asyncio.open_connection(host, port)
    sent, received = hashlib.sha256(), hashlib.sha256()

    async def send():
        left, number = total, 0
        while left:
            block = hashlib.sha512(b"%d" % number).digest() * 2000
            block = block[:left]
            sent.update(block)
            writer.write(block)
            await writer.drain()
            left, number = left - len(block), number + 1
        writer.write_eof()

    async def receive():
        count = 0
        while data := await reader.read(262144):
            received.update(data)
            count += len(data)
        return count

    _, count = await asyncio.gather(send(), receive())
    writer.close()
    await writer.wait_closed()
    print(count, sent.hexdigest(), received.hexdigest())

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"#;

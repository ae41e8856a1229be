//! Programs that were written from the description of the protocol alone, in both roles.

use super::{Side, ask};
use crate::support::PATIENCE;
use crate::support::process::{Process, finish, run};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

/// A peer: serves its folder to one client after another.
const PEER: &str = r"
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    request = client.recv(1024).decode()
    path = os.path.join(sys.argv[1], request[4:].strip())
    if request.startswith('GET ') and os.path.isfile(path):
        data = open(path, 'rb').read()
        client.sendall(b'FOUND %d\n' % len(data) + data)
    else:
        client.sendall(b'NOTFOUND\n')
    client.close()
";

/// A coordinator that asks the peer at its second argument.
const COORDINATOR: &str = r"
import os, socket, sys
def read_line(stream):
    line = b''
    while not line.endswith(b'\n'):
        line += stream.recv(1)
    return line.decode().strip()
def read_exactly(stream, count):
    data = b''
    while len(data) < count:
        data += stream.recv(count - len(data))
    return data
def ask(path):
    with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as peer:
        peer.sendall(b'GET ' + path.encode() + b'\n')
        head = read_line(peer)
        return read_exactly(peer, int(head[6:])) if head.startswith('FOUND ') else None
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    path = read_line(client)[4:]
    own = os.path.join(sys.argv[1], path)
    mine = open(own, 'rb').read() if os.path.isfile(own) else None
    theirs = ask(path)
    copies = [it for it in (mine, theirs) if it is not None]
    if not copies:
        client.sendall(b'ERROR NOTFOUND\n')
    elif len(copies) == 1 or mine == theirs:
        client.sendall(b'OK ONE %d\n' % len(copies[0]) + copies[0])
    else:
        client.sendall(b'OK BOTH %d %d\n' % (len(mine), len(theirs)) + mine + theirs)
    client.close()
";

/// A client: prints the head of the answer and the copies.
const CLIENT: &str = r"
import socket, sys
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as server:
    server.sendall(b'GET ' + sys.argv[2].encode() + b'\n')
    answer = b''
    while True:
        data = server.recv(4096)
        if not data:
            break
        answer += data
head, _, rest = answer.partition(b'\n')
words = head.split()
print(head.decode())
for length in words[2:] if words[0] == b'OK' else []:
    print(rest[:int(length)].decode())
    rest = rest[int(length):]
";

const FILES: [&str; 4] = ["same", "differs", "only1", "none"];

fn sides() -> (Side, Side) {
    let one = Side::new(&[("same", b"x"), ("differs", b"one"), ("only1", b"1")]);
    let two = Side::new(&[("same", b"x"), ("differs", b"two!")]);
    (one, two)
}

/// A Python server of a folder, and where it listens.
fn python(program: &str, side: &Side, more: &[&str]) -> (Process, SocketAddr) {
    let mut command = Command::new("python3");
    command
        .args(["-u", "-c", program])
        .arg(side.root())
        .args(more);
    let process = Process::start(command);
    let port = process.stdout.wait_for_line("", PATIENCE);
    let port = port.parse().expect("a port");
    (process, (Ipv4Addr::LOCALHOST, port).into())
}

#[test]
fn our_coordinator_asks_their_peer() {
    let (one, two) = sides();
    let (_peer, address) = python(PEER, &two, &[]);
    let server = one.coordinator(address, &[]);
    let answers = [
        "OK ONE 1\nx",
        "OK BOTH 3 4\nonetwo!",
        "OK ONE 1\n1",
        "ERROR NOTFOUND\n",
    ];
    for (name, answer) in FILES.iter().zip(answers) {
        let came = ask(server.ipv4(), format!("GET {name}\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&came), answer, "{name}");
    }
}

#[test]
fn their_coordinator_asks_our_peer_and_our_probe_asks_them() {
    let (one, two) = sides();
    let peer = two.peer(&[]);
    let port = peer.port().to_string();
    let (_coordinator, address) = python(COORDINATOR, &one, &[&port]);
    let target = address.to_string();
    let shown = [
        (0, "Received ONE copy:\nx"),
        (
            0,
            "Received BOTH copies:\n--- SERVER1 version ---\none\n--- SERVER2 version ---\ntwo!",
        ),
        (0, "Received ONE copy:\n1"),
        (1, "ERROR NOTFOUND\n"),
    ];
    for (name, (code, text)) in FILES.iter().zip(shown) {
        let output = run(&["probe", "coordinator", &target, name], b"").expect_code(code);
        assert_eq!(output.stdout, text, "{name}");
    }
}

#[test]
fn their_client_asks_our_servers() {
    let (one, two) = sides();
    let peer = two.peer(&[]);
    let server = one.coordinator(peer.ipv4(), &[]);
    let port = server.port().to_string();
    let answers = [
        "OK ONE 1\nx\n",
        "OK BOTH 3 4\none\ntwo!\n",
        "OK ONE 1\n1\n",
        "ERROR NOTFOUND\n",
    ];
    for (name, answer) in FILES.iter().zip(answers) {
        let mut command = Command::new("python3");
        command.args(["-c", CLIENT, &port, name]);
        let output = finish(command, b"", PATIENCE).expect_code(0);
        assert_eq!(output.stdout, answer, "{name}");
    }
}

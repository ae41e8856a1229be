//! UDP: sizes, addresses, loss.

use crate::support::PATIENCE;
use crate::support::process::run;
use crate::support::server::Server;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The most that fits into one IPv4 datagram: 65,535 bytes less two headers.
const LARGEST: usize = 65_507;

#[test]
fn datagrams_of_every_size_come_back_whole_over_both_families() {
    let server = Server::echo(&["--udp"]);
    assert_eq!(server.listening().protocol, "udp");
    for address in [server.ipv4(), server.ipv6()] {
        let client = client_of(address);
        for size in [1, 0, 2, 1_472, 0, 9_000, LARGEST, 0, 3] {
            exchange(&client, size);
        }
    }
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked() {
    let server = Server::echo(&["--udp"]);
    for host in [[127, 0, 0, 2], [127, 99, 3, 1], [127, 0, 0, 1]] {
        // A connected socket takes answers from that address alone.
        let client = client_of(SocketAddr::from((host, server.port())));
        exchange(&client, 100);
    }
}

#[test]
fn the_same_over_an_ipv4_socket_and_on_one_address() {
    let server = Server::echo(&["--udp", "-4"]);
    let client = client_of(SocketAddr::from(([127, 0, 0, 3], server.port())));
    exchange(&client, 100);
    let server = Server::echo(&["--udp", "--host", "127.0.0.4"]);
    exchange(&client_of(server.listening().address), LARGEST);
    let server = Server::echo(&["--udp", "--host", "::1"]);
    exchange(&client_of(server.listening().address), LARGEST);
}

#[test]
fn datagrams_of_many_clients_are_not_mixed_up() {
    let server = Server::echo(&["--udp"]);
    let clients: Vec<UdpSocket> = (0..50).map(|_| client_of(server.ipv4())).collect();
    for (number, client) in clients.iter().enumerate() {
        let text = format!("client {number}");
        client.send(text.as_bytes()).expect("cannot send");
    }
    for (number, client) in clients.iter().enumerate() {
        let mut back = [0; 100];
        let count = client.recv(&mut back).expect("no answer");
        assert_eq!(back[..count], *format!("client {number}").as_bytes());
    }
}

#[test]
fn a_client_that_is_gone_before_its_answer_hurts_nobody() {
    let server = Server::echo(&["--udp"]);
    let other = client_of(server.ipv4());
    for _ in 0..50 {
        let gone = client_of(server.ipv4());
        gone.send(b"nobody will read this").expect("cannot send");
        drop(gone);
        exchange(&other, 10);
    }
}

#[test]
fn sigterm_ends_the_udp_server() {
    let mut server = Server::echo(&["--udp", "--grace", "60s"]);
    exchange(&client_of(server.ipv4()), 10);
    server.signal("TERM");
    assert_eq!(server.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn the_client_echoes_lines_over_udp() {
    let server = Server::echo(&["--udp"]);
    let port = server.port().to_string();
    for host in ["127.0.0.1", "::1"] {
        let arguments = ["echo", "--udp", "--host", host, "--port", &port];
        let output = run(&arguments, b"one\ntwo\n").expect_code(0);
        let texts: Vec<&str> = output
            .stdout
            .lines()
            .filter_map(|line| Some(line.split_once(" ms  ")?.1))
            .collect();
        assert_eq!(texts, ["one", "two"], "{output:?}");
    }
}

fn client_of(address: SocketAddr) -> UdpSocket {
    let any: SocketAddr = if address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).expect("cannot bind");
    socket.connect(address).expect("cannot connect");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("cannot set a timeout");
    socket
}

fn exchange(client: &UdpSocket, size: usize) {
    let sent: Vec<u8> = (0..size)
        .map(|at| u8::try_from(at % 251).unwrap_or(0))
        .collect();
    let count = client.send(&sent).expect("cannot send");
    assert_eq!(count, size);
    let mut back = vec![0; 65_536];
    let count = client
        .recv(&mut back)
        .unwrap_or_else(|error| panic!("no answer to {size} bytes: {error}"));
    assert!(
        back[..count] == sent,
        "{count} other bytes in answer to {size}"
    );
}

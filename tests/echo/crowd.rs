//! 10,000 clients at once.

use crate::support::client::{connect, finish, median_round_trip, round_trip};
use crate::support::server::Server;
use crate::support::usage::{descriptors, raise_descriptor_limit, resident_bytes};
use crate::support::{PATIENCE, becomes_true};
use std::net::TcpStream;
use std::time::Duration;

const CLIENTS: usize = 10_000;

/// Well above what a connection needs in a debug build, well below one buffer.
const MOST_BYTES_EACH: u64 = 2_048;

/// What a round trip may take longer because the machine has other things to do.
const BUSY_MACHINE: Duration = Duration::from_millis(20);

#[test]
#[allow(clippy::print_stdout, reason = "the figures belong to the result")]
fn ten_thousand_clients_at_once_and_nobody_is_dropped() {
    // This process holds as many descriptors as the server, beside those of other tests.
    raise_descriptor_limit(CLIENTS as u64 + 2_000);
    let mut server = Server::echo(&["-v"]);
    let active = connect(server.ipv4());
    round_trip(&active, b"warm");
    let alone = median_round_trip(&active, b"alone", 500);
    let (memory, open) = (resident_bytes(server.id()), descriptors(server.id()));

    let clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|number| {
            let client = connect(if number % 2 == 0 {
                server.ipv4()
            } else {
                server.ipv6()
            });
            round_trip(&client, b"first");
            client
        })
        .collect();
    let held = becomes_true(PATIENCE, || descriptors(server.id()) == open + CLIENTS);
    assert!(held, "{} descriptors", descriptors(server.id()));
    let each = resident_bytes(server.id()).saturating_sub(memory) / CLIENTS as u64;
    let among = median_round_trip(&active, b"among many", 500);
    println!(
        "{CLIENTS} idle clients: {each} B of memory each; round trip {alone:?} alone, {among:?} among them"
    );
    assert!(each <= MOST_BYTES_EACH, "{each} B for each connection");
    assert!(
        among < alone * 10 + BUSY_MACHINE,
        "{among:?} among many, {alone:?} alone"
    );

    let all = "closed: 15 bytes received, 15 bytes sent, ";
    for client in &clients {
        round_trip(client, b"still here");
    }
    for client in &clients {
        finish(client);
    }
    drop(clients);
    round_trip(&active, b"and the active one");
    server.log().wait_for_lines(all, CLIENTS, PATIENCE);
    let freed = becomes_true(PATIENCE, || descriptors(server.id()) == open);
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(server.id())
    );
    server.expect_running();
}

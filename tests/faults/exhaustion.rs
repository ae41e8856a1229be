//! Out of descriptors: 40 clients for a server that may have 16 descriptors.

use crate::support::PATIENCE;
use crate::support::client::{answers, connect, expect_bytes, expect_silence, finish, round_trip};
use crate::support::server::Server;
use crate::support::usage::processor_share;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Clients to be released must be replaced by waiting ones within this time.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn out_of_descriptors_it_idles_says_so_once_and_serves_those_connected() {
    let mut exhausted = Exhausted::new();
    let server = &exhausted.server;
    let share = processor_share(server.id(), || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            for client in &exhausted.inside {
                round_trip(client, b"still served");
            }
            // Those outside wait on, and the server waits with them.
            expect_silence(&exhausted.waiting[0], Duration::from_millis(200));
        }
    });
    assert!(
        share < 5.0,
        "{share:.1} % of a processor while out of descriptors"
    );
    let complaints = server.log().count_lines_with("out of descriptors");
    assert_eq!(complaints, 1, "{}", server.log().so_far());
    exhausted.server.expect_running();
}

#[test]
fn once_descriptors_are_free_those_who_waited_are_served_within_a_second() {
    let mut exhausted = Exhausted::new();
    let room = exhausted.inside.len();
    exhausted.inside.clear();
    let released = Instant::now();
    let served = wait_until_served(&mut exhausted.waiting, room);
    let took = released.elapsed();
    assert!(
        took < SOON,
        "{room} waiting clients were served after {took:?}"
    );
    for client in &served {
        expect_bytes(client, b"x");
        finish(client);
    }
    exhausted.server.expect_running();
}

#[test]
fn after_the_crowd_is_gone_new_clients_are_served_without_a_restart() {
    let mut exhausted = Exhausted::new();
    exhausted.inside.clear();
    exhausted.waiting.clear();
    let gone = Instant::now();
    for address in [exhausted.server.ipv4(), exhausted.server.ipv6()] {
        let client = connect(address);
        round_trip(&client, b"new");
        finish(&client);
    }
    assert!(gone.elapsed() < SOON, "served after {:?}", gone.elapsed());
    exhausted.server.expect_running();
}

#[test]
fn out_of_descriptors_it_still_ends_gracefully() {
    let mut exhausted = Exhausted::new();
    exhausted.server.signal("TERM");
    for client in &exhausted.inside {
        round_trip(client, b"last words");
        finish(client);
    }
    let status = exhausted.server.wait_for_exit(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
}

/// A server without a free descriptor, and its clients.
struct Exhausted {
    /// Those that it serves; each has had one byte echoed.
    inside: Vec<TcpStream>,
    /// Those that wait; each has sent one byte.
    waiting: Vec<TcpStream>,
    server: Server,
}

impl Exhausted {
    fn new() -> Self {
        let server = Server::through(
            &["prlimit", "--nofile=16:16"],
            &["echo-server", "--port", "0", "--grace", "60s"],
        );
        let mut clients: Vec<TcpStream> = (0..40)
            .map(|number| {
                let mut client = connect(if number % 2 == 0 {
                    server.ipv4()
                } else {
                    server.ipv6()
                });
                client.write_all(b"x").expect("cannot send");
                client
            })
            .collect();
        server.wait_for_log("out of descriptors");
        // The warning may come before the last echo has been sent, never before the last accept.
        let mut inside = wait_until_served(&mut clients, 1);
        inside.extend(
            clients
                .extract_if(.., |client| answers(client, Duration::from_millis(20)))
                .collect::<Vec<_>>(),
        );
        for client in &inside {
            expect_bytes(client, b"x");
        }
        assert!((1..16).contains(&inside.len()), "{} served", inside.len());
        Self {
            inside,
            waiting: clients,
            server,
        }
    }
}

/// Takes `count` clients that have an answer out of `clients`, as soon as there are so many.
fn wait_until_served(clients: &mut Vec<TcpStream>, count: usize) -> Vec<TcpStream> {
    let mut served = Vec::new();
    crate::support::becomes_true(PATIENCE, || {
        let mut at = 0;
        while at < clients.len() {
            clients[at]
                .set_nonblocking(true)
                .expect("cannot set non-blocking");
            let answered = clients[at].peek(&mut [0]).is_ok();
            clients[at]
                .set_nonblocking(false)
                .expect("cannot set blocking");
            if answered {
                served.push(clients.swap_remove(at));
            } else {
                at += 1;
            }
        }
        served.len() >= count
    });
    assert!(
        served.len() >= count,
        "{} served, not {count}",
        served.len()
    );
    served
}

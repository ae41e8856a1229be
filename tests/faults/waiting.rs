//! How many system calls a message costs, and waits that are interrupted.

use crate::support::PATIENCE;
use crate::support::becomes_true;
use crate::support::client::{answers, connect, expect_end, finish, round_trip};
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use std::time::{Duration, Instant};

#[test]
fn a_message_costs_one_wait_one_read_and_one_write() {
    const ROUNDS: usize = 1_000;
    // An address of its own: no stray connection may add to the count.
    let server = Server::echo(&["--host", "127.83.17.6"]);
    let client = connect(server.address());
    round_trip(&client, b"warm");
    let tracer = Tracer::attach(server.id(), &[]);
    round_trip(&client, b"mark one");
    for _ in 0..ROUNDS {
        round_trip(&client, b"steady");
    }
    round_trip(&client, b"mark two");
    let calls = tracer.detach();
    let received = |mark: &str| {
        let found = calls
            .iter()
            .position(|line| line.contains("recv") && line.contains(mark));
        found.unwrap_or_else(|| panic!("no `{mark}` in {} calls", calls.len()))
    };
    let steady = &calls[received("mark one")..received("mark two")];
    let count = |word: &str| steady.iter().filter(|line| line.contains(word)).count();
    let summary: Vec<&String> = steady.iter().take(12).collect();
    assert_eq!(count("epoll_ctl"), 0, "{summary:#?}");
    assert_eq!(count("EAGAIN"), 0, "{summary:#?}");
    assert_eq!(count("futex"), 0, "{summary:#?}");
    let all = steady.len();
    assert!(
        (3 * ROUNDS..=3 * ROUNDS + 20).contains(&all),
        "{all} system calls for {ROUNDS} messages: {summary:#?}"
    );
}

#[test]
fn interrupted_waits_lose_no_event_and_no_timer() {
    let mut server = Server::echo(&["--idle-timeout", "1s", "-v"]);
    let (busy, idle) = (connect(server.ipv4()), connect(server.ipv4()));
    let tracer = Tracer::inject(
        server.id(),
        "epoll_wait,epoll_pwait,epoll_pwait2:error=EINTR:when=1+2",
    );
    round_trip(&busy, b"busy");
    round_trip(&idle, b"last words");
    let start = Instant::now();
    let closed = becomes_true(PATIENCE, || {
        round_trip(&busy, b"busy");
        answers(&idle, Duration::from_millis(20))
    });
    let after = start.elapsed();
    assert!(closed, "the idle connection is still open");
    expect_end(&idle);
    assert!(
        after > Duration::from_millis(900) && after < Duration::from_millis(1_500),
        "closed after {after:?}, not one second"
    );
    assert!(
        tracer.injected() > 5,
        "only {} waits interrupted",
        tracer.injected()
    );
    drop(tracer);
    finish(&busy);
    server.expect_running();
}

#[test]
fn a_storm_of_signals_does_not_end_the_server() {
    let mut server = Server::echo(&[]);
    let client = connect(server.ipv4());
    // Stopping and continuing interrupts the wait like any handled signal.
    for _ in 0..100 {
        server.pause();
        server.resume();
        round_trip(&client, b"still here");
    }
    finish(&client);
    server.expect_running();
}

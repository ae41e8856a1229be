//! `accept` fails in every way it can. A client that is queued while it fails must be served
//! without further traffic: no further event announces it.

use crate::support::PATIENCE;
use crate::support::client::{connect, expect_bytes, expect_silence, finish, reset, round_trip};
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use crate::support::usage::{descriptors, processor_share};
use std::io::Write;
use std::time::Duration;

#[test]
fn emfile_once_loses_no_client() {
    fails_once("EMFILE");
}

#[test]
fn enfile_once_loses_no_client() {
    fails_once("ENFILE");
}

#[test]
fn econnaborted_is_skipped() {
    fails_once("ECONNABORTED");
}

#[test]
fn eintr_is_skipped() {
    fails_once("EINTR");
}

#[test]
fn eproto_is_skipped() {
    fails_once("EPROTO");
}

#[test]
fn eperm_is_skipped() {
    fails_once("EPERM");
}

#[test]
fn enobufs_is_waited_for() {
    fails_three_times("ENOBUFS");
}

#[test]
fn enomem_is_waited_for() {
    fails_three_times("ENOMEM");
}

#[test]
fn accept_that_never_works_again_neither_spins_nor_hurts_those_connected() {
    for error in ["EMFILE", "ENOMEM", "EPERM", "ECONNABORTED"] {
        let mut server = Server::echo(&[]);
        let connected = connect(server.ipv4());
        round_trip(&connected, b"before");
        let tracer = Tracer::inject(server.id(), &format!("accept4:error={error}"));
        let waiting = connect(server.ipv4());
        (&waiting).write_all(b"let me in").expect("cannot send");
        tracer.wait_for_injected(1);
        let share = processor_share(server.id(), || {
            for _ in 0..5 {
                round_trip(&connected, b"during");
                expect_silence(&waiting, Duration::from_millis(200));
            }
        });
        assert!(share < 5.0, "{share:.1} % of a processor at {error}");
        drop(tracer);
        expect_bytes(&waiting, b"let me in");
        server.expect_running();
    }
}

/// With nobody connected, so that no end of another connection wakes the server either.
fn fails_once(error: &str) {
    survives(error, &format!("accept4:error={error}:when=1"), 1);
}

fn fails_three_times(error: &str) {
    survives(error, &format!("accept4:error={error}:when=1..3"), 3);
}

fn survives(error: &str, what: &str, times: usize) {
    let mut server = Server::echo(&[]);
    finish(&connect(server.ipv4()));
    let tracer = Tracer::inject(server.id(), what);
    let mut client = connect(server.ipv4());
    client.write_all(b"queued").expect("cannot send");
    tracer.wait_for_injected(times);
    expect_bytes(&client, b"queued");
    finish(&client);
    let calls = tracer.detach();
    let spoilt = calls.iter().filter(|line| line.contains("(INJECTED)"));
    assert_eq!(spoilt.clone().count(), times, "{calls:#?}");
    assert!(
        spoilt.clone().all(|line| line.contains(error)),
        "{calls:#?}"
    );
    server.expect_running();
}

#[test]
fn a_client_that_resets_before_it_is_accepted_is_tolerated() {
    let mut server = Server::echo(&["-v"]);
    let other = connect(server.ipv4());
    round_trip(&other, b"before");
    let open = descriptors(server.id());
    for _ in 0..10 {
        server.pause();
        for address in [server.ipv4(), server.ipv6()] {
            reset(connect(address));
            let mut talkative = connect(address);
            talkative
                .write_all(b"gone before you read this")
                .expect("cannot send");
            reset(talkative);
        }
        server.resume();
        round_trip(&other, b"still here");
        finish_one(&server);
    }
    let freed = crate::support::becomes_true(PATIENCE, || descriptors(server.id()) == open);
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(server.id())
    );
    server.expect_running();
}

fn finish_one(server: &Server) {
    let client = connect(server.ipv6());
    round_trip(&client, b"next");
    finish(&client);
}

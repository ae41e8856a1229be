//! Clients that reset, never read, dribble, or come and go in one packet.

use crate::support::client::{
    connect, expect_bytes, expect_end, expect_silence, median_round_trip, reset, round_trip,
    write_until_stuck,
};
use crate::support::server::Server;
use crate::support::usage::{descriptors, processor_share, resident_bytes};
use crate::support::{PATIENCE, becomes_true};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// What one connection with a client that does not read may cost in memory: the piece being
/// written, and slack for the allocator.
const MOST_BYTES_STUCK: u64 = 512 * 1024;

/// What a round trip may take longer because the machine has other things to do.
const BUSY_MACHINE: Duration = Duration::from_millis(50);

#[test]
#[allow(clippy::print_stdout, reason = "the figures belong to the result")]
fn clients_that_send_100_megabytes_and_never_read_are_stopped_and_cost_little() {
    const STUCK: u64 = 20;
    let mut server = Server::echo(&[]);
    let other = connect(server.ipv4());
    round_trip(&other, b"warm");
    let alone = median_round_trip(&other, b"alone", 300);
    let before = resident_bytes(server.id());
    let clients: Vec<(TcpStream, u64)> = (0..STUCK)
        .map(|_| {
            let client = connect(server.ipv4());
            let taken = write_until_stuck(&client, 100_000_000, Duration::from_millis(100));
            (client, taken)
        })
        .collect();
    let most = clients.iter().map(|(_, taken)| *taken).max().unwrap_or(0);
    assert!(
        most < 100_000_000,
        "the server took everything of a client that never reads"
    );
    let each = resident_bytes(server.id()).saturating_sub(before) / STUCK;
    let beside = median_round_trip(&other, b"beside them", 300);
    let share = processor_share(server.id(), || {
        expect_silence(&other, Duration::from_millis(500));
    });
    println!(
        "{STUCK} clients that never read: at most {most} B taken, {each} B of memory each, \
         {share:.1} % of a processor; round trip {alone:?} before, {beside:?} beside them"
    );
    assert!(
        each < MOST_BYTES_STUCK,
        "{each} B for each client that never reads"
    );
    assert!(
        share < 5.0,
        "{share:.1} % of a processor for clients that do nothing"
    );
    assert!(
        beside < alone * 10 + BUSY_MACHINE,
        "{beside:?}, {alone:?} before"
    );
    drop(clients);
    round_trip(&other, b"after");
    server.expect_running();
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures belong to the result")]
fn clients_of_one_byte_a_second_cost_little_and_hold_nobody_up() {
    const SLOW: usize = 50;
    let server = Server::echo(&[]);
    let other = connect(server.ipv4());
    round_trip(&other, b"warm");
    let before = resident_bytes(server.id());
    let writers: Vec<TcpStream> = (0..SLOW).map(|_| connect(server.ipv4())).collect();
    let readers: Vec<TcpStream> = (0..SLOW).map(|_| connect(server.ipv6())).collect();
    let text = vec![b'r'; 1_000_000];
    let sent: Vec<usize> = readers
        .iter()
        .map(|mut reader| {
            reader
                .set_nonblocking(true)
                .expect("cannot set non-blocking");
            let sent = reader.write(&text).expect("cannot send");
            reader.set_nonblocking(false).expect("cannot set blocking");
            sent
        })
        .collect();
    let mut worst = Duration::ZERO;
    for second in 1..=3 {
        let next = Instant::now() + Duration::from_secs(1);
        for client in &writers {
            round_trip(client, b"w");
        }
        for client in &readers {
            expect_bytes(client, b"r");
        }
        while Instant::now() < next {
            worst = worst.max(median_round_trip(&other, b"undisturbed", 20));
            expect_silence(&other, Duration::from_millis(50));
        }
        let each = resident_bytes(server.id()).saturating_sub(before) / (2 * SLOW as u64);
        println!("after {second} s: {each} B of memory each; others' round trip at most {worst:?}");
        assert!(each < MOST_BYTES_STUCK, "{each} B for each slow client");
    }
    assert!(worst < BUSY_MACHINE, "others waited {worst:?}");
    for (mut reader, sent) in readers.iter().zip(sent) {
        reader.shutdown(Shutdown::Write).expect("cannot half-close");
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).expect("cannot read the rest");
        assert_eq!(rest.len(), sent - 3, "every byte comes, however late");
    }
}

#[test]
fn a_reset_in_mid_transfer_frees_the_connection_and_is_one_line() {
    let mut server = Server::echo(&["-v"]);
    let other = connect(server.ipv4());
    round_trip(&other, b"before");
    let open = descriptors(server.id());
    let mut peers = Vec::new();
    for _ in 0..20 {
        let client = connect(server.ipv4());
        peers.push(client.local_addr().expect("a client has an address"));
        write_until_stuck(&client, 3_000_000, Duration::from_millis(50));
        reset(client);
        round_trip(&other, b"still here");
    }
    let freed = becomes_true(PATIENCE, || descriptors(server.id()) == open);
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(server.id())
    );
    for peer in peers {
        let closed = format!("{peer} closed: ");
        let line = server.wait_for_log(&closed);
        assert!(line.ends_with(", rst"), "{line}");
        assert_eq!(server.log().count_lines_with(&closed), 1);
    }
    server.expect_running();
}

#[test]
fn data_and_fin_in_one_segment_are_echoed_and_closed() {
    let server = Server::echo(&["-v"]);
    let open = descriptors(server.id());
    for address in [server.ipv4(), server.ipv6()] {
        let client = connect(address);
        send_with_fin(&client, b"data and the end");
        expect_bytes(&client, b"data and the end");
        expect_end(&client);
    }
    server
        .log()
        .wait_for_lines("16 bytes received, 16 bytes sent", 2, PATIENCE);
    expect_descriptors(&server, open);
}

#[test]
fn a_client_that_is_finished_before_it_is_accepted_gets_its_echo() {
    let server = Server::echo(&["-v"]);
    let open = descriptors(server.id());
    for text in [&b"finished before accept"[..], b""] {
        server.pause();
        let clients: Vec<TcpStream> = [server.ipv4(), server.ipv6()].map(connect).into();
        for client in &clients {
            send_with_fin(client, text);
        }
        server.resume();
        for client in &clients {
            expect_bytes(client, text);
            expect_end(client);
        }
    }
    server.log().wait_for_lines(", fin", 4, PATIENCE);
    expect_descriptors(&server, open);
}

#[test]
fn a_client_that_never_reads_is_closed_after_the_idle_timeout() {
    let server = Server::echo(&["--idle-timeout", "500ms", "-v"]);
    let open = descriptors(server.id());
    let client = connect(server.ipv4());
    write_until_stuck(&client, 100_000_000, Duration::from_millis(100));
    let peer = client.local_addr().expect("a client has an address");
    let line = server.wait_for_log(&format!("{peer} closed"));
    assert!(line.ends_with(", idle"), "{line}");
    expect_descriptors(&server, open);
}

#[test]
fn a_thousand_short_clients_leave_nothing_behind() {
    let server = Server::echo(&[]);
    let open = descriptors(server.id());
    for _ in 0..1_000 {
        let client = connect(server.ipv4());
        round_trip(&client, b"short");
    }
    expect_descriptors(&server, open);
}

/// Sends `text` with the FIN in the same segment: the kernel holds the text back until then.
fn send_with_fin(client: &TcpStream, text: &[u8]) {
    let socket = SockRef::from(client);
    let sent = socket.send_with_flags(text, nix::libc::MSG_MORE);
    assert_eq!(sent.expect("cannot send"), text.len());
    client.shutdown(Shutdown::Write).expect("cannot half-close");
}

#[track_caller]
fn expect_descriptors(server: &Server, count: usize) {
    let settled = becomes_true(PATIENCE, || descriptors(server.id()) == count);
    assert!(
        settled,
        "{} descriptors, not {count}",
        descriptors(server.id())
    );
}

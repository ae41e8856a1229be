//! What goes over one stream.

use crate::support::PATIENCE;
use crate::support::client::{connect, expect_bytes, expect_end, finish, reset, round_trip};
use crate::support::pattern::Pattern;
use crate::support::server::Server;
use socket2::SockRef;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

#[test]
fn every_byte_comes_back_over_both_families() {
    let server = Server::echo(&[]);
    for address in [server.ipv4(), server.ipv6()] {
        let client = connect(address);
        let all: Vec<u8> = (0..=255).collect();
        round_trip(&client, &all);
        finish(&client);
    }
}

#[test]
fn half_close_brings_everything_and_then_the_end() {
    let server = Server::echo(&[]);
    for total in [0, 1, 1_000, 300_000, 3_000_000] {
        let client = connect(server.ipv4());
        let writing = client.try_clone().expect("cannot duplicate the client");
        let writer = std::thread::spawn(move || {
            let sent = Pattern::new(3).write_to(&mut &writing, total);
            sent.and_then(|()| writing.shutdown(Shutdown::Write))
        });
        assert_eq!(Pattern::new(3).compare(&mut &client), Ok(total));
        writer
            .join()
            .expect("the writer panicked")
            .expect("cannot send");
    }
}

#[test]
fn what_was_sent_before_a_half_close_comes_back_even_when_read_late() {
    let server = Server::echo(&["-v"]);
    let client = connect(server.ipv4());
    (&client).write_all(b"read late").expect("cannot send");
    client.shutdown(Shutdown::Write).expect("cannot half-close");
    server.wait_for_log("closed: 9 bytes received, 9 bytes sent");
    expect_bytes(&client, b"read late");
    expect_end(&client);
}

#[test]
fn urgent_data_never_stalls_the_stream() {
    let server = Server::echo(&[]);
    let client = connect(server.ipv4());
    for round in 0..20 {
        // The server finds everything at once: its first read ends at the urgent byte although
        // more lies behind it, and no further event announces that.
        server.pause();
        send_around_urgent_byte(&client);
        server.resume();
        expect_bytes(&client, b"before!after");
        round_trip(&client, format!("still here, round {round}").as_bytes());
    }
    finish(&client);
}

#[test]
fn urgent_data_right_before_the_end_loses_nothing() {
    let server = Server::echo(&[]);
    let client = connect(server.ipv4());
    round_trip(&client, b"connected");
    server.pause();
    send_around_urgent_byte(&client);
    client.shutdown(Shutdown::Write).expect("cannot half-close");
    server.resume();
    expect_bytes(&client, b"before!after");
    expect_end(&client);
}

#[test]
fn an_urgent_byte_is_a_byte_of_the_stream() {
    let server = Server::echo(&[]);
    let client = connect(server.ipv4());
    round_trip(&client, b"one");
    let urgent = SockRef::from(&client).send_out_of_band(b"!");
    assert_eq!(urgent.expect("cannot send urgent data"), 1);
    expect_bytes(&client, b"!");
    round_trip(&client, b"two");
    finish(&client);
}

fn send_around_urgent_byte(mut client: &TcpStream) {
    client.write_all(b"before").expect("cannot send");
    let urgent = SockRef::from(client).send_out_of_band(b"!");
    assert_eq!(urgent.expect("cannot send urgent data"), 1);
    client.write_all(b"after").expect("cannot send");
}

#[test]
fn a_reset_is_one_line_in_the_log_and_hurts_nobody() {
    let server = Server::echo(&["-v"]);
    let other = connect(server.ipv4());
    round_trip(&other, b"before");
    let client = connect(server.ipv4());
    round_trip(&client, b"soon gone");
    let peer = client.local_addr().expect("a client has an address");
    reset(client);
    let closed = format!("{peer} closed");
    let line = server.wait_for_log(&closed);
    assert!(line.ends_with(", rst"), "{line}");
    assert_eq!(server.log().count_lines_with(&closed), 1);
    round_trip(&other, b"after");
}

#[test]
fn each_connection_is_logged_once_when_it_opens_and_once_when_it_closes() {
    let server = Server::echo(&["-v"]);
    for address in [server.ipv4(), server.ipv6()] {
        let client = connect(address);
        // An IPv4 client of the dual-stack socket is an IPv4 client in the log.
        let peer = client.local_addr().expect("a client has an address");
        round_trip(&client, b"12345");
        finish(&client);
        let connected = server.wait_for_log(&format!("info serve::echo: {peer} connected"));
        assert!(connected.contains("Z info "), "{connected}");
        let closed = server.wait_for_log(&format!("{peer} closed"));
        assert!(
            closed.contains("closed: 5 bytes received, 5 bytes sent, ")
                && closed.ends_with(", fin"),
            "{closed}"
        );
        assert_eq!(server.log().count_lines_with(&peer.to_string()), 2);
    }
}

#[test]
fn without_v_nothing_is_logged_and_with_vv_every_chunk() {
    let quiet = Server::echo(&[]);
    let client = connect(quiet.ipv4());
    round_trip(&client, b"hello");
    finish(&client);
    assert_eq!(quiet.log().so_far(), "");

    let loud = Server::echo(&["-vv"]);
    let client = connect(loud.ipv4());
    let peer = client.local_addr().expect("a client has an address");
    round_trip(&client, b"hello");
    round_trip(&client, b"again!");
    for words in [
        "received 5 bytes",
        "sent 5 bytes",
        "received 6 bytes",
        "sent 6 bytes",
    ] {
        let expected = format!("debug serve::echo: {peer} {words}");
        loud.log().wait_for_line(&expected, PATIENCE);
    }
}

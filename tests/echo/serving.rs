//! Ports, families, limits, logs and the end of the server.

use crate::support::PATIENCE;
use crate::support::client::{answers, connect, expect_end, finish, round_trip};
use crate::support::process::run;
use crate::support::server::Server;
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn port_0_is_one_port_that_is_served_over_both_families() {
    let server = Server::echo(&[]);
    let listening = server.listening();
    assert_eq!(listening.name, "echo");
    assert_eq!(listening.protocol, "tcp");
    assert_ne!(server.port(), 0);
    assert!(listening.address.ip().is_unspecified(), "{listening:?}");
    assert!(listening.address.is_ipv6(), "{listening:?}");
    round_trip(&connect(server.ipv4()), b"four");
    round_trip(&connect(server.ipv6()), b"six");
    assert_eq!(server.output().lines().len(), 1, "one line for one socket");
}

#[test]
fn serve_echo_is_the_same_server() {
    let server = Server::start(&["serve", "echo", "--port", "0"]);
    assert_eq!(server.listening().name, "echo");
    round_trip(&connect(server.ipv4()), b"hello");
}

#[test]
fn with_4_there_is_only_an_ipv4_socket() {
    let server = Server::echo(&["-4"]);
    let line = &server.output().lines()[0];
    assert_eq!(
        *line,
        format!("listening echo 0.0.0.0:{}/tcp", server.port())
    );
    round_trip(&connect(server.ipv4()), b"hello");
    // That the port is still free on ::1 shows that this server does not hold it.
    TcpListener::bind(server.ipv6()).expect("the port is taken over IPv6 too");
}

#[test]
fn with_6_there_is_only_an_ipv6_socket() {
    let server = Server::echo(&["-6"]);
    let line = &server.output().lines()[0];
    assert_eq!(*line, format!("listening echo [::]:{}/tcp", server.port()));
    round_trip(&connect(server.ipv6()), b"hello");
    // An address of its own, so that no other test's server can answer.
    let other = SocketAddr::from(([127, 77, 61, 53], server.port()));
    let refused = TcpStream::connect_timeout(&other, PATIENCE).expect_err("IPv4 is served too");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn host_narrows_it_to_one_address() {
    let server = Server::echo(&["--host", "127.44.0.9"]);
    assert_eq!(
        server.listening().address.ip(),
        IpAddr::from([127, 44, 0, 9])
    );
    round_trip(&connect(server.listening().address), b"hello");
    let other = SocketAddr::from(([127, 44, 0, 10], server.port()));
    let refused = TcpStream::connect_timeout(&other, PATIENCE).expect_err("served elsewhere too");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let server = Server::echo(&["--host", "::1"]);
    assert_eq!(server.listening().address, server.ipv6());
    round_trip(&connect(server.ipv6()), b"hello");
}

#[test]
fn the_port_file_holds_the_port_once_clients_are_accepted() {
    let folder = tempfile::tempdir().expect("cannot make a folder");
    let path = folder.path().join("port");
    let server = Server::echo(&["--port-file", path.to_str().expect("a plain path")]);
    // Written before the line that the server was waited for with.
    let text = std::fs::read_to_string(&path).expect("cannot read the port file");
    assert_eq!(text, format!("{}\n", server.port()));
    round_trip(&connect(server.ipv4()), b"hello");
    let entries = std::fs::read_dir(folder.path())
        .expect("cannot list")
        .count();
    assert_eq!(entries, 1, "something else was left beside the port file");
}

#[test]
fn clients_over_max_connections_wait_in_the_queue_and_are_served_later() {
    let server = Server::echo(&["--max-connections", "2"]);
    let first = connect(server.ipv4());
    let second = connect(server.ipv6());
    round_trip(&first, b"first");
    round_trip(&second, b"second");
    let waiting: Vec<TcpStream> = (0..5).map(|_| connect(server.ipv4())).collect();
    for mut client in &waiting {
        client.write_all(b"let me in").expect("cannot send");
    }
    for client in &waiting {
        assert!(
            !answers(client, Duration::from_millis(50)),
            "served over the limit"
        );
    }
    round_trip(&first, b"still served");
    drop(first);
    for client in waiting {
        crate::support::client::expect_bytes(&client, b"let me in");
        finish(&client);
    }
    round_trip(&second, b"never disturbed");
}

#[test]
fn idle_connections_are_closed_after_the_idle_timeout_and_busy_ones_are_not() {
    let server = Server::echo(&["--idle-timeout", "500ms", "-v"]);
    let busy = connect(server.ipv4());
    let idle = connect(server.ipv4());
    round_trip(&idle, b"last words");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_500) {
        round_trip(&busy, b"busy");
        if answers(&idle, Duration::from_millis(50)) {
            break;
        }
    }
    let after = start.elapsed();
    expect_end(&idle);
    assert!(
        after > Duration::from_millis(400) && after < Duration::from_millis(1_500),
        "closed after {after:?}"
    );
    let peer = idle.local_addr().expect("a client has an address");
    let line = server.wait_for_log(&format!("{peer} closed"));
    assert!(line.ends_with(", idle"), "{line}");
    round_trip(&busy, b"busy");
}

#[test]
fn sigterm_stops_accepting_and_lets_running_echoes_finish() {
    end_gracefully("TERM");
}

#[test]
fn sigint_stops_accepting_and_lets_running_echoes_finish() {
    end_gracefully("INT");
}

#[track_caller]
fn expect_no_more_clients(server: &Server) {
    server.wait_for_log("stopping: ");
    let late = TcpStream::connect(server.ipv4());
    assert!(late.is_err(), "it still accepts");
}

fn end_gracefully(signal: &str) {
    let mut server = Server::echo(&["--grace", "60s", "-v"]);
    let client = connect(server.ipv4());
    round_trip(&client, b"before");
    server.signal(signal);
    expect_no_more_clients(&server);
    round_trip(&client, b"after");
    server.expect_running();
    finish(&client);
    assert_eq!(server.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn the_end_comes_after_the_grace_even_when_a_client_stays() {
    let mut server = Server::echo(&["--grace", "500ms"]);
    let client = connect(server.ipv4());
    round_trip(&client, b"before");
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait_for_exit(PATIENCE).code(), Some(0));
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(400) && took < Duration::from_secs(3),
        "it ended after {took:?}"
    );
}

#[test]
fn without_clients_sigterm_ends_it_at_once() {
    let mut server = Server::echo(&["--grace", "60s"]);
    server.signal("TERM");
    assert_eq!(server.wait_for_exit(PATIENCE).code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut server = Server::echo(&["--grace", "60s", "-v"]);
        let client = connect(server.ipv4());
        round_trip(&client, b"before");
        server.signal(first);
        expect_no_more_clients(&server);
        server.expect_running();
        server.signal(second);
        let status = server.wait_for_exit(PATIENCE);
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("cannot listen");
    let port = taken.local_addr().expect("an address").port().to_string();
    for host in [&["--host", "127.0.0.1"][..], &["-4"], &[]] {
        let arguments = [&["echo-server", "--port", &port], host].concat();
        let output = run(&arguments, b"")
            .expect_code(1)
            .expect_stderr_with_any(&["in use"]);
        assert!(output.stderr.contains(&port), "{output:?}");
        assert!(output.stderr.contains("netkit: cannot "), "{output:?}");
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn a_host_that_is_not_here_is_an_error_that_names_it() {
    let output = run(&["echo-server", "--port", "0", "--host", "192.0.2.1"], b"").expect_code(1);
    assert!(output.stderr.contains("netkit: cannot "), "{output:?}");
    assert!(output.stderr.contains("192.0.2.1"), "{output:?}");
    assert_eq!(output.stdout, "");
}

#[test]
fn what_is_asked_wrongly_is_a_usage_error() {
    for arguments in [
        &["echo-server", "--port", "65536"][..],
        &["echo-server", "--port", "-1"],
        &["echo-server", "--port", "http!"],
        &["echo-server", "--max-connections", "0"],
        &["echo-server", "--max-connections", "many"],
        &["echo-server", "--idle-timeout", "5"],
        &["echo-server", "--grace", "soon"],
        &["echo-server", "--log", "xml"],
        &["echo-server", "--no-such-option"],
        &["echo-server", "-4", "-6"],
        &["echo", "--port", "65536"],
        &["echo", "--timeout", "5"],
        &["echo", "--size", "lots"],
        &["echo", "-c", "-3"],
        &["echo", "--no-such-option"],
        &["no-such-verb"],
    ] {
        let output = run(arguments, b"").expect_code(2);
        assert_eq!(output.stdout, "", "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bare_number_as_a_duration_is_refused_with_a_hint() {
    let output = run(&["echo-server", "--grace", "5"], b"").expect_code(2);
    assert!(output.stderr.contains("5s"), "{output:?}");
}

#[test]
fn with_json_every_log_line_is_one_object() {
    let server = Server::echo(&["--log", "json", "-vv"]);
    let client = connect(server.ipv4());
    round_trip(&client, b"hello");
    finish(&client);
    let peer = client.local_addr().expect("a client has an address");
    let end = server
        .log()
        .wait_for("record of the connection", PATIENCE, |lines| {
            let of_peer = |line: &&String| {
                line.contains("\"connection\"") && line.contains(&peer.to_string())
            };
            lines.iter().find(of_peer).cloned()
        });
    let records: Vec<Value> = server
        .log()
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for record in &records {
        assert_eq!(record["schema"], "netkit/1", "{record}");
        let stamp = record["ts"].as_str().unwrap_or_default();
        assert!(stamp.ends_with('Z') && stamp.contains('T'), "{record}");
    }
    assert!(records.iter().any(|record| record["type"] == "log"
        && record["level"] == "debug"
        && record["message"].is_string()));
    let record: Value = serde_json::from_str(&end).expect("checked above");
    assert_eq!(record["type"], "connection");
    assert_eq!(record["peer"], peer.to_string());
    assert_eq!(record["local"], server.ipv4().to_string());
    assert_eq!(record["received_bytes"], 5);
    assert_eq!(record["sent_bytes"], 5);
    assert_eq!(record["end"], "fin");
    assert!(
        record["duration_us"].as_u64().is_some_and(|time| time > 0),
        "{record}"
    );
}

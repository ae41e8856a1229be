//! The server: whom it hears, what it says, and when it ends.

use super::{BOTH, Listener, Netcat, Seen};
use crate::support::client::{connect, expect_bytes, expect_end, reset};
use crate::support::namespace::Host;
use crate::support::process::Process;
use crate::support::{PATIENCE, becomes_true};
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

const GREETING: &str = "Listening on 127.0.0.1 PORT\nConnection received on 127.0.0.1 CLIENT\n";

#[test]
fn it_ends_with_its_client_though_input_is_open() {
    for netcat in BOTH {
        let mut listener = netcat.listen("");
        let _stdin = listener.process.take_stdin();
        let mut client = connect(listener.address);
        client.write_all(b"from the client\n").unwrap();
        drop(client);
        listener.end().expect(0, "from the client\n", GREETING);
    }
}

#[test]
fn without_input_it_hears_until_the_client_ends() {
    for netcat in BOTH {
        let mut listener = netcat.listen("");
        drop(listener.process.take_stdin());
        let mut client = connect(listener.address);
        for line in ["one\n", "two\n"] {
            client.write_all(line.as_bytes()).unwrap();
            listener.process.stdout.wait_for_line(line.trim(), PATIENCE);
        }
        client.shutdown(Shutdown::Write).unwrap();
        expect_end(&client);
        listener.end().expect(0, "one\ntwo\n", GREETING);
    }
}

#[test]
fn its_input_goes_to_the_client_and_n_ends_that_direction() {
    for netcat in BOTH {
        let mut listener = netcat.listen("N");
        let mut stdin = listener.process.take_stdin();
        stdin.write_all(b"from the server\n").unwrap();
        drop(stdin);
        let mut client = connect(listener.address);
        expect_bytes(&client, b"from the server\n");
        expect_end(&client);
        client.write_all(b"and back\n").unwrap();
        drop(client);
        listener.end().expect(0, "and back\n", GREETING);
    }
}

#[test]
fn one_client_after_another_is_served_with_k() {
    for netcat in BOTH {
        let mut listener = netcat.listen("k");
        drop(listener.process.take_stdin());
        for line in ["first\n", "second\n"] {
            let mut client = connect(listener.address);
            client.write_all(line.as_bytes()).unwrap();
            drop(client);
            listener.process.stdout.wait_for_line(line.trim(), PATIENCE);
        }
        assert_eq!(listener.process.stdout.so_far(), "first\nsecond\n");
        let said = &listener.process.stderr;
        said.wait_for_lines("Connection received", 2, PATIENCE);
        assert!(
            listener.process.exits(Duration::ZERO).is_none(),
            "{netcat:?}"
        );
    }
}

#[test]
fn a_client_that_breaks_off_is_told_and_the_next_is_served() {
    let mut listener = Netcat::Ours.listen("k");
    drop(listener.process.take_stdin());
    let mut client = connect(listener.address);
    client.write_all(b"first\n").unwrap();
    listener.process.stdout.wait_for_line("first", PATIENCE);
    reset(client);
    let said = "broke the connection: Connection reset by peer";
    listener.process.stderr.wait_for_line(said, PATIENCE);
    connect(listener.address).write_all(b"second\n").unwrap();
    listener.process.stdout.wait_for_line("second", PATIENCE);
}

#[test]
fn a_reset_is_an_error_of_the_only_client() {
    for (netcat, code) in [(Netcat::Debian, 0), (Netcat::Ours, 1)] {
        let mut listener = netcat.listen("");
        drop(listener.process.take_stdin());
        let mut client = connect(listener.address);
        client.write_all(b"first\n").unwrap();
        listener.process.stdout.wait_for_line("first", PATIENCE);
        reset(client);
        let seen = listener.end();
        assert_eq!((seen.code, seen.stdout.as_str()), (Some(code), "first\n"));
    }
}

#[test]
fn an_idle_client_is_left_with_w() {
    for netcat in BOTH {
        let mut listener = netcat.listen("w1");
        let _stdin = listener.process.take_stdin();
        let started = Instant::now();
        let client = connect(listener.address);
        expect_end(&client);
        assert!(started.elapsed() >= Duration::from_secs(1), "{netcat:?}");
        listener.end().expect(0, "", GREETING);
    }
}

#[test]
fn the_port_may_stand_before_the_address_with_p() {
    let arguments = ["-l", "-p", "0", "127.0.0.1"];
    let usage = Netcat::Debian.run(&arguments, b"");
    assert_eq!(usage.code, Some(1));
    assert!(usage.stderr.starts_with("usage: nc ["), "{usage:?}");
    let strict = Netcat::Ours.run(&[&["--compat", "obsd"], &arguments[..]].concat(), b"");
    assert_eq!(strict.code, Some(1));
    assert!(strict.stderr.starts_with("usage: nc ["), "{strict:?}");
    let mended = ["-lvn", "-p", "0", "127.0.0.1"];
    let listener = Listener::of(Netcat::Ours.start(&mended));
    assert_eq!(listener.address.ip().to_string(), "127.0.0.1");
}

#[test]
fn it_listens_on_ipv4_alone_unless_told_otherwise() {
    let host = Host::new();
    for netcat in BOTH {
        for arguments in [&["-lvn", "5002"][..], &["-lvn", "-p", "5002"]] {
            let process = Process::start(host.enter(&netcat.command(arguments)));
            let listener = Listener::of(process);
            assert_eq!(listener.address.to_string(), "0.0.0.0:5002");
        }
        let process = Process::start(host.enter(&netcat.command(&["-6lvn", "5002"])));
        let line = process.stderr.wait_for_line("Listening", PATIENCE);
        assert_eq!(line, "Listening on :: 5002");
        let arguments = ["-N", "127.0.0.1", "5002"];
        netcat
            .run_on(&host, &arguments, b"over IPv4\n")
            .expect(0, "", "");
        process.stdout.wait_for_line("over IPv4", PATIENCE);
        let received = "Connection received on ::ffff:127.0.0.1 ";
        process.stderr.wait_for_line(received, PATIENCE);
    }
}

#[test]
fn two_may_listen_on_one_port() {
    for netcat in BOTH {
        let first = netcat.listen("");
        let port = first.address.port().to_string();
        let second = Listener::of(netcat.start(&["-lvn", "127.0.0.1", &port]));
        assert_eq!(second.address, first.address, "{netcat:?}");
    }
}

#[test]
fn a_port_of_another_program_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for netcat in BOTH {
        let seen = netcat.run(&["-l", "127.0.0.1", &port], b"");
        seen.expect(1, "", "nc: Address already in use\n");
    }
}

#[test]
fn a_port_that_is_none_is_refused() {
    for netcat in BOTH {
        let said = "nc: getaddrinfo: Servname not supported for ai_socktype\n";
        netcat.run(&["-l", "nosuch"], b"").expect(1, "", said);
    }
    // The original listens on what is left of it in 16 bits.
    let said = "nc: port number too large: 99999\n";
    Netcat::Ours.run(&["-l", "99999"], b"").expect(1, "", said);
}

/// A host whose name server is there and keeps silent.
fn with_silent_name_server() -> (Host, Process) {
    const SERVER: &str = "import socket, sys\n\
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        server.bind(('127.0.0.1', 53))\n\
        print('ready')\n\
        sys.stdin.read()";
    let host = Host::new();
    host.hosts_file("127.0.0.1 known.test\n");
    host.resolv_conf("nameserver 127.0.0.1\noptions timeout:600\n");
    let server = Process::start(host.python(SERVER, &[]));
    server.stdout.wait_for_line("ready", PATIENCE);
    (host, server)
}

#[test]
fn a_name_server_that_is_down_does_not_cost_the_line() {
    let (host, _server) = with_silent_name_server();
    host.shell("ip address add 10.9.9.9/32 dev lo");
    for (address, said) in [
        ("0.0.0.0", "Listening on 0.0.0.0 5002"),
        ("10.9.9.9", "Listening on 10.9.9.9 5002"),
        ("127.0.0.1", "Listening on known.test 5002"),
    ] {
        let command = Netcat::Ours.command(&["-lv", address, "5002"]);
        let process = Process::start(host.enter(&command));
        assert_eq!(process.stderr.wait_for_line("Listening", PATIENCE), said);
    }
}

#[test]
fn clients_have_their_names_unless_numeric() {
    let host = Host::new();
    host.hosts_file("127.0.0.1 known.test\n");
    host.hosts_file_alone();
    for netcat in BOTH {
        let command = netcat.command(&["-lv", "127.0.0.1", "5002"]);
        let mut process = Process::start(host.enter(&command));
        let said = "Listening on known.test 5002";
        process.stderr.wait_for_line(said, PATIENCE);
        let arguments = ["-N", "known.test", "5002"];
        netcat.run_on(&host, &arguments, b"hi\n").expect(0, "", "");
        let seen = Seen::of(&process.end(PATIENCE));
        let received = "Connection received on known.test ";
        assert!(seen.stderr.contains(received), "{seen:?}");
        assert_eq!((seen.code, seen.stdout.as_str()), (Some(0), "hi\n"));
    }
}

#[test]
fn more_clients_than_it_serves_wait_in_the_kernel() {
    let mut listener = Netcat::Ours.listen("k");
    drop(listener.process.take_stdin());
    let clients: Vec<_> = (0..8).map(|_| connect(listener.address)).collect();
    for (number, mut client) in clients.into_iter().enumerate() {
        let line = format!("client {number}\n");
        client.write_all(line.as_bytes()).unwrap();
    }
    let stdout = &listener.process.stdout;
    let all = becomes_true(PATIENCE, || stdout.lines().len() == 8);
    assert!(all, "{}", stdout.so_far());
}

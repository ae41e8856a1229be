//! Ports, one after another: what is said of each, and what the status tells.

use super::{BOTH, Netcat, against, alike};
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::server::Server;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// A port on which connections are made, and nobody takes them.
fn open() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((peer::HOST, 0)).expect("cannot listen on loopback");
    let address = listener.local_addr().expect("a listener has an address");
    (listener, address)
}

/// The ports that were refused, in their order.
fn refused(stderr: &str) -> Vec<u16> {
    let port = |line: &str| line.split(' ').nth(5)?.parse().ok();
    stderr.lines().filter_map(port).collect()
}

#[test]
fn an_open_port_is_told_with_v() {
    let (_listener, address) = open();
    let seen = alike(&["-zvn", "HOST", "PORT"], b"", || address);
    let said = "Connection to 127.83.17.5 PORT port [tcp/*] succeeded!\n";
    seen.expect(0, "", said);
    alike(&["-z", "HOST", "PORT"], b"", || address).expect(0, "", "");
}

#[test]
fn a_closed_port_is_told_with_v() {
    let (_held, address) = peer::refusing();
    let said = "nc: connect to 127.0.0.1 port PORT (tcp) failed: Connection refused\n";
    alike(&["-zv", "HOST", "PORT"], b"", || address).expect(1, "", said);
    alike(&["-v", "HOST", "PORT"], b"", || address).expect(1, "", said);
    alike(&["-z", "HOST", "PORT"], b"", || address).expect(1, "", "");
}

#[test]
fn addresses_are_tried_in_the_order_of_the_resolver() {
    let host = Host::new();
    host.hosts_file("::1 localhost\n127.0.0.1 localhost\n");
    host.hosts_file_alone();
    let arguments = ["echo-server", "--host", "127.0.0.1", "--port", "5002"];
    let _server = Server::of(host.netkit(&arguments));
    let said = "nc: connect to localhost (::1) port 5002 (tcp) failed: Connection refused\n\
                Connection to localhost (127.0.0.1) 5002 port [tcp/*] succeeded!\n";
    for netcat in BOTH {
        let seen = netcat.run_on(&host, &["-zv", "localhost", "5002"], b"");
        seen.expect(0, "", said);
        let seen = netcat.run_on(&host, &["-4zv", "localhost", "5002"], b"");
        assert_eq!(seen.stderr.lines().count(), 1, "{netcat:?}: {seen:?}");
    }
}

#[test]
fn one_open_port_of_several_is_enough() {
    let (_listener, address) = open();
    // The same number on an address where nobody listens.
    let host = Host::new();
    let closed = "7";
    alike(&["-z", "HOST", "PORT", closed], b"", || address).expect(0, "", "");
    alike(&["-z", "HOST", closed, "PORT"], b"", || address).expect(0, "", "");
    alike(&["-z", "HOST", "PORT-PORT"], b"", || address).expect(0, "", "");
    for netcat in BOTH {
        netcat
            .run_on(&host, &["-z", "127.0.0.1", "7-9", "11"], b"")
            .expect(1, "", "");
    }
}

#[test]
fn a_range_is_scanned_from_below() {
    let host = Host::new();
    let arguments = ["-zv", "127.0.0.1", "23-21", "7"];
    let [debian, ours] = BOTH.map(|it| it.run_on(&host, &arguments, b""));
    assert_eq!(debian, ours);
    assert_eq!(refused(&ours.stderr), [21, 22, 23, 7]);
    assert_eq!(ours.code, Some(1));
}

#[test]
fn a_list_of_ports_is_a_mended_fault() {
    let host = Host::new();
    let mended = ["-zv", "127.0.0.1", "23,20-21,http"];
    let seen = Netcat::Ours.run_on(&host, &mended, b"");
    assert_eq!(refused(&seen.stderr), [23, 20, 21, 80]);
    let said = "nc: port number invalid: 22,23\n";
    let arguments = ["-zv", "127.0.0.1", "22,23"];
    Netcat::Debian
        .run_on(&host, &arguments, b"")
        .expect(1, "", said);
    let strict = [&["--compat", "obsd"], &arguments[..]].concat();
    Netcat::Ours.run_on(&host, &strict, b"").expect(1, "", said);
}

#[test]
fn random_order_leaves_no_port_out() {
    let host = Host::new();
    for netcat in BOTH {
        let seen = netcat.run_on(&host, &["-zvr", "127.0.0.1", "1-99"], b"");
        let mut ports = refused(&seen.stderr);
        assert!(!ports.is_sorted(), "{netcat:?}");
        ports.sort_unstable();
        assert!(ports.into_iter().eq(1..=99), "{netcat:?}");
    }
}

#[test]
fn a_black_hole_times_out_with_w() {
    let (near, far) = (Host::new(), Host::new());
    near.link(&far, &["10.0.0.1/24"], &["10.0.0.2/24"]);
    far.firewall("input", "tcp dport 22 drop");
    for netcat in BOTH {
        let started = Instant::now();
        let seen = netcat.run_on(&near, &["-v", "-w", "1", "10.0.0.2", "22"], b"");
        let said = "nc: connect to 10.0.0.2 port 22 (tcp) timed out: Operation now in progress\n";
        seen.expect(1, "", said);
        assert!(started.elapsed() >= Duration::from_secs(1));
    }
    let seen = Netcat::Ours.run_on(&near, &["-v", "-G", "0.1", "10.0.0.2", "22"], b"");
    assert!(seen.stderr.contains("timed out"), "{seen:?}");
}

#[test]
fn names_are_those_of_the_system_alone() {
    let host = Host::new();
    host.hosts_file("127.0.0.1 known.test\n");
    host.hosts_file_alone();
    for netcat in BOTH {
        for name in ["ip6-localhost", "ip6-loopback", "nowhere.test", ""] {
            let seen = netcat.run_on(&host, &["-z", name, "1"], b"");
            let said =
                format!("nc: getaddrinfo for host \"{name}\" port 1: Name or service not known\n");
            seen.expect(1, "", &said);
        }
        let seen = netcat.run_on(&host, &["-zn", "known.test", "1"], b"");
        assert!(seen.stderr.contains("getaddrinfo for host"), "{seen:?}");
        let seen = netcat.run_on(&host, &["-zv", "known.test", "1"], b"");
        let said =
            "nc: connect to known.test (127.0.0.1) port 1 (tcp) failed: Connection refused\n";
        seen.expect(1, "", said);
    }
}

#[test]
fn families_that_do_not_fit_are_said() {
    for (letter, address) in [("-6", "127.0.0.1"), ("-4", "::1")] {
        let said = format!(
            "nc: getaddrinfo for host \"{address}\" port 1: Address family for hostname not \
             supported\n"
        );
        for netcat in BOTH {
            netcat
                .run(&[letter, address, "1"], b"")
                .expect(1, "", &said);
        }
    }
}

#[test]
fn own_addresses_and_ports_are_bound() {
    let (listener, address) = open();
    let source = "127.83.17.6";
    for netcat in BOTH {
        against(netcat, &["-z", "-s", source, "HOST", "PORT"], b"", address).expect(0, "", "");
        let (_, from) = listener.accept().expect("a connection");
        assert_eq!(from.ip().to_string(), source, "{netcat:?}");
    }
    let (_held, taken) = peer::refusing();
    let taken = taken.port().to_string();
    let arguments = ["-z", "-s", "127.0.0.1", "-p", &taken, "HOST", "PORT"];
    let said = "nc: bind failed: Address already in use\n";
    alike(&arguments, b"", || address).expect(1, "", said);
    // Of a documentation network (RFC 5737): nothing is sent.
    let foreign = ["-z", "-s", "192.0.2.1", "HOST", "PORT"];
    let said = "nc: bind failed: Cannot assign requested address\n";
    alike(&foreign, b"", || address).expect(1, "", said);
}

#[test]
fn options_of_the_socket_are_set_and_refused_alike() {
    let (_listener, address) = open();
    for options in [
        "-Tlowdelay",
        "-Taf11",
        "-M9",
        "-m1",
        "-I9000",
        "-O9000",
        "-b",
    ] {
        let seen = alike(&[options, "-z", "HOST", "PORT"], b"", || address);
        seen.expect(0, "", "");
    }
    let refused = alike(&["-z", "-M", "0", "HOST", "PORT"], b"", || address);
    refused.expect(1, "", "nc: set IP TTL: Invalid argument\n");
}

#[test]
fn the_rest_between_ports_is_a_mended_fault() {
    let host = Host::new();
    let started = Instant::now();
    let arguments = ["-z", "-i", "0.5", "127.0.0.1", "1-3"];
    Netcat::Ours
        .run_on(&host, &arguments, b"")
        .expect(1, "", "");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn services_have_their_names_unless_numeric() {
    let host = Host::new();
    let arguments = ["echo-server", "--host", "127.0.0.1", "--port", "80"];
    let _server = Server::of(host.netkit(&arguments));
    for netcat in BOTH {
        let seen = netcat.run_on(&host, &["-zv", "127.0.0.1", "http"], b"");
        seen.expect(
            0,
            "",
            "Connection to 127.0.0.1 80 port [tcp/http] succeeded!\n",
        );
        let seen = netcat.run_on(&host, &["-zvn", "127.0.0.1", "80"], b"");
        seen.expect(
            0,
            "",
            "Connection to 127.0.0.1 80 port [tcp/*] succeeded!\n",
        );
    }
}

#[test]
fn a_port_of_ours_that_is_none_is_refused() {
    // The original takes its low bits: 34463.
    let seen = Netcat::Ours.run(&["-p", "99999", "127.0.0.1", "1"], b"");
    seen.expect(1, "", "nc: port number too large: 99999\n");
}

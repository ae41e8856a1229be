//! The PROXY protocol: clients that are introduced, to nginx and to each other.

use super::{Listener, connecting};
use crate::support::namespace::Host;
use crate::support::process::{Process, finish, run};
use crate::support::{PATIENCE, client, peer};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use tempfile::TempDir;

/// An address that no client here has.
const TOLD: &[u8] = b"PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n";

/// Who that is, once it is believed.
const CLIENT: &str = "198.51.100.7:4711";

#[test]
fn the_header_comes_before_everything_else_and_tells_both_addresses() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let address = peer::tcp(move |mut stream| {
        let mut came = String::new();
        drop(stream.read_to_string(&mut came));
        let client = stream.peer_addr().expect("a client has an address");
        drop(sender.send((came, client)));
    });
    let command = connecting(address, &["--proxy-protocol", "v1"]);
    finish(command, b"hello\n", PATIENCE).expect_code(0);
    let (came, client) = receiver.recv_timeout(PATIENCE).expect("it came");
    let (host, server) = (address.ip(), address.port());
    let (from, port) = (client.ip(), client.port());
    assert_eq!(
        came,
        format!("PROXY TCP4 {from} {host} {port} {server}\r\nhello\n")
    );
}

#[test]
fn nginx_believes_it_in_both_versions() {
    let host = Host::new();
    let folder = TempDir::new().expect("cannot make a temporary folder");
    let configuration = "daemon off; master_process off; user root; pid nginx.pid;
         events { }
         http {
             access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c;
             uwsgi_temp_path d; scgi_temp_path e;
             server {
                 listen 127.0.0.1:80 proxy_protocol; listen 81;
                 location / { return 200 \"from $proxy_protocol_addr\\n\"; }
             }
         }";
    std::fs::write(folder.path().join("nginx.conf"), configuration).expect("cannot write");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder.path());
    command.args(["-c", "nginx.conf", "-e", "stderr"]);
    let _server = Process::start(host.enter(&command));
    host.run(&["check", "-q", "--wait", "20s", "127.0.0.1:81"])
        .expect_code(0);
    for version in ["v1", "v2"] {
        let asking = ["connect", "127.0.0.1:80", "--proxy-protocol", version];
        let request = b"GET / HTTP/1.0\r\n\r\n";
        let output = finish(host.netkit(&asking), request, PATIENCE).expect_code(0);
        assert!(
            output.stdout.ends_with("\r\n\r\nfrom 127.0.0.1\n"),
            "{output:?}"
        );
    }
}

#[test]
fn a_listener_that_expects_an_introduction_believes_it() {
    for version in ["v1", "v2"] {
        let mut listener = Listener::start(&["--proxy-protocol", "--recv-only", "-v"]);
        let command = connecting(listener.address, &["--proxy-protocol", version]);
        finish(command, b"hello\n", PATIENCE).expect_code(0);
        let output = listener.end();
        assert_eq!(output.stdout, "hello\n", "{output:?}");
    }
    let listener = Listener::start(&["--proxy-protocol", "--sh-exec", "echo $NETKIT_REMOTE_ADDR"]);
    let mut stream = client::connect(listener.address);
    // Byte by byte, and what follows is not the header's.
    for byte in TOLD {
        stream.write_all(&[*byte]).expect("cannot send");
    }
    let mut came = String::new();
    stream.read_to_string(&mut came).expect("no answer");
    assert_eq!(came, "198.51.100.7\n");
}

#[test]
fn among_many_those_are_named_by_it_and_strangers_are_reset() {
    let listener = Listener::start(&["-k", "--proxy-protocol", "--chat", "-v"]);
    let mut told = client::connect(listener.address);
    told.write_all(TOLD).expect("cannot send");
    listener.wait_for_log("connected");
    let mut came = [0; 64];
    let count = told.read(&mut came).expect("no answer");
    let said = String::from_utf8_lossy(&came[..count]);
    assert!(said.contains(CLIENT), "{said}");
    let mut stranger = TcpStream::connect(listener.address).expect("cannot connect");
    stranger
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .expect("cannot send");
    listener.wait_for_log("is not introduced: this is no header of the PROXY protocol");
    let ended = stranger.read(&mut came);
    assert!(ended.is_err(), "it was reset: {ended:?}");
}

#[test]
fn nobody_is_introduced_where_nobody_can_be() {
    for wrong in [
        &["connect", "-u", "127.0.0.1:9", "--proxy-protocol", "v1"][..],
        &["connect", "unix:///nowhere", "--proxy-protocol", "v2"],
        &["connect", "127.0.0.1:9", "--proxy-protocol", "v3"],
        &["listen", "unix:///nowhere", "--proxy-protocol"],
        &["listen", "-u", "0", "--proxy-protocol"],
    ] {
        run(wrong, b"").expect_code(2);
    }
}

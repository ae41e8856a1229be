//! TLS through a proxy, which never falls back to plain text.

use super::scripted::{CONNECTED, read_request, run_through};
use super::site::expect_answer;
use super::socks::dante;
use crate::support::certificates::{Certificates, VALID};
use crate::support::peer;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc;

/// The first byte of a TLS handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

#[test]
fn tls_is_spoken_with_the_target() {
    // It passes on how the target ends TLS after netkit has finished, as few do.
    let mut site = dante("none");
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    // It answers each line backwards.
    let mut server = Command::new("openssl");
    server.args(["s_server", "-accept", "443", "-rev", "-cert"]);
    server.arg(certificates.path("leaf.pem")).arg("-key");
    server.arg(certificates.path("leaf.key"));
    site.start(&server, &["127.0.0.1:443"]);
    let (proxy, ca) = ("socks5://127.0.0.1:1080", certificates.ca());
    let trusting = ["--proxy", proxy, "--ca", &ca];
    let arguments = [&trusting[..], &["tls://localhost:443"]].concat();
    expect_answer(&site.host, &arguments, "olleh");
    // Who the target is does not change with the way to it.
    let arguments = [&["connect"], &trusting[..], &["tls://127.0.0.1:443"]].concat();
    let said = site.host.run(&arguments).expect_code(1).stderr;
    assert!(said.contains("not trusted"), "{said}");
}

#[test]
fn a_target_without_tls_gets_nothing_in_plain_text() {
    let (sender, came) = mpsc::channel();
    let proxy = peer::tcp(move |mut stream| {
        read_request(&stream);
        let answer = [CONNECTED, b"220 ready when you are\r\n"].concat();
        drop(stream.write_all(&answer));
        let mut came = Vec::new();
        drop(stream.read_to_end(&mut came));
        drop(sender.send(came));
    });
    let arguments = ["--insecure", "tls://localhost:443"];
    let output = run_through("http", proxy, &arguments, b"secret\n");
    let output = output.expect_code(1);
    assert_eq!(output.stdout, "", "{output:?}");
    assert!(output.stderr.contains("no TLS with "), "{output:?}");
    let came = came.recv().expect("what the target got");
    assert_eq!(came.first(), Some(&HANDSHAKE), "{came:02x?}");
    let is_secret = came.windows(6).any(|it| it == b"secret");
    assert!(!is_secret, "{came:02x?}");
}

#[test]
fn a_proxy_that_refuses_gets_nothing_but_the_request() {
    let (sender, came) = mpsc::channel();
    let proxy = peer::tcp(move |mut stream| {
        read_request(&stream);
        drop(stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n"));
        let mut came = Vec::new();
        drop(stream.read_to_end(&mut came));
        drop(sender.send(came));
    });
    let arguments = ["--insecure", "tls://localhost:443"];
    let output = run_through("http", proxy, &arguments, b"secret\n");
    output.expect_code(1);
    assert_eq!(came.recv().expect("what the proxy got"), b"");
}

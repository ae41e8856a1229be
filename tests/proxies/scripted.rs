//! Proxies that answer wrongly, partly, too much or not at all.

use crate::support::peer;
use crate::support::process::{Output, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// An HTTP proxy's consent.
pub(super) const CONNECTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// A head that no proxy sends at such length, in bytes.
const ENDLESS: usize = 1 << 20;

/// Bytes of a SOCKS5 greeting that offers nothing but to go without a password.
const GREETING: usize = 3;

/// Reads an HTTP request to its empty line, and not a byte more.
pub(super) fn read_request(stream: &TcpStream) {
    let mut lines = BufReader::with_capacity(1, stream).lines();
    while lines
        .next()
        .is_some_and(|it| it.is_ok_and(|it| !it.is_empty()))
    {}
}

/// `netkit connect` through a proxy of this kind, with this input.
pub(super) fn run_through(
    kind: &str,
    proxy: SocketAddr,
    arguments: &[&str],
    input: &[u8],
) -> Output {
    let proxy = format!("{kind}://{proxy}");
    run(
        &[&["connect", "--proxy", &proxy], arguments].concat(),
        input,
    )
}

/// A SOCKS proxy that for each request, so many bytes long, has an answer; then it finishes.
fn socks(turns: &'static [(usize, &'static [u8])]) -> SocketAddr {
    peer::tcp(move |mut stream| {
        for (asked, answer) in turns {
            drop(stream.read_exact(&mut vec![0; *asked]));
            drop(stream.write_all(answer));
        }
        finish(&stream);
    })
}

/// An HTTP proxy that answers these bytes, then finishes.
fn http(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    peer::tcp(move |mut stream| {
        read_request(&stream);
        drop(stream.write_all(&answer));
        finish(&stream);
    })
}

/// Ends the stream, and reads what still comes: bytes left unread would make the end a reset.
fn finish(mut stream: &TcpStream) {
    drop(stream.shutdown(Shutdown::Write));
    drop(stream.read_to_end(&mut Vec::new()));
}

/// What is said where nothing leads through the proxy to `web:80`.
#[track_caller]
fn refusal(kind: &str, proxy: SocketAddr, more: &[&str]) -> String {
    let arguments = [more, &["web:80"]].concat();
    let output = run_through(kind, proxy, &arguments, b"").expect_code(1);
    assert_eq!(output.stdout, "", "{output:?}");
    let start = format!("netkit: cannot connect to web:80 through {kind}://{proxy}: ");
    let said = output.stderr.strip_prefix(&start);
    said.unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

#[test]
fn what_the_target_says_at_once_is_kept() {
    let proxies = [
        ("http", http([CONNECTED, b"hello\n"].concat())),
        (
            "socks5",
            socks(&[
                (GREETING, b"\x05\0"),
                (10, b"\x05\0\0\x01\x7f\0\0\x01\0\x50hello\n"),
            ]),
        ),
        ("socks4a", socks(&[(13, b"\0\x5a\0\0\0\0\0\0hello\n")])),
    ];
    for (kind, proxy) in proxies {
        let output = run_through(kind, proxy, &["web:80"], b"").expect_code(0);
        assert_eq!(output.stdout, "hello\n", "{kind}: {output:?}");
    }
}

#[test]
fn what_is_no_answer_is_quoted() {
    const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";
    let said = refusal("socks5", socks(&[(GREETING, BANNER)]), &[]);
    let quoted = r"it answered the greeting with `SSH-2.0-OpenSSH_9.2\r\n`";
    assert!(said.starts_with(quoted), "{said}");
    let said = refusal("http", http(BANNER), &[]);
    let quoted = r"it answered the request with `SSH-2.0-OpenSSH_9.2\r\n`";
    assert!(said.starts_with(quoted), "{said}");
    let said = refusal("http", http(b"\x00\x1b[2J\xff"), &[]);
    assert!(said.contains(r"with `\0\x1b[2J\xff`"), "{said}");
    let said = refusal("socks5", socks(&[(GREETING, b"HTTP/1.0 400 Bad\r\n")]), &[]);
    let hint = "(hint: it may be an http:// proxy)";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn half_an_answer_is_none() {
    let said = refusal("http", http(b"HTTP/1.1 200 Conn"), &[]);
    let cut = "it closed within its answer to the request: `HTTP/1.1 200 Conn`\n";
    assert_eq!(said, cut);
    // The consent alone is not the end of the head.
    let said = refusal("http", http(b"HTTP/1.1 200 OK\r\nVia: x\r\n"), &[]);
    assert!(said.starts_with("it closed within its answer"), "{said}");
    let said = refusal(
        "socks5",
        socks(&[(GREETING, b"\x05\0"), (10, b"\x05\0\0\x01")]),
        &[],
    );
    assert!(said.starts_with("it closed within its answer"), "{said}");
    let said = refusal("socks5", socks(&[]), &[]);
    let closed = "it closed without an answer to the greeting";
    assert!(said.starts_with(closed), "{said}");
}

#[test]
fn a_head_without_an_end_is_given_up() {
    let head = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; ENDLESS]].concat();
    let said = refusal("http", http(head), &[]);
    assert_eq!(said, "its answer is longer than 16384 bytes\n");
}

#[test]
fn a_proxy_that_resets_or_keeps_silent_is_told_apart() {
    let said = refusal("http", peer::resetting(), &[]);
    assert!(said.starts_with("no answer to the request: "), "{said}");
    let arguments = ["--timeout", "300ms", "web:80"];
    let output = run_through("http", peer::silent(), &arguments, b"");
    output.expect_code(1).expect_stderr_with_any(&["within "]);
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let (_held, address) = peer::refusing();
    let said = refusal("socks5", address, &[]);
    let reason = format!("cannot connect to {address}: {address} refused");
    assert!(said.starts_with(&reason), "{said}");
}

#[test]
fn wrong_words_send_nothing_and_show_no_password() {
    for (words, reason) in [
        (
            ["socks5://me:secret@p:0", "web:80"],
            "expected a port from 1",
        ),
        (["me:secret@p", "web:80"], "expected socks5://, socks4://"),
        (
            ["socks4://me:secret@p", "web:80"],
            "SOCKS4 has no passwords",
        ),
        (
            ["http://me:secret@p", "udp://web:80"],
            "no datagrams go through",
        ),
        (
            ["http://me:secret@p", "unix:///web"],
            "no Unix socket is behind",
        ),
    ] {
        let output = run(&[&["connect", "--proxy"], &words[..]].concat(), b"");
        let output = output.expect_code(2);
        assert!(output.stderr.contains(reason), "{output:?}");
        assert!(!output.stderr.contains("secret"), "{output:?}");
    }
}

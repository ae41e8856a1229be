//! `-x` and `-X`: what is asked of a proxy, and what is said of its answer.

use super::{BOTH, Netcat, alike};
use crate::support::process::finish;
use crate::support::{PATIENCE, peer};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread::JoinHandle;

/// A proxy that is asked so much, ends included, and answers so, in turn; then it sends what it
/// was asked, and finishes once the client has.
fn proxy(turns: &'static [(Asked, &'static [u8])]) -> SocketAddr {
    peer::tcp(move |mut stream| {
        let mut asked = Vec::new();
        for (until, answer) in turns {
            asked.extend(until.read(&stream));
            drop(stream.write_all(answer));
        }
        drop(stream.write_all(asked.escape_ascii().to_string().as_bytes()));
        drop(stream.shutdown(Shutdown::Write));
        drop(stream.read_to_end(&mut Vec::new()));
    })
}

/// How much of a request is waited for.
#[derive(Clone, Copy)]
enum Asked {
    Bytes(usize),
    Head,
}

impl Asked {
    fn read(self, mut stream: &TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        let is_whole = |bytes: &[u8]| match self {
            Self::Bytes(count) => bytes.len() == count,
            Self::Head => bytes.ends_with(b"\r\n\r\n"),
        };
        while !is_whole(&bytes) && matches!(stream.read(&mut byte), Ok(1)) {
            bytes.push(byte[0]);
        }
        bytes
    }
}

#[test]
fn http_proxies_are_asked_to_connect() {
    let consents = || proxy(&[(Asked::Head, b"HTTP/1.0 200 yes\r\nVia: x\r\n\r\n")]);
    let arguments = ["-X", "connect", "-x", "HOST:PORT", "example.test", "42"];
    let seen = alike(&arguments, b"", consents);
    let request = r"CONNECT example.test:42 HTTP/1.0\r\n\r\n";
    seen.expect(0, request, "");
    let seen = alike(&[&["-v"], &arguments[..]].concat(), b"", consents);
    assert_eq!((seen.code, seen.stdout.as_str()), (Some(0), request));
    assert!(seen.stderr.ends_with("succeeded!\n"), "{seen:?}");
    let refuses = || proxy(&[(Asked::Head, b"HTTP/1.0 403 Forbidden\r\n\r\n")]);
    let seen = alike(&arguments, b"", refuses);
    seen.expect(1, "", "nc: Proxy error: \"HTTP/1.0 403 Forbidden\"\n");
}

/// What a SOCKS5 proxy is asked first, and says.
const GREETED: (Asked, &[u8]) = (Asked::Bytes(3), b"\x05\x00");

#[test]
fn socks5_proxies_get_the_name() {
    let arguments = ["-x", "HOST:PORT", "example.test", "42"];
    let seen = alike(&arguments, b"", || {
        proxy(&[
            GREETED,
            (
                Asked::Bytes(19),
                b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
            ),
        ])
    });
    seen.expect(0, r"\x05\x01\x00\x05\x01\x00\x03\x0cexample.test\x00*", "");
    let seen = alike(&arguments, b"", || {
        proxy(&[
            GREETED,
            (
                Asked::Bytes(19),
                b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00",
            ),
        ])
    });
    let said = "nc: connection failed, SOCKSv5 error: Connection refused\n";
    seen.expect(1, "", said);
}

/// Answers of a SOCKS4 proxy that refuses.
const REFUSALS: [&[(Asked, &[u8])]; 4] = [
    &[(Asked::Bytes(9), &[0, 91, 0, 0, 0, 0, 0, 0])],
    &[(Asked::Bytes(9), &[0, 92, 0, 0, 0, 0, 0, 0])],
    &[(Asked::Bytes(9), &[0, 93, 0, 0, 0, 0, 0, 0])],
    &[(Asked::Bytes(9), &[0, 94, 0, 0, 0, 0, 0, 0])],
];

#[test]
fn socks4_proxies_get_an_address() {
    let arguments = ["-X", "4", "-x", "HOST:PORT", "127.0.0.9", "42"];
    let seen = alike(&arguments, b"", || {
        proxy(&[(Asked::Bytes(9), &[0, 90, 0, 0, 0, 0, 0, 0])])
    });
    seen.expect(0, r"\x04\x01\x00*\x7f\x00\x00\t\x00", "");
    for refusal in REFUSALS {
        let seen = alike(&arguments, b"", || proxy(refusal));
        assert_eq!((seen.code, seen.stdout.as_str()), (Some(1), ""));
        let said = "nc: connection failed, SOCKSv4 error: ";
        assert!(seen.stderr.starts_with(said), "{seen:?}");
    }
}

/// Answers that are none, or not whole.
const BROKEN_HTTP: [&[(Asked, &[u8])]; 4] = [
    &[(Asked::Head, b"garbage\r\n")],
    &[(Asked::Head, b"HTTP/1.0 2")],
    &[(Asked::Head, b"")],
    &[(Asked::Head, &[b'x'; 5000])],
];

/// The same of SOCKS5, and cut in its reply.
const BROKEN_SOCKS: [&[(Asked, &[u8])]; 4] = [
    &[(Asked::Bytes(3), b"")],
    &[(Asked::Bytes(3), b"\x05")],
    &[GREETED, (Asked::Bytes(19), b"\x05")],
    &[GREETED, (Asked::Bytes(19), b"\x05\x00\x00\x01\x00\x00")],
];

#[test]
fn answers_that_are_not_whole_are_told_alike() {
    let cut = |turns: &'static [(Asked, &'static [u8])]| {
        peer::tcp(move |mut stream| {
            for (until, answer) in turns {
                until.read(&stream);
                drop(stream.write_all(answer));
            }
            drop(stream.shutdown(Shutdown::Write));
            drop(stream.read_to_end(&mut Vec::new()));
        })
    };
    for turns in BROKEN_HTTP {
        let arguments = ["-X", "connect", "-x", "HOST:PORT", "example.test", "42"];
        alike(&arguments, b"", || cut(turns));
    }
    for turns in BROKEN_SOCKS {
        alike(&["-x", "HOST:PORT", "example.test", "42"], b"", || {
            cut(turns)
        });
    }
}

/// Basic credentials of `me` with the password `right`.
const RIGHT: &[u8] = b"Proxy-Authorization: Basic bWU6cmlnaHQ=";

/// An HTTP proxy for `me`, and what each of `asks` clients asked.
fn private_proxy(asks: usize) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((peer::HOST, 0)).expect("cannot listen on loopback");
    let address = listener.local_addr().expect("an address");
    let serving = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..asks {
            let (mut stream, _) = listener.accept().expect("cannot accept");
            let request = Asked::Head.read(&stream);
            let knows = request.windows(RIGHT.len()).any(|it| it == RIGHT);
            drop(stream.write_all(match knows {
                true => b"HTTP/1.0 200 come in\r\n\r\nwelcome\n",
                false => b"HTTP/1.0 407 who are you\r\n\r\n",
            }));
            asked.push(request.escape_ascii().to_string());
        }
        asked
    });
    (address, serving)
}

/// What one says and asks that is given these passwords at its prompts.
fn prompted(netcat: Netcat, passwords: &str, asks: usize) -> (String, Vec<String>) {
    let (address, serving) = private_proxy(asks);
    let proxy = address.to_string();
    let arguments = [
        "-X",
        "connect",
        "-x",
        &proxy,
        "-P",
        "me",
        "-d",
        "example.test",
        "42",
    ];
    let own = netcat.command(&arguments);
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("prompt.py"), passwords]);
    command.arg(own.get_program()).args(own.get_args());
    let output = finish(command, b"", PATIENCE).expect_code(0);
    let said = output.stdout.replace(&address.to_string(), "PROXY");
    let said = said.replace("nc.openbsd: ", "nc: ");
    (said, serving.join().expect("a thread that ends"))
}

#[test]
fn a_password_is_asked_for_at_the_terminal() {
    let [debian, ours] = BOTH.map(|it| prompted(it, "wrong,right", 3));
    assert_eq!(debian, ours, "Debian's and ours");
    assert!(ours.0.contains("welcome\nstatus 0"), "{ours:?}");
    let [debian, ours] = BOTH.map(|it| prompted(it, "a,b,c", 4));
    assert_eq!(debian, ours, "Debian's and ours");
    assert!(
        ours.0.contains("Too many authentication failures"),
        "{ours:?}"
    );
}

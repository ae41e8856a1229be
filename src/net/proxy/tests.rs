//! Conversations with scripted proxies.

use std::net::{Ipv4Addr, SocketAddr};

use futures_lite::future::zip;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::finding::State;
use crate::net::{UnixStream, listen};
use crate::protocol::proxy::Refusal;
use crate::protocol::proxy::http::{LONGEST_HEAD, Version};
use crate::reactor::{run, spawn, yield_now};

/// Long enough that only what never ends takes it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long silence is waited for.
const MOMENT: Duration = Duration::from_millis(20);

/// What a proxy is asked, and what it answers.
type Turn<'a> = (&'a [u8], &'a [u8]);

const PORT: u16 = 0x1234;

/// Plain HTTP.
const CONNECT: &[u8] = b"CONNECT web:4660 HTTP/1.1\r\nHost: web:4660\r\n\r\n";

/// Plain SOCKS5: a greeting, a choice, a request.
const GREETING: &[u8] = b"\x05\x01\0";
const CHOICE: &[u8] = b"\x05\0";
const REQUEST: &[u8] = b"\x05\x01\0\x03\x03web\x12\x34";

fn proxy(url: &str) -> Proxy {
    url.parse().unwrap()
}

/// Takes each request and answers it, `piece` bytes at a time; closes in the end.
async fn play(stream: UnixStream, turns: &[Turn<'_>], piece: usize) {
    for (asked, answer) in turns {
        let mut came = vec![0; asked.len()];
        (&stream).read_exact(&mut came).await.unwrap();
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(shown(&came), shown(asked));
        for piece in answer.chunks(piece) {
            // Whoever knows enough listens no longer.
            let _ = (&stream).write_all(piece).await;
            yield_now().await;
        }
    }
}

/// Asks a proxy that takes these turns for `host`; returns what the target says.
fn ask(proxy: &Proxy, host: &str, turns: &[Turn<'_>], piece: usize) -> Result<String, ProxyError> {
    let work = async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let asking = async {
            let stream = through(proxy, host, PORT, ours, PATIENCE).await?;
            let mut said = String::new();
            (&stream).read_to_string(&mut said).await.unwrap();
            Ok(said)
        };
        zip(asking, play(theirs, turns, piece)).await.0
    };
    run(work).unwrap()
}

/// A way through, whatever pieces the answers come in; the target's first words are kept.
#[track_caller]
fn check_way(url: &str, turns: &[Turn<'_>]) {
    let (asked, answer) = turns.last().unwrap();
    let glued = [answer, &b"hello"[..]].concat();
    let mut turns = turns.to_vec();
    *turns.last_mut().unwrap() = (asked, &glued);
    for piece in [1, 3, 1000] {
        let said = ask(&proxy(url), "web", &turns, piece);
        assert_eq!(said.unwrap(), "hello", "{url}, {piece} bytes at a time");
    }
}

/// No way through: the error, and what it says after naming target and proxy.
#[track_caller]
fn refused(url: &str, turns: &[Turn<'_>]) -> (ProxyError, String) {
    let error = ask(&proxy(url), "web", turns, 1000).unwrap_err();
    let text = error.to_string();
    let start = format!("cannot connect to web:4660 through {}: ", error.proxy);
    let cause = text
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{text}"));
    let cause = cause.to_owned();
    (error, cause)
}

#[test]
fn every_kind_of_proxy_leads_to_the_target() {
    let connected = b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n";
    check_way("http://p", &[(CONNECT, connected)]);
    check_way(
        "http://me:secret@p",
        &[(
            b"CONNECT web:4660 HTTP/1.1\r\nHost: web:4660\r\n\
              Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n",
            connected,
        )],
    );
    check_way(
        "socks4a://me@p",
        &[(
            b"\x04\x01\x12\x34\0\0\0\x01me\0web\0",
            b"\0\x5a\0\0\0\0\0\0",
        )],
    );
    let open = b"\x05\0\0\x01\x7f\0\0\x01\x12\x34";
    check_way("socks5://p", &[(GREETING, CHOICE), (REQUEST, open)]);
    let named = b"\x05\0\0\x03\x05proxy\x12\x34";
    check_way(
        "socks5://me:secret@p",
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x02me\x06secret", b"\x01\0"),
            (REQUEST, named),
        ],
    );
    // One that does not want to know who asks is not told.
    check_way(
        "socks5://me:secret@p",
        &[(b"\x05\x02\0\x02", CHOICE), (REQUEST, open)],
    );
}

#[test]
fn the_old_request_has_no_host() {
    let old = Proxy {
        kind: ProxyKind::Http(Version::Http10),
        ..proxy("http://p")
    };
    let request = b"CONNECT web:4660 HTTP/1.0\r\n\r\n";
    let answer = b"HTTP/1.0 200 OK\r\n\r\nhello";
    let said = ask(&old, "web", &[(request, answer)], 1000);
    assert_eq!(said.unwrap(), "hello");
}

#[test]
fn socks4_asks_for_the_address_of_a_name() {
    let request = b"\x04\x01\x12\x34\x7f\0\0\x01\0";
    let answer = b"\0\x5a\0\0\0\0\0\0hello";
    let said = ask(
        &proxy("socks4://p"),
        "localhost",
        &[(request, answer)],
        1000,
    );
    assert_eq!(said.unwrap(), "hello");
    let error = ask(&proxy("socks4://p"), "ip6-localhost", &[], 1000).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("SOCKS4 needs an IPv4 address: none of its"));
    let hint = "(hint: socks4a and socks5 let the proxy resolve it)";
    assert!(text.ends_with(hint), "{text}");
}

#[test]
fn what_cannot_be_asked_for_is_not() {
    run(async {
        for (url, host, reason) in [
            ("socks5://p", "fe80::1%lo", "the zone of `fe80::1%lo` means"),
            ("http://p", "a b", "`a b` is no name of a host"),
            ("socks4://p", "::1", "SOCKS4 knows no IPv6 addresses"),
            ("socks4a://p", "::1", "SOCKS4 knows no IPv6 addresses"),
        ] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let outcome = through(&proxy(url), host, PORT, ours, PATIENCE).await;
            let text = outcome.err().unwrap().to_string();
            assert!(text.contains(reason), "{text}");
            assert_eq!((&theirs).read(&mut [0]).await.unwrap(), 0, "{host}");
        }
    })
    .unwrap();
}

#[test]
fn a_refusal_is_told_in_words_and_as_data() {
    let (error, text) = refused("http://p", &[(CONNECT, b"HTTP/1.0 403 Forbidden\r\n")]);
    assert_eq!(text, "it answered `HTTP/1.0 403 Forbidden`");
    assert!(matches!(
        error.cause,
        ProxyCause::Refused(Refusal::Http(403, line)) if line == "HTTP/1.0 403 Forbidden"
    ));
    let turns: [Turn<'_>; 2] = [(GREETING, CHOICE), (REQUEST, b"\x05\x05\0\x01")];
    let (error, text) = refused("socks5://p", &turns);
    assert_eq!(text, "it says: connection refused (SOCKS5 reply 5)");
    assert_eq!(error.phase, ProxyPhase::Request);
    assert!(matches!(
        error.cause,
        ProxyCause::Refused(Refusal::Socks5(5))
    ));
    let request = b"\x04\x01\x12\x34\0\0\0\x01\0web\0";
    let (_, text) = refused("socks4a://p", &[(request, b"\0\x5b\0\0\0\0\0\0")]);
    assert_eq!(text, "it says: rejected or failed (SOCKS4 reply 91)");
}

#[test]
fn who_asks_may_be_wanted_or_wrong() {
    let wanted = "(hint: it wants a user and a password: KIND://USER:PASSWORD@HOST)";
    let (_, text) = refused("socks5://p", &[(GREETING, b"\x05\xff")]);
    assert!(text.starts_with("it takes none of the ways to log in"));
    assert!(text.ends_with(wanted), "{text}");
    let status = b"HTTP/1.1 407 Proxy Authentication Required\r\n";
    let (_, text) = refused("http://p", &[(CONNECT, status)]);
    assert!(text.ends_with(wanted), "{text}");
    let (error, text) = refused(
        "socks5://me:secret@p",
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x02me\x06secret", b"\x01\x01"),
        ],
    );
    assert_eq!(
        text,
        "it does not take this user and password (hint: check user and password)"
    );
    assert_eq!(error.phase, ProxyPhase::Login);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn what_is_no_answer_is_quoted() {
    let ssh = b"SSH-2.0-OpenSSH_9.2\r\n";
    let (error, text) = refused("socks5://p", &[(GREETING, ssh)]);
    assert_eq!(
        text,
        r"it answered the greeting with `SSH-2.0-OpenSSH_9.2\r\n` (expected a choice of SOCKS5)"
    );
    assert_eq!(error.phase, ProxyPhase::Greeting);
    let (_, text) = refused("http://p", &[(CONNECT, ssh)]);
    let quoted = r"the request with `SSH-2.0-OpenSSH_9.2\r\n`";
    assert!(text.contains(quoted), "{text}");
    let (_, text) = refused("socks5://p", &[(GREETING, b"HTTP/1.0 400 Bad\r\n\r\n")]);
    let hint = "(hint: it may be an http:// proxy)";
    assert!(text.ends_with(hint), "{text}");
    let (_, text) = refused("http://p", &[(CONNECT, b"\x05\xff")]);
    let hint = "(hint: it may be a socks5:// proxy)";
    assert!(text.ends_with(hint), "{text}");
    let (_, text) = refused("http://p", &[(CONNECT, &[b'x'; 3000])]);
    assert!(text.contains(&format!("`{}…`", "x".repeat(200))), "{text}");
}

#[test]
fn a_head_has_a_limit() {
    let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &vec![b'x'; 1 << 20]].concat();
    let (error, text) = refused("http://p", &[(CONNECT, &endless)]);
    let limit = format!("its answer is longer than {LONGEST_HEAD} bytes");
    assert_eq!(text, limit);
    assert!(error.came.len() < LONGEST_HEAD);
}

#[test]
fn a_proxy_that_closes_says_how_far_it_came() {
    let (_, text) = refused("http://p", &[(CONNECT, b"")]);
    assert_eq!(
        text,
        "it closed without an answer to the request (hint: is it a proxy of this kind?)"
    );
    let (_, text) = refused("http://p", &[(CONNECT, b"HTTP/1.1 2")]);
    assert_eq!(
        text,
        "it closed within its answer to the request: `HTTP/1.1 2`"
    );
    let (_, text) = refused("socks5://p", &[(GREETING, b"\x05")]);
    assert_eq!(text, r"it closed within its answer to the greeting: `\x05`");
}

#[test]
fn a_proxy_that_keeps_silent_is_given_up() {
    run(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let outcome = through(&proxy("socks5://p"), "web", PORT, ours, MOMENT).await;
        let text = outcome.err().unwrap().to_string();
        assert!(text.contains("no answer to the greeting within "), "{text}");
        // The connection is closed with it.
        let mut asked = Vec::new();
        (&theirs).read_to_end(&mut asked).await.unwrap();
        assert_eq!(asked, GREETING);
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs).write_all(b"\x05").await.unwrap();
        let outcome = through(&proxy("socks5://p"), "web", PORT, ours, MOMENT).await;
        let text = outcome.err().unwrap().to_string();
        assert!(text.contains("no whole answer to the greeting"), "{text}");
        assert!(text.ends_with(r": `\x05`"), "{text}");
    })
    .unwrap();
}

async fn dial_web(address: SocketAddr) -> Result<Dialed, ProxyError> {
    let (origin, families) = (Origin::default(), Families::default());
    let proxy = proxy(&format!("http://{address}"));
    dial_through(&proxy, origin, "web", PORT, families, PATIENCE).await
}

#[test]
fn the_way_to_the_proxy_is_dialed() {
    run(async {
        let listening = listen(Some("127.0.0.1"), 0, Families::default()).await;
        let listener = listening.unwrap().sockets.remove(0);
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            listener.readable().await;
            let (stream, _) = listener.try_accept().unwrap();
            let mut asked = vec![0; CONNECT.len()];
            (&stream).read_exact(&mut asked).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\n\r\nhello";
            (&stream).write_all(answer).await.unwrap();
        });
        let dialed = dial_web(address).await.unwrap();
        server.await;
        assert_eq!(dialed.address, address);
        // What came with the answer can be tried for as well.
        let mut said = [0; 8];
        dialed.stream.readable().await;
        assert_eq!(dialed.stream.try_read(&mut said).unwrap(), 5);
    })
    .unwrap();
}

#[test]
fn a_proxy_that_is_not_there_is_told_as_by_dial() {
    // Held without a listener: refused for sure.
    let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap();
    let error = run(async { dial_web(address).await.err() })
        .unwrap()
        .unwrap();
    assert_eq!(error.phase, ProxyPhase::Dial);
    let ProxyCause::Dial(error) = error.cause else {
        panic!("{error}");
    };
    assert_eq!(error.attempts()[0].state, State::Refused);
}

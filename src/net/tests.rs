//! The contract of streams over TCP and Unix sockets, and the ways of a dial.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_lite::future::zip;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use tempfile::tempdir;

use super::*;
use crate::finding::State;
use crate::reactor::{run, spawn, timeout, yield_now};

/// Long enough that only a stream that has lost something takes it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What every stream promises, whatever it is made of.
async fn check_stream<S: mio::event::Source + Finish + Unpin>(one: Stream<S>, other: Stream<S>)
where
    for<'a> &'a S: io::Read + io::Write,
{
    let sent: Vec<u8> = (0..3_000_000_u32).map(|it| it.to_le_bytes()[1]).collect();
    // One task writes to a stream while another reads from it.
    let there = async {
        let mut writer = &one;
        writer.write_all(&sent).await.unwrap();
        writer.close().await.unwrap();
    };
    let back = async {
        let mut came = Vec::new();
        (&one).read_to_end(&mut came).await.unwrap();
        came
    };
    let echo = async {
        futures_lite::io::copy(&other, &other).await.unwrap();
        // Its own end comes after the other's, and not before.
        (&other).close().await.unwrap();
    };
    let all = timeout(PATIENCE, zip(zip(there, back), echo)).await;
    let (((), came), ()) = all.expect("nothing stalls");
    assert!(came == sent, "every byte comes back in order");
    // The end of a stream stays readable.
    assert_eq!((&one).read(&mut [0; 8]).await.unwrap(), 0);
}

/// A read that is given up has taken nothing.
async fn check_dropped_read<S: mio::event::Source + Finish + Unpin>(
    one: Stream<S>,
    other: Stream<S>,
) where
    for<'a> &'a S: io::Read + io::Write,
{
    let mut buffer = [0; 8];
    assert!(
        timeout(Duration::from_millis(5), (&one).read(&mut buffer))
            .await
            .is_err()
    );
    (&other).write_all(b"kept").await.unwrap();
    yield_now().await;
    assert_eq!((&one).read(&mut buffer).await.unwrap(), 4);
    // Nothing more is there: a try says so and does not wait.
    let error = one.try_read(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listening = listen(Some("127.0.0.1"), 0, Families::default())
        .await
        .unwrap();
    let listener = &listening.sockets[0];
    let address = listener.local_addr().unwrap();
    let dialed = dial("127.0.0.1", address.port(), Families::default(), PATIENCE).await;
    let dialed = dialed.unwrap();
    assert_eq!(dialed.address, address);
    listener.readable().await;
    let (accepted, peer) = listener.try_accept().unwrap();
    assert_eq!(peer, dialed.stream.local_addr().unwrap());
    (dialed.stream, accepted)
}

#[test]
fn tcp_keeps_the_contract() {
    run(async {
        let (one, other) = tcp_pair().await;
        check_stream(one, other).await;
        let (one, other) = tcp_pair().await;
        check_dropped_read(one, other).await;
    })
    .unwrap();
}

#[test]
fn unix_keeps_the_contract() {
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        check_stream(one, other).await;
        let (one, other) = UnixStream::pair().unwrap();
        check_dropped_read(one, other).await;
    })
    .unwrap();
}

async fn meet(address: UnixAddress) {
    let listener = UnixListener::bind(&address).unwrap();
    let client = spawn(async move {
        let stream = UnixStream::connect(&address).unwrap();
        (&stream).write_all(b"hello").await.unwrap();
    });
    let stream = listener.accept().await.unwrap();
    let mut came = Vec::new();
    client.await;
    (&stream).read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"hello");
}

#[test]
fn unix_sockets_meet_at_a_path() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("socket");
    run(meet(UnixAddress::new(path.to_str().unwrap()))).unwrap();
    assert!(!path.exists(), "the file goes with the listener");
    let replaced = async {
        let listener = UnixListener::bind(&UnixAddress::new(path.to_str().unwrap()));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(listener.unwrap());
    };
    run(replaced).unwrap();
    assert!(path.exists(), "what is not its own stays");
}

#[cfg(target_os = "linux")]
#[test]
fn unix_sockets_meet_under_an_abstract_name() {
    // The process number keeps two runs apart.
    let name = format!("@netkit test {}", std::process::id());
    run(meet(UnixAddress::new(name))).unwrap();
}

#[test]
fn a_unix_listener_removes_no_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "kept").unwrap();
    let address = UnixAddress::new(path.to_str().unwrap());
    let bound = run(async { UnixListener::bind(&address).err() }).unwrap();
    assert_eq!(bound.unwrap().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "kept");
}

#[test]
fn a_unix_name_that_is_too_long_is_said_so() {
    let address = UnixAddress::new("x".repeat(200));
    let error = run(async { UnixStream::connect(&address).err() })
        .unwrap()
        .unwrap();
    assert!(error.to_string().contains("200 bytes"), "{error}");
}

#[test]
fn a_dial_names_every_address_that_failed() {
    run(async {
        // Free a moment ago, and held without a listener: refused for sure.
        let held =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        let port = held.local_addr().unwrap().as_socket().unwrap().port();
        let outcome = dial("127.0.0.1", port, Families::default(), PATIENCE).await;
        let Err(error) = outcome else {
            panic!("nothing listens there");
        };
        assert_eq!(error.attempts().len(), 1);
        assert_eq!(error.attempts()[0].state, State::Refused);
        let text = error.to_string();
        assert!(
            text.contains(&format!("127.0.0.1:{port} refused")),
            "{text}"
        );
    })
    .unwrap();
}

#[test]
fn a_family_that_is_not_wanted_is_said_so() {
    let only_v6 = Families {
        only_v6: true,
        ..Families::default()
    };
    let error = run(resolve("127.0.0.1", 1, only_v6, PATIENCE))
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("not an IPv6 address"), "{error}");
}

#[test]
fn one_port_is_free_on_every_address_of_a_host() {
    run(async {
        let any = listen(None, 0, Families::default()).await.unwrap();
        let port = any.sockets[0].local_addr().unwrap().port();
        // The wildcard has taken the port on both families.
        for host in ["127.0.0.1", "::1"] {
            let taken = listen(Some(host), port, Families::default()).await;
            assert!(taken.is_err(), "{host} was free");
        }
    })
    .unwrap();
}

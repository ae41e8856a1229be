//! The server with our own client, and how long it waits, on the test clock.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::io::Cursor;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use tempfile::TempDir;

use super::{OWN, Shard, TARGET, session};
use crate::files::Tree;
use crate::net::{Families, TcpStream, dial};
use crate::probe::shard::{Failure, Session};
use crate::protocol::shard::{Ending, Place, User};
use crate::reactor::{now, run_fast_forward, sleep};
use crate::serve::{Client, Options, Server};

/// The most bytes of a block here.
const MOST: u64 = 1_000_000;

/// What comes of `client`, given the address of a server.
fn with<T>(client: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let folder = TempDir::new().unwrap();
    let serving = async {
        let tree = Tree::open(&folder.path().join("root"), OWN).unwrap();
        let shard = Rc::new(Shard {
            tree: Arc::new(tree),
            most: MOST,
        });
        let options = Options {
            host: Some(Ipv4Addr::LOCALHOST.to_string()),
            ..Options::default()
        };
        let server = Server::bind(TARGET, 0, &options).await.unwrap();
        let address = server.addresses().unwrap()[0];
        let attend = async move |client: &Client| session::attend(&shard, client).await;
        let _running = server.start(attend);
        client(address).await
    };
    run_fast_forward(serving).unwrap()
}

async fn connect(address: SocketAddr) -> TcpStream {
    let (host, limit) = (address.ip().to_string(), Duration::from_secs(5));
    let dialed = dial(&host, address.port(), Families::default(), limit).await;
    dialed.unwrap().stream
}

async fn session(address: SocketAddr) -> Session {
    Session::over(connect(address).await, Duration::from_secs(5))
}

fn place(name: &str) -> Place {
    Place::new(name, "work").unwrap()
}

async fn put(session: &mut Session, name: &str, block: &[u8]) -> Result<(), Failure> {
    let mut source = Cursor::new(block);
    let size = block.len() as u64;
    session.store(&place(name), size, &mut source).await
}

async fn get(session: &mut Session, name: &str) -> Result<Vec<u8>, Failure> {
    let mut block = Vec::new();
    let mut keep = |bytes: &[u8]| {
        block.extend_from_slice(bytes);
        Ok(())
    };
    session.retrieve(&place(name), MOST, &mut keep).await?;
    Ok(block)
}

#[test]
fn client_and_server_agree_however_words_are_ended() {
    for ending in [Ending::Line, Ending::Pause] {
        with(async |address| {
            let mut session = session(address).await.with_ending(ending);
            for user in ["alice", "bob"] {
                session.login(&User::new(user).unwrap()).await.unwrap();
                let lacking = get(&mut session, "n").await.unwrap_err();
                assert!(matches!(lacking, Failure::Lacking(why) if why == "no such block"));
                for size in [0, 1, 65_536, 999_999, 1_000_000, 3] {
                    let block = vec![7; size];
                    put(&mut session, "n", &block).await.unwrap();
                    assert!(get(&mut session, "n").await.unwrap() == block, "{size}");
                }
                let refused = put(&mut session, "n", &vec![7; 1_000_001]).await;
                let said = "1000001 bytes are too many: 1000000 at most are kept";
                assert!(matches!(refused, Err(Failure::Refused(why)) if why == said));
                assert_eq!(get(&mut session, "n").await.unwrap(), [7; 3]);
                session.delete(&place("n")).await.unwrap();
                session.delete(&place("n")).await.unwrap();
                assert!(get(&mut session, "n").await.is_err());
                session.logout().await.unwrap();
            }
            assert!(session.is_usable());
        });
    }
}

/// How long the server lets a client go on that sends this and then nothing, and
/// what it says at the end.
fn patience(bytes: &'static [u8]) -> (Duration, Vec<u8>) {
    with(async |address| {
        let mut stream = connect(address).await;
        stream.write_all(bytes).await.unwrap();
        let (started, mut said) = (now(), Vec::new());
        // What cuts a block is a reset.
        let _ = stream.read_to_end(&mut said).await;
        (now() - started, said)
    })
}

#[test]
fn it_waits_for_each_thing_as_long_as_it_may_take() {
    let late = b"ERROR no whole request in time\r\n";
    for (sent, seconds, said) in [
        (&b""[..], 10, &b""[..]),
        (b"alice\r", 10, late),
        (b"alice\r\n", 600, b""),
        (b"alice\r\nSTR\r\n5\r\nn", 10, late),
        (b"alice\r\nLOGO", 10, late),
        (b"alice\r\nLOGOUT\r\n", 10, b""),
        (b"alice\r\nSTR\r\n5\r\nn\r\np\r\n\r\nabc", 60, b"\0"),
    ] {
        let (took, came) = patience(sent);
        let shown = sent.escape_ascii();
        let range = Duration::from_secs(seconds)..Duration::from_secs(seconds + 4);
        assert!(range.contains(&took), "{took:?} for {shown}");
        assert_eq!(
            came.escape_ascii().to_string(),
            said.escape_ascii().to_string(),
            "{shown}"
        );
    }
}

#[test]
fn a_session_that_thinks_is_served_and_one_that_dribbles_is_not() {
    with(async |address| {
        let mut session = session(address).await;
        session.login(&User::new("alice").unwrap()).await.unwrap();
        for _ in 0..5 {
            sleep(Duration::from_secs(500)).await;
            put(&mut session, "n", b"block").await.unwrap();
        }
        let mut stream = connect(address).await;
        let head = b"bob\r\nSTR\r\n1000000\r\nn\r\np\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let started = now();
        while stream.write_all(&[7; 500]).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        let took = now() - started;
        assert!(took >= Duration::from_secs(60), "{took:?}");
        assert!(took < Duration::from_secs(70), "{took:?}");
        assert_eq!(get(&mut session, "n").await.unwrap(), b"block");
    });
}

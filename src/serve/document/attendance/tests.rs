//! How long a client is waited for, on the test clock.

use std::net::SocketAddr;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use tempfile::TempDir;

use super::*;
use crate::net::{Families, TcpStream, dial};
use crate::reactor::{Task, run_fast_forward, sleep, spawn};
use crate::serve::document::ledger::Ledger;
use crate::serve::document::{Options, TARGET};
use crate::serve::{self, Running, Server};

/// A server of a document on this loop.
struct Site {
    address: SocketAddr,
    _running: Running,
    _committing: Task<()>,
    _folder: TempDir,
}

impl Site {
    async fn serve(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text");
        std::fs::write(&file, text).unwrap();
        let options = Options {
            port: 0,
            file,
            max_update: 1 << 20,
            max_document: 64 << 20,
            server: serve::Options {
                host: Some("127.0.0.1".into()),
                ..serve::Options::default()
            },
        };
        let opened = Ledger::open(&options.file, options.max_document).unwrap();
        let document = Rc::new(Document::new(opened.ledger, opened.text, &options));
        let server = Server::bind(TARGET, 0, &options.server).await.unwrap();
        let address = server.addresses().unwrap()[0];
        let committing = spawn(Rc::clone(&document).commit());
        let handle = async move |client: &Client| attend(&document, client).await;
        Self {
            address,
            _running: server.start(handle),
            _committing: committing,
            _folder: folder,
        }
    }

    async fn connect(&self) -> TcpStream {
        let host = self.address.ip().to_string();
        let limit = Duration::from_secs(5);
        let dialed = dial(&host, self.address.port(), Families::default(), limit).await;
        dialed.unwrap().stream
    }
}

/// Reads until the end: how many bytes came, and what ended it.
async fn drain(stream: &mut TcpStream) -> (usize, Option<io::ErrorKind>) {
    let (mut count, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return (count, None),
            Ok(more) => count += more,
            Err(error) => return (count, Some(error.kind())),
        }
    }
}

#[test]
fn a_frame_that_stops_is_waited_for_and_then_its_client_is_closed() {
    let work = async {
        let site = Site::serve("").await;
        let mut stuck = site.connect().await;
        let mut idle = site.connect().await;
        let started = now();
        for piece in ["5  ", "       ", "he"] {
            stuck.write_all(piece.as_bytes()).await.unwrap();
            sleep(FRAME_PAUSE / 2).await;
        }
        let (_, end) = drain(&mut stuck).await;
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
        let took = now().saturating_duration_since(started);
        let expected = FRAME_PAUSE * 2;
        assert!(
            (expected..expected + FRAME_PAUSE).contains(&took),
            "{took:?}"
        );
        // Between frames a client may be silent for as long as it likes.
        sleep(FRAME_PAUSE * 100).await;
        idle.write_all(b"5         hello").await.unwrap();
        idle.close().await.unwrap();
        assert_eq!(drain(&mut idle).await, (0, None));
    };
    run_fast_forward(work).unwrap();
}

#[test]
fn a_client_that_has_finished_and_does_not_read_is_not_waited_for() {
    let work = async {
        let text = "x".repeat(32 << 20);
        let site = Site::serve(&text).await;
        let mut deaf = site.connect().await;
        deaf.close().await.unwrap();
        let mut slow = site.connect().await;
        slow.close().await.unwrap();
        // One of them takes it all within its time.
        assert_eq!(drain(&mut slow).await, (text.len() + 10, None));
        sleep(LAST_WORDS * 2).await;
        let (count, end) = drain(&mut deaf).await;
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
        assert!(count < text.len());
    };
    run_fast_forward(work).unwrap();
}

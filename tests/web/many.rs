//! Many clients that take their time.

use super::site::{Reply, Site};
use crate::support::client::expect_silence;
use crate::support::usage::{processor_share, raise_descriptor_limit, resident_bytes};
use crate::support::{PATIENCE, becomes_true};
use socket2::{Domain, Socket, Type};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const CLIENTS: usize = 500;

/// The loop's full buffers, and 64 KiB for each of the others: a small buffer, hyper's own, and the
/// rest of a debug build.
const MOST_BYTES: u64 = (16 << 20) + (CLIENTS as u64) * (64 << 10);

#[test]
#[allow(clippy::print_stdout, reason = "the figure belongs to the result")]
fn slow_downloads_cost_little_memory_and_no_time() {
    raise_descriptor_limit(CLIENTS as u64 + 1_000);
    let site = Site::with(&[]);
    site.write("large", vec![b'x'; 8 << 20]);
    site.get("/a.txt", "");
    let before = resident_bytes(site.server.id());
    let clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let stream = site.connect();
            let request = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            (&stream).write_all(request).expect("sent");
            stream
        })
        .collect();
    for client in &clients {
        client.peek(&mut [0]).expect("an answer");
    }
    // Until every socket is full, the server is busy.
    let full = becomes_true(PATIENCE, || {
        // A new one each time: who asks nothing is closed in the end.
        let wait = || expect_silence(&site.connect(), Duration::from_millis(100));
        let share = processor_share(site.server.id(), wait);
        share < 5.0
    });
    assert!(full, "it does not come to rest");
    let used = resident_bytes(site.server.id()).saturating_sub(before);
    println!(
        "{} KiB for each of {CLIENTS} slow downloads",
        used / 1024 / CLIENTS as u64
    );
    assert!(
        used < MOST_BYTES,
        "{used} bytes for {CLIENTS} slow downloads"
    );
    assert_eq!(site.get("/a.txt", "").status, 200);
    for mut client in clients.into_iter().step_by(50) {
        let mut all = Vec::new();
        client.read_to_end(&mut all).expect("the whole answer");
        assert!(all.len() > 8 << 20 && all.ends_with(b"xxx"));
    }
}

#[test]
fn only_so_many_pages_are_on_their_way_at_once() {
    let site = Site::with(&[]);
    // As long as a page as can be with few names: more than a socket takes.
    for number in 0..3_000 {
        site.write(&format!("list/{}{number}", "'".repeat(200)), "");
    }
    let ask = || {
        // Hardly a byte of the page is in the kernel.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("set");
        socket
            .connect(&site.server.ipv4().into())
            .expect("connected");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        (&stream)
            .write_all(b"GET /list/ HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("sent");
        stream
    };
    let mut clients: Vec<TcpStream> = (0..40).map(|_| ask()).collect();
    let status = |stream: &TcpStream| {
        let mut line = [0; 12];
        let whole = becomes_true(PATIENCE, || stream.peek(&mut line).is_ok_and(|it| it == 12));
        assert!(whole, "no status line");
        String::from_utf8_lossy(&line[9..]).into_owned()
    };
    let refused: Vec<_> = clients.extract_if(.., |it| status(it) == "503").collect();
    assert_eq!((clients.len(), refused.len()), (32, 8));
    let reply = Reply::read(&mut BufReader::new(&refused[0]), false).expect("an answer");
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(site.get("/a.txt", "").status, 200);
    drop(clients);
    let served = becomes_true(PATIENCE, || site.get("/list/", "").status == 200);
    assert!(served, "the others keep their place");
}

#[test]
fn out_of_descriptors_files_are_there_again_later() {
    let site = Site::through(&["prlimit", "--nofile=24:24"], &["-v"]);
    let first = site.connect();
    let ask = || {
        let request = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        (&first).write_all(request).expect("sent");
        let reply = Reply::read(&mut BufReader::new(&first), false);
        reply.expect("an answer").status
    };
    assert_eq!(ask(), 200);
    let crowd: Vec<TcpStream> = (0..30).map(|_| site.connect()).collect();
    site.server.wait_for_log("out of descriptors");
    assert_eq!(ask(), 503);
    drop(crowd);
    assert!(becomes_true(PATIENCE, || ask() == 200));
}

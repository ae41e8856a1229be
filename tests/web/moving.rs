//! Files that change, and clients that vanish, while one is sent.

use super::site::{CONTENT, Reply, Site};
use crate::support::client::reset;
use crate::support::tracer::Tracer;
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true};
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

/// More than sockets hold on their way.
const LARGE: usize = 64 << 20;

const REQUEST: &[u8] = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

/// A client that has begun to read the large file.
fn begun(site: &Site) -> TcpStream {
    let stream = site.connect();
    (&stream).write_all(REQUEST).expect("sent");
    let mut start = [0; 1024];
    (&stream).read_exact(&mut start).expect("the beginning");
    assert!(start.starts_with(b"HTTP/1.1 200 OK\r\n"));
    stream
}

/// All that still comes, and whether it ended without a reset.
fn rest(mut stream: &TcpStream) -> (Vec<u8>, bool) {
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest).is_ok();
    (rest, ended)
}

#[test]
fn a_file_that_becomes_shorter_is_cut_and_never_padded() {
    let site = Site::new();
    site.write("large", vec![b'x'; LARGE]);
    let stream = begun(&site);
    let file = File::options()
        .write(true)
        .open(site.path("large"))
        .expect("a file");
    file.set_len(1 << 20).expect("shorter");
    let (rest, ended) = rest(&stream);
    assert!(rest.len() < LARGE - 1024, "{} bytes came", rest.len());
    assert!(!ended, "it looks like the end of the answer");
    site.server
        .wait_for_log("is cut off: the file became shorter while it was sent");
    assert_eq!(site.get("/a.txt", "").text(), CONTENT);
}

#[test]
fn an_answer_that_is_cut_at_the_end_is_reset() {
    let mut site = Site::with(&["-v", "--grace", "100ms"]);
    site.write("large", vec![b'x'; LARGE]);
    let stream = begun(&site);
    site.server.signal("TERM");
    assert_eq!(site.server.wait_for_exit(PATIENCE).code(), Some(0));
    let (rest, ended) = rest(&stream);
    assert!(rest.len() < LARGE - 1024, "{} bytes came", rest.len());
    assert!(!ended, "it looks like the end of the answer");
    let line = site.server.wait_for_log(" GET /large: 200, cut after ");
    assert!(line.contains(&format!(" of {LARGE} bytes, ")), "{line}");
}

#[test]
fn of_a_file_that_grows_only_what_was_promised_is_sent() {
    let site = Site::new();
    site.write("large", vec![b'x'; LARGE]);
    let stream = begun(&site);
    let mut file = File::options()
        .append(true)
        .open(site.path("large"))
        .expect("a file");
    file.write_all(&vec![b'y'; 1 << 20]).expect("longer");
    (&stream)
        .write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let (rest, ended) = rest(&stream);
    assert!(ended);
    // The head is within the 1024 bytes that were read already.
    let promised = rest.iter().take_while(|byte| **byte == b'x').count();
    let next = &rest[promised..];
    assert!(next.starts_with(b"HTTP/1.1 200 OK\r\n") && next.ends_with(CONTENT.as_bytes()));
}

#[test]
fn a_file_that_is_replaced_or_deleted_comes_as_it_was() {
    let site = Site::new();
    site.write("large", vec![b'x'; LARGE]);
    let first = begun(&site);
    site.write("new", "new");
    fs::rename(site.path("new"), site.path("large")).expect("renamed");
    assert_eq!(site.get("/large", "").text(), "new");
    fs::remove_file(site.path("large")).expect("removed");
    assert_eq!(site.get("/large", "").status, 404);
    drop(first.shutdown(std::net::Shutdown::Write));
    let (rest, ended) = rest(&first);
    assert!(ended && rest.iter().all(|byte| *byte == b'x'));
    assert!(rest.len() > LARGE - 1024 && rest.len() < LARGE);
}

#[test]
fn what_only_the_disk_has_is_waited_for_elsewhere() {
    let site = Site::new();
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    site.write("cold", &content);
    for cause in ["EAGAIN", "EOPNOTSUPP"] {
        let tracer = Tracer::inject(site.server.id(), &format!("preadv2:error={cause}"));
        let reply = site.get("/cold", "");
        assert!(reply.body == content, "{cause}: the answer differs");
        tracer.wait_for_injected(4);
    }
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let site = Site::new();
    site.write("large", vec![b'x'; LARGE]);
    let before = descriptors(site.server.id());
    for number in 0..40 {
        let stream = begun(&site);
        match number % 2 {
            0 => drop(stream),
            _ => reset(stream),
        }
    }
    let freed = becomes_true(PATIENCE, || descriptors(site.server.id()) == before);
    assert!(
        freed,
        "{} descriptors, {before} before",
        descriptors(site.server.id())
    );
    let stream = site.connect();
    (&stream)
        .write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("sent");
    let reply = Reply::read(&mut BufReader::new(&stream), false).expect("an answer");
    assert_eq!(reply.text(), CONTENT);
}

#[test]
fn a_root_that_is_removed_is_no_end() {
    let mut site = Site::new();
    fs::remove_file(site.path("a.txt")).expect("removed");
    fs::remove_dir(site.path("")).expect("removed");
    assert_eq!(site.get("/a.txt", "").status, 404);
    assert!(site.get("/", "").status >= 200);
    site.server.expect_running();
}

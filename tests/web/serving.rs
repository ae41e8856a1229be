//! Start, address, log, counts, the end.

use super::site::{CONTENT, Reply, Site};
use crate::check::records::assert_valid;
use crate::support::process::run;
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use crate::support::{PATIENCE, becomes_true};
use serde_json::Value;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use tempfile::TempDir;

#[test]
fn it_tells_its_address_as_a_url() {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path().to_str().expect("a path");
    let url = |arguments: &[&str]| {
        let server = Server::start(&[&["serve", "http", "--root", root], arguments].concat());
        let listening = server.listening();
        assert_eq!(
            (listening.name.as_str(), listening.protocol.as_str()),
            ("http", "tcp")
        );
        let line = server.output().lines().remove(0);
        let port = server.port();
        line.rsplit(' ')
            .next()
            .map(|it| it.replace(&port.to_string(), "PORT"))
    };
    assert_eq!(url(&[]).as_deref(), Some("http://localhost:PORT/"));
    assert_eq!(
        url(&["--host", "::1"]).as_deref(),
        Some("http://[::1]:PORT/")
    );
    let narrow = url(&["--host", "127.0.0.9", "--port", "0"]);
    assert_eq!(narrow.as_deref(), Some("http://127.0.0.9:PORT/"));
}

#[test]
fn without_a_root_it_does_not_start() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    for root in [folder.path().join("nowhere"), file] {
        let root = root.to_str().expect("a path");
        let output = run(&["serve", "http", "--root", root], b"").expect_code(1);
        let said = format!("netkit: cannot serve the files in `{root}` (hint: ");
        assert!(output.stderr.starts_with(&said), "{output:?}");
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn every_file_that_is_asked_for_is_logged_with_its_count() {
    let site = Site::new();
    site.write("d/ä b.txt", "b");
    site.write("d/index.html", "index");
    let stream = site.connect();
    let port = stream.local_addr().expect("an address").port();
    let mut reader = BufReader::new(&stream);
    let tag = site.get("/a.txt", "").header("etag").to_owned();
    for (target, headers, expected) in [
        ("/a.txt", "", "/a.txt|127.0.0.1|{}|2"),
        (
            "//%61.txt?x",
            "Range: bytes=0-1\r\n",
            "/a.txt|127.0.0.1|{}|3",
        ),
        (
            "/a.txt",
            &format!("If-None-Match: {tag}\r\n"),
            "/a.txt|127.0.0.1|{}|4",
        ),
        ("/d/%C3%A4%20b.txt", "", "/d/ä b.txt|127.0.0.1|{}|1"),
        ("/d/", "", "/d/index.html|127.0.0.1|{}|1"),
        ("/d/index.html", "", "/d/index.html|127.0.0.1|{}|2"),
        ("/", "", "/|127.0.0.1|{}|1"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        (&stream).write_all(request.as_bytes()).expect("sent");
        Reply::read(&mut reader, false).expect("an answer");
        let expected = expected.replace("{}", &port.to_string());
        site.server
            .wait_for_log(&format!(" info serve::http: {expected}"));
    }
    assert_eq!(site.get("/nowhere%0a", "").status, 404);
    let line = site.server.wait_for_log(" GET /nowhere%0a: 404 ");
    assert!(line.contains(": 404 (no such file), "), "{line}");
}

#[test]
fn every_request_is_a_record_with_its_decision_and_bytes() {
    let site = Site::with(&["-v", "--log", "json"]);
    let stream = site.connect();
    let peer = stream.local_addr().expect("an address").to_string();
    let mut reader = BufReader::new(&stream);
    let mut expected = Vec::new();
    for (request, headers, status) in [
        ("GET /a.txt", "", 200),
        ("HEAD /a.txt", "", 200),
        ("GET /a.txt?x", "Range: bytes=0-1\r\n", 206),
        ("GET /a.txt", "If-None-Match: *\r\n", 304),
        ("GET /nowhere", "", 404),
        ("GET /a.txt", "Range: bytes=90-\r\n", 416),
        ("POST /a.txt", "", 405),
    ] {
        let head = format!("{request} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        (&stream).write_all(head.as_bytes()).expect("sent");
        let without_body = request.starts_with("HEAD");
        let reply = Reply::read(&mut reader, without_body).expect("an answer");
        assert_eq!(reply.status, status, "{request}");
        expected.push((
            request.to_owned(),
            u64::from(status),
            reply.body.len() as u64,
        ));
    }
    let requests = || {
        let lines = site.server.log().lines();
        let records = lines
            .iter()
            .map(|it| serde_json::from_str(it).expect("JSON"));
        let records: Vec<Value> = records
            .filter(|it: &Value| it["type"] == "request")
            .collect();
        records
    };
    assert!(becomes_true(PATIENCE, || requests().len() == expected.len()));
    for (record, (request, status, bytes)) in requests().iter().zip(expected) {
        assert_valid(record);
        let (method, path) = request.split_once(' ').expect("two words");
        assert_eq!(
            (&record["method"], &record["path"]),
            (&method.into(), &path.into())
        );
        assert_eq!(record["peer"], peer.as_str());
        assert_eq!(record["status"], status, "{record}");
        assert_eq!(
            (&record["body_bytes"], &record["sent_bytes"]),
            (&bytes.into(), &bytes.into())
        );
        assert_eq!(record.get("reason").is_some(), status > 400, "{record}");
    }
}

#[test]
fn metrics_are_told_if_they_are_asked_for() {
    let site = Site::with(&["--metrics"]);
    site.get("/a.txt", "");
    site.get("/a.txt", "Range: bytes=0-4\r\n");
    site.get("/nowhere", "");
    site.one(b"nonsense\r\n\r\n");
    let reply = site.get("/.netkit/metrics", "");
    assert_eq!(
        reply.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let metrics = reply.text();
    for line in [
        "# TYPE netkit_http_requests_total counter",
        "netkit_http_requests_total{status=\"200\"} 1",
        "netkit_http_requests_total{status=\"206\"} 1",
        "netkit_http_requests_total{status=\"400\"} 1",
        "netkit_http_requests_total{status=\"404\"} 1",
        "netkit_http_file_requests_total{path=\"/a.txt\"} 2",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} in {metrics}");
    }
    assert_eq!(Site::new().get("/.netkit/metrics", "").status, 404);
}

#[test]
fn head_and_body_of_a_small_file_leave_in_one_write() {
    let site = Site::new();
    let tracer = Tracer::attach(
        site.server.id(),
        &["-e", "trace=write,writev,sendto,sendmsg"],
    );
    assert_eq!(site.get("/a.txt", "").text(), CONTENT);
    let calls = tracer.detach();
    let writes: Vec<_> = calls
        .iter()
        .filter(|it| it.contains("HTTP/1.1 200"))
        .collect();
    assert_eq!(writes.len(), 1, "{calls:?}");
    assert!(
        writes[0].contains("writev(") && writes[0].contains("0123456789"),
        "{calls:?}"
    );
}

#[test]
fn a_thousand_requests_in_one_write_are_answered_in_order() {
    let site = Site::with(&[]);
    for number in 0..10 {
        site.write(&number.to_string(), number.to_string());
    }
    let request = |number: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", number % 10);
    let requests: Vec<String> = (0..1_000).map(request).collect();
    let replies = site.all(requests.concat().as_bytes());
    assert_eq!(replies.len(), 1_000);
    for (number, reply) in replies.iter().enumerate() {
        assert_eq!(
            (reply.status, reply.text()),
            (200, (number % 10).to_string())
        );
    }
}

#[test]
fn at_the_end_idle_clients_are_let_go_and_answers_finished() {
    let mut site = Site::with(&["--grace", "60s"]);
    let large = vec![b'x'; 32 << 20];
    site.write("large", &large);
    let idle = site.connect();
    (&idle)
        .write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("sent");
    let mut idle = BufReader::new(&idle);
    Reply::read(&mut idle, false).expect("an answer");
    let silent = site.connect();
    let busy = site.connect();
    (&busy)
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("sent");
    assert!(busy.peek(&mut [0]).is_ok());
    site.server.signal("TERM");
    assert!(Reply::read(&mut idle, false).is_none(), "it was not let go");
    crate::support::client::expect_end(&silent);
    let closed = becomes_true(PATIENCE, || TcpStream::connect(site.server.ipv4()).is_err());
    assert!(closed, "it still accepts");
    site.server.expect_running();
    let mut busy = BufReader::new(&busy);
    let reply = Reply::read(&mut busy, false).expect("an answer");
    assert!(reply.body == large, "the answer differs");
    assert!(Reply::read(&mut busy, false).is_none());
    assert_eq!(site.server.wait_for_exit(PATIENCE).code(), Some(0));
}

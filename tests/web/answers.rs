//! Statuses, headers, ranges, conditions, directories.

use super::site::{CONTENT, Reply, Site};
use crate::support::client::connect;
use crate::support::server::Server;
use std::fs::File;
use std::io::{BufReader, Write};
use std::time::{Duration, SystemTime};

#[test]
fn a_file_comes_whole_with_all_that_is_known_of_it() {
    let site = Site::new();
    let reply = site.get("/a.txt", "");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), CONTENT);
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.header("content-length"), "11");
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let server = concat!("netkit/", env!("CARGO_PKG_VERSION"));
    assert_eq!(reply.header("server"), server);
    let tag = reply.header("etag");
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10,
        "{tag}"
    );
    assert!(reply.header("last-modified").ends_with(" GMT"), "{reply:?}");
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let file = File::options()
        .append(true)
        .open(site.path("a.txt"))
        .expect("a file");
    file.set_modified(moment).expect("a time");
    let changed = site.get("/a.txt", "");
    assert_eq!(
        changed.header("last-modified"),
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    assert_ne!(changed.header("etag"), tag);
    // A time that no date of HTTP can tell is told by the tag alone.
    file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(1))
        .expect("a time");
    let early = site.get(
        "/a.txt",
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    );
    assert_eq!((early.status, early.header("last-modified")), (200, ""));
    assert_ne!(early.header("etag"), changed.header("etag"));
}

#[test]
fn head_has_the_headers_of_get() {
    let site = Site::new();
    site.write("empty", "");
    site.write("list/b", "b");
    for target in [
        "/a.txt", "/empty", "/list/", "/list", "/nowhere", "/%zz", "/",
    ] {
        let get = site.get(target, "");
        let head = site.one(format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(head.headers, get.headers, "{target}");
        assert_eq!(head.body, b"");
    }
}

#[test]
fn a_part_is_what_was_asked_for() {
    let site = Site::new();
    for (range, content_range, body) in [
        ("bytes=0-0", "bytes 0-0/11", "0"),
        ("bytes=2-4", "bytes 2-4/11", "234"),
        ("bytes=8-", "bytes 8-10/11", "89\n"),
        ("bytes=-3", "bytes 8-10/11", "89\n"),
        ("bytes=5-500", "bytes 5-10/11", "56789\n"),
    ] {
        let reply = site.get("/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.header("content-range"), content_range);
        assert_eq!(reply.text(), body);
        assert_ne!(reply.header("etag"), "");
    }
    for range in ["bytes=0-1,3-4", "lines=1-2", "bytes=4-2", "bytes=x"] {
        let reply = site.get("/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, CONTENT),
            "{range}"
        );
    }
    for range in ["bytes=11-", "bytes=-0", "bytes=99999999999999999999-"] {
        let reply = site.get("/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!(reply.status, 416, "{range}");
        assert_eq!(reply.header("content-range"), "bytes */11");
    }
    let head = site.one(b"HEAD /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2\r\n\r\n");
    assert_eq!((head.status, head.header("content-length")), (200, "11"));
}

#[test]
fn conditions_decide_in_their_order() {
    let site = Site::new();
    let reply = site.get("/a.txt", "");
    let (tag, date) = (reply.header("etag"), reply.header("last-modified"));
    for (headers, status) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: \"x\", W/{tag}"), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {tag}"), 304),
        ("If-None-Match: *".into(), 304),
        ("If-None-Match: \"x\"".into(), 200),
        (
            format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}"),
            200,
        ),
        (format!("If-Modified-Since: {date}"), 304),
        (
            "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT".into(),
            200,
        ),
        ("If-Modified-Since: never".into(), 200),
        (format!("If-Match: {tag}"), 200),
        ("If-Match: \"x\"".into(), 412),
        (format!("If-Match: W/{tag}"), 412),
        (format!("If-Unmodified-Since: {date}"), 200),
        (
            "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT".into(),
            412,
        ),
        (format!("If-Match: {tag}\r\nIf-None-Match: {tag}"), 304),
        (format!("Range: bytes=0-1\r\nIf-Range: {tag}"), 206),
        ("Range: bytes=0-1\r\nIf-Range: \"x\"".into(), 200),
        (format!("Range: bytes=90-\r\nIf-None-Match: {tag}"), 304),
    ] {
        let reply = site.get("/a.txt", &(headers.clone() + "\r\n"));
        assert_eq!(reply.status, status, "{headers}");
        if status == 304 {
            assert_eq!(reply.header("etag"), tag);
            assert_eq!(reply.header("last-modified"), date);
        }
    }
}

#[test]
fn a_directory_is_its_index_or_a_listing() {
    let site = Site::new();
    site.write("with/index.html", "<p>index");
    site.write("plain/b <i>.txt", "b");
    site.write("plain/.hidden", "");
    let moved = site.get("/with?x=1", "");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, "/with/?x=1")
    );
    let index = site.get("/with/", "");
    assert_eq!((index.status, index.text().as_str()), (200, "<p>index"));
    assert_eq!(index.header("content-type"), "text/html; charset=utf-8");
    let listing = site.get("/plain/", "");
    assert_eq!(listing.status, 200);
    let page = listing.text();
    assert!(
        page.contains("<a href=\"./b%20%3Ci%3E.txt\">b &lt;i&gt;.txt</a>"),
        "{page}"
    );
    assert!(page.contains("<a href=\"./.hidden\">"), "{page}");
    assert!(
        listing
            .header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let root = site.get("/", "").text();
    assert!(root.contains("<a href=\"./plain/\">plain/</a>"), "{root}");
    assert_eq!(site.get("/a.txt/", "").status, 404);
    // Never the address of another host.
    let moved = site.get("//with", "");
    assert_eq!((moved.status, moved.header("location")), (301, "/with/"));
}

#[test]
fn other_forms_of_a_request_are_understood() {
    let site = Site::new();
    site.write("a b.txt", "b");
    for request in [
        "GET http://other/a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a.txt?query HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET /%61.txt HTTP/1.1\r\nHost:\r\n\r\n",
        "GET //./a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a.txt HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let reply = site.one(request.as_bytes());
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, CONTENT),
            "{request}"
        );
    }
    assert_eq!(site.get("/a%20b.txt", "").text(), "b");
}

#[test]
fn a_file_without_a_size_is_not_there() {
    let root = [
        "serve",
        "http",
        "--host",
        "127.0.0.1",
        "--root",
        "/proc/self",
    ];
    let server = Server::start(&root);
    let stream = connect(server.ipv4());
    (&stream)
        .write_all(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("sent");
    let reply = Reply::read(&mut BufReader::new(&stream), false).expect("an answer");
    assert_eq!(reply.status, 404, "{reply:?}");
}

#[test]
fn what_is_not_there_or_not_allowed_is_refused() {
    let site = Site::new();
    for target in ["/nowhere", "/a.txt/b", "/A.TXT", "/a.txt%20"] {
        assert_eq!(site.get(target, "").status, 404, "{target}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let reply = site.one(format!("{method} /a.txt HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "GET, HEAD"),
            "{method}"
        );
    }
    for request in [
        "GET /a.txt HTTP/1.1\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a.txt%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(site.one(request.as_bytes()).status, 400, "{request}");
    }
}

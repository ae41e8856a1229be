//! Unix sockets: by path and by abstract name, missing, stale, full.

use crate::check::records::{Checked, check};
use crate::support::process::run;
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("cannot make a temporary folder")
}

fn listen(path: &Path) -> UnixListener {
    UnixListener::bind(path).expect("cannot listen on a Unix socket")
}

/// Greets whoever connects.
fn greet(listener: UnixListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: UnixStream = stream.expect("cannot accept");
            drop(stream.write_all(b"hello\n"));
        }
    });
}

#[track_caller]
fn expect_refused(checked: Checked, words: &str) {
    let checked = checked.expect_code(1);
    let result = checked.only();
    assert_eq!(result["state"], "refused", "{result}");
    assert_eq!(result["family"], "unix", "{result}");
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains(words), "{result}");
}

#[test]
fn a_socket_is_found_by_its_path() {
    let folder = folder();
    let path = folder.path().join("app.sock");
    greet(listen(&path));
    let target = format!("unix://{}", path.display());
    let checked = check(&[&target, "--expect", "^hello$"]).expect_code(0);
    let result = checked.only();
    assert_eq!(result["target"], target.as_str(), "{result}");
    assert_eq!(result["family"], "unix", "{result}");
    assert_eq!(result["seen"], "hello\\n", "{result}");
    assert_eq!(result.get("address"), None, "{result}");
    check(&[&target]).expect_code(0);
    let output = run(&["probe", "unix", &path.display().to_string()], b"").expect_code(0);
    assert!(output.stdout.contains("  connected to /"), "{output:?}");
}

#[test]
fn a_socket_is_found_by_its_abstract_name() {
    let name = format!("netkit test {}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let listener = UnixListener::bind_addr(&address).expect("cannot listen");
    greet(listener);
    let target = format!("unix://@{name}");
    check(&[&target, "--read", "6"]).expect_code(0);
    let none = format!("{target} of nobody");
    expect_refused(check(&[&none]), "nobody listens on it");
}

#[test]
fn what_is_no_listening_socket_refuses() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let target = |name: &str| format!("unix://{}", path(name).display());
    expect_refused(check(&[&target("missing")]), "no such socket");
    std::fs::write(path("file"), "text").expect("cannot write a file");
    expect_refused(check(&[&target("file")]), "nobody listens on it");
    drop(listen(&path("stale")));
    expect_refused(check(&[&target("stale")]), "nobody listens on it");
    let _datagrams = UnixDatagram::bind(path("datagrams")).expect("cannot bind");
    expect_refused(check(&[&target("datagrams")]), "of another kind");
    let expected = format!("{}=closed", target("stale"));
    check(&[&expected]).expect_code(0);
}

#[test]
fn a_full_backlog_is_filtered() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let folder = folder();
    let path = folder.path().join("full.sock");
    let address = SockAddr::unix(&path).expect("an address");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    listener.bind(&address).expect("cannot bind");
    listener.listen(0).expect("cannot listen");
    // One waits for somebody to accept it; for more there is no room.
    let _waiting = UnixStream::connect(&path).expect("cannot connect");
    let target = format!("unix://{}", path.display());
    let checked = check(&[&target]).expect_code(1);
    let result = checked.only();
    assert_eq!(result["state"], "filtered", "{result}");
    assert_eq!(result["reason"], "its backlog is full", "{result}");
}

#[test]
fn a_name_that_is_too_long_is_told() {
    let target = format!("unix:///{}", "x".repeat(200));
    let checked = check(&[&target]).expect_code(4);
    let reason = checked.only()["reason"].as_str().expect("a reason");
    assert!(reason.contains("201 bytes, 107 at most"), "{checked:?}");
}

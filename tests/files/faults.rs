//! What is the server's own fault: files that it may not read, a full disk; and what it may touch.

use super::{Side, ask};
use crate::support::client::{connect, expect_bytes, reset};
use crate::support::peer::silent;
use crate::support::process::{netkit, send_signal};
use crate::support::server::Server;
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true};
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

/// Runs a program whose user is held to the modes of files, root or not.
const HELD_TO_MODES: &[&str] = &["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

/// How the answer to these bytes begins: that it is not the expected one need not be shown whole.
fn beginning(server: &Server, request: &[u8]) -> String {
    let answer = ask(server.ipv4(), request);
    String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned()
}

fn serve(side: &Side, wrapper: &[&str], service: &[&str]) -> Server {
    let root = side.root();
    let root = root.to_str().expect("a path in UTF-8");
    let own = [service, &["--port", "0", "-v", "--root", root]].concat();
    Server::through(wrapper, &own)
}

#[test]
fn a_file_that_may_not_be_read_is_told_apart_from_one_that_is_not_there() {
    let side = Side::new(&[("secret", b"x"), ("open", b"y")]);
    let secret = side.root().join("secret");
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).expect("a mode");
    let peer = serve(&side, HELD_TO_MODES, &["serve", "peer"]);
    let mut stream = connect(peer.ipv4());
    stream.write_all(b"GET secret\n").expect("cannot send");
    let error = stream.read(&mut [0]).expect_err("an answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert_eq!(beginning(&peer, b"GET open\n"), "FOUND 1\ny");
    let line = peer.wait_for_log("GET secret");
    assert!(line.contains("Permission denied"), "{line}");
    let address = peer.ipv4().to_string();
    let service = ["serve", "coordinator", "--peer", &address];
    let coordinator = serve(&side, HELD_TO_MODES, &service);
    assert_eq!(beginning(&coordinator, b"GET secret\n"), "ERROR INTERNAL\n");
    let line = coordinator.wait_for_log("sent ERROR INTERNAL");
    assert!(line.contains("sent ERROR INTERNAL"), "{line}");
    assert_eq!(beginning(&coordinator, b"GET open\n"), "OK ONE 1\ny");
}

#[test]
fn a_file_without_a_size_is_no_file_and_never_an_empty_one() {
    let server = Server::start(&["serve", "peer", "--port", "0", "-v", "--root", "/proc"]);
    assert_eq!(beginning(&server, b"GET version\n"), "NOTFOUND\n");
    server.wait_for_log("no file that has a size");
    let side = Side::new(&[("empty", b"")]);
    let server = side.peer(&[]);
    assert_eq!(beginning(&server, b"GET empty\n"), "FOUND 0\n");
}

#[test]
fn a_full_disk_is_an_internal_error_and_the_next_request_is_served() {
    // Copies that differ from the first byte, too large for memory: the peer's has to be kept.
    let (one, two) = (Side::new(&[("small", b"x")]), Side::new(&[("small", b"x")]));
    for (side, first) in [(&one, b"1"), (&two, b"2")] {
        side.write("large", first);
        side.write("same", b"");
        for name in ["large", "same"] {
            let file = File::options().write(true).open(side.root().join(name));
            let lengthened = file.and_then(|it| it.set_len(16 << 20));
            lengthened.expect("a large file");
        }
    }
    let peer = two.peer(&[]);
    let address = peer.ipv4().to_string();
    let mount = "mount -t tmpfs -o size=1m none \"$0\" && exec env TMPDIR=\"$0\" \"$@\"";
    let spool = one.folder.path().join("spool");
    fs::create_dir(&spool).expect("a folder");
    let spool = spool.to_str().expect("a path in UTF-8");
    let wrapper = ["unshare", "--mount", "sh", "-c", mount, spool];
    let coordinator = serve(
        &one,
        &wrapper,
        &["serve", "coordinator", "--peer", &address],
    );
    assert_eq!(beginning(&coordinator, b"GET small\n"), "OK ONE 1\nx");
    let open = descriptors(coordinator.id());
    assert_eq!(beginning(&coordinator, b"GET large\n"), "ERROR INTERNAL\n");
    let line = coordinator.wait_for_log("GET large");
    assert!(line.contains("No space left on device"), "{line}");
    // Of the same copy nothing has to be kept.
    assert_eq!(
        ask(coordinator.ipv4(), b"GET same\n").len(),
        16 + (16 << 20)
    );
    assert_eq!(beginning(&coordinator, b"GET small\n"), "OK ONE 1\nx");
    let freed = becomes_true(PATIENCE, || descriptors(coordinator.id()) == open);
    assert!(freed, "a descriptor was left open");
}

#[test]
fn a_log_that_nobody_reads_holds_up_nobody() {
    let name = "x".repeat(200);
    let side = Side::new(&[(&name, b"x")]);
    let root = side.root();
    let root = root.to_str().expect("a path in UTF-8");
    let mut command = netkit(&["serve", "peer", "--port", "0", "-vv", "--root", root]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Ended(command.spawn().expect("cannot start netkit"));
    let mut line = String::new();
    let stdout = child.0.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let (_, port) = line
        .trim()
        .trim_end_matches("/tcp")
        .rsplit_once(':')
        .expect("a port");
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a number")));
    // More than the pipe and the memory for waiting lines hold.
    for _ in 0..4000 {
        assert_eq!(
            ask(address, format!("GET {name}\n").as_bytes()),
            b"FOUND 1\nx"
        );
    }
    let mut log = BufReader::new(child.0.stderr.take().expect("its log"));
    let lost = loop {
        let mut line = String::new();
        log.read_line(&mut line).expect("a line");
        if line.contains("lines of the log were lost") {
            break line;
        }
    };
    assert!(lost.starts_with("netkit: "), "{lost}");
    send_signal(child.0.id(), "TERM");
    assert!(child.0.wait().expect("an end").success());
}

/// A process that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_transfer_that_the_end_of_the_server_cuts_is_reset() {
    let side = Side::new(&[]);
    let file = File::create(side.root().join("large")).expect("a file");
    file.set_len(256 << 20).expect("a large file");
    let mut server = side.peer(&["--grace", "100ms"]);
    let mut stream = connect(server.ipv4());
    stream.write_all(b"GET large\n").expect("cannot send");
    expect_bytes(&stream, b"FOUND 268435456\n");
    server.signal("TERM");
    assert!(server.wait_for_exit(PATIENCE).success());
    let error = stream
        .read_to_end(&mut Vec::new())
        .expect_err("a whole answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
}

#[test]
fn what_a_client_says_too_late_does_not_destroy_its_answer() {
    let side = Side::new(&[]);
    let length = 64 << 20;
    let file = File::create(side.root().join("large")).expect("a file");
    file.set_len(length).expect("a large file");
    let server = side.peer(&[]);
    let mut stream = connect(server.ipv4());
    stream.write_all(b"GET large\n").expect("cannot send");
    expect_bytes(&stream, b"FOUND 67108864\n");
    stream.write_all(b"and more\n").expect("cannot send");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("a whole answer");
    assert_eq!(rest.len() as u64, length);
}

#[test]
fn a_client_that_is_gone_is_not_waited_for() {
    let side = Side::new(&[("a", b"x")]);
    let peer = silent();
    let coordinator = side.coordinator(peer, &["--peer-timeout", "10min"]);
    // The last that it opens by itself.
    coordinator.wait_for_log("confined");
    let open = descriptors(coordinator.id());
    let mut stream = connect(coordinator.ipv4());
    stream.write_all(b"GET a\n").expect("cannot send");
    // The client, our copy, the peer.
    let asked = becomes_true(PATIENCE, || descriptors(coordinator.id()) == open + 3);
    assert!(asked, "the peer was not asked");
    reset(stream);
    let line = coordinator.wait_for_log("the client left before the answer");
    assert!(line.ends_with("rst"), "{line}");
    let freed = becomes_true(PATIENCE, || descriptors(coordinator.id()) == open);
    assert!(freed, "a descriptor was left open");
}

#[test]
fn a_serving_process_says_whether_it_is_confined() {
    let side = Side::new(&[]);
    for service in ["peer", "http"] {
        let server = serve(&side, &["env"], &["serve", service]);
        let line = server.wait_for_log("confined");
        let status = fs::read_to_string(format!("/proc/{}/status", server.id()));
        // Landlock demands it (landlock_restrict_self(2)), and nothing else here sets it.
        let restricted = status.expect("a status").contains("NoNewPrivs:\t1");
        assert_eq!(restricted, !line.contains("no Landlock"), "{line}");
    }
}

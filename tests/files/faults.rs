//! What is the server's own fault: files that it may not read, a full disk; and what it may touch.

use super::{Side, ask};
use crate::support::PATIENCE;
use crate::support::becomes_true;
use crate::support::server::Server;
use crate::support::usage::descriptors;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

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
    assert_eq!(beginning(&peer, b"GET secret\n"), "NOTFOUND\n");
    assert_eq!(beginning(&peer, b"GET open\n"), "FOUND 1\ny");
    let line = peer.wait_for_log("GET secret");
    assert!(line.contains("Permission denied"), "{line}");
    let address = peer.ipv4().to_string();
    let service = ["serve", "coordinator", "--peer", &address];
    let coordinator = serve(&side, HELD_TO_MODES, &service);
    assert_eq!(beginning(&coordinator, b"GET secret\n"), "ERROR INTERNAL\n");
    let line = coordinator.wait_for_log("GET secret");
    assert!(line.contains("sent ERROR INTERNAL"), "{line}");
    assert_eq!(beginning(&coordinator, b"GET open\n"), "OK ONE 1\ny");
}

#[test]
fn a_full_disk_is_an_internal_error_and_the_next_request_is_served() {
    // Copies that differ from the first byte, too large for memory: the peer's has to be kept.
    let (one, two) = (Side::new(&[("small", b"x")]), Side::new(&[("small", b"x")]));
    for (side, first) in [(&one, b"1"), (&two, b"2")] {
        side.write("large", first);
        let file = File::options().write(true).open(side.root().join("large"));
        file.and_then(|it| it.set_len(16 << 20))
            .expect("a large file");
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
    assert_eq!(beginning(&coordinator, b"GET small\n"), "OK ONE 1\nx");
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

//! Files that a member has from another one: streamed, and never cut short unseen.

use super::{Site, address};
use crate::support::becomes_true;
use crate::support::process::{Process, send_signal};
use crate::support::usage;
use crate::support::{PATIENCE, process::finish};
use std::fs::{self, File};

/// Takes one file with `REQ:` and says how it ended and how much came.
pub(super) const TAKE: &str = r"
import socket, sys
host, port = sys.argv[1].rsplit(':', 1)
stream = socket.create_connection((host, int(port)), timeout=20)
stream.sendall(('REQ:%s\n' % sys.argv[2]).encode())
came, end = 0, 'end'
while True:
    try:
        piece = stream.recv(1 << 20)
    except ConnectionResetError:
        end = 'reset'
        break
    if not piece:
        break
    if came == 0:
        print('begun', flush=True)
        sys.stdin.readline()
    came += len(piece)
print(end, came, flush=True)
";

const LARGE: u64 = 128 << 20;

fn large(site: &Site, id: usize) {
    let file = File::create(site.root(id).join("large")).expect("a file");
    file.set_len(LARGE).expect("a large file");
}

#[test]
fn a_large_file_is_sent_on_while_it_comes() {
    let site = Site::new(3);
    large(&site, 3);
    let members = site.start_all();
    let before: Vec<u64> = members
        .iter()
        .map(|it| usage::resident_bytes(it.id()))
        .collect();
    // From member 2 by way of the leader: two members send it on.
    let take = site.host.python(TAKE, &[&address(2), "large"]);
    let output = finish(take, b"\n", 2 * PATIENCE).expect_code(0);
    assert_eq!(output.stdout, format!("begun\nend {LARGE}\n"));
    for (member, before) in members.iter().zip(before) {
        let more = usage::resident_bytes(member.id()).saturating_sub(before);
        assert!(more < 32 << 20, "{more} bytes more");
    }
}

#[test]
fn a_file_that_is_cut_on_its_way_ends_in_a_reset() {
    let site = Site::new(3);
    large(&site, 3);
    let members = site.start_all();
    let mut take = Process::start(site.host.python(TAKE, &[&address(2), "large"]));
    take.stdout.wait_for_line("begun", PATIENCE);
    send_signal(members[2].id(), "KILL");
    drop(take.take_stdin());
    let output = take.end(PATIENCE).expect_code(0);
    assert!(output.stdout.contains("reset "), "{output:?}");
    members[1].wait_for_log("was cut");
}

#[test]
fn an_output_is_whole_or_not_there() {
    let site = Site::new(2);
    large(&site, 2);
    let members = site.start_all();
    site.host
        .shell("tc qdisc add dev lo root tbf rate 80mbit burst 128kb latency 50ms");
    let kept = site.folder.path().join("copy");
    let target = address(1);
    let words = [
        "probe",
        "cluster",
        &target,
        "get",
        "large",
        "--exit-detail",
        "--output",
    ];
    let kept_name = kept.to_str().expect("a path in UTF-8");
    let mut probe = Process::start(site.host.netkit(&[&words[..], &[kept_name]].concat()));
    members[1].wait_for_log("SEND");
    let begun = becomes_true(PATIENCE, || {
        let names = fs::read_dir(site.folder.path()).expect("a folder");
        names
            .flatten()
            .any(|it| it.file_name().to_string_lossy().starts_with(".netkit-"))
    });
    assert!(begun, "nothing is being written");
    send_signal(members[1].id(), "KILL");
    probe.end(PATIENCE).expect_code(14);
    assert!(!kept.exists());
    site.host.shell("tc qdisc del dev lo root");
}

#[test]
fn a_member_that_asks_is_not_asked_back() {
    let site = Site::new(3);
    let _members = site.start_all();
    // It is listed, and gone when it is asked for.
    let log = || fs::read_to_string(site.peer_log(1)).unwrap_or_default();
    assert!(
        becomes_true(PATIENCE, || log().contains("only3")),
        "{}",
        log()
    );
    fs::remove_file(site.root(3).join("only3")).expect("a file");
    assert_eq!(site.say(2, "REQ:only3\n", "pause"), "404 Not Found");
    assert_eq!(site.say(3, "REQ:only3\n", "pause"), "404 Not Found");
}

//! Strangers, wrong and doubled numbers, an old leader's word, and requests that are none.

use super::{CLIENT, Site, address};
use crate::support::PATIENCE;
use crate::support::becomes_true;
use crate::support::process::{Process, finish, netkit_through, send_signal};
use crate::support::server::Server;
use crate::support::usage::descriptors;

#[test]
fn numbers_that_are_nobody_s_and_somebody_else_s_are_refused() {
    let site = Site::new(3);
    let members = site.start_all();
    // The client of the test is at 127.0.0.1, where no member is.
    for (word, answer, log) in [
        (
            "ID:9",
            "403 Forbidden\n",
            "member 9, which is not in --members",
        ),
        (
            "ID:2",
            "403 Forbidden\n",
            "member 2, which is at another address",
        ),
        ("ID:1", "403 Forbidden\n", "member 1, which this one is"),
        ("LEADER 2", "403 Forbidden\n", "says that 2 leads"),
        ("ID:0", "400 Bad Request\n", "`ID:0` is no request"),
        (
            "ID:4294967296",
            "400 Bad Request\n",
            "`ID:4294967296` is no request",
        ),
    ] {
        assert_eq!(site.say(1, word, "end"), answer, "{word}");
        members[0].wait_for_log(log);
    }
    members[0].wait_for_log("warn serve::cluster: 127.0.0.1:");
    let output = site.probe(1, &["leader"]).expect_code(0);
    assert_eq!(output.stdout, format!("leader 1 {}\n", address(1)));
}

/// As the other client, from the address that is its fourth argument.
fn say_from(site: &Site, from: usize, to: usize, word: &str) -> String {
    let program = CLIENT.replace(
        "timeout=20)",
        "timeout=20, source_address=(sys.argv[4], 0))",
    );
    let from = format!("127.0.0.{}", 10 + from);
    let client = site
        .host
        .python(&program, &[&address(to), word, "end", &from]);
    finish(client, b"", PATIENCE).expect_code(0).stdout
}

#[test]
fn an_old_leader_s_word_changes_nothing() {
    let site = Site::new(3);
    let mut members = site.start_all();
    let old = members.remove(0);
    send_signal(old.id(), "KILL");
    site.wait_for_leader(2, 2);
    site.wait_for_leader(3, 2);
    let leads = |it: &crate::support::server::Server| it.log().count_lines_with(" leads");
    let before: Vec<usize> = members.iter().map(leads).collect();
    // From a member's address, in the old leader's name and in a member's.
    for _ in 0..20 {
        assert_eq!(say_from(&site, 1, 3, "LEADER 1"), "OK\n");
        assert_eq!(say_from(&site, 1, 3, "ID:1"), "ID:3\n");
        assert_eq!(say_from(&site, 2, 3, "LEADER 3"), "OK\n");
        assert_eq!(say_from(&site, 3, 2, "LEADER 3"), "OK\n");
        for id in [2, 3] {
            let output = site.probe(id, &["leader"]).expect_code(0);
            assert_eq!(output.stdout, format!("leader 2 {}\n", address(2)));
        }
    }
    let after: Vec<usize> = members.iter().map(leads).collect();
    // Their own words about it do not count: they say what they see.
    let changed = members
        .iter()
        .any(|it| it.log().so_far().contains("member 3 (") && leads(it) == 0);
    assert!(!changed && before.len() == after.len());
    members[1].wait_for_log("says that member 1 leads: by what is seen here, 2 leads");
}

#[test]
fn a_second_member_of_a_number_is_told_so_and_does_not_start() {
    let site = Site::new(2);
    let _members = site.start_all();
    let words = site.words(2, &["--port", "0"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = site.run(&words).expect_code(1);
    let said = format!("cannot be member 2: there is one at {} already", address(2));
    assert!(output.stderr.contains(&said), "{output:?}");
    // One that has another place in mind is a stranger to the others.
    let elsewhere = format!("1={},2=127.0.0.99:3999", address(1));
    let words = site.words(2, &[]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = [&words[..5], &[elsewhere.as_str()], &words[6..]].concat();
    let twin = crate::support::server::Server::of(site.host.netkit(&words));
    twin.wait_for_log("member 1 does not take this one for member 2");
}

#[test]
fn somebody_else_in_a_member_s_place_is_not_that_member() {
    let site = Site::new(2);
    let first = site.start(1, &[]);
    // Number 1 of another cluster, where number 2 of this one should be.
    let members = format!("1={},2={}", address(2), address(1));
    let words = site.words(1, &["--host", "127.0.0.12"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = [&words[..5], &[members.as_str()], &words[6..]].concat();
    let _other = crate::support::server::Server::of(site.host.netkit(&words));
    first.wait_for_log("does not take this one for member 1");
    let output = site.probe(1, &["members"]).expect_code(0);
    assert!(output.stdout.contains("12:3682 down"), "{output:?}");
}

#[test]
fn a_leader_that_is_stopped_is_missed_and_knows_nothing_when_it_goes_on() {
    let site = Site::new(3);
    let members = site.start_all();
    members[0].pause();
    site.wait_for_leader(2, 2);
    site.wait_for_leader(3, 2);
    members[0].resume();
    members[0].wait_for_log("it is not known who leads");
    for id in 1..=3 {
        site.wait_for_leader(id, 1);
    }
}

/// A member 2 that answers every request with the same byte, without end.
const FLOOD: &str = r"
import socket, sys
host, port = sys.argv[1].rsplit(':', 1)
listener = socket.create_server((host, int(port)))
print('listening', flush=True)
while True:
    client, _ = listener.accept()
    request = client.recv(1024)
    try:
        if request.startswith(b'ID:'):
            client.sendall(b'ID:2\n')
        else:
            while True:
                client.sendall(b'x' * 65536)
    except OSError:
        pass
    client.close()
";

#[test]
fn a_member_that_talks_without_end_is_cut_off() {
    let site = Site::new(2);
    let flood = site.host.python(FLOOD, &[&address(2)]);
    let flood = crate::support::process::Process::start(flood);
    flood.stdout.wait_for_line("listening", PATIENCE);
    let member = site.start(1, &[]);
    member.wait_for_log("its list is longer than 4194304 bytes");
    assert_eq!(site.say(1, "REQ:only1", "end"), "content 1");
    assert_eq!(site.say(1, "REQ:nothing", "end"), "404 Not Found");
    let output = site.probe(2, &["leader"]).expect_code(1);
    assert!(
        output.stderr.contains("a line is longer than 8192 bytes"),
        "{output:?}"
    );
}

#[test]
fn members_are_asked_for_on_the_command_line() {
    let site = Site::new(1);
    for (members, id, words) in [
        ("3", "4", "--id 4 is not in --members, which has 1, 2, 3"),
        ("1=a:1,1=b:1", "1", "there are two members of number 1"),
        ("65", "1", "65 members, 64 at most are served"),
        ("x", "1", "`x` are no members"),
    ] {
        let output = site.run(&["serve", "cluster", "--id", id, "--members", members]);
        let output = output.expect_code(2);
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

#[test]
fn clients_that_say_nothing_or_too_much_leave_nothing_open() {
    let site = Site::new(1);
    let server = site.start(1, &["--idle-timeout", "1s"]);
    site.wait_for_leader(1, 1);
    let open = descriptors(server.id());
    let long = "x".repeat(20_000);
    assert_eq!(site.say(1, &long, "pause"), "400 Bad Request\n");
    assert_eq!(site.say(1, "REQ", "pause"), "400 Bad Request\n");
    assert_eq!(site.say(1, "", "pause"), "");
    server.wait_for_log("no whole request in time");
    let freed = becomes_true(PATIENCE, || descriptors(server.id()) <= open);
    assert!(
        freed,
        "{} descriptors, not {open}",
        descriptors(server.id())
    );
    assert_eq!(site.say(1, "REQ:only1", "end"), "content 1");
}

/// Holds forty connections and says nothing.
const SILENCE: &str = r"
import socket, sys
host, port = sys.argv[1].rsplit(':', 1)
held = [socket.create_connection((host, int(port)), timeout=20) for _ in range(40)]
print('held', flush=True)
sys.stdin.readline()
";

#[test]
fn strangers_leave_a_leader_the_descriptors_to_ask_others() {
    let site = Site::new(2);
    let words = site.words(1, &["--idle-timeout", "1s"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let first = netkit_through(&["prlimit", "--nofile=24:24"], &words);
    let first = Server::of(site.host.enter(&first));
    let second = site.start(2, &[]);
    site.wait_for_leader(2, 1);
    site.wait_for_leader(1, 1);
    let strangers = Process::start(site.host.python(SILENCE, &[&address(1)]));
    strangers.stdout.wait_for_line("held", PATIENCE);
    // They are served one after the other: longer than a member may be missed.
    let served = || first.log().count_lines_with(": 0 bytes received") >= 4;
    assert!(becomes_true(PATIENCE, served), "{}", first.log().so_far());
    let output = site.probe(2, &["leader"]).expect_code(0);
    assert_eq!(output.stdout, format!("leader 1 {}\n", address(1)));
    assert_eq!(second.log().count_lines_with("it is this one"), 0);
    assert_eq!(first.log().count_lines_with("is down"), 0);
    assert_eq!(first.log().count_lines_with("out of descriptors"), 0);
}

#[test]
fn a_link_does_not_lead_the_list_of_files_into_what_is_served() {
    let site = Site::new(1);
    let log = site.peer_log(1);
    for (target, said) in [
        ("files/only1", "it would be served"),
        ("files/new", "No such file or directory"),
    ] {
        std::os::unix::fs::symlink(target, &log).expect("a link");
        let words = site.words(1, &[]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = site.run(&words).expect_code(1);
        assert!(output.stderr.contains(said), "{output:?}");
        std::fs::remove_file(&log).expect("the link");
    }
    // One that leads elsewhere stays a link.
    let elsewhere = site.folder.path().join("list");
    std::fs::write(&elsewhere, "").expect("a file");
    std::os::unix::fs::symlink(&elsewhere, &log).expect("a link");
    let _member = site.start(1, &[]);
    let written = || std::fs::read(&elsewhere).is_ok_and(|it| it.starts_with(b"Node 1 files: "));
    assert!(becomes_true(PATIENCE, written), "nothing is written");
    assert!(log.is_symlink());
    assert_eq!(site.say(1, "REQ:only1", "end"), "content 1");
}

//! Blocks come back as they went, to whom they belong.

use super::{Site, announce, block, delete, get, line, login, names, put, say};
use crate::support::client::{connect, expect_bytes, expect_end, expect_silence};
use crate::support::namespace::Host;
use crate::support::process::run;
use crate::support::server::Server;
use crate::support::usage::{processor_share, resident_bytes};
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn blocks_come_back_are_replaced_and_removed() {
    let site = Site::new();
    let server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    assert_eq!(
        get(&alice, "n_A1.txt", "papers"),
        Err("ERROR no such block".into())
    );
    for size in [5, 0, 1, 100_000, 3_000_000, 7] {
        let block = block(1, size);
        put(&alice, "n_A1.txt", "papers", &block);
        assert!(
            get(&alice, "n_A1.txt", "papers") == Ok(block),
            "{size} bytes"
        );
    }
    put(&alice, "n_A2.txt", "papers/deeper/still", b"other");
    assert_eq!(
        get(&alice, "n_A2.txt", "/papers//deeper/still/"),
        Ok(b"other".into())
    );
    delete(&alice, "n_A1.txt", "papers");
    delete(&alice, "n_A1.txt", "papers");
    assert_eq!(
        get(&alice, "n_A1.txt", "papers"),
        Err("ERROR no such block".into())
    );
    assert!(site.unfinished().is_empty());
    server.wait_for_log("alice: STR papers/n_A1.txt (5 bytes): kept");
    server.wait_for_log("alice: RTV papers/n_A1.txt: sent 5 bytes");
    server.wait_for_log("alice: DEL papers/n_A1.txt: was not there");
    let kept = fs::metadata(site.root().join("alice/papers/deeper/still/n_A2.txt"));
    assert_eq!(kept.expect("the block").permissions().mode() & 0o777, 0o600);
    drop(alice);
    server.wait_for_log(" 18 requests: ");
}

#[test]
fn a_connection_serves_one_user_after_the_other_and_each_sees_their_own() {
    let site = Site::new();
    let server = site.serve(&[]);
    let stream = login(server.ipv4(), "alice");
    put(&stream, "same", "p", b"hers");
    say(&stream, b"LOGOUT\r\nbob\r\n");
    assert_eq!(get(&stream, "same", "p"), Err("ERROR no such block".into()));
    put(&stream, "same", "p", b"his");
    say(&stream, b"LOGOUT\r\nalice\r\n");
    assert_eq!(get(&stream, "same", "p"), Ok(b"hers".into()));
    let other = login(server.ipv4(), "bob");
    assert_eq!(get(&other, "same", "p"), Ok(b"his".into()));
    assert_eq!(names(&site.root()), [".netkit", "alice", "bob"]);
}

#[test]
fn requests_come_byte_by_byte_or_all_at_once() {
    let site = Site::new();
    let server = site.serve(&[]);
    let requests = b"alice\r\nSTR\r\n5\r\nn\r\np\r\n\r\n";
    let mut stream = connect(server.ipv4());
    for byte in requests {
        stream.write_all(&[*byte]).expect("cannot send");
    }
    expect_bytes(&stream, b"\0");
    for byte in b"hello" {
        stream.write_all(&[*byte]).expect("cannot send");
    }
    expect_bytes(&stream, b"\0");
    // A client that waits for nothing.
    let mut stream = connect(server.ipv4());
    let all = [
        requests,
        &b"abcdeRTV\r\nn\r\np\r\n\r\nDEL\r\nn\r\np\r\n\r\n"[..],
    ]
    .concat();
    stream.write_all(&all).expect("cannot send");
    expect_bytes(&stream, b"\0\x005\r\nabcde\0");
    // And one that has finished sending.
    stream
        .write_all(b"RTV\r\nn\r\np\r\n\r\n")
        .expect("cannot send");
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("cannot half-close");
    assert_eq!(line(&stream), "ERROR no such block");
    expect_end(&stream);
}

#[test]
fn a_block_of_25_megabytes_takes_little_memory() {
    const SIZE: usize = 25_000_000;
    let site = Site::new();
    let server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    put(&alice, "small", "p", b"warm");
    let before = resident_bytes(server.id());
    announce(&alice, "large", "p", SIZE);
    let whole = block(3, SIZE);
    let (most, rest) = whole.split_at(SIZE - 1);
    say(&alice, most);
    let taken = becomes_true(PATIENCE, || {
        let drafts = site.unfinished();
        let path = |it: &String| site.root().join(".netkit").join(it);
        let length = drafts.first().and_then(|it| fs::metadata(path(it)).ok());
        length.is_some_and(|it| it.len() == most.len() as u64)
    });
    assert!(taken, "what came does not lie on the disk");
    let grown = resident_bytes(server.id()).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes of memory for a block");
    say(&alice, rest);
    expect_bytes(&alice, b"\0");
    assert!(get(&alice, "large", "p") == Ok(whole));
    let grown = resident_bytes(server.id()).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes of memory for a block");
}

#[test]
fn a_session_may_think_and_ends_with_the_server() {
    let site = Site::new();
    let mut server = site.serve(&["--grace", "1min"]);
    let idle = login(server.ipv4(), "alice");
    put(&idle, "n", "p", b"x");
    let nobody = connect(server.ipv4());
    let share = processor_share(server.id(), || {
        expect_silence(&idle, Duration::from_millis(700));
    });
    assert!(
        share < 5.0,
        "{share:.1} % of a processor for sessions that think"
    );
    let storing = login(server.ipv4(), "alice");
    announce(&storing, "n", "p", 6);
    server.signal("TERM");
    expect_end(&idle);
    expect_end(&nobody);
    // What has begun is finished.
    say(&storing, b"finish");
    expect_bytes(&storing, b"\0");
    expect_end(&storing);
    assert!(server.wait_for_exit(PATIENCE).success());
    let server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    assert_eq!(get(&alice, "n", "p"), Ok(b"finish".into()));
}

#[test]
fn an_idle_session_is_closed_when_asked_for() {
    let site = Site::new();
    let server = site.serve(&["--idle-timeout", "500ms"]);
    let nobody = connect(server.ipv4());
    expect_end(&nobody);
    let alice = login(server.ipv4(), "alice");
    expect_end(&alice);
    server.wait_for_log(" closed: 7 bytes received, 0 bytes sent");
}

#[test]
fn the_id_picks_the_port_and_the_root_on_loopback() {
    let host = Host::new();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let here = folder.path().to_str().expect("a path in UTF-8");
    let script = "cd \"$0\" && exec \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, here, env!("CARGO_BIN_EXE_netkit")]);
    command.args(["serve", "shard", "--id", "3"]);
    let server = Server::of(host.enter(&command));
    assert!(server.listening().address.ip().is_loopback());
    assert_eq!(server.port(), 51133);
    assert_eq!(names(folder.path()), ["shard3"]);
    let open = host
        .run(&["check", "shard://localhost:51133"])
        .expect_code(0);
    assert!(open.stdout.starts_with("open "), "{open:#?}");
    let closed = host.run(&["check", "shard://localhost"]).expect_code(1);
    assert!(closed.stdout.contains("51131"), "{closed:#?}");
    host.run(&["probe", "shard", "localhost:51133"])
        .expect_code(0);
    let script = ["check", "shard://localhost", "--send", "x"];
    host.run(&script)
        .expect_code(2)
        .expect_stderr_with_any(&["`--send` has no place in shard"]);
}

#[test]
fn two_servers_do_not_share_a_root_and_a_file_is_none() {
    let site = Site::new();
    let _server = site.serve(&[]);
    let root = site.root();
    let root = root.to_str().expect("a path in UTF-8");
    run(&["serve", "shard", "--port", "0", "--root", root], b"")
        .expect_code(1)
        .expect_stderr_with_any(&["another process writes beneath it"]);
    let file = site.folder.path().join("file");
    fs::write(&file, "x").expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let failed = run(&["serve", "shard", "--port", "0", "--root", file], b"").expect_code(1);
    let said = format!("netkit: cannot keep files in `{file}`");
    assert!(failed.stderr.starts_with(&said), "{failed:#?}");
    for wrong in [
        &["--id", "0"][..],
        &["--id", "5"],
        &["--max-block", "many"],
        &["--backup-every", "0s"],
        &["--backups", "3"],
    ] {
        run(&[&["serve", "shard"], wrong].concat(), b"").expect_code(2);
    }
}

#[test]
fn the_serving_process_is_confined_to_its_root() {
    let site = Site::new();
    let server = site.serve(&[]);
    let line = server.wait_for_log("confined");
    let status = fs::read_to_string(format!("/proc/{}/status", server.id()));
    // Landlock demands it (landlock_restrict_self(2)), and nothing else here sets it.
    let restricted = status.expect("a status").contains("NoNewPrivs:\t1");
    assert_eq!(restricted, !line.contains("no Landlock"), "{line}");
}

#[test]
fn many_clients_at_once_get_what_is_theirs() {
    let site = Site::new();
    let server = site.serve(&[]);
    let address = server.ipv4();
    std::thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                let user = format!("user{}", number % 4);
                let stream = login(address, &user);
                for round in 0..8 {
                    let name = format!("n{number}");
                    let block = block(number, 40_000 + round);
                    put(&stream, &name, "p", &block);
                    assert!(get(&stream, &name, "p") == Ok(block), "{name}");
                    // The same for all of a user: whichever, but whole.
                    put(&stream, "same", "p", &vec![number; 50_000]);
                    let same = get(&stream, "same", "p").expect("a block");
                    let first = same[0];
                    assert!(same.len() == 50_000 && same.iter().all(|it| *it == first));
                }
            });
        }
    });
    assert!(site.unfinished().is_empty());
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_is_a_reset() {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", b"x");
    let path = site.root().join("alice/p/n");
    let file = fs::File::options()
        .write(true)
        .open(path)
        .expect("the block");
    file.set_len(64 << 20).expect("a large block");
    say(&alice, b"RTV\r\nn\r\np\r\n\r\n");
    assert_eq!(line(&alice), "67108864");
    file.set_len(10).expect("a small block");
    let error = alice
        .read_to_end(&mut Vec::new())
        .expect_err("a whole block");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    server.wait_for_log("was cut: the file has only");
}

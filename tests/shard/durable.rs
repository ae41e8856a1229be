//! What is said to be kept stays, whatever ends the server; what is not leaves the old block.

use super::{Site, announce, block, get, line, login, put, say};
use crate::support::client::{connect, expect_end};
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};

/// Pieces in which a block is sent.
const PIECES: usize = 10;

/// Stores blocks under one name, each of its number's bytes, until the server is gone; `step` is
/// told of each piece that was sent and of each answer. Returns the number of the last that was
/// said to be kept.
fn store_until_killed(mut stream: TcpStream, from: u8, size: usize, step: &Sender<()>) -> u8 {
    let mut kept = from;
    let store = |number: u8, stream: &mut TcpStream| -> std::io::Result<()> {
        let mut done = [0];
        write!(stream, "STR\r\n{size}\r\nn\r\np\r\n\r\n")?;
        stream.read_exact(&mut done)?;
        for piece in vec![number; size].chunks(size / PIECES) {
            stream.write_all(piece)?;
            let _ = step.send(());
        }
        stream.read_exact(&mut done)?;
        let _ = step.send(());
        Ok(())
    };
    if stream.write_all(b"alice\r\n").is_ok() {
        while store(kept.wrapping_add(1), &mut stream).is_ok() {
            kept = kept.wrapping_add(1);
        }
    }
    kept
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_block_or_the_new_one() {
    const KILLS: u64 = 60;
    const SIZE: usize = 300_000;
    let site = Site::new();
    let server = site.serve(&[]);
    put(&login(server.ipv4(), "alice"), "n", "p", &vec![0; SIZE]);
    drop(server);
    let (mut last, mut unfinished) = (0_u8, 0);
    for round in 0..KILLS {
        let mut server = site.serve(&[]);
        assert!(
            site.unfinished().is_empty(),
            "drafts are removed at the start"
        );
        let stream = login(server.ipv4(), "alice");
        let found = get(&stream, "n", "p").expect("a block");
        let first = found[0];
        assert!(
            found.len() == SIZE && found.iter().all(|it| *it == first),
            "a block of {} bytes that begins with {first} is not whole",
            found.len()
        );
        // Kept is kept; of the one under way either is right.
        assert!(
            [last, last.wrapping_add(1)].contains(&first),
            "{first}, {last} was kept"
        );
        // There before the kill, however late its thread begins.
        let stream = connect(server.ipv4());
        let (step, steps) = channel();
        let storing = std::thread::spawn(move || store_until_killed(stream, first, SIZE, &step));
        // Another moment each time, within the first few blocks.
        for _ in 0..round {
            steps.recv_timeout(PATIENCE).expect("it goes on");
        }
        server.signal("KILL");
        server.wait_for_exit(PATIENCE);
        last = storing.join().expect("the client");
        unfinished += site.unfinished().len();
    }
    assert!(unfinished > 0, "no kill has hit a block on its way");
}

#[test]
fn a_block_is_on_the_disk_before_it_is_said_to_be_kept() {
    let site = Site::new();
    let server = site.serve(&[]);
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", b"old");
    let what = "trace=fsync,fdatasync,rename,renameat,renameat2,sendto,mkdirat";
    let tracer = Tracer::attach(server.id(), &["-e", what]);
    put(&alice, "n", "new", b"new");
    let calls = tracer.detach();
    let words = calls.iter().filter_map(|line| {
        let name = line.split_whitespace().nth(1)?.split('(').next()?;
        let known = ["fsync", "fdatasync", "mkdirat", "sendto"];
        match name {
            name if name.starts_with("rename") => Some("rename"),
            // Logs are written otherwise.
            name => known.into_iter().find(|it| *it == name),
        }
    });
    let expected = [
        "sendto", "fsync", "mkdirat", "fsync", "rename", "fsync", "sendto",
    ];
    let words: Vec<&str> = words.collect();
    assert_eq!(words, expected, "{calls:#?}");
}

#[test]
fn a_disk_that_fails_is_said_and_the_session_goes_on() {
    for call in ["fsync", "renameat"] {
        let site = Site::new();
        let server = site.serve(&[]);
        let alice = login(server.ipv4(), "alice");
        put(&alice, "n", "p", b"old");
        announce(&alice, "n", "p", 3);
        let tracer = Tracer::inject(server.id(), &format!("{call}:error=EIO:when=1"));
        say(&alice, b"new");
        let said = line(&alice);
        assert_eq!(
            said,
            "ERROR cannot keep it: Input/output error (os error 5)"
        );
        tracer.wait_for_injected(1);
        drop(tracer);
        assert_eq!(get(&alice, "n", "p"), Ok(b"old".into()));
        put(&alice, "n", "p", b"now");
        assert_eq!(get(&alice, "n", "p"), Ok(b"now".into()));
        assert!(site.unfinished().is_empty());
        server.wait_for_log("cannot keep a block: Input/output error");
    }
}

/// A server on a disk of one megabyte.
fn on_small_disk(site: &Site) -> Server {
    fs::create_dir(site.root()).expect("a root");
    let root = site.root();
    let root = root.to_str().expect("a path in UTF-8");
    let mount = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
    site.serve_through(&["unshare", "--mount", "sh", "-c", mount, root], &[])
}

#[test]
fn a_full_disk_is_said_closes_the_connection_and_leaves_the_old_block() {
    let site = Site::new();
    let server = on_small_disk(&site);
    let old = block(1, 300_000);
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", &old);
    let open = descriptors(server.id());
    let full = "ERROR cannot keep it: No space left on device (os error 28)";
    // A client that listens only once it has sent everything, and one that stops within.
    for sent in [8 << 20, 2 << 20] {
        let storing = login(server.ipv4(), "alice");
        announce(&storing, "n", "p", 8 << 20);
        say(&storing, &vec![2; sent]);
        assert_eq!(line(&storing), full);
        if sent < 8 << 20 {
            storing
                .shutdown(std::net::Shutdown::Write)
                .expect("cannot half-close");
        }
        expect_end(&storing);
        // There is room again, and the old block.
        put(&alice, "other", "p", &block(3, 200_000));
        assert!(get(&alice, "n", "p") == Ok(old.clone()));
        let freed = becomes_true(PATIENCE, || descriptors(server.id()) == open);
        assert!(freed, "a descriptor was left open");
    }
    server.wait_for_log("cannot keep a block: No space left on device");
    // Not enough for a second copy of the same block: the old one stays.
    let storing = login(server.ipv4(), "alice");
    announce(&storing, "n", "p", 600_000);
    say(&storing, &vec![2; 600_000]);
    assert_eq!(line(&storing), full);
    assert!(get(&alice, "n", "p") == Ok(old));
}

#[test]
fn a_server_without_descriptors_says_so_and_recovers() {
    let site = Site::new();
    let more = ["--max-connections", "100"];
    let server = site.serve_through(&["prlimit", "--nofile=24:24"], &more);
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", b"x");
    // More than there is room for: the rest waits, and takes whatever is given back.
    let others: Vec<TcpStream> = (0..24).map(|_| connect(server.ipv4())).collect();
    server.wait_for_log("out of descriptors");
    say(&alice, b"STR\r\n1\r\nn\r\np\r\n\r\n");
    let said = line(&alice);
    assert!(said.starts_with("ERROR cannot keep it: "), "{said}");
    let said = get(&alice, "n", "p").expect_err("a block");
    assert!(said.starts_with("ERROR it cannot be opened: "), "{said}");
    drop(others);
    let again = becomes_true(PATIENCE, || get(&alice, "n", "p") == Ok(b"x".into()));
    assert!(again, "it does not recover");
}

#[test]
fn strangers_leave_descriptors_to_who_is_served() {
    let site = Site::new();
    let server = site.serve_through(&["prlimit", "--nofile=24:24"], &[]);
    let alice = login(server.ipv4(), "alice");
    put(&alice, "n", "p", b"x");
    let others: Vec<TcpStream> = (0..40).map(|_| connect(server.ipv4())).collect();
    for round in 0..20 {
        put(&alice, "n", &format!("a/b/c{round}"), b"y");
        assert_eq!(get(&alice, "n", "p"), Ok(b"x".into()));
    }
    drop((others, alice));
    let bob = login(server.ipv4(), "bob");
    put(&bob, "n", "p", b"z");
    let complaints = server.log().count_lines_with("out of descriptors");
    assert_eq!(complaints, 0, "{}", server.log().so_far());
}

//! A server that is killed at any moment has, when it is started again, all that anybody was shown.

use super::{Client, Site};
use crate::support::PATIENCE;
use crate::support::process::send_signal;
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the server is killed.
const KILLS: u64 = 100;

/// Clients that speak and hear meanwhile.
const CLIENTS: usize = 4;

/// Updates of each, at most, between two kills.
const EACH: usize = 60;

/// What a client was shown: the text as it came, and what others said after.
struct Shown {
    number: usize,
    text: String,
    updates: Vec<String>,
}

impl Shown {
    /// Fails the test unless a document holds all of it, in the same order.
    #[track_caller]
    fn expect_in(&self, document: &str) {
        let Some(rest) = document.strip_prefix(&self.text) else {
            panic!("{} bytes that were shown are not there", self.text.len());
        };
        let own = format!(".{};", self.number);
        let mut others = rest.split_inclusive(';').filter(|it| !it.ends_with(&own));
        for update in &self.updates {
            assert_eq!(others.next(), Some(update.as_str()), "an update was lost");
        }
    }
}

/// Speaks and hears until the server is gone; each thing that is shown is counted.
fn take_part(server: &Server, number: usize, cycle: u64, shown: Sender<()>) -> JoinHandle<Shown> {
    let mut client = Client::connect(server);
    let mut speaker = Client {
        stream: client.stream.try_clone().expect("a second handle"),
    };
    let is_first = cycle == 0;
    thread::spawn(move || {
        let saying = thread::spawn(move || {
            for update in 0..EACH {
                if speaker
                    .try_say(&format!("{cycle}.{update}.{number};"))
                    .is_err()
                {
                    break;
                }
            }
        });
        let mut text = String::new();
        if !is_first {
            text = client.try_hear().unwrap_or_default();
            let _ = shown.send(());
        }
        let mut updates = Vec::new();
        while let Ok(update) = client.try_hear() {
            updates.push(update);
            let _ = shown.send(());
        }
        saying.join().expect("the speaker");
        Shown {
            number,
            text,
            updates,
        }
    })
}

/// Waits until so many things were shown, or no more are.
fn wait_for(shown: &Receiver<()>, count: u64) {
    for _ in 0..count {
        if shown.recv_timeout(Duration::from_millis(200)).is_err() {
            return;
        }
    }
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_shown() {
    let site = Site::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut server = site.serve(&[]);
    for cycle in 0..KILLS {
        let (sender, shown) = channel();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| take_part(&server, number, cycle, sender.clone()))
            .collect();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // A moment is so many updates that were shown; where in the server's work that is, nobody
        // knows.
        let most = (CLIENTS * EACH * (CLIENTS - 1)) as u64;
        wait_for(&shown, random % (most / 2));
        send_signal(server.id(), "KILL");
        server.wait_for_exit(PATIENCE);
        let heard: Vec<Shown> = clients
            .into_iter()
            .map(|it| it.join().expect("a client"))
            .collect();
        server = site.serve(&[]);
        let document = site.text();
        for shown in heard {
            shown.expect_in(&document);
        }
        assert!(
            document.is_empty() || document.ends_with(';'),
            "half an update"
        );
    }
    let document = site.text();
    let updates = document.split_inclusive(';').count();
    assert!(updates > 1000, "only {updates} updates in all");
}

/// Kills the server at the entry of a system call of a commit, counted from when it is up.
fn killed_at(call: &str, when: usize) {
    let site = Site::with("begin;");
    let mut server = site.serve(&[]);
    let (mut speaker, mut hearer) = (Client::connect(&server), Client::connect(&server));
    let mut shown = hearer.hear();
    assert_eq!(shown, "begin;");
    let tracer = Tracer::inject(server.id(), &format!("{call}:signal=KILL:when={when}"));
    let mut said = String::from("begin;");
    // One at a time: each is a commit. Helper threads take turns, and each counts for itself.
    for number in 0..100 {
        let update = format!("{number};");
        if speaker.try_say(&update).is_err() {
            break;
        }
        said += &update;
        match hearer.try_hear() {
            Ok(update) => shown += &update,
            Err(_) => break,
        }
    }
    // Until the tracer has seen the end, nobody else does.
    drop(tracer);
    let status = server.wait_for_exit(PATIENCE);
    assert_eq!(status.signal(), Some(9), "{call} {when}: another end");
    let _again = site.serve(&[]);
    let text = site.text();
    assert!(
        text.starts_with(&shown),
        "{call} {when}: `{shown}` was shown, `{text}` is left"
    );
    assert!(
        said.starts_with(&text),
        "{call} {when}: `{said}` was said, `{text}` is left"
    );
    assert!(
        text.ends_with(';'),
        "{call} {when}: half an update in `{text}`"
    );
}

#[test]
fn a_kill_at_any_system_call_of_a_commit_loses_nothing_that_was_shown() {
    for call in ["pwrite64", "fdatasync"] {
        for when in 1..=4 {
            killed_at(call, when);
        }
    }
}

#[test]
fn a_torn_end_is_cut_off_and_said() {
    let site = Site::new();
    let mut server = site.serve(&[]);
    let (mut a, mut b) = (Client::connect(&server), Client::connect(&server));
    a.say("shown;");
    assert_eq!(b.hear(), "shown;");
    send_signal(server.id(), "KILL");
    server.wait_for_exit(PATIENCE);
    std::fs::write(site.file(), "shown;to").expect("cannot tear");
    let server = site.serve(&[]);
    let line = server.wait_for_log("had a torn end: 2 bytes that were told to nobody");
    assert!(line.contains("text.torn`"), "{line}");
    assert_eq!(Client::connect(&server).hear(), "shown;");
    let kept = std::fs::read_to_string(site.folder.path().join("text.torn"));
    assert_eq!(kept.expect("what was cut off"), "to");
}

#[test]
fn an_edit_after_a_kill_is_served_whole() {
    let site = Site::new();
    let mut server = site.serve(&[]);
    let (mut a, mut b) = (Client::connect(&server), Client::connect(&server));
    for update in ["one;", "two;", "three;"] {
        a.say(update);
        assert_eq!(b.hear(), update);
    }
    send_signal(server.id(), "KILL");
    server.wait_for_exit(PATIENCE);
    let edited = "one;two;THREE;four;";
    std::fs::write(site.file(), edited).expect("cannot edit");
    let mut server = site.serve(&[]);
    server.wait_for_log("was changed while no server had it");
    assert_eq!(Client::connect(&server).hear(), edited);
    send_signal(server.id(), "KILL");
    server.wait_for_exit(PATIENCE);
    // What is lost cannot come back, but is not passed over.
    std::fs::write(site.file(), "one;two;").expect("cannot cut");
    let server = site.serve(&[]);
    server.wait_for_log("was cut short while no server had it: 19 bytes were committed, 8 are");
    assert_eq!(Client::connect(&server).hear(), "one;two;");
    assert!(!site.folder.path().join("text.torn").exists());
}

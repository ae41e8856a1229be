//! Disks that are full, slow or broken: what cannot be kept is shown to nobody.

use super::{Client, Site};
use crate::support::client::{answers, expect_end, expect_silence};
use crate::support::process::{Process, netkit_through};
use crate::support::server::Server;
use crate::support::tracer::Tracer;
use crate::support::{PATIENCE, becomes_true};
use std::fs;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::Duration;

/// Says something and waits until it is kept.
#[track_caller]
fn keep(mut client: Client, text: &str) {
    client.say(text);
    client
        .stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close");
    while let Ok(more) = client.try_hear() {
        drop(more);
    }
    expect_end(&client.stream);
}

#[test]
fn a_full_disk_closes_who_speaks_and_nobody_else() {
    let site = Site::new();
    // The folder is on a small disk of its own, which no other process sees.
    let folder = site.folder.path().to_str().expect("a path in UTF-8");
    let mount = "mount -t tmpfs -o size=64k none \"$0\" && exec \"$@\"";
    let server = site.serve_through(&["unshare", "--mount", "sh", "-c", mount, folder], &[]);
    let mut hearer = Client::connect(&server);
    let update = "x".repeat(10_000);
    let mut speaker = Client::connect(&server);
    let is_refused = || server.log().count_lines_with("cannot write the document") > 0;
    let mut kept = 0;
    loop {
        speaker.say(&update);
        // Either it is told, or it is refused.
        let look = Duration::from_millis(5);
        let is_told = || answers(&hearer.stream, look);
        assert!(
            becomes_true(PATIENCE, || is_told() || is_refused()),
            "nothing came"
        );
        if is_refused() {
            break;
        }
        assert!(hearer.hear() == update, "another update");
        kept += 1;
        assert!(kept < 10, "the disk is never full");
    }
    assert!(kept >= 3, "only {kept} updates on a disk of 64 KiB");
    let error = speaker.try_hear().expect_err("a frame").kind();
    assert_eq!(error, ErrorKind::ConnectionReset);
    let line = server.wait_for_log("it could not be written");
    assert!(line.contains("No space left on device"), "{line}");
    let said = format!("said {kept} updates (");
    assert!(line.contains(&said), "no `{said}` in {line}");
    expect_silence(&hearer.stream, Duration::from_millis(300));
    // What was appended in part is gone: there is room for less.
    keep(Client::connect(&server), "short;");
    assert_eq!(hearer.hear(), "short;");
    let document = Client::connect(&server).hear();
    assert!(
        document == format!("{}short;", update.repeat(kept)),
        "another document"
    );
    let seen = fs::read(format!("/proc/{}/root{folder}/text", server.id()));
    assert!(
        seen.expect("the file") == document.as_bytes(),
        "another file"
    );
}

#[test]
fn a_start_on_a_full_disk_leaves_nothing() {
    let site = Site::new();
    let folder = site.folder.path().to_str().expect("a path in UTF-8");
    let script = "mount -t tmpfs -o size=4k none \"$0\" && printf full > \"$0/full\" && \
                  { \"$@\"; code=$?; ls \"$0\"; exit $code; }";
    let file = site.file();
    let file = file.to_str().expect("a path in UTF-8");
    let wrapper = ["unshare", "--mount", "sh", "-c", script, folder];
    let own = ["serve", "document", "--port", "0", "--file", file];
    let output = Process::start(netkit_through(&wrapper, &own)).end(PATIENCE);
    let output = output.expect_code(1);
    assert!(
        output.stderr.contains("No space left on device"),
        "{output:?}"
    );
    assert_eq!(output.stdout, "full\n");
}

#[track_caller]
fn failing(call: &str) {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut hearer = Client::connect(&server);
    let mut speaker = Client::connect(&server);
    let other = Client::connect(&server);
    let tracer = Tracer::inject(server.id(), &format!("{call}:error=EIO:when=1"));
    speaker.say("lost;");
    let error = speaker.try_hear().expect_err("a frame").kind();
    assert_eq!(error, ErrorKind::ConnectionReset, "{call}");
    tracer.wait_for_injected(1);
    drop(tracer);
    let line = server.wait_for_log("it could not be written");
    assert!(line.contains("Input/output error"), "{line}");
    assert!(line.contains("said 0 updates ("), "{line}");
    keep(other, "kept;");
    assert_eq!(hearer.hear(), "kept;", "{call}");
    assert_eq!(site.text(), "kept;", "{call}");
    end_and_compare(server, &site, "kept;");
}

/// Kills the server: the next one has this text, and nothing to cut off.
#[track_caller]
fn end_and_compare(mut server: Server, site: &Site, text: &str) {
    server.signal("KILL");
    server.wait_for_exit(PATIENCE);
    let server = site.serve(&[]);
    let mut client = Client::connect(&server);
    match text {
        "" => expect_silence(&client.stream, Duration::from_millis(300)),
        text => assert_eq!(client.hear(), text),
    }
    let said = server.log().so_far();
    assert!(
        !said.contains("torn") && !said.contains("while no server had it"),
        "{said}"
    );
}

#[test]
fn a_write_that_fails_is_told_to_nobody() {
    failing("pwrite64");
}

#[test]
fn a_disk_that_cannot_be_synced_is_told_to_nobody() {
    failing("fdatasync");
}

#[test]
fn a_mark_that_cannot_be_synced_is_told_to_nobody() {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut speaker = Client::connect(&server);
    let other = Client::connect(&server);
    // The text itself is on the disk by then.
    let tracer = Tracer::inject(server.id(), "fdatasync:error=EIO:when=2");
    speaker.say("lost;");
    let error = speaker.try_hear().expect_err("a frame").kind();
    assert_eq!(error, ErrorKind::ConnectionReset);
    drop(tracer);
    assert_eq!(site.text(), "");
    // The mark does not tell of it either.
    drop(other);
    end_and_compare(server, &site, "");
}

#[test]
fn writes_that_are_short_are_finished() {
    let site = Site::new();
    let server = site.serve(&[]);
    let tracer = Tracer::inject(server.id(), "pwrite64:error=EINTR:when=1");
    keep(Client::connect(&server), "whole;");
    tracer.wait_for_injected(1);
    drop(tracer);
    end_and_compare(server, &site, "whole;");
}

#[test]
fn a_file_that_somebody_replaces_takes_no_updates() {
    let site = Site::with("text;");
    let server = site.serve(&[]);
    let mut client = Client::connect(&server);
    assert_eq!(client.hear(), "text;");
    let beside = site.folder.path().join("edited");
    fs::write(&beside, "edited;").expect("cannot write");
    fs::rename(&beside, site.file()).expect("cannot rename");
    client.say("more;");
    let error = client.try_hear().expect_err("a frame").kind();
    assert_eq!(error, ErrorKind::ConnectionReset);
    server.wait_for_log("somebody else has replaced or changed it");
    assert_eq!(site.text(), "edited;");
}

#[test]
fn while_the_disk_is_slow_updates_gather_and_the_loop_goes_on() {
    let site = Site::new();
    let server = site.serve(&[]);
    let clients: Vec<Client> = (0..4).map(|_| Client::connect(&server)).collect();
    server.log().wait_for_lines(" connected", 4, PATIENCE);
    let slow = "fdatasync:delay_enter=200000";
    let tracer = Tracer::inject(server.id(), slow);
    let mut hearer = Client::connect(&server);
    let threads: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                for _ in 0..50 {
                    client.say("x;");
                }
                client
            })
        })
        .collect();
    let clients: Vec<Client> = threads
        .into_iter()
        .map(|it| it.join().expect("a client"))
        .collect();
    // A client that comes meanwhile is served at once.
    let mut late = Client::connect(&server);
    drop(late.hear());
    assert_eq!(hearer.hear_bytes(400).len(), 400);
    let calls = tracer.detach();
    let syncs = calls.iter().filter(|it| it.contains("fdatasync(")).count();
    assert!(syncs < 60, "{syncs} waits for the disk for 200 updates");
    let own = format!("{} ", server.id());
    let is_beside = |it: &String| !it.contains("fdatasync(") || !it.starts_with(&own);
    assert!(calls.iter().all(is_beside), "the loop waited for the disk");
    drop(clients);
}

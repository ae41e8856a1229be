//! Programs of other makes at the other end: 32 MiB each way at once (NETKIT_INTEROP_MEBIBYTES says
//! otherwise), and each side the first to finish.

use super::{LONG, Listener, noise, record};
use crate::support::PATIENCE;
use crate::support::certificates::{Certificates, VALID};
use crate::support::namespace::Host;
use crate::support::process::{Process, finish, netkit};
use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;

/// Bytes each way.
pub(super) fn total() -> usize {
    let asked = std::env::var("NETKIT_INTEROP_MEBIBYTES").ok();
    let mebibytes = asked.map(|it| it.parse().expect("a number of mebibytes"));
    mebibytes.unwrap_or(32_usize) << 20
}

/// Where those listen that have no port 0, each on a host of its own.
pub(super) const THERE: &str = "127.0.0.1:9000";

/// What a netcat does when the other end has finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It goes on sending.
    Stays,
    /// It leaves at once, whatever it still has to send.
    Leaves,
}
use Manner::{Leaves, Stays};

/// A program and its arguments, in one line.
pub(super) fn words(line: &str) -> Command {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

/// Sends both ways at once: `early` finishes as soon as it can, and `late` still has half of its
/// bytes to send then, unless its manner is to leave.
fn exchange(early: &mut Process, late: &mut Process, manner: Manner) {
    let (from_early, from_late) = noise(2 * total()).split_at(total());
    let (mut into_early, mut into_late) = (early.take_stdin(), late.take_stdin());
    let (at_early, at_late) = (early.stdout.clone(), late.stdout.clone());
    std::thread::spawn(move || {
        drop(into_early.write_all(from_early));
        if manner == Leaves {
            at_early.wait_for_bytes(total(), LONG);
        }
    });
    std::thread::spawn(move || {
        let (before, after) = from_late.split_at(total() / 2);
        drop(into_late.write_all(before));
        at_late.wait_for_bytes(total(), LONG);
        drop(into_late.write_all(after));
        if manner == Leaves {
            at_late.wait_for_bytes(usize::MAX, LONG);
        }
    });
    expect_bytes(early, from_late);
    expect_bytes(late, from_early);
}

/// Fails the test unless the process prints these bytes and nothing else, and ends well.
#[track_caller]
fn expect_bytes(process: &mut Process, expected: &[u8]) {
    let came = process.stdout.wait_for_bytes(usize::MAX, LONG);
    let said = process.stderr.so_far();
    assert_eq!(came.len(), expected.len(), "bytes; it said {said}");
    assert!(
        came == expected,
        "other bytes than were sent; it said {said}"
    );
    let status = process.wait_for_exit(PATIENCE);
    assert!(status.success(), "{status}: {said}");
}

#[track_caller]
fn expect_record(netkit: &Process) {
    let (said, _) = netkit.stderr.wait_for_end(PATIENCE);
    let record = record(&said);
    assert_eq!(record["received_bytes"], total(), "{record}");
    assert_eq!(record["sent_bytes"], total(), "{record}");
    assert_eq!(record["end"], "fin", "{record}");
}

/// `netkit connect` on a host where something is about to listen.
fn connect_on(host: &Host, target: &str, more: &[&str]) -> Process {
    let retrying = ["--retry", "1000", "--interval", "10ms", "-o", "ndjson"];
    let own = [&["connect", target], &retrying[..], more].concat();
    Process::start(host.netkit(&own))
}

/// `netkit connect` to what `line` starts, each the first to finish.
fn connect_to(line: &str, manner: Manner) {
    for is_early in [true, false] {
        let host = Host::new();
        let mut other = Process::start(host.enter(&words(line)));
        let mut netkit = connect_on(&host, THERE, &[]);
        match is_early {
            true => exchange(&mut netkit, &mut other, manner),
            false => exchange(&mut other, &mut netkit, Stays),
        }
        expect_record(&netkit);
    }
}

/// `netkit listen` for what `line` makes of its address, each the first to finish.
fn listen_for(line: impl Fn(SocketAddr) -> String, manner: Manner) {
    for is_early in [true, false] {
        let mut listener = Listener::start(&["-v"]);
        let mut other = Process::start(words(&line(listener.address)));
        match is_early {
            true => exchange(&mut listener.process, &mut other, manner),
            false => exchange(&mut other, &mut listener.process, Stays),
        }
        listener.wait_for_log(&format!("{0} bytes received, {0} bytes sent", total()));
    }
}

#[test]
fn nc_openbsd_listens() {
    connect_to("nc.openbsd -N -l 127.0.0.1 9000", Leaves);
}

#[test]
fn nc_openbsd_connects() {
    listen_for(
        |it| format!("nc.openbsd -N {} {}", it.ip(), it.port()),
        Stays,
    );
}

#[test]
fn nc_traditional_listens() {
    connect_to("nc.traditional -l -s 127.0.0.1 -p 9000", Leaves);
}

#[test]
fn nc_traditional_connects() {
    listen_for(
        |it| format!("nc.traditional {} {}", it.ip(), it.port()),
        Leaves,
    );
}

#[test]
fn ncat_listens() {
    connect_to("ncat -l 127.0.0.1 9000", Leaves);
}

#[test]
fn ncat_connects() {
    listen_for(|it| format!("ncat {} {}", it.ip(), it.port()), Stays);
}

// Without -t socat gives the other end half a second after the first of both ends.

#[test]
fn socat_listens() {
    connect_to("socat -t 60 - TCP-LISTEN:9000,bind=127.0.0.1", Stays);
}

#[test]
fn socat_connects() {
    listen_for(|it| format!("socat -t 60 - TCP:{it}"), Stays);
}

#[test]
fn busybox_listens() {
    connect_to("busybox nc -l -p 9000", Leaves);
}

#[test]
fn busybox_connects() {
    listen_for(|it| format!("busybox nc {} {}", it.ip(), it.port()), Leaves);
}

/// `netkit connect tls://` to what `line` starts with a certificate of its own: `try_with` gets both
/// once for each way to trust it.
fn over_tls(line: &str, mut try_with: impl FnMut(Process, Process)) {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let line = line.replace("LEAF", &certificates.path("leaf").display().to_string());
    let ca = certificates.ca();
    for trust in [&["--ca", &ca, "--sni", "localhost"][..], &["--insecure"]] {
        let host = Host::new();
        let other = Process::start(host.enter(&words(&line)));
        let netkit = connect_on(&host, &format!("tls://{THERE}"), trust);
        try_with(netkit, other);
    }
}

const NCAT_OVER_TLS: &str = "ncat -l 127.0.0.1 9000 --ssl --ssl-cert LEAF.pem --ssl-key LEAF.key";
const SOCAT_OVER_TLS: &str =
    "socat -t 60 - OPENSSL-LISTEN:9000,bind=127.0.0.1,cert=LEAF.pem,key=LEAF.key,verify=0";

#[test]
fn ncat_listens_over_tls() {
    over_tls(NCAT_OVER_TLS, |mut netkit, mut other| {
        exchange(&mut netkit, &mut other, Leaves);
        expect_record(&netkit);
    });
}

#[test]
fn ncat_finishes_first_without_ending_tls_and_that_is_said() {
    over_tls(NCAT_OVER_TLS, |mut netkit, mut other| {
        let _open = netkit.take_stdin();
        drop(other.take_stdin().write_all(b"is this all?"));
        let output = netkit.end(PATIENCE).expect_code(1);
        assert_eq!(output.stdout, "is this all?", "{output:?}");
        output.expect_stderr_with_any(&["without ending tls, after 12 bytes received"]);
    });
}

#[test]
fn socat_listens_over_tls_and_finishes_last() {
    over_tls(SOCAT_OVER_TLS, |mut netkit, mut other| {
        exchange(&mut netkit, &mut other, Stays);
        expect_record(&netkit);
    });
}

#[test]
fn socat_listens_over_tls_and_finishes_first() {
    over_tls(SOCAT_OVER_TLS, |mut netkit, mut other| {
        exchange(&mut other, &mut netkit, Stays);
        expect_record(&netkit);
    });
}

#[test]
fn an_unknown_certificate_is_refused_before_anything_is_sent() {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let host = Host::new();
    let leaf = certificates.path("leaf").display().to_string();
    let line = format!("{} -v", NCAT_OVER_TLS.replace("LEAF", &leaf));
    let mut other = Process::start(host.enter(&words(&line)));
    other.stderr.wait_for_line("Listening on", PATIENCE);
    let target = format!("tls://{THERE}");
    let netkit = host.netkit(&["connect", &target, "--sni", "localhost"]);
    let output = finish(netkit, b"secret", PATIENCE).expect_code(1);
    output.expect_stderr_with_any(&["is not trusted"]);
    assert_eq!(other.end(PATIENCE).stdout, "");
}

#[test]
fn socat_speaks_over_unix_sockets() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.sock").display().to_string();
    let name = format!("netkit interop {}", std::process::id());
    for (ours, listens, connects) in [
        (
            path.clone(),
            format!("UNIX-LISTEN:{path}"),
            format!("UNIX-CONNECT:{path}"),
        ),
        (
            format!("@{name}"),
            format!("ABSTRACT-LISTEN:{name}"),
            format!("ABSTRACT-CONNECT:{name}"),
        ),
    ] {
        let target = format!("unix://{ours}");
        for is_early in [true, false] {
            let mut socat = Command::new("socat");
            let mut other = Process::start({
                socat.args(["-t", "60", "-", &listens]);
                socat
            });
            let retrying = ["--retry", "1000", "--interval", "10ms"];
            let mut ours = Process::start(netkit(&[&["connect", &target], &retrying[..]].concat()));
            match is_early {
                true => exchange(&mut ours, &mut other, Stays),
                false => exchange(&mut other, &mut ours, Stays),
            }
        }
        let mut listener = Process::start(netkit(&["listen", &target]));
        listener.stderr.wait_for_line("listening listen", PATIENCE);
        let mut socat = Command::new("socat");
        socat.args(["-t", "60", "-", &connects]);
        exchange(&mut Process::start(socat), &mut listener, Stays);
    }
}

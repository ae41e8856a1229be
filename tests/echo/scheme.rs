//! `echo://`: what is sent has to come back, all of it, and then the end of the stream.

use crate::check::records::expect_mismatch;
use crate::check::records::{Checked, check, check_on};
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::{Process, run};
use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

/// Bytes of the payload.
const PAYLOAD: usize = 64;

#[track_caller]
fn ask(address: SocketAddr, more: &[&str]) -> Checked {
    let target = format!("echo://{address}");
    check(&[&[target.as_str()], more].concat())
}

/// A server that takes the payload and then does what `script` says with it.
fn taking(script: impl FnOnce(TcpStream, Vec<u8>) + Send + 'static) -> SocketAddr {
    peer::tcp(|mut stream| {
        let mut payload = vec![0; PAYLOAD];
        if stream.read_exact(&mut payload).is_ok() {
            script(stream, payload);
        }
    })
}

#[test]
fn the_own_server_echoes() {
    let server = Server::echo(&[]);
    let checked = ask(server.ipv4(), &[]).expect_code(0);
    let result = checked.only();
    assert_eq!(result["state"], "open", "{result}");
    assert!(result["first_byte_us"].as_u64() <= result["total_us"].as_u64());
    assert!(result["first_byte_us"].is_u64(), "{result}");
    ask(server.ipv6(), &["--close", "rst"]).expect_code(0);
}

#[test]
fn servers_of_other_makes_echo() {
    let host = Host::new();
    let socat = ["socat", "TCP-LISTEN:1001,fork,reuseaddr", "EXEC:cat"];
    let ncat = ["ncat", "-4", "-l", "-k", "-e", "/bin/cat", "1002"];
    let start = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        Process::start(host.enter(command.args(&words[1..])))
    };
    let _servers = [start(&socat), start(&ncat)];
    let waiting = ["--wait", "20s", "echo://127.0.0.1:1001,1002"];
    let checked = check_on(&host, &waiting).expect_code(0);
    assert_eq!(checked.states(), ["open", "open"], "{checked:?}");
}

#[test]
fn the_port_may_be_left_out() {
    let host = Host::new();
    let _server = Server::of(host.netkit(&["echo-server"]));
    let checked = check_on(&host, &["echo://[::1]"]).expect_code(0);
    assert_eq!(checked.only()["target"], "echo://[::1]:12345");
}

#[test]
fn wrong_and_short_and_long_echoes_are_told() {
    let changed = taking(|mut stream, mut payload| {
        payload[9] ^= 1;
        drop(stream.write_all(&payload));
        drop(stream.read(&mut [0]));
    });
    expect_mismatch(ask(changed, &[]), "it answered wrongly: byte 9 is ");
    let short = taking(|mut stream, payload| drop(stream.write_all(&payload[..10])));
    expect_mismatch(ask(short, &[]), "it closed after 10 of 64 bytes came back");
    let long = taking(|mut stream, payload| {
        drop(stream.write_all(&payload));
        drop(stream.read(&mut [0]));
        drop(stream.write_all(b"more"));
    });
    expect_mismatch(
        ask(long, &[]),
        "more came than was sent: `m` after 64 bytes",
    );
}

#[test]
fn servers_that_do_not_end_are_told_at_the_deadline() {
    let timeout = ["--timeout", "2s"];
    let stuck = taking(|mut stream, payload| {
        drop(stream.write_all(&payload[..10]));
        drop(stream.read(&mut [0]));
        // What the client leaves behind is its end of the stream, or its going.
        while stream.read(&mut [0]).is_ok_and(|it| it > 0) {}
    });
    expect_mismatch(
        ask(stuck, &timeout),
        "no echo within 2s: 10 of 64 bytes came back",
    );
    let (release, released) = std::sync::mpsc::channel::<()>();
    let open = taking(move |mut stream, payload| {
        drop(stream.write_all(&payload));
        let _ = released.recv();
    });
    expect_mismatch(ask(open, &timeout), "it did not close within 2s");
    drop(release);
}

#[test]
fn a_reset_is_told_and_a_path_refused() {
    let resetting = taking(|stream, _| crate::support::client::reset(stream));
    let checked = ask(resetting, &[]).expect_code(1);
    assert_eq!(checked.only()["state"], "reset", "{checked:?}");
    let (_socket, refusing) = peer::refusing();
    let checked = ask(refusing, &[]).expect_code(1);
    assert_eq!(checked.only()["state"], "refused", "{checked:?}");
    run(&["check", "echo://127.0.0.1/x"], b"")
        .expect_code(2)
        .expect_stderr_with_any(&["no path: `echo` has none"]);
    run(&["check", "echo://127.0.0.1", "--send", "x"], b"")
        .expect_code(2)
        .expect_stderr_with_any(&["echo has a conversation of its own"]);
}

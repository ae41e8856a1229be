//! `--compat ncat`: ncat's flags, with ncat itself at the other end where it has a part in it.

use super::{Netcat, against};
use crate::support::process::Process;
use crate::support::{PATIENCE, peer};
use std::io::{Read, Write};
use std::process::Command;

#[test]
fn flags_of_ncat_are_taken_with_compat() {
    // It half-closes without being asked to.
    let echo = || {
        peer::tcp(|mut stream| {
            let mut all = Vec::new();
            drop(stream.read_to_end(&mut all));
            drop(stream.write_all(&all));
        })
    };
    let ncat = |arguments: &[&str], address| {
        let arguments = [&["--compat", "ncat"], arguments].concat();
        against(Netcat::Ours, &arguments, b"ping", address)
    };
    ncat(&["--nodns", "HOST", "PORT"], echo()).expect(0, "ping", "");
    ncat(&["--send-only", "HOST", "PORT"], echo()).expect(0, "", "");
    let banner = || peer::tcp(|mut stream| drop(stream.write_all(b"banner")));
    ncat(&["--recv-only", "HOST", "PORT"], banner()).expect(0, "banner", "");
    let silent = peer::tcp(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let idle = ncat(&["--no-shutdown", "-i", "300ms", "HOST", "PORT"], silent);
    idle.expect(1, "", "nc: idle timeout expired (300ms)\n");
    let usage = Netcat::Ours.run(&["--compat", "ncat", "--nonsense"], b"");
    assert_eq!(usage.code, Some(2));
}

/// `netkit nc --compat ncat -l` with further flags, on a free port of 127.0.0.1, and the port.
fn listening(flags: &[&str]) -> (Process, String) {
    let words = [&["--compat", "ncat", "-l"], flags, &["127.0.0.1", "0"]].concat();
    let process = Netcat::Ours.start(&words);
    let line = process.stderr.wait_for_line("listening listen ", PATIENCE);
    let port = line.rsplit_once(':').expect("a port").1;
    let port = port.split('/').next().expect("a port").to_owned();
    (process, port)
}

fn ncat(arguments: &[&str]) -> Process {
    let mut command = Command::new("ncat");
    command.args(arguments);
    Process::start(command)
}

#[test]
fn many_clients_of_ncat_are_served_at_once() {
    let (mut server, port) = listening(&["-k"]);
    let clients = [(); 2].map(|()| ncat(&["127.0.0.1", &port]));
    let [mut one, mut other] = clients;
    let mut inputs = [one.take_stdin(), other.take_stdin()];
    for (input, line) in inputs.iter_mut().zip(["from one\n", "from other\n"]) {
        input.write_all(line.as_bytes()).expect("it reads");
    }
    for line in ["from one", "from other"] {
        server.stdout.wait_for_line(line, PATIENCE);
    }
    let mut input = server.take_stdin();
    input.write_all(b"to all\n").expect("it reads");
    for client in [&one, &other] {
        client.stdout.wait_for_line("to all", PATIENCE);
    }
}

#[test]
fn tls_is_agreed_with_ncat_both_ways() {
    let (server, port) = listening(&["--ssl"]);
    let mut client = ncat(&["--ssl", "127.0.0.1", &port]);
    client
        .take_stdin()
        .write_all(b"over TLS\n")
        .expect("it reads");
    server.stdout.wait_for_line("over TLS", PATIENCE);
    let (mut server, port) = listening(&["--ssl"]);
    drop(server.take_stdin());
    let words = ["--compat", "ncat", "--ssl", "127.0.0.1", &port];
    let seen = Netcat::Ours.run(&words, b"without a question\n");
    assert_eq!(seen.code, Some(0), "{seen:?}");
    server.stdout.wait_for_line("without a question", PATIENCE);
    let verified = [
        "--compat",
        "ncat",
        "--ssl-verify",
        "--ssl",
        "127.0.0.1",
        "1",
    ];
    assert_eq!(Netcat::Ours.run(&verified, b"").code, Some(1));
}

#[test]
fn who_is_denied_is_reset_and_programs_need_leave() {
    let (server, port) = listening(&["-k", "--deny", "127.0.0.0/8", "-v"]);
    let refused = ncat(&["127.0.0.1", &port]);
    server.stderr.wait_for_line("is not admitted", PATIENCE);
    refused.stderr.wait_for_line("Ncat:", PATIENCE);
    let words = ["--compat", "ncat", "-lk", "-e", "cat", "127.0.0.1", "0"];
    let seen = Netcat::Ours.run(&words, b"");
    seen.expect(
        1,
        "",
        "nc: -e runs a program (hint: --allow-exec lets it)\n",
    );
}

//! Names: `localhost`, `ip6-localhost` and `ip6-loopback`, with a hosts file that knows them, one
//! that does not, and names that nobody knows. Each client runs in a mount namespace with files of
//! its own, so the machine's own names and name servers play no part.

use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::{Output, finish};
use crate::support::server::Server;
use std::io::Write;
use std::net::IpAddr;
use std::process::Command;
use tempfile::NamedTempFile;

const EMPTY: &str = "";

const USUAL: &str = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";

#[test]
fn localhost_is_found_over_ipv4() {
    let server = Server::echo(&["-4"]);
    for hosts in [USUAL, EMPTY] {
        let output = echo(hosts, &["--host", "localhost", "-4"], server.port()).expect_code(0);
        expect_open(&output, "127.0.0.1");
    }
}

#[test]
fn localhost_is_found_over_ipv6() {
    let server = Server::echo(&["-6"]);
    for hosts in [USUAL, EMPTY] {
        let output = echo(hosts, &["--host", "localhost", "-6"], server.port()).expect_code(0);
        expect_open(&output, "[::1]");
    }
}

#[test]
fn the_names_of_ipv6_are_found_without_a_hosts_file() {
    let server = Server::echo(&[]);
    for hosts in [USUAL, EMPTY] {
        for name in ["ip6-localhost", "ip6-loopback"] {
            let output = echo(hosts, &["--host", name], server.port()).expect_code(0);
            expect_open(&output, "[::1]");
        }
    }
}

#[test]
fn the_built_in_names_are_mentioned_with_v() {
    let server = Server::echo(&[]);
    let output = echo(EMPTY, &["--host", "ip6-localhost", "-v"], server.port()).expect_code(0);
    assert!(
        output.stderr.contains("does not know `ip6-localhost`"),
        "{output:?}"
    );
    let output = echo(USUAL, &["--host", "ip6-localhost", "-v"], server.port()).expect_code(0);
    assert!(!output.stderr.contains("does not know"), "{output:?}");
}

#[test]
fn the_hosts_file_outranks_the_built_in_names() {
    let server = Server::echo(&["-4", "--host", "127.0.0.53"]);
    let hosts = "127.0.0.53 ip6-localhost\n";
    let output = echo(hosts, &["--host", "ip6-localhost"], server.port()).expect_code(0);
    expect_open(&output, "127.0.0.53");
}

#[test]
fn when_one_family_refuses_the_other_serves_and_both_are_reported() {
    let server = Server::echo(&["-4", "--host", "127.0.0.1"]);
    let output = echo(USUAL, &["--host", "localhost"], server.port()).expect_code(0);
    expect_open(&output, "127.0.0.1");
    expect_line(&output, "refused", "[::1]", server.port());
}

#[test]
fn when_every_address_refuses_each_has_its_line() {
    let (_held, address) = peer::refusing();
    let hosts = "127.0.0.1 many\n127.0.0.2 many\n::1 many\n";
    let output = echo(hosts, &["--host", "many"], address.port()).expect_code(1);
    for host in ["127.0.0.1", "127.0.0.2", "[::1]"] {
        expect_line(&output, "refused", host, address.port());
    }
    let said = output
        .stderr
        .lines()
        .any(|line| line.starts_with("netkit: "));
    assert!(said, "{output:?}");
}

#[test]
fn a_name_that_nobody_knows_is_said_so() {
    let output = echo(EMPTY, &["--host", "no-such-host.invalid"], 1).expect_code(1);
    let said = output
        .stderr
        .contains("netkit: cannot resolve `no-such-host.invalid`");
    assert!(said, "{output:?}");
}

#[test]
fn a_name_without_an_address_of_the_family_asked_for_is_said_so() {
    let output = echo("127.0.0.1 four\n", &["--host", "four", "-6"], 1).expect_code(1);
    assert!(
        output.stderr.contains("netkit: cannot resolve `four`"),
        "{output:?}"
    );
}

#[test]
fn the_server_listens_on_a_name() {
    let hosts = file("127.0.0.61 here\n");
    let server = Server::of(with_hosts(
        &hosts,
        &["echo-server", "--host", "here", "--port", "0"],
    ));
    assert_eq!(
        server.listening().address.ip(),
        IpAddr::from([127, 0, 0, 61])
    );
}

#[test]
fn the_server_cannot_listen_on_a_name_that_nobody_knows() {
    let hosts = file(EMPTY);
    let arguments = ["echo-server", "--host", "nowhere.invalid", "--port", "0"];
    let output = finish(with_hosts(&hosts, &arguments), b"", PATIENCE).expect_code(1);
    assert!(output.stderr.contains("netkit: cannot "), "{output:?}");
    assert!(output.stderr.contains("nowhere.invalid"), "{output:?}");
}

/// `netkit echo` of one line on a system with this hosts file and a name server that refuses.
fn echo(hosts: &str, options: &[&str], port: u16) -> Output {
    let port = port.to_string();
    let hosts = file(hosts);
    let arguments = [&["echo", "--port", &port], options].concat();
    finish(with_hosts(&hosts, &arguments), b"hello\n", PATIENCE)
}

/// netkit in a mount namespace with this hosts file, and a resolver that asks a port of this
/// machine where nothing listens.
fn with_hosts(hosts: &NamedTempFile, arguments: &[&str]) -> Command {
    const SCRIPT: &str = r#"
        set -e
        mount --bind "$1" /etc/hosts
        mount -t tmpfs tmpfs /run
        printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' > /run/resolv.conf
        printf 'hosts: files dns\n' > /run/nsswitch.conf
        mount --bind /run/resolv.conf "$(readlink -f /etc/resolv.conf)"
        mount --bind /run/nsswitch.conf "$(readlink -f /etc/nsswitch.conf)"
        shift
        exec "$@"
    "#;
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(hosts.path())
        .arg(env!("CARGO_BIN_EXE_netkit"))
        .args(arguments);
    command
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("cannot make a temporary file");
    file.write_all(text.as_bytes()).expect("cannot write");
    file
}

#[track_caller]
fn expect_open(output: &Output, host: &str) {
    assert!(output.stdout.contains("hello"), "{output:?}");
    let open = output.stderr.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("open")
            && words
                .next()
                .is_some_and(|address| address.starts_with(host))
    });
    assert!(open, "not open over {host}: {output:?}");
}

#[track_caller]
fn expect_line(output: &Output, state: &str, host: &str, port: u16) {
    let address = format!("{host}:{port}");
    let found = output.stderr.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(state) && words.next() == Some(&address)
    });
    assert!(found, "no line `{state} {address}` in {output:?}");
}

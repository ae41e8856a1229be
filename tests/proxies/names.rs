//! Names that only the proxy can resolve.

use super::site::{PROXY, Site, expect_echo};
use crate::support::namespace::Host;
use std::process::Command;

/// Where the proxies listen on the cable.
const NEAR: [&str; 2] = ["10.0.0.2:1080", "[fd00::2]:1080"];

/// A host that knows the name `inside`, and one beside it that does not.
fn hosts() -> (Site, Host) {
    let (site, outside) = (Site::new(), Host::new());
    let ours = ["10.0.0.1/24", "fd00::1/64"];
    outside.link(&site.host, &ours, &["10.0.0.2/24", "fd00::2/64"]);
    site.host.hosts_file("127.0.0.1 inside localhost\n");
    site.host.hosts_file_alone();
    outside.hosts_file("127.0.0.1 localhost\n");
    outside.hosts_file_alone();
    (site, outside)
}

/// Fails the test unless the proxy resolves `inside`, whichever way it is reached.
#[track_caller]
fn expect_resolved(outside: &Host, kind: &str) {
    for near in NEAR {
        expect_echo(outside, &format!("{kind}://{near}"), "inside:7");
    }
}

#[test]
fn socks5_leaves_names_to_the_proxy() {
    let (mut site, outside) = hosts();
    let mut command = Command::new("microsocks");
    command.args(["-i", "::", "-p", "1080"]);
    site.start(&command, &PROXY);
    expect_resolved(&outside, "socks5");
    // SOCKS4 needs an address, and nobody here has it.
    let arguments = ["connect", "--proxy", "socks4://10.0.0.2", "inside:7"];
    let said = outside.run(&arguments).expect_code(1).stderr;
    let reason = "SOCKS4 needs an IPv4 address: no such name";
    assert!(said.contains(reason), "{said}");
    let hint = "(hint: socks4a and socks5 let the proxy resolve it)";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn http_leaves_names_to_the_proxy() {
    let (mut site, outside) = hosts();
    let text = "Port 1080\nListen 0.0.0.0\nListen ::\nTimeout 60\n";
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(site.file("conf", text));
    site.start(&command, &PROXY);
    expect_resolved(&outside, "http");
}

//! tinyproxy: HTTP's CONNECT.

use super::site::{CLOSED, ECHO, PROXY, Site};
use std::process::Command;

/// A host with tinyproxy, set up with these further lines.
fn tinyproxy(more: &str) -> Site {
    let mut site = Site::new();
    let text = format!("Port 1080\nListen 127.0.0.1\nListen ::1\nTimeout 60\n{more}\n");
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(site.file("conf", &text));
    site.start(&command, &PROXY);
    site
}

#[test]
fn connect_leads_through_tinyproxy() {
    let site = tinyproxy("");
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("http://{proxy}"));
    }
    let said = site.refusal("http://127.0.0.1:1080", CLOSED);
    let expected = "netkit: cannot connect to 127.0.0.1:9 through http://127.0.0.1:1080: it \
                    answered `HTTP/1.1 500 Unable to connect`";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn tinyproxy_may_want_to_know_who_asks() {
    let site = tinyproxy("BasicAuth me secret");
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("http://me:secret@{proxy}"));
    }
    let said = site.refusal("http://127.0.0.1:1080", ECHO[0]);
    assert!(said.contains("`HTTP/1.0 407 Proxy Auth"), "{said}");
    let hint = "(hint: it wants a user and a password";
    assert!(said.contains(hint), "{said}");
    let said = site.refusal("http://me:wrong@127.0.0.1:1080", ECHO[0]);
    assert!(said.contains("(hint: check user and password)"), "{said}");
}

#[test]
fn tinyproxy_may_forbid_a_port() {
    let site = tinyproxy("ConnectPort 443");
    let said = site.refusal("http://127.0.0.1:1080", ECHO[0]);
    assert!(said.contains("it answered `HTTP/1.1 403 "), "{said}");
}

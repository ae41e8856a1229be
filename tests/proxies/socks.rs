//! microsocks, Dante and OpenSSH: SOCKS5, SOCKS4 and SOCKS4A.

use super::site::{CLOSED, ECHO, PROXY, Site, expect_echo};
use crate::support::PATIENCE;
use crate::support::process::{Process, finish};
use std::process::Command;

/// What is said to one that should have said who it is.
const WANTED: &str = "(hint: it wants a user and a password";

/// What is said to one that said it wrongly.
const WRONG: &str = "it does not take this user and password";

/// Where sshd listens.
const SSHD: &str = "127.0.0.1:22";

/// A host with microsocks.
fn microsocks(arguments: &[&str]) -> Site {
    let mut site = Site::new();
    let mut command = Command::new("microsocks");
    command.args(["-i", "::", "-p", "1080"]).args(arguments);
    site.start(&command, &PROXY);
    site
}

/// A host with Dante, which lets in whoever says by this method who it is.
pub(super) fn dante(method: &str) -> Site {
    let mut site = Site::new();
    let text = format!(
        "logoutput: stderr\ninternal: 127.0.0.1 port = 1080\ninternal: ::1 port = 1080
external: lo\nexternal.rotation: route\nclientmethod: none\nsocksmethod: {method}
user.privileged: root\nuser.unprivileged: root\nclient pass {{ from: 0/0 to: 0/0 }}
socks block {{ from: 0/0 to: 127.0.0.2/32 }}
socks pass {{ from: 0/0 to: 0/0 protocol: tcp }}\n"
    );
    let mut command = Command::new("/usr/sbin/danted");
    command.arg("-f").arg(site.file("conf", &text));
    add_user(&site);
    site.start(&command, &PROXY);
    site
}

/// Makes a user `me` with the password `secret`, on this host alone.
fn add_user(site: &Site) {
    site.host.shell(&format!(
        "cd '{}'
        {{ echo 'me:x:1000:1000::/:/bin/sh'; cat /etc/passwd; }} > passwd
        echo \"me:$(openssl passwd -6 secret):20000:0:99999:7:::\" > shadow
        mount --bind passwd /etc/passwd
        mount --bind shadow /etc/shadow",
        site.path("").display()
    ));
}

/// A host with OpenSSH's client as a proxy, and its server behind it.
fn openssh() -> Site {
    let mut site = Site::new();
    let (host_key, key) = (site.path("host"), site.path("key"));
    let keys = [host_key.display(), key.display()];
    site.host.shell(&format!(
        "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd
        for key in '{}' '{}'; do ssh-keygen -q -t ed25519 -N '' -f \"$key\"; done",
        keys[0], keys[1]
    ));
    let mut server = Command::new("/usr/sbin/sshd");
    server.args(["-D", "-e", "-f", "/dev/null", "-p", "22", "-h"]);
    server.arg(&host_key).args(["-o", "PidFile=none"]);
    server.args(["-o", "StrictModes=no", "-o"]);
    server.arg(format!("AuthorizedKeysFile={}.pub", keys[1]));
    site.start(&server, &[SSHD]);
    let mut client = Command::new("ssh");
    client.args(["-F", "none", "-N", "-i"]).arg(&key);
    for proxy in PROXY {
        client.args(["-D", proxy]);
    }
    client.args(["-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"]);
    client.args(["-o", "UserKnownHostsFile=/dev/null", "root@127.0.0.1"]);
    site.start(&client, &PROXY);
    site
}

#[test]
fn socks5_leads_through_microsocks() {
    let site = microsocks(&[]);
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("socks5://{proxy}"));
        // One that does not ask is not told.
        expect_echo(&site.host, &format!("socks5h://me:secret@{proxy}"), ECHO[0]);
    }
    let said = site.refusal("socks5://127.0.0.1:1080", CLOSED);
    let expected = "netkit: cannot connect to 127.0.0.1:9 through socks5://127.0.0.1:1080: it \
                    says: connection refused (SOCKS5 reply 5)";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn microsocks_may_want_to_know_who_asks() {
    let site = microsocks(&["-u", "me", "-P", "secret"]);
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("socks5://me:s%65cret@{proxy}"));
    }
    let said = site.refusal("socks5://127.0.0.1:1080", ECHO[0]);
    assert!(said.contains(WANTED), "{said}");
    let said = site.refusal("socks5://me:wrong@127.0.0.1:1080", ECHO[0]);
    assert!(said.contains(WRONG), "{said}");
}

#[test]
fn socks5_and_socks4_lead_through_dante() {
    let site = dante("none");
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("socks5://{proxy}"));
        for target in ["127.0.0.1:7", "localhost:7"] {
            expect_echo(&site.host, &format!("socks4://{proxy}"), target);
        }
    }
    let said = site.refusal("socks5://127.0.0.1:1080", "127.0.0.2:7");
    let ruled_out = "its rules do not allow the connection (SOCKS5 reply 2)";
    assert!(said.contains(ruled_out), "{said}");
    let said = site.refusal("socks5://127.0.0.1:1080", CLOSED);
    let refused = "connection refused (SOCKS5 reply 5)";
    assert!(said.contains(refused), "{said}");
    let said = site.refusal("socks4://127.0.0.1:1080", CLOSED);
    let refused = "rejected or failed (SOCKS4 reply 91)";
    assert!(said.contains(refused), "{said}");
    let said = site.refusal("socks4://127.0.0.1:1080", "[::1]:7");
    assert!(said.contains("SOCKS4 knows no IPv6 addresses"), "{said}");
}

#[test]
fn the_end_of_the_input_passes_through_dante() {
    let site = dante("none");
    let sent = "0123456789abcde\n".repeat(65_536);
    for kind in ["socks5", "socks4"] {
        let proxy = format!("{kind}://127.0.0.1:1080");
        let client = site.host.netkit(&["connect", "--proxy", &proxy, ECHO[0]]);
        let output = finish(client, sent.as_bytes(), PATIENCE);
        let (came, said) = (output.stdout.len(), &output.stderr);
        assert!(output.stdout == sent, "{kind}: {came} bytes came: {said}");
        output.expect_code(0);
    }
}

#[test]
fn dante_may_want_to_know_who_asks() {
    let site = dante("username");
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("socks5://me:secret@{proxy}"));
    }
    let said = site.refusal("socks5://127.0.0.1:1080", ECHO[0]);
    assert!(said.contains(WANTED), "{said}");
    let said = site.refusal("socks5://me:wrong@127.0.0.1:1080", ECHO[0]);
    assert!(said.contains(WRONG), "{said}");
}

#[test]
fn every_socks_leads_through_openssh() {
    let site = openssh();
    for proxy in PROXY {
        site.expect_echo_everywhere(&format!("socks5://{proxy}"));
        for target in ["127.0.0.1:7", "localhost:7"] {
            expect_echo(&site.host, &format!("socks4://{proxy}"), target);
            expect_echo(&site.host, &format!("socks4a://{proxy}"), target);
        }
    }
    for kind in ["socks5", "socks4", "socks4a"] {
        let proxy = format!("{kind}://127.0.0.1:1080");
        // What a server says first may come together with the proxy's last word.
        let arguments = ["connect", "--recv-only", "--proxy", &proxy, SSHD];
        let client = Process::start(site.host.netkit(&arguments));
        client.stdout.wait_for_line("SSH-2.0-OpenSSH", PATIENCE);
        let said = site.refusal(&proxy, CLOSED);
        let through = format!("through {proxy}: it ");
        assert!(said.contains(&through), "{said}");
    }
}

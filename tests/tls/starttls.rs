//! Protocols that begin in plain text.

use super::{TlsServer, reason};
use crate::check::records::check_on;
use crate::support::PATIENCE;
use crate::support::certificates::{Certificates, VALID};
use crate::support::namespace::Host;
use crate::support::process::{Process, send_signal};

const PROTOCOLS: [&str; 8] = [
    "smtp", "imap", "pop3", "ldap", "postgres", "mysql", "xmpp", "ftp",
];

/// Checks a server that speaks `protocol` and then behaves as `how` says.
fn check(protocol: &str, how: &str) -> (crate::check::records::Checked, String) {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let preamble = format!("{protocol}{how}");
    let server = TlsServer::start(&certificates, "leaf", &["any", &preamble]);
    let ca = certificates.ca();
    let checked = server.check(&["--ca", &ca, "--starttls", protocol]);
    let said = server.process.stderr.so_far();
    (checked, said)
}

#[test]
fn every_protocol_changes_to_tls() {
    for protocol in PROTOCOLS {
        let (checked, said) = check(protocol, "");
        assert_eq!(
            checked.only()["state"],
            "open",
            "{protocol}: {checked:?}{said}"
        );
        assert_eq!(checked.only()["tls"]["subject"], "CN=localhost");
    }
}

#[test]
fn a_refusal_is_quoted() {
    for (protocol, words) in [
        ("smtp", "454 not now"),
        ("imap", "a1 NO sorry"),
        ("pop3", "-ERR no"),
        ("ldap", "result code 52"),
        ("postgres", "refused TLS"),
        ("mysql", "does not offer TLS"),
        ("xmpp", "does not offer STARTTLS"),
        ("ftp", "502 no"),
    ] {
        let (checked, _) = check(protocol, "-no");
        let why = reason(&checked.expect_code(1), "mismatch");
        assert!(why.contains(words), "{protocol}: {why}");
    }
}

#[test]
fn nothing_may_follow_the_go_ahead_in_plain_text() {
    for protocol in ["smtp", "imap", "pop3", "postgres", "ftp"] {
        let (checked, _) = check(protocol, "-glued");
        let state = checked.only()["state"]
            .as_str()
            .expect("a state")
            .to_owned();
        let why = checked.only()["reason"]
            .as_str()
            .expect("a reason")
            .to_owned();
        // In a segment of its own it comes too late to be seen before, and is no TLS then.
        let told = why.contains("`injected` in plain text before TLS")
            || why.contains("not answer in TLS");
        assert!(
            told && ["mismatch", "tls"].contains(&state.as_str()),
            "{protocol}: {state} {why}"
        );
        checked.expect_code(1);
    }
}

#[test]
fn another_protocol_is_told_apart() {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let server = TlsServer::start(&certificates, "leaf", &["any", "plain"]);
    for protocol in ["smtp", "imap", "pop3", "mysql", "ftp"] {
        let checked = server.check(&["--starttls", protocol]).expect_code(1);
        assert_eq!(
            checked.only()["state"],
            "mismatch",
            "{protocol}: {checked:?}"
        );
    }
    let silent = TlsServer::start(&certificates, "leaf", &["any", "silent"]);
    for protocol in PROTOCOLS {
        let checked = silent
            .check(&["--starttls", protocol, "--timeout", "200ms"])
            .expect_code(1);
        let why = reason(&checked, "mismatch");
        assert!(
            why.contains("nothing came within 200ms"),
            "{protocol}: {why}"
        );
    }
}

/// Starts PostgreSQL with TLS on this host's port 5432, as a user that it accepts.
const POSTGRES: &str = "
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
as_user=''
if [ \"$(id -u)\" -eq 0 ]; then
    chown -R postgres \"$FOLDER\"
    as_user='setpriv --reuid=postgres --regid=postgres --clear-groups'
fi
chmod 600 \"$FOLDER/leaf.key\"
cd \"$FOLDER\"
$as_user \"$programs/initdb\" --pgdata=data --auth=trust --no-sync >/dev/null
exec $as_user \"$programs/postgres\" -D data -p 5432 -k \"$FOLDER\" -h 127.0.0.1 -c fsync=off \\
    -c ssl=$SSL -c ssl_cert_file=\"$FOLDER/leaf.pem\" -c ssl_key_file=\"$FOLDER/leaf.key\"
";

#[test]
fn postgres_itself_changes_to_tls_or_says_that_it_does_not() {
    for (ssl, code, state) in [("on", 0, "open"), ("off", 1, "mismatch")] {
        let host = Host::new();
        host.hosts_file("127.0.0.1 localhost\n");
        let certificates = Certificates::new();
        certificates.make("leaf", "localhost", VALID);
        let folder = certificates.folder().display();
        let mut command = std::process::Command::new("sh");
        command.args(["-ec", &format!("FOLDER={folder}; SSL={ssl}; {POSTGRES}")]);
        let mut postgres = Process::start(host.enter(&command));
        let wait = [
            "check",
            "--wait",
            "20s",
            "--interval",
            "20ms",
            "localhost:5432",
        ];
        host.run(&wait).expect_code(0);
        let target = "tls://localhost:5432";
        let ca = certificates.ca();
        let checked = check_on(&host, &[target, "--starttls", "postgres", "--ca", &ca]);
        // Killed, it would leave its shared memory behind.
        send_signal(postgres.id(), "INT");
        postgres.wait_for_exit(PATIENCE);
        assert_eq!(checked.only()["state"], state, "{checked:?}");
        checked.expect_code(code);
    }
}

//! unbound and dnsmasq on a host of their own, which answer from records that are given to them.

use crate::check::records::expect_mismatch;
use crate::check::records::{Checked, check_on};
use crate::support::namespace::Host;
use crate::support::process::{Process, run};
use serde_json::json;
use std::fmt::Write;
use std::process::Command;
use tempfile::TempDir;

/// More addresses than fit into a datagram.
const MANY: u32 = 1_000;

/// What unbound knows.
const RECORDS: [&str; 12] = [
    "www.example.test. 300 IN A 192.0.2.1",
    "www.example.test. 300 IN AAAA 2001:db8::1",
    "example.test. 300 IN TXT 'v=spf1 -all' 'second'",
    "example.test. 300 IN MX 10 mail.example.test.",
    "example.test. 300 IN NS ns.example.test.",
    "example.test. 300 IN SOA ns.example.test. root.example.test. 7 3600 600 86400 300",
    "example.test. 300 IN CAA 0 issue 'ca.example'",
    "_sip._tcp.example.test. 300 IN SRV 1 2 5060 sip.example.test.",
    "1.2.0.192.in-addr.arpa. 300 IN PTR www.example.test.",
    "alias.example.test. 300 IN CNAME www.example.test.",
    "odd.example.test. 300 IN TYPE65280 \\# 3 0102ff",
    "spread.example.test. 300 IN A 192.0.2.7",
];

/// A name server on a host of its own.
struct Names {
    host: Host,
    // The order matters: the server goes before its folder.
    _server: Process,
    _folder: TempDir,
}

impl Names {
    fn unbound() -> Self {
        let mut text = String::from(
            "server:\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n use-syslog: no
 interface: 127.0.0.1\n interface: ::1\n access-control: 0.0.0.0/0 allow\n access-control: ::0/0 allow
 module-config: \"iterator\"\n local-zone: \"example.test.\" static\n local-zone: \"example.refused.\" refuse
 local-zone: \"2.0.192.in-addr.arpa.\" static\n",
        );
        for record in RECORDS {
            let quoted = record.replace('\'', "\"");
            writeln!(text, " local-data: '{quoted}'").unwrap();
        }
        for number in 0..MANY {
            let (high, low) = (number / 250, number % 250 + 1);
            writeln!(
                text,
                " local-data: 'many.example.test. 300 IN A 127.1.{high}.{low}'"
            )
            .unwrap();
        }
        text.push_str("remote-control:\n control-enable: no\n");
        Self::start(
            "unbound.conf",
            &text,
            "/usr/sbin/unbound",
            &["-d", "-p", "-c"],
        )
    }

    fn dnsmasq() -> Self {
        let mut text = String::from(
            "keep-in-foreground\nno-resolv\nno-hosts\nlisten-address=127.0.0.1,::1\nbind-interfaces\nuser=root
host-record=www.example.test,192.0.2.1\ntxt-record=example.test,hello\npid-file=\n",
        );
        for number in 0..MANY {
            let (high, low) = (number / 250, number % 250 + 1);
            writeln!(text, "host-record=many.example.test,127.1.{high}.{low}").unwrap();
        }
        Self::start("dnsmasq.conf", &text, "/usr/sbin/dnsmasq", &["--conf-file"])
    }

    /// Starts the server with its configuration as the last argument.
    fn start(name: &str, text: &str, program: &str, arguments: &[&str]) -> Self {
        let (host, folder) = (Host::new(), TempDir::new().expect("cannot make a folder"));
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("cannot write a file");
        let mut command = Command::new(program);
        match arguments {
            ["--conf-file"] => command.arg(format!("--conf-file={}", file.display())),
            _ => command.args(arguments).arg(&file),
        };
        let server = Process::start(host.enter(&command));
        let ready = ["check", "--wait", "20s", "127.0.0.1:53", "[::1]:53"];
        let output = host.run(&ready);
        assert!(
            output.status.success(),
            "{output:?}\n{}",
            server.stderr.so_far()
        );
        Self {
            host,
            _server: server,
            _folder: folder,
        }
    }

    /// What the server answers, over IPv4.
    #[track_caller]
    fn ask(&self, question: &str, more: &[&str]) -> Checked {
        let target = format!("dns://127.0.0.1/{question}");
        check_on(&self.host, &[&[target.as_str()], more].concat())
    }

    #[track_caller]
    fn expect_records(&self, question: &str, records: &[&str]) {
        let checked = self.ask(question, &[]).expect_code(0);
        let dns = &checked.only()["dns"];
        assert_eq!(dns["records"], json!(records), "{checked:?}");
        assert_eq!(dns["rcode"], "NOERROR", "{checked:?}");
    }
}

#[test]
fn records_of_each_kind_are_shown_as_in_a_zone_file() {
    let names = Names::unbound();
    for (question, record) in [
        ("www.example.test", "www.example.test. 300 IN A 192.0.2.1"),
        (
            "www.example.test?type=aaaa",
            "www.example.test. 300 IN AAAA 2001:db8::1",
        ),
        (
            "example.test?type=TXT",
            "example.test. 300 IN TXT \"v=spf1 -all\" \"second\"",
        ),
        (
            "example.test?type=MX",
            "example.test. 300 IN MX 10 mail.example.test.",
        ),
        (
            "example.test?type=NS",
            "example.test. 300 IN NS ns.example.test.",
        ),
        (
            "example.test?type=CAA",
            "example.test. 300 IN CAA 0 issue \"ca.example\"",
        ),
        (
            "example.test?type=SOA",
            "example.test. 300 IN SOA ns.example.test. root.example.test. 7 3600 600 86400 300",
        ),
        (
            "_sip._tcp.example.test?type=SRV",
            "_sip._tcp.example.test. 300 IN SRV 1 2 5060 sip.example.test.",
        ),
        (
            "1.2.0.192.in-addr.arpa?type=PTR",
            "1.2.0.192.in-addr.arpa. 300 IN PTR www.example.test.",
        ),
        (
            "alias.example.test?type=CNAME",
            "alias.example.test. 300 IN CNAME www.example.test.",
        ),
        (
            "odd.example.test?type=TYPE65280",
            "odd.example.test. 300 IN TYPE65280 \\# 3 01 02 ff",
        ),
    ] {
        names.expect_records(question, &[record]);
    }
}

#[test]
fn an_answer_has_its_question_and_its_times() {
    let names = Names::unbound();
    names
        .host
        .hosts_file("127.0.0.1 localhost\n::1 localhost\n");
    let checked = check_on(&names.host, &["dns://localhost/WWW.Example.test."]).expect_code(0);
    assert_eq!(checked.results.len(), 2, "{checked:?}");
    for result in &checked.results {
        assert_eq!(result["state"], "open", "{result}");
        assert_eq!(result["dns"]["question"], "A", "{result}");
        assert_eq!(result["dns"]["transport"], "udp", "{result}");
        assert!(result["first_byte_us"].is_u64(), "{result}");
        assert!(result["first_byte_us"].as_u64() <= result["total_us"].as_u64());
    }
    check_on(&names.host, &["-6", "dns://localhost/www.example.test"]).expect_code(0);
    names
        .ask("www.example.test?over=tcp&type=AAAA", &[])
        .expect_code(0);
}

#[test]
fn no_such_name_and_no_such_record_are_mismatches() {
    let names = Names::unbound();
    let found = expect_mismatch(names.ask("none.example.test", &[]), "NXDOMAIN");
    assert_eq!(found["dns"]["rcode"], "NXDOMAIN", "{found}");
    expect_mismatch(names.ask("www.example.refused", &[]), "REFUSED");
    expect_mismatch(
        names.ask("spread.example.test?type=AAAA", &[]),
        "spread.example.test. has no record AAAA",
    );
}

#[test]
fn records_are_held_against_what_is_expected() {
    let names = Names::unbound();
    let good = ["--expect", "IN A 192\\.0\\.2\\.1$", "--reject", "127"];
    names.ask("www.example.test", &good).expect_code(0);
    expect_mismatch(
        names.ask("www.example.test", &["--expect", "^10\\."]),
        "of the records, nothing matches `^10\\.`",
    );
    expect_mismatch(
        names.ask("www.example.test", &["--reject", "192"]),
        "`192` matches, and must not",
    );
}

#[test]
fn what_does_not_fit_into_a_datagram_comes_over_tcp() {
    for names in [Names::unbound(), Names::dnsmasq()] {
        let checked = names
            .ask("many.example.test", &["--timeout", "20s"])
            .expect_code(0);
        let dns = &checked.only()["dns"];
        assert_eq!(dns["transport"], "tcp", "{checked:?}");
        let records = dns["records"].as_array().expect("a list");
        assert_eq!(records.len(), MANY as usize, "{checked:?}");
        let found = expect_mismatch(
            names.ask("many.example.test?over=udp", &[]),
            "the answer does not fit into a datagram",
        );
        assert_eq!(found["dns"]["records"], json!([]), "{found}");
        names
            .host
            .firewall("input", "tcp dport 53 reject with tcp reset");
        expect_mismatch(
            names.ask("many.example.test", &[]),
            "the answer does not fit into a datagram, and over TCP: nothing listens there",
        );
    }
}

#[test]
fn dnsmasq_answers_too() {
    let names = Names::dnsmasq();
    names
        .ask("www.example.test", &["--expect", "192\\.0\\.2\\.1$"])
        .expect_code(0);
    names
        .ask("example.test?type=TXT", &["--expect", "\"hello\""])
        .expect_code(0);
    names
        .ask("example.test?type=TXT&over=tcp", &[])
        .expect_code(0);
}

#[test]
fn each_of_a_thousand_addresses_from_a_name_server_gets_its_line() {
    let names = Names::dnsmasq();
    names.host.resolv_conf("nameserver 127.0.0.1\n");
    let arguments = ["--timeout", "30s", "dns://many.example.test:54/x"];
    let checked = check_on(&names.host, &arguments).expect_code(1);
    assert_eq!(checked.summary["by_state"]["refused"], MANY, "{checked:?}");
}

#[test]
fn nobody_there_is_refused_and_a_firewall_silent() {
    let host = Host::new();
    let checked = check_on(&host, &["dns://127.0.0.1/x", "dns://[::1]/x"]).expect_code(1);
    assert_eq!(checked.states(), ["refused", "refused"], "{checked:?}");
    host.firewall("input", "udp dport 53 drop\ntcp dport 53 drop");
    let timeout = ["--timeout", "1500ms"];
    let checked = check_on(&host, &[timeout[0], timeout[1], "dns://127.0.0.1/x"]).expect_code(1);
    let result = checked.only();
    assert_eq!(result["state"], "silent", "{result}");
    let reason = result["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("no answer within 1s 500ms (asked "),
        "{result}"
    );
    assert!(result["hint"].is_string(), "{result}");
    let over_tcp = "dns://127.0.0.1/x?over=tcp";
    let checked = check_on(&host, &["--timeout", "500ms", over_tcp]).expect_code(1);
    assert_eq!(checked.only()["state"], "filtered", "{checked:?}");
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    for (target, culprit) in [
        (
            "dns://127.0.0.1",
            "it names nothing to ask for (hint: dns://SERVER/NAME",
        ),
        ("dns://127.0.0.1/?type=A", "it names nothing to ask for"),
        ("dns://127.0.0.1/a..b", "`a..b` is not a domain name"),
        ("dns://127.0.0.1/a?type=B", "`B` is not a record type"),
        (
            "dns://127.0.0.1/a?over=sctp",
            "`over=sctp` is none of type=TYPE, over=udp and over=tcp",
        ),
        ("dns://127.0.0.1/a?kind=A", "`kind=A` is none of"),
    ] {
        let output = run(&["check", target], b"").expect_code(2);
        assert!(output.stderr.contains(culprit), "{output:?}");
    }
}

//! `netkit doctor`: this machine, and machines where less works.

use crate::support::PATIENCE;
use crate::support::namespace::{Host, without_ipv6};
use crate::support::process::{Output, finish, netkit, run};
use crate::support::server::Server;

/// A line of the table: what it says of its subject.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    standing: String,
    subject: String,
    detail: String,
}

/// The table's lines, without the verdict at its end.
fn rows(output: &Output) -> Vec<Row> {
    let lines: Vec<&str> = output.stdout.lines().collect();
    let (_verdict, rows) = lines.split_last().expect("a table");
    let row = |line: &&str| {
        let (standing, rest) = line.split_once(' ').expect("a standing");
        let (subject, detail) = rest.trim_start().split_once("  ").expect("a subject");
        Row {
            standing: standing.into(),
            subject: subject.into(),
            detail: detail.trim_start().into(),
        }
    };
    rows.iter().map(row).collect()
}

#[track_caller]
fn row(output: &Output, subject: &str) -> Row {
    let found = rows(output).into_iter().find(|it| it.subject == subject);
    found.unwrap_or_else(|| panic!("nothing of {subject}: {output:#?}"))
}

#[track_caller]
fn expect_echo_over(output: &Output, families: &[&str]) {
    for family in ["IPv4", "IPv6"] {
        let all = rows(output);
        let subject = format!("echo over {family}");
        let found = all.iter().find(|it| it.subject == subject);
        assert_eq!(found.is_some(), families.contains(&family), "{output:#?}");
        if let Some(found) = found {
            assert_eq!(found.standing, "ok", "{output:#?}");
            assert!(found.detail.contains("100 of 100"), "{output:#?}");
        }
    }
}

#[test]
fn on_this_machine_everything_that_can_work_does() {
    let output = run(&["doctor"], b"").expect_code(0);
    assert!(
        rows(&output).iter().all(|it| it.standing != "bad"),
        "{output:#?}"
    );
    for subject in [
        "descriptors",
        "localhost",
        "echo-server",
        "echo over IPv4",
        "file service",
        "file on both sides",
        "file that differs",
        "file on one side",
        "file on neither side",
    ] {
        assert_eq!(row(&output, subject).standing, "ok", "{output:#?}");
    }
    assert!(
        output.stdout.ends_with("all that can work here does\n"),
        "{output:#?}"
    );
    assert_eq!(output.stderr, "");
}

#[test]
fn with_loopback_alone_everything_works() {
    let host = Host::new();
    host.resolv_conf("");
    for names in ["127.0.0.1 localhost\n::1 localhost ip6-localhost\n", ""] {
        host.hosts_file(names);
        let output = host.run(&["doctor"]).expect_code(0);
        let names_known = !names.is_empty();
        for row in rows(&output) {
            let expected = names_known || !row.subject.contains("localhost");
            assert_eq!(row.standing == "ok", expected, "{output:#?}");
        }
        expect_echo_over(&output, &["IPv4", "IPv6"]);
    }
}

#[test]
fn with_ipv6_switched_off_it_says_so_and_is_content() {
    let host = Host::new();
    host.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
    let output = host.run(&["doctor"]).expect_code(0);
    expect_no_ipv6(&output);
}

#[test]
fn a_kernel_without_ipv6_is_said_so_and_it_is_content() {
    let host = Host::new();
    let output = finish(without_ipv6(&host.netkit(&["doctor"])), b"", PATIENCE).expect_code(0);
    expect_no_ipv6(&output);
    assert_eq!(row(&output, "one socket for both").standing, "absent");
}

#[track_caller]
fn expect_no_ipv6(output: &Output) {
    let loopback = row(output, "loopback IPv6");
    assert_eq!(loopback.standing, "absent", "{output:#?}");
    assert!(loopback.detail.contains("IPv6"), "{output:#?}");
    assert_eq!(row(output, "loopback IPv4").standing, "ok");
    assert!(
        rows(output).iter().all(|it| it.standing != "bad"),
        "{output:#?}"
    );
    expect_echo_over(output, &["IPv4"]);
}

#[test]
fn loopback_that_is_down_is_bad() {
    let host = Host::new();
    host.shell("ip link set lo down");
    let output = host.run(&["doctor"]).expect_code(1);
    let bad: Vec<Row> = rows(&output)
        .into_iter()
        .filter(|it| it.standing == "bad")
        .collect();
    assert!(!bad.is_empty(), "{output:#?}");
    assert!(output.stdout.contains("marked `bad`"), "{output:#?}");
}

#[test]
fn a_name_server_that_never_answers_does_not_hold_it_up() {
    let host = Host::new();
    host.hosts_file("");
    host.resolv_conf("nameserver 127.0.0.1\n");
    host.firewall("input", "udp dport 53 drop");
    let output = host.run(&["doctor"]).expect_code(0);
    let row = row(&output, "localhost");
    // netkit's own answer is no work of the resolver's.
    assert_eq!(row.standing, "absent", "{output:#?}");
}

#[test]
fn two_at_once_and_a_server_beside_them_do_not_meet() {
    let _server = Server::echo(&[]);
    let mut processes: Vec<_> = (0..2)
        .map(|_| crate::support::process::Process::start(netkit(&["doctor"])))
        .collect();
    for process in &mut processes {
        let status = process.wait_for_exit(PATIENCE);
        assert_eq!(status.code(), Some(0), "{}", process.stdout.so_far());
    }
}

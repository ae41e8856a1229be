//! How targets are written: `HOST:PORTS[=STATE]`, and what is said of wrong ones.

use super::records::check_on;
use crate::support::namespace::Host;
use crate::support::process::run;
use std::process::Command;
use tempfile::NamedTempFile;

/// A wrong target, and the part of it that is to blame; empty where something is missing.
const WRONG: [(&str, &str); 32] = [
    ("127.0.0.1:0", "0"),
    ("127.0.0.1:65536", "65536"),
    ("127.0.0.1:99999", "99999"),
    ("127.0.0.1:4294967376", "4294967376"),
    ("127.0.0.1:18446744073709551696", "18446744073709551696"),
    ("127.0.0.1:-1", ""),
    ("127.0.0.1:+80", "+80"),
    ("127.0.0.1:80x", "80x"),
    ("127.0.0.1:0x50", "0x50"),
    ("127.0.0.1:8 0", "8 0"),
    ("127.0.0.1:٨٠", "٨٠"),
    ("127.0.0.1:1-", ""),
    ("127.0.0.1:-", ""),
    ("127.0.0.1:5-1", "5-1"),
    ("127.0.0.1:0-5", "0"),
    ("127.0.0.1:1-65536", "65536"),
    ("127.0.0.1:1-2-3", "2-3"),
    ("127.0.0.1:80,", ""),
    ("127.0.0.1:,80", ""),
    ("127.0.0.1:80,,81", ""),
    ("127.0.0.1:", ""),
    ("127.0.0.1", ""),
    ("", ""),
    (":80", ""),
    ("127.0.0.1:80=shut", "shut"),
    ("127.0.0.1:80=", ""),
    ("127.0.0.1:80=OPEN", "OPEN"),
    ("::1:80", "::1"),
    ("[::1:80", ""),
    ("[::1]80", ""),
    ("[127.0.0.1]:80", "127.0.0.1"),
    ("gopher://127.0.0.1:70", "gopher"),
];

#[test]
fn a_wrong_target_is_pointed_at() {
    for (target, culprit) in WRONG {
        let output = run(&["check", target], b"").expect_code(2);
        assert_eq!(output.stdout, "", "{output:?}");
        let lines: Vec<&str> = output.stderr.lines().collect();
        let told = format!("netkit: wrong target `{target}`: expected ");
        assert!(lines[0].starts_with(&told), "{output:?}");
        assert_eq!(lines.len(), 3, "{output:?}");
        assert_eq!(lines[1].trim_start(), target, "{output:?}");
        let carets = lines[2].trim_start();
        assert!(carets.chars().all(|it| it == '^'), "{output:?}");
        // Something that is missing is pointed at too.
        assert_eq!(carets.len(), culprit.chars().count().max(1), "{output:?}");
        let at = lines[2].chars().count() - carets.len();
        let pointed: String = lines[1].chars().skip(at).take(carets.len()).collect();
        if !culprit.is_empty() {
            assert_eq!(pointed, culprit, "{output:?}");
        }
    }
}

#[test]
fn one_wrong_target_among_good_ones_sends_nothing() {
    let log = NamedTempFile::new().expect("cannot make a temporary file");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=network", "-o"]);
    command.arg(log.path()).arg(env!("CARGO_BIN_EXE_netkit"));
    command.args(["check", "127.0.0.1:80", "localhost:80", "127.0.0.1:99999"]);
    let output = command.output().expect("cannot start `strace`");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let calls = std::fs::read_to_string(log.path()).expect("cannot read the log");
    assert!(calls.contains("exited with 2"), "{calls}");
    for call in ["connect(", "socket(", "sendto(", "sendmmsg("] {
        assert!(!calls.contains(call), "{calls}");
    }
}

#[test]
fn other_wrong_words_are_status_2() {
    for arguments in [
        &["check", "127.0.0.1:80", "--timeout", "5"][..],
        &["check", "127.0.0.1:80", "--timeout", "soon"],
        &["check", "127.0.0.1:80", "--parallel", "0"],
        &["check", "127.0.0.1:80", "--parallel", "-1"],
        &["check", "127.0.0.1:80", "-o", "yaml"],
        &["check", "127.0.0.1:80", "-4", "-6"],
        &["check", "127.0.0.1:80", "--sideways"],
        &["check", "127.0.0.1:1-65535", "127.0.0.2:1-65535"],
    ] {
        let output = run(arguments, b"").expect_code(2);
        assert_eq!(output.stdout, "", "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    let output = run(&["check", "127.0.0.1:80", "--timeout", "5"], b"");
    assert!(output.stderr.contains("5s"), "no hint: {output:?}");
    let output = run(&["check", "127.0.0.1:1-65535", "127.0.0.2:1-65535"], b"");
    assert!(
        output.stderr.contains("--max-checks 131070"),
        "no hint: {output:?}"
    );
}

#[test]
fn options_that_would_be_ignored_are_refused() {
    for (arguments, words) in [
        (
            &["check", "127.0.0.1:9", "--explain", "--save", "x"][..],
            "cannot be used with",
        ),
        (
            &["check", "127.0.0.1:9", "--explain", "--", "true"],
            "cannot be used with",
        ),
        (
            &["check", "-", "--plan", "-"],
            "standard input can be read once",
        ),
        (&["echo", "127.0.0.1:9", "--size", "5"], "--count"),
        (&["echo", "127.0.0.1:9", "-i", "5ms"], "--count"),
        (
            &["echo", "127.0.0.1:9", "-o", "junit"],
            "as junit is of checks",
        ),
        (
            &["probe", "raw", "127.0.0.1:9", "--report-tap", "x"],
            "as tap is of checks",
        ),
        (
            &["probe", "peer", "127.0.0.1:9", "a", "-o", "csv"],
            "as csv is of checks",
        ),
    ] {
        let output = run(arguments, b"").expect_code(2);
        assert!(output.stderr.contains(words), "no `{words}`: {output:?}");
    }
}

#[test]
fn a_resolver_that_cannot_say_proves_nothing() {
    let host = Host::new();
    host.resolv_conf("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let checked = check_on(
        &host,
        &["gone.test:80=down", "--retries", "2", "--interval", "0"],
    );
    let result = checked.expect_code(1).only().clone();
    assert_eq!(result["state"], "unresolved", "{result}");
    assert_eq!(result["attempts"], 3, "{result}");
}

#[test]
fn a_word_that_does_not_resolve_is_no_file_name() {
    let host = Host::new();
    host.resolv_conf("");
    let checked = check_on(&host, &["Cargo.toml:80"]).expect_code(1);
    assert_eq!(checked.only()["state"], "unresolved");
    assert_eq!(checked.only()["target"], "Cargo.toml:80");
}

#[test]
fn lists_and_ranges_are_every_port_of_them() {
    let host = Host::new();
    let targets = ["127.0.0.1:1,5-7,65535=closed", "tcp://[::1]:8-9=closed"];
    let checked = check_on(&host, &targets).expect_code(0);
    let mut found: Vec<&str> = checked
        .results
        .iter()
        .filter_map(|it| it["address"].as_str())
        .collect();
    found.sort_unstable();
    let wanted = [
        "127.0.0.1:1",
        "127.0.0.1:5",
        "127.0.0.1:6",
        "127.0.0.1:65535",
        "127.0.0.1:7",
        "[::1]:8",
        "[::1]:9",
    ];
    assert_eq!(found, wanted);
    for result in &checked.results {
        assert_eq!(result["target"], result["address"], "{result}");
    }
}

#[test]
fn a_zone_is_part_of_the_address() {
    let host = Host::new();
    let other = Host::new();
    host.link(&other, &["10.0.0.1/24"], &["10.0.0.2/24"]);
    let shown = other.shell("ip -6 -oneline address show dev link0 scope link");
    let address = shown
        .split("inet6 ")
        .nth(1)
        .and_then(|it| it.split('/').next());
    let address = address.expect("a link-local address");
    let target = format!("[{address}%link0]:9=closed");
    let checked = check_on(&host, &[&target]).expect_code(0);
    assert_eq!(checked.only()["state"], "refused");
    let wrong = format!("[{address}%nowhere]:9");
    let checked = check_on(&host, &[&wrong]).expect_code(1);
    assert_ne!(checked.only()["state"], "refused");
}

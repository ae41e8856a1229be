//! Wrong words on the command line: each is named, and nothing is sent.

use crate::support::process::run;

#[track_caller]
fn expect_complaint(arguments: &[&str], words: &str) {
    let output = run(arguments, b"").expect_code(2);
    assert_eq!(output.stdout, "", "{output:?}");
    assert!(output.stderr.contains(words), "no `{words}`: {output:?}");
}

#[test]
fn a_wrong_step_is_named() {
    let complains = |option: &str, value: &str, words: &str| {
        expect_complaint(&["check", "127.0.0.1:9", option, value], words);
    };
    complains("--send", r"a\qb", r"`\q` is no escape");
    complains("--send", r"a\x4", r"`\x4` is no escape");
    complains("--send", "hex:48 6", "`6` is no pair of hexadecimal digits");
    complains("--expect", "a(b", "`a(b` is no regular expression");
    complains("--expect", "a{1000}{1000}", "`a{1000}{1000}`");
    complains("--expect", "x*", "matches even where nothing came");
    complains("--reject", "[", "`[` is no regular expression");
    complains("--read", "-5", "`eof` or `until:TEXT`");
    complains("--read", "0", "0 bytes");
    complains("--read", r"until:\q", r"`\q` is no escape");
    complains("--reject", "x", "--reject alone looks at nothing");
}

#[test]
fn what_a_datagram_cannot_do_is_named() {
    let complains = |options: &[&str], words: &str| {
        expect_complaint(&[&["check", "udp://127.0.0.1:9"], options].concat(), words);
    };
    complains(&["--payload", "snmp"], "`echo`, `dns`, `ntp` or `hex:…`");
    complains(&["--payload", "hex:0g"], "`0g` is no pair");
    complains(&["--read", "5"], "a datagram comes whole");
    complains(&["--send", "a", "--send", "b"], "one datagram is sent");
    complains(&["--payload", "ntp", "--send", "b"], "one datagram is sent");
}

#[test]
fn an_option_that_no_target_heeds_is_named() {
    let complains = |target: &str, option: &[&str], words: &str| {
        expect_complaint(&[&["check", target], option].concat(), words);
    };
    let [tcp, udp, http] = ["127.0.0.1:9", "udp://127.0.0.1:9", "http://127.0.0.1:9"];
    let said = "`--min-days` is for tls and https: no target is one of them";
    complains(tcp, &["--min-days", "3"], said);
    complains(http, &["--min-days", "3"], said);
    complains(
        tcp,
        &["--status", "200"],
        "`--status` is for http and https",
    );
    complains(udp, &["--insecure"], "`--insecure` is for tls and https");
    complains(tcp, &["--payload", "ntp"], "`--payload` is for udp");
    complains(http, &["--starttls", "smtp"], "no place in HTTP");
    complains(tcp, &["--backoff", "1s"], "--wait");
    complains(tcp, &["--explain", "-o", "json"], "cannot be used with");
    complains(
        "127.0.0.1:9=down",
        &["-6"],
        "not of the family that -6 asks for",
    );
    complains(
        "[::1]:9=down",
        &["-4"],
        "not of the family that -4 asks for",
    );
    expect_complaint(
        &["probe", "raw", tcp, "--sni", "x"],
        "`--sni` is for tls and https",
    );
}

#[test]
fn a_probe_is_of_one_server() {
    let complains = |arguments: &[&str], words: &str| {
        expect_complaint(&[&["probe"], arguments].concat(), words);
    };
    complains(&[], "required");
    complains(&["nosuch", "127.0.0.1:9"], "nosuch");
    complains(&["raw", "127.0.0.1:9-10"], "it is 2 servers");
    complains(&["raw", "127.0.0.0/30:9"], "it is 4 servers");
    complains(&["raw", "127.0.0.1:9=closed"], "a probe expects no state");
    complains(&["raw", "127.0.0.1"], "expected `:PORT`");
    complains(&["udp", "unix:///tmp/x"], "no target of `probe udp`");
    complains(&["raw", "127.0.0.1:9", "--send", "\\q"], "no escape");
    let help = run(&["probe", "--help"], b"").expect_code(0);
    assert!(help.stdout.contains("Examples:"), "{help:?}");
    assert!(help.stdout.contains("raw"), "{help:?}");
    let echo = run(&["probe", "echo", "--help"], b"").expect_code(0);
    assert!(echo.stdout.contains("--count"), "{echo:?}");
}

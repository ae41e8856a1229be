//! What is asked, well and badly, and how other netcats take it.

use super::{BOTH, Netcat, Seen, against};
use crate::support::PATIENCE;
use crate::support::peer;
use crate::support::process::finish;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

/// Arguments, separated by single spaces, and what both must say and no more.
const MESSAGES: &[(&str, &str)] = &[
    ("-lz 1", "cannot use -z and -l"),
    ("-l -x 127.0.0.1:1 1", "no proxy support for listen"),
    ("-k 127.0.0.1 1", "must use -l with -k"),
    ("-l", "missing port number"),
    ("127.0.0.1", "missing port number"),
    ("-k 127.0.0.1", "missing port number"),
    ("-lU", "missing socket pathname"),
    ("-lU a b", "cannot use port with -U"),
    ("-U a b", "cannot use port with -U"),
    ("-lU -p 1", "cannot use port with -U"),
    ("-ZU a", "cannot use -Z and -U"),
    ("-FU a", "cannot use -F and -U"),
    (
        "-u -x 127.0.0.1:1 127.0.0.1 1",
        "no proxy support for UDP mode",
    ),
    (
        "-Z -x 127.0.0.1:1 127.0.0.1 1",
        "no proxy support for DCCP mode",
    ),
    ("-U -x 127.0.0.1:1 a", "no proxy support for unix sockets"),
    (
        "-s 127.0.0.1 -x 127.0.0.1:1 h 1",
        "no proxy support for local source address",
    ),
    ("-x [::1 127.0.0.1 1", "missing closing bracket in proxy"),
    ("-x [::1]x 127.0.0.1 1", "garbage proxy port delimiter"),
    ("-X 4A 127.0.0.1 1", "unsupported proxy protocol"),
    ("-w x 127.0.0.1 1", "timeout invalid: x"),
    ("-w -1 127.0.0.1 1", "timeout too small: -1"),
    ("-w 2147484 127.0.0.1 1", "timeout too large: 2147484"),
    ("-q x 127.0.0.1 1", "quit timer invalid: x"),
    (
        "-q 99999999999 127.0.0.1 1",
        "quit timer too large: 99999999999",
    ),
    ("-i -1 127.0.0.1 1", "interval too small: -1"),
    ("-M 256 127.0.0.1 1", "ttl is too large"),
    ("-m x 127.0.0.1 1", "minttl is invalid"),
    ("-W 0 127.0.0.1 1", "receive limit too small: 0"),
    ("-I 0 127.0.0.1 1", "TCP receive window too small: 0"),
    ("-O x 127.0.0.1 1", "TCP send window invalid: x"),
    ("-T bogus 127.0.0.1 1", "illegal tos value bogus"),
    (
        "-V 1 127.0.0.1 1",
        "no alternate routing table support available",
    ),
    ("-z 127.0.0.1 99999", "port number too large: 99999"),
    ("-z 127.0.0.1 0", "port number too small: 0"),
    ("-z 127.0.0.1 nosuchsvc", "port number invalid: nosuchsvc"),
    ("-z 127.0.0.1 5-", "port number invalid: "),
    ("-z 127.0.0.1 1--2", "port number too small: -2"),
    ("-- -zv 127.0.0.1 1", "port number invalid: 127.0.0.1"),
];

#[test]
fn both_complain_in_the_same_words() {
    for (line, said) in MESSAGES {
        let arguments: Vec<&str> = line.split(' ').collect();
        let expected = Seen {
            code: Some(1),
            stdout: String::new(),
            stderr: format!("nc: {said}\n"),
        };
        for netcat in BOTH {
            assert_eq!(netcat.run(&arguments, b""), expected, "{netcat:?} {line}");
        }
    }
}

#[test]
fn both_say_how_to_ask_in_words_of_their_own() {
    for (line, first) in [
        ("", None),
        ("-U", None),
        ("127.0.0.1 -p 1", None),
        ("-l 1 2 3", None),
        ("-l -s 127.0.0.1 1", None),
        ("-Q", Some("nc: invalid option -- 'Q'")),
        ("--nonsense", Some("nc: invalid option -- '-'")),
        ("-lw", Some("nc: option requires an argument -- 'w'")),
    ] {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        for netcat in BOTH {
            let seen = netcat.run(&arguments, b"");
            let mut lines = seen.stderr.lines();
            if first.is_some() {
                assert_eq!(lines.next(), first, "{netcat:?} {line}");
            }
            let usage: Vec<&str> = lines.collect();
            let known = Netcat::Debian.run(&[], b"").stderr;
            assert_eq!(usage.join("\n"), known.trim_end(), "{netcat:?} {line}");
            assert_eq!((seen.code, seen.stdout.as_str()), (Some(1), ""));
        }
    }
}

#[test]
fn help_begins_with_the_line_that_scripts_look_for() {
    for netcat in BOTH {
        for arguments in [&["-h"][..], &["-hQ"], &["-vh", "127.0.0.1"]] {
            let seen = netcat.run(arguments, b"");
            let banner = "OpenBSD netcat (Debian patchlevel 1.219-1)\nusage: nc [";
            assert!(seen.stderr.starts_with(banner), "{netcat:?}: {seen:?}");
            assert_eq!((seen.code, seen.stdout.as_str()), (Some(0), ""));
        }
    }
    let help = Netcat::Ours.run(&["-h"], b"").stderr;
    for letter in "46bCDdFhIiklMmNnOPpqrSsTtUuVvWwXxZz".chars() {
        let is_there = help.lines().any(|it| it.contains(&format!("-{letter}")));
        assert!(is_there, "-{letter} is not in\n{help}");
    }
}

#[test]
fn what_the_platform_lacks_fails() {
    for netcat in BOTH {
        netcat
            .run(&["-Zv", "127.0.0.1", "1"], b"")
            .expect(1, "", "");
    }
    // Debian's asks the terminal first, where there is one.
    let said = "nc: Unable to read TCP MD5SIG password\n";
    Netcat::Ours
        .run(&["-S", "127.0.0.1", "1"], b"")
        .expect(1, "", said);
}

#[test]
fn under_its_own_name_it_is_netcat() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["nc", "netcat"] {
        let link = directory.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_netkit"), &link).unwrap();
        let mut command = Command::new(&link);
        command.args(["-z", "127.0.0.1", "0"]);
        let output = finish(command, b"", PATIENCE).expect_code(1);
        assert_eq!(output.stderr, format!("{name}: port number too small: 0\n"));
    }
}

#[test]
fn parts_of_seconds_are_a_mended_fault() {
    let started = Instant::now();
    let silent = peer::tcp(|mut stream| drop(stream.read(&mut [0])));
    let seen = against(Netcat::Ours, &["-w", "0.5", "HOST", "PORT"], b"", silent);
    seen.expect(0, "", "");
    assert!(started.elapsed() >= Duration::from_millis(500));
    let strict = Netcat::Ours.run(&["--compat=obsd", "-w", "0.5", "127.0.0.1", "1"], b"");
    strict.expect(1, "", "nc: timeout invalid: 0.5\n");
    let strict = Netcat::Ours.run(&["--compat=obsd", "-G", "1", "127.0.0.1", "1"], b"");
    assert!(
        strict.stderr.starts_with("nc: invalid option -- 'G'\n"),
        "{strict:?}"
    );
    let other = Netcat::Ours.run(&["--compat", "trad", "127.0.0.1", "1"], b"");
    other.expect(1, "", "nc: compat invalid: trad (expected obsd or ncat)\n");
}

#[test]
fn other_netcats_are_explained_and_nothing_is_done() {
    let seen = Netcat::Ours.run(&["--explain", "--", "-l", "-p", "7", "-e", "cat"], b"");
    assert_eq!((seen.code, seen.stderr.as_str()), (Some(0), ""));
    let sentence = "  traditional  runs a program\n";
    assert!(seen.stdout.contains(sentence), "{seen:?}");
    let seen = Netcat::Ours.run(&["--explain", "--", "-zn", "a", "1"], b"");
    assert!(seen.stdout.contains("tries each port"), "{seen:?}");
}

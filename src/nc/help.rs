//! How to ask: `-h`, and what is said after a wrong question.

use std::fmt::Write as _;

/// The line by which scripts tell the netcats apart.
pub(super) const BANNER: &str = "OpenBSD netcat (Debian patchlevel 1.219-1)";

/// After a wrong question, as the original says it: what there is beyond its letters
/// is in the help.
pub(super) const USAGE: &str = "\
usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
\t  [destination] [port]";

/// What stands at the end of help.
const PORTS: &str = "Ports are numbers, names, ranges such as 20-30, and lists such as 22,80-90.";

/// A flag, as help shows it.
pub struct Flag {
    /// A letter, or a word after two hyphens.
    pub name: &'static str,
    /// What its value is called, if it takes one.
    pub value: Option<&'static str>,
    /// What it does.
    pub about: &'static str,
}

const fn flag(name: &'static str, about: &'static str) -> Flag {
    Flag {
        name,
        value: None,
        about,
    }
}

const fn valued(name: &'static str, value: &'static str, about: &'static str) -> Flag {
    Flag {
        name,
        value: Some(value),
        about,
    }
}

/// Every flag.
pub const FLAGS: &[Flag] = &[
    flag("4", "only IPv4"),
    flag("6", "only IPv6"),
    flag("b", "may send to broadcast addresses"),
    flag("C", "sends each end of line as CR and LF"),
    valued(
        "c",
        "command",
        "a shell command talks in your place, if that is allowed",
    ),
    flag("D", "sets SO_DEBUG"),
    flag("d", "never reads standard input"),
    valued(
        "e",
        "program",
        "a program talks in your place, if that is allowed",
    ),
    flag(
        "F",
        "hands the connected socket to standard output, a Unix socket",
    ),
    valued("G", "seconds", "limit to connect"),
    flag("h", "this"),
    valued("I", "bytes", "size of the receive buffer"),
    valued(
        "i",
        "seconds",
        "rests after each line sent, and between ports",
    ),
    flag(
        "k",
        "with -l: the next client after this one; with -u: all of them",
    ),
    flag("l", "listens"),
    valued("M", "hops", "hops given to what is sent"),
    valued("m", "hops", "hops that what comes must have left"),
    flag("N", "ends its direction when standard input ends"),
    flag("n", "numbers only: no name server is asked"),
    valued("O", "bytes", "size of the send buffer"),
    valued("P", "user", "user name for the proxy"),
    valued("p", "port", "own port"),
    valued(
        "q",
        "seconds",
        "as -N, and is over that long after standard input ends",
    ),
    flag("r", "ports in random order"),
    flag("S", "TCP MD5 signatures (not on this platform)"),
    valued("s", "address", "own address; with -uU, own path"),
    valued(
        "T",
        "class",
        "type of service or traffic class: a name, 0x1f, 31",
    ),
    flag("t", "refuses what TELNET offers and asks for"),
    flag("U", "Unix socket: a path, or @name"),
    flag("u", "UDP; with -U, datagrams"),
    valued("V", "table", "routing table (not on this platform)"),
    flag("v", "says what happens"),
    valued("W", "reads", "is over after so many reads"),
    valued(
        "w",
        "seconds",
        "limit to connect, and for silence after that",
    ),
    valued(
        "X",
        "protocol",
        "of the proxy: 4, 5 (SOCKS, default 5) or connect (HTTP)",
    ),
    valued("x", "proxy", "goes through a proxy: HOST or HOST:PORT"),
    flag("Z", "DCCP (not on this platform)"),
    flag("z", "connects and sends nothing"),
    flag("allow-exec", "allows -c and -e"),
    valued(
        "compat",
        "netcat",
        "obsd: with its faults; ncat: with ncat's flags",
    ),
    flag(
        "explain",
        "says how four netcats take what follows --, and does nothing",
    ),
];

/// What `-h` says, after the banner and the usage.
pub(super) fn flags() -> String {
    let mut text = String::new();
    for Flag { name, value, about } in FLAGS {
        let hyphens = if name.len() == 1 { "-" } else { "--" };
        let shown = format!("{hyphens}{name} {}", value.unwrap_or_default());
        let _ = writeln!(text, "  {shown:15} {about}");
    }
    text + PORTS
}

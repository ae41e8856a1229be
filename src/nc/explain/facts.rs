//! What four netcats make of the same arguments where they differ: the table.

use super::Fact;

const NO_SUCH_FLAG: &str = "has no such flag and ends";

pub(super) const FACTS: &[Fact] = &[
    Fact {
        applies: |it| it.has('l') && !it.any("pU") && !it.operands.is_empty(),
        about: "-l with the port as an operand",
        says: [
            "listens there, on IPv4 alone",
            "listens on a random port: it wants -l -p PORT",
            "listens there, on IPv4 and on IPv6",
            "takes it for an address, and ends: it wants -l -p PORT",
        ],
    },
    Fact {
        applies: |it| it.has('l') && it.has('p') && !it.operands.is_empty(),
        about: "-l -p with an operand",
        says: [
            "is a usage error (netkit nc listens on that address)",
            "listens on that port of every address",
            "listens on its port 31337 of that address, whatever -p says",
            "listens on that port of that address",
        ],
    },
    Fact {
        applies: |it| it.has('l') && it.has('s') && !it.has('U'),
        about: "-s with -l",
        says: [
            "listens on that address",
            "listens on that address",
            "ends: the address is an operand there",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('l') && it.has('6'),
        about: "-6 with -l",
        says: [
            "is one socket for IPv6 and IPv4",
            NO_SUCH_FLAG,
            "is for IPv6 alone",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('k') && !it.has('u'),
        about: "-k",
        says: [
            "serves one client after another",
            "asks for keep-alives: it ends after the first client",
            "serves up to 100 clients at once, standard input goes to all",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('k') && it.has('u') && it.has('l'),
        about: "-k with -l -u",
        says: [
            "shows the datagrams of all senders and answers none",
            "asks for keep-alives",
            "ends, before 7.94",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('q') && !it.has('u'),
        about: "-q",
        says: [
            "ends its direction, and waits that long after the peer's end: for ever without one \
             (netkit nc is over that long after its input)",
            "is over that long after the end of its input",
            "has no such flag before 7.96",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('N'),
        about: "-N",
        says: [
            "ends its direction when its input ends, and waits for the peer",
            NO_SUCH_FLAG,
            "has no such flag: it ends its direction anyway",
            "has no such flag: it ends its direction anyway",
        ],
    },
    Fact {
        applies: |it| !it.any("Nqzdu"),
        about: "the end of standard input",
        says: [
            "is not told to the peer, and the connection stays",
            "is not told to the peer, and the connection stays",
            "ends its direction, and it waits for the peer",
            "ends its direction, and it waits for the peer",
        ],
    },
    Fact {
        applies: |it| it.has('w'),
        about: "-w",
        says: [
            "limits connecting and silence, in whole seconds; silence ends it with 0",
            "limits connecting and silence, which it notices after up to twice the time",
            "limits connecting, 10 s by default; silence is up to -i",
            "limits connecting",
        ],
    },
    Fact {
        applies: |it| it.has('i'),
        about: "-i",
        says: [
            "rests after each line",
            "rests after each line",
            "limits silence, which ends it with 1",
            "rests after each line",
        ],
    },
    Fact {
        applies: |it| it.has('e'),
        about: "-e",
        says: [
            "is not there, by policy (netkit nc has it with --allow-exec)",
            "runs a program",
            "runs a program",
            "runs a program",
        ],
    },
    Fact {
        applies: |it| it.has('c'),
        about: "-c",
        says: [
            "is not there, by policy (netkit nc has it with --allow-exec)",
            "runs a shell command",
            "runs a shell command",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('d'),
        about: "-d",
        says: [
            "never reads standard input",
            NO_SUCH_FLAG,
            "takes a time, to rest after each line: --recv-only reads no input",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('x'),
        about: "-x",
        says: [
            "goes through a proxy",
            NO_SUCH_FLAG,
            "writes a hex dump to a file of that name",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('o'),
        about: "-o",
        says: [
            NO_SUCH_FLAG,
            "writes a hex dump of both directions to a file",
            "writes both directions to a file, as they are",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('U'),
        about: "-U",
        says: [
            "speaks over a Unix socket; with -l it removes whatever has that path (netkit nc: \
             sockets alone)",
            NO_SUCH_FLAG,
            "speaks over a Unix socket",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('z') && !it.has('u'),
        about: "-z",
        says: [
            "tries each port; 0 if one is open",
            "tries each port, ranges from above",
            "tries one port",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| it.has('z') && it.has('u'),
        about: "-z with -u",
        says: [
            "sends nothing without -v and succeeds; with -v it sends datagrams of one byte, and \
             succeeds unless one is refused",
            "sends two datagrams of one byte, and succeeds unless one is refused",
            "sends a datagram of one byte, and waits for ever unless it is refused",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| !it.has('l') && it.names_a_range(),
        about: "a range of ports",
        says: [
            "goes from below",
            "goes from above",
            "ends: it takes one port",
            "ends: it takes one port",
        ],
    },
    Fact {
        applies: |it| !it.has('l') && it.operands.len() > 2,
        about: "several ports",
        says: [
            "takes them in turn",
            "takes them in turn",
            "ends: it takes one port",
            "ends: it takes one port",
        ],
    },
    Fact {
        applies: |it| it.has('u') && !it.has('l') && it.has('v') && !it.has('z'),
        about: "-u with -v",
        says: [
            "sends the service datagrams of one byte before yours (netkit nc does not)",
            "sends yours alone",
            "sends yours alone",
            NO_SUCH_FLAG,
        ],
    },
    Fact {
        applies: |it| !it.any("zl"),
        about: "a reset by the peer",
        says: [
            "ends it with 0 and no word (netkit nc: with 1 and a message)",
            "ends it with 0 and no word",
            "ends it with 1 and a message",
            "ends it with 0 and no word",
        ],
    },
];

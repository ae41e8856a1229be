//! netkit from outside: the built binary, by capability. This file is the table of contents.

/// What every test of the binary uses: processes, servers, clients, scripted peers, namespaces.
mod support;

/// The echo server and the echo client, with real clients of other makes.
mod echo;

/// What the echo server must survive: exhaustion, hostile peers, failing system calls.
mod faults;

/// `netkit check`: every state made for real, output, exit status.
mod check;

/// The file service: coordinator and peer.
mod files;

/// The shared document: its server, killed again and again, and its client.
mod document;

/// The server of blocks that a store keeps its files on.
mod shard;

/// The cluster: its leader, and any file of any member.
mod cluster;

/// The store and its four shard servers.
mod store;

/// `http://`: answers, redirects, and servers that misbehave.
mod http;

/// `netkit serve http`: wget, curl, a browser, and clients that misbehave.
mod web;

/// `dns://`: name servers of several makes, and one that lies.
mod dns;

/// TLS: certificates, handshakes, STARTTLS.
mod tls;

/// Every form of a report: JUnit, TAP, CSV, metrics, annotations, a page.
mod reports;

/// `--proxy`: microsocks, Dante, tinyproxy, OpenSSH, and proxies that misbehave.
mod proxies;

/// Several hosts, as network namespaces: routes, rejects, black holes.
mod hosts;

/// Conversations over TCP and Unix sockets, judged by `check` and shown by `probe`.
mod conversation;

/// `udp://`: answers, ICMP, silence.
mod datagrams;

/// `netkit check --plan`: many checks in a file, and those that are shipped.
mod plans;

/// `netkit connect` and `netkit listen`: with netcats of other makes, and with peers that misbehave.
mod netcat;

/// `netkit nc` beside Debian's own netcat.
mod nc;

/// `netkit generate`: completions in the shells themselves, man pages read by mandoc.
mod generate;

/// `netkit doctor`: what it says of this machine and of poorer ones.
mod doctor;

/// The same verdicts as the Prometheus blackbox exporter's, wherever it has one.
mod blackbox;

/// The arrows between the modules: each uses only what lies below it.
mod layers;

/// Every command of the README.
mod readme;

/// What was broken once.
mod regressions;

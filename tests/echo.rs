//! The echo server and the echo client, from outside.

/// Clients of other makes get 100 MB back byte-exact, half-close included.
mod clients;

/// What `netkit echo` says and does, with good servers and bad ones.
mod client;

/// 10,000 clients at once.
mod crowd;

/// UDP: sizes, addresses, loss.
mod datagrams;

/// Names: with, without and against the system's hosts file.
mod names;

/// `echo://`: servers of several makes, and those that answer wrongly.
mod scheme;

/// `netkit echo -c`: the measured series, for people and for machines.
mod series;

/// Ports, families, limits, logs and the end of the server.
mod serving;

/// What goes over one stream: half-close, urgent data, resets.
mod streams;

//! `netkit check` from outside: how targets are written, what it prints and how it ends.

/// `--diff`: what changed since an earlier run.
mod changes;

/// `-- COMMAND`: what runs once everything is as expected.
mod command;

/// What listens instead, what to look at next, and what the results say together.
mod diagnosis;

/// What is expected of a target, which addresses count, how many at once.
mod expecting;

/// How it ends: status 0, 1, 3, 4, 130 and 143, and standard output that cannot be written to.
mod ending;

/// How targets are written, and what is said of wrong ones.
mod grammar;

/// Many targets at once: networks, rows, names of ports, lists.
mod many;

/// Text, JSON lines and the JSON document.
mod output;

/// How often and how fast: retries, stability, back-off, rate, caps, and ending early.
mod pacing;

/// The records of JSON, read back and held against what is documented.
pub(crate) mod records;

/// All ports of a host, and a thousand targets of which most are silent.
mod scan;

/// What a single check does not start.
mod startup;

/// `--wait`: again and again, until everything is as expected or the time is up.
pub(crate) mod waiting;

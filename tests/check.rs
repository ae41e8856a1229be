//! `netkit check` from outside: how targets are written, what it prints and how it ends.

/// What is expected of a target, which addresses count, how many at once.
mod expecting;

/// How it ends: status 0, 1, 3, 4, 130 and 143, and standard output that cannot be written to.
mod ending;

/// How targets are written, and what is said of wrong ones.
mod grammar;

/// Text, JSON lines and the JSON document.
mod output;

/// The records of JSON, read back and held against what is documented.
pub(crate) mod records;

/// All ports of a host, and a thousand targets of which most are silent.
mod scan;

/// What a single check does not start.
mod startup;

/// `--wait`: again and again, until everything is as expected or the time is up.
pub(crate) mod waiting;

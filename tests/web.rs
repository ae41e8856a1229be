//! `netkit serve http` from outside.

/// Statuses, headers, ranges, conditions, directories.
mod answers;

/// Paths that lead out, heads that are none, bodies that nobody reads, clients without end.
mod hostile;

/// Many clients that take their time.
mod many;

/// Files that change, and clients that vanish, while one is sent.
mod moving;

/// Start, address, log, counts, the end.
mod serving;

/// The files that are served, and how a test asks for them.
mod site;

/// wget, curl, a browser, and netkit's own check.
mod tools;

//! `netkit check --plan` from outside: what a plan makes of its checks, what is said of a wrong one,
//! and the plans that are shipped.

/// What a plan's checks do: names, tags, templates, options.
mod running;

/// The plans in `checks/`, each on a host where it passes.
mod shipped;

/// Wrong plans: every mistake at once, and nothing sent.
mod wrong;

use std::io::Write;
use tempfile::NamedTempFile;

/// A file that holds `text`.
fn plan(text: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("cannot make a temporary file");
    let written = file.write_all(text.as_ref());
    written.expect("cannot write a temporary file");
    file
}

/// Its path, as an argument.
fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("a path in UTF-8")
}

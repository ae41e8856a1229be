//! The file that tells a script which port a server got.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::files::Draft;

/// Writes `port` in decimal and a newline, by rename: a reader sees all of it
/// or no file at all.
///
/// # Errors
/// The directory cannot be written to.
pub(super) fn write_port_file(path: &Path, port: u16) -> anyhow::Result<()> {
    let write = || {
        let mut draft = Draft::begin(path)?;
        writeln!(draft, "{port}")?;
        draft.finish()
    };
    write().with_context(|| format!("cannot write the port file `{}`", path.display()))
}

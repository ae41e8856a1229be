//! The file that tells a script which port a server got.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// Writes `port` in decimal and a newline, by rename: a reader sees all of it
/// or no file at all.
///
/// # Errors
/// The directory cannot be written to.
pub fn write_port_file(path: &Path, port: u16) -> anyhow::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let written = fs::write(draft, format!("{port}\n")).and_then(|()| fs::rename(draft, path));
    if written.is_err() {
        // Nothing is left behind if it can be helped.
        let _ = fs::remove_file(draft);
    }
    written.with_context(|| format!("cannot write the port file `{}`", path.display()))
}

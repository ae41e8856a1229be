//! `-- COMMAND`: what runs in netkit's place once everything is as expected.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

use super::print;
use crate::finding::Exit;
use crate::net::restore_descriptor_limit;

/// Replaces this process by `words`, so that its exit status, its signals and
/// its standard streams are the command's own; returns only if that fails, with
/// the status that env(1) would have.
pub(super) fn replace_by(words: &[OsString]) -> Exit {
    let Some((program, arguments)) = words.split_first() else {
        return Exit::Good;
    };
    // What netkit needed for itself is no business of the command's.
    restore_descriptor_limit();
    let error = Command::new(program).args(arguments).exec();
    let exit = match error.kind() {
        io::ErrorKind::NotFound => Exit::NoCommand,
        _ => Exit::CannotRun,
    };
    let name = program.to_string_lossy();
    let error = Err::<(), _>(error).with_context(|| format!("cannot run `{name}`"));
    let error = error.err().map_or_else(String::new, |it| format!("{it:#}"));
    print(&format!("netkit: {error}\n"), io::stderr());
    exit
}

//! The `netkit` command.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use netkit::cli;
use netkit::finding::Exit;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let arguments: Vec<OsString> = words.collect();
    let exit = cli::run_as(&program, &arguments).unwrap_or_else(|error| {
        // Nobody is left to tell if this fails too.
        let _ = writeln!(std::io::stderr(), "netkit: {error:#}");
        Exit::Bad
    });
    ExitCode::from(exit.code())
}

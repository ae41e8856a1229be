//! The `netkit` command.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use netkit::cli;
use netkit::finding::Exit;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let exit = cli::run(&arguments).unwrap_or_else(|error| {
        // Nobody is left to tell if this fails too.
        let _ = writeln!(std::io::stderr(), "netkit: {error:#}");
        Exit::Bad
    });
    ExitCode::from(exit.code())
}

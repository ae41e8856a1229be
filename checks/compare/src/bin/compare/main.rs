//! The runner: starts everything, measures in turn, prints tables.

mod bulk;
mod check;
mod coding;
mod command;
mod echo;
mod files;
mod goals;
mod load;
mod memory;
mod options;
mod placement;
mod programs;
mod results;
mod rounds;
mod series;
mod server;
mod start;
mod table;

use std::error::Error;
use std::process::ExitCode;

use options::{Options, Subject};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Whether every goal was reached, or nobody asked.
fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::from_arguments()?;
    print(&placement::describe());
    let goals = match options.subject {
        Subject::Bulk => bulk::compare(&options)?,
        Subject::Echo => echo::compare(&options)?,
        Subject::Check => check::compare(&options)?,
        Subject::Files => files::compare(&options)?,
        Subject::Coding => coding::compare(&options)?,
    };
    if options.netkit.is_some() {
        print(&goals.table(options.only.is_none()));
    }
    print(&placement::load_average());
    Ok(!options.gate || goals.all_reached())
}

/// A piece of the result.
#[allow(clippy::print_stdout)]
fn print(text: &str) {
    println!("{text}");
}

/// Anything that is not a result.
#[allow(clippy::print_stderr)]
fn note(text: &str) {
    eprintln!("compare: {text}");
}

//! What packagers install beside the binary: completions, man pages, the
//! schema of the records.
//!
//! Only here the parsers of all verbs are built, into one tree.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{VERBS, Verb};
use crate::finding::Exit;
use crate::report::JSON_SCHEMA;

/// What stands before the examples where help shows them.
const EXAMPLES: &str = "Examples:\n";

/// Options of `netkit generate`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Options {
    /// What to generate.
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Print a shell's completion script
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write a man page for each verb, and print their paths
    Man {
        /// Where to; made if it is missing
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Print the JSON Schema of every record and of the document
    Schema,
}

/// Generates what is asked for; `announce` gets what is to be printed.
///
/// # Errors
/// A man page cannot be written.
pub(super) fn run(options: &Options, announce: &dyn Fn(&str)) -> anyhow::Result<Exit> {
    match &options.what {
        What::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut tree(), "netkit", &mut script);
            announce(String::from_utf8_lossy(&script).trim_end());
        }
        What::Man { directory } => {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make `{}`", directory.display()))?;
            let mut tree = tree().disable_help_subcommand(true);
            tree.build();
            write_pages(&tree, directory, announce)?;
        }
        What::Schema => announce(JSON_SCHEMA.trim_end()),
    }
    Ok(Exit::Good)
}

/// All of the command line.
fn tree() -> Command {
    Command::new("netkit")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .subcommand_required(true)
        .subcommand_value_name("VERB")
        .subcommand_help_heading("VERBS")
        .subcommands(VERBS.iter().map(|verb| verb.parser().name(verb.name)))
}

impl Verb {
    /// Its parser, with what help shows.
    pub(super) fn parser(&self) -> Command {
        (self.parser)().about(self.about).after_help(self.examples)
    }
}

/// Writes the page of `command` and of everything below it.
fn write_pages(command: &Command, directory: &Path, announce: &dyn Fn(&str)) -> anyhow::Result<()> {
    let man = Man::new(command.clone())
        // None: the same version makes the same pages. In roff's own words, as
        // an empty one would not be written and move what follows.
        .date("\"\"")
        .source(concat!("netkit ", env!("CARGO_PKG_VERSION")));
    let path = directory.join(man.get_filename());
    let page = page(&man, command).and_then(|page| fs::write(&path, page));
    page.with_context(|| format!("cannot write `{}`", path.display()))?;
    announce(&path.display().to_string());
    for below in command.get_subcommands() {
        write_pages(below, directory, announce)?;
    }
    Ok(())
}

fn page(man: &Man, command: &Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_help().map(ToString::to_string);
    if let Some(examples) = after.as_deref().and_then(|it| it.strip_prefix(EXAMPLES)) {
        let mut section = Roff::default();
        section.control("SH", ["EXAMPLES"]).control("EX", []);
        for line in examples.lines() {
            section.text([roman(line.trim_start())]);
        }
        section.control("EE", []).to_writer(&mut page)?;
    }
    Ok(page)
}

//! What `netkit probe store` is told to do, and by which words.

use std::path::PathBuf;
use std::time::Duration;

use super::super::credentials::Source;
use crate::net::Families;
use crate::protocol::shard;
use crate::protocol::store::{Command, place};
use crate::units::parse_positive_duration;

/// Options of `netkit probe store`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The server: `HOST[:PORT]`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// login; put FILE DIR/; get DIR/NAME; rm DIR/NAME; ls; status; repair
    #[arg(value_name = "ACTION", value_enum)]
    pub action: Action,
    /// What it is about
    #[arg(value_name = "ARGUMENT", num_args = 0..=2)]
    pub arguments: Vec<String>,
    /// Who logs in.
    #[command(flatten)]
    pub source: Source,
    /// Make the account if there is no such user
    #[arg(long)]
    pub create: bool,
    /// get: write the file to FILE, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
    /// How long the connection and each 64 KiB may take
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// How long an answer, or each line of one, may take: the store asks its shard servers before
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_positive_duration)]
    pub answer_timeout: Duration,
    /// Exit with the class of a failure, 10 to 18, instead of 1
    #[arg(long)]
    pub exit_detail: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Action {
    /// Log in, and no more
    Login,
    /// Store a file
    Put,
    /// Fetch a file
    Get,
    /// Remove a file
    Rm,
    /// List what there is
    Ls,
    /// Show how the shard servers are
    Status,
    /// Rebuild what is missing or bad on shard servers
    Repair,
}

/// What is to be done, understood.
#[derive(Debug)]
pub enum Work {
    /// To log in.
    Login,
    /// To store the file at this path there.
    Put(PathBuf, shard::Place),
    /// To do what a command says.
    Other(Command),
}

impl Options {
    /// Understands what is to be done; nothing is sent yet.
    ///
    /// # Errors
    /// Arguments are missing, too many, or are none: in words.
    pub fn work(&self) -> Result<Work, String> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        if self.output.is_some() && self.action != Action::Get {
            return Err("--output is for `get`".into());
        }
        let file = |text: &str| remote(text, "");
        match (self.action, arguments.as_slice()) {
            (Action::Login, []) => Ok(Work::Login),
            (Action::Put, [path, to]) => {
                let path = PathBuf::from(path);
                let Some(name) = path.file_name() else {
                    let shown = path.display();
                    return Err(format!("cannot store `{shown}`: it is a directory"));
                };
                let to = remote(to, &name.to_string_lossy())?;
                Ok(Work::Put(path, to))
            }
            (Action::Get, [at]) => Ok(Work::Other(Command::Retrieve(file(at)?))),
            (Action::Rm, [at]) => Ok(Work::Other(Command::Delete(file(at)?))),
            (Action::Ls, []) => Ok(Work::Other(Command::List)),
            (Action::Status, []) => Ok(Work::Other(Command::Status)),
            (Action::Repair, []) => Ok(Work::Other(Command::Repair)),
            (Action::Put, _) => Err("what is to be stored where? `put FILE DIR/`".into()),
            (Action::Get, _) => Err("which file? `get DIR/NAME`".into()),
            (Action::Rm, _) => Err("which file? `rm DIR/NAME`".into()),
            (_, [word, ..]) => Err(format!("`{word}` is one word too many")),
        }
    }
}

/// A file of the store; `name` is that of one that is meant by its directory.
fn remote(text: &str, name: &str) -> Result<shard::Place, String> {
    let (path, given) = text.rsplit_once(['/', '\\']).unwrap_or(("", text));
    let name = if given.is_empty() { name } else { given };
    if path.is_empty() {
        return Err(format!(
            "`{text}` lies in no directory, and files do (hint: `docs/{given}`)"
        ));
    }
    place(name, path).map_err(|(_, refused)| refused.0)
}

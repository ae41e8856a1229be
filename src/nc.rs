//! `netkit nc`: netcat as OpenBSD has it and Debian ships it, version 1.219, for
//! the scripts that rely on it: its flags, messages and exit statuses, without
//! its faults.
//!
//! It has a parser, look-ups and messages of its own; bytes move through the same
//! pump as everywhere. Signals keep their default action, as they do there.

mod arguments;
mod connect;
mod console;
mod explain;
mod getopt;
mod help;
mod limited;
mod listen;
mod names;
mod ncat;
mod number;
mod options;
mod paced;
mod pass;
mod ports;
mod proxied;
mod settings;
mod talk;
mod telnet;
mod unix;

use crate::finding::Exit;
use crate::reactor;

pub use help::{FLAGS, Flag};

use arguments::Asked;
use console::{Console, Failure, Outcome};
use listen::Endpoint;
use settings::{Compat, Place, Settings, Task};

/// Where what nc says goes.
pub struct Voice<'a> {
    /// The program's name, which stands before its messages.
    pub name: &'a str,
    /// Takes a line for standard error.
    pub tell: &'a dyn Fn(&str),
    /// Takes a line for standard output.
    pub show: &'a dyn Fn(&str),
    /// Does what these words ask of `netkit`.
    pub delegate: &'a dyn Fn(&[String]) -> Exit,
}

/// Does what `words`, the arguments without the program's name, ask for.
///
/// The status is 0 if a connection was made and nothing was lost, else 1; with
/// ncat's flags it is 2 for what was asked wrongly.
#[must_use]
pub fn run(words: &[String], voice: &Voice<'_>) -> Exit {
    let mut console = Console::new(voice.name, voice.tell);
    let request = Request::of(words);
    let wrong = match &request {
        Ok(request) if request.explains => {
            (voice.show)(&explain::explain(&request.words));
            return Exit::Good;
        }
        Ok(request) if request.compat == Compat::Ncat => Exit::Usage,
        _ => Exit::Bad,
    };
    let asked = request.and_then(|it| it.read());
    if let Ok(Asked::Verb(words)) = &asked {
        return (voice.delegate)(words);
    }
    let failure = match asked.and_then(|it| answer(it, &mut console)) {
        Ok(exit) => return exit,
        Err(failure) => failure,
    };
    match failure {
        Failure::Usage(text) => {
            if let Some(text) = text {
                console.warn(&text);
            }
            console.say(help::USAGE);
            wrong
        }
        Failure::Told(text) => {
            console.warn(&text);
            Exit::Bad
        }
        Failure::Quiet => Exit::Bad,
    }
}

fn answer(asked: Asked, console: &mut Console<'_>) -> Outcome<Exit> {
    match asked {
        Asked::Work(settings) => {
            console.verbose = settings.verbose;
            work(&settings, console)
        }
        Asked::Help | Asked::Verb(_) => {
            for text in [help::BANNER, help::USAGE, &help::flags()] {
                console.say(text);
            }
            Ok(Exit::Good)
        }
    }
}

/// The words that netcat does not have, and the rest.
#[derive(Default)]
struct Request {
    compat: Compat,
    allow_exec: bool,
    explains: bool,
    words: Vec<String>,
}

impl Request {
    fn of(words: &[String]) -> Outcome<Self> {
        let mut request = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (word, value) = match word.split_once('=') {
                Some(("--compat", value)) => ("--compat", Some(value)),
                _ => (word.as_str(), None),
            };
            match word {
                "--" => {
                    if !request.explains {
                        request.words.push(word.to_owned());
                    }
                    request.words.extend(words.by_ref().cloned());
                }
                "--explain" => request.explains = true,
                "--allow-exec" => request.allow_exec = true,
                "--compat" => {
                    let value = value.or_else(|| words.next().map(String::as_str));
                    request.compat = match value {
                        Some("obsd") => Compat::Obsd,
                        Some("ncat") => Compat::Ncat,
                        other => {
                            let other = other.unwrap_or_default();
                            let text = format!("compat invalid: {other} (expected obsd or ncat)");
                            return Err(Failure::Told(text));
                        }
                    };
                }
                word => request.words.push(word.to_owned()),
            }
        }
        Ok(request)
    }

    fn read(&self) -> Outcome<Asked> {
        match self.compat {
            Compat::Ncat => ncat::read(&self.words, self.allow_exec),
            compat => arguments::read(&self.words, compat, self.allow_exec),
        }
    }
}

fn work(settings: &Settings, console: &Console<'_>) -> Outcome<Exit> {
    let working = async {
        match (&settings.place, &settings.task) {
            (Place::Unix(path), Task::Listen { again }) => {
                let endpoint = Endpoint::Unix(path.clone());
                listen::serve(&endpoint, *again, settings, console).await
            }
            (Place::Internet(host, ports), Task::Listen { again }) => {
                let port = ports.first().cloned().unwrap_or_default();
                let endpoint = Endpoint::Internet(host.clone(), port);
                listen::serve(&endpoint, *again, settings, console).await
            }
            (Place::Unix(path), _) => unix::connect(path, settings, console).await,
            (Place::Internet(host, ports), _) => {
                let host = host.as_deref().unwrap_or_default();
                connect::ports_of(host, ports, settings, console).await
            }
        }
    };
    match reactor::run(working) {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::system("cannot start the event loop", &error)),
    }
}

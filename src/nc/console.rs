//! What nc says, and how it ends.

use std::io;

/// Where messages go, and what stands before them.
pub(super) struct Console<'a> {
    name: &'a str,
    tell: &'a dyn Fn(&str),
    /// `-v`.
    pub(super) verbose: bool,
}

/// What nc ends with that is not a success.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A message, after the name of the program.
    Told(String),
    /// Asked wrongly: a message if there is more to say than how to ask.
    Usage(Option<String>),
    /// Nothing that is not known already, or that nobody wants to know.
    Quiet,
}

/// What becomes of a step.
pub(super) type Outcome<T> = Result<T, Failure>;

impl<'a> Console<'a> {
    pub(super) fn new(name: &'a str, tell: &'a dyn Fn(&str)) -> Self {
        Self {
            name,
            tell,
            verbose: false,
        }
    }

    /// A line as it is.
    pub(super) fn say(&self, line: &str) {
        (self.tell)(line);
    }

    /// A line as it is, if `-v` asks for it.
    pub(super) fn remark(&self, line: &str) {
        if self.verbose {
            self.say(line);
        }
    }

    /// A message, after the name of the program.
    pub(super) fn warn(&self, text: &str) {
        self.say(&format!("{}: {text}", self.name));
    }
}

impl Failure {
    pub(super) fn told(text: impl Into<String>) -> Self {
        Self::Told(text.into())
    }

    /// What failed, and the system's word for why.
    pub(super) fn system(what: &str, error: &io::Error) -> Self {
        Self::Told(format!("{what}: {}", reason(error)))
    }
}

/// The system's word for an error, as strerror(3) has it.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

//! How a store answers commands.
//!
//! Texts have no end of their own: who reads them has to know them. A line
//! `WARN <text>\n` may come before an answer and says what is amiss on the side
//! of the store.

mod lines;

use std::fmt;

use super::Command;
use crate::protocol::input::Input;
use crate::protocol::peer::{Malformed, read_length};
use crate::protocol::raw::escape_head;

pub use lines::{Health, Mended, Shard, numbers};

/// The whole answer to INF where there is nothing.
pub const NO_FILES: &str = "No files in database";

/// What ends the lines that answer STA and FIX.
pub const END: &str = "END";

const WARN: &str = "WARN ";

/// The most bytes of a warning's text that are sent.
const LONGEST_WARNING: usize = 1024;

/// Opcodes that a failure can name.
const OPCODES: [&str; 7] = ["STR", "RTV", "DEL", "INF", "LGO", "STA", "FIX"];

/// Bytes of something wrong that are quoted.
const QUOTED: usize = 64;

/// An answer that is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There is no such command.
    Opcode,
    /// There is no such directory.
    Path,
    /// There is no such file in it.
    Name,
    /// The same, of DEL: it does not say which.
    PathOrName,
    /// Fields of this command are missing, or are too many.
    Parameters(&'static str),
    /// The bytes of a file ended early.
    Data,
    /// The store could not do it.
    Process,
}

/// An answer, or what it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Something is amiss on the store's side; the answer follows.
    Warning(String),
    /// It is done.
    Done,
    /// So many bytes of the file follow, then the text of [`Reply::Done`].
    Found(u64),
    /// It is not done.
    Failed(Failure),
}

impl Failure {
    /// Its text, without an end.
    #[must_use]
    pub fn text(self) -> String {
        let text = match self {
            Self::Opcode => "ERROR Opcode was invalid!",
            Self::Path => "ERROR the file path you gave did not exist in the file system!",
            Self::Name => "ERROR the file name you gave did not exist in the file system!",
            Self::PathOrName => {
                "ERROR The file path or file name you gave did not exist in the file system!"
            }
            Self::Parameters(opcode) => {
                return format!(
                    "ERROR Did not receive all the parameters required for opcode:{opcode}"
                );
            }
            Self::Data => "ERROR Did not receive all the data!",
            Self::Process => "E Something went wrong during file process",
        };
        text.into()
    }

    /// Whether it says that there is no such file.
    #[must_use]
    pub fn is_missing(self) -> bool {
        matches!(self, Self::Path | Self::Name | Self::PathOrName)
    }

    fn all() -> impl Iterator<Item = Self> {
        use Failure::{Data, Name, Opcode, Path, PathOrName, Process};
        let plain = [Opcode, Path, Name, PathOrName, Data, Process];
        plain
            .into_iter()
            .chain(OPCODES.into_iter().map(Self::Parameters))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// The text that says that a command is done; those that are answered by lines
/// have none.
#[must_use]
pub fn done(command: &Command) -> Option<String> {
    match command {
        Command::Store(place, _) => {
            let name = place.name();
            Some(format!("File {name} successfully created and written to"))
        }
        Command::Retrieve(place) => {
            let name = place.name();
            Some(format!(
                "Successfully retrieved file {name} from the file system"
            ))
        }
        Command::Delete(place) => {
            let name = place.name();
            Some(format!(
                "Successfully removed file {name} from the file system"
            ))
        }
        Command::List => Some(NO_FILES.into()),
        Command::LogOut | Command::Status | Command::Repair => None,
    }
}

/// A warning as it is sent: one line, whatever its text.
#[must_use]
pub fn warning(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let mut length: usize = 0;
    let kept = text.chars().take_while(|it| {
        length = length.saturating_add(it.len_utf8());
        length <= LONGEST_WARNING
    });
    format!("{WARN}{}\n", kept.collect::<String>())
}

impl Reply {
    /// The next part of the answer to `command`; nothing while it is not there.
    /// The bytes of a file are the caller's to take, and what follows them is
    /// [`Reply::closing`].
    ///
    /// # Errors
    /// It is none that a store gives; nothing of it is taken.
    pub fn decode(input: &mut Input, command: &Command) -> Result<Option<Self>, Malformed> {
        let rest = input.rest();
        if rest.is_empty() {
            return Ok(None);
        }
        if is_begun(rest, WARN.as_bytes()) {
            return warned(input);
        }
        if matches!(command, Command::Retrieve(_)) {
            if rest.first().is_some_and(u8::is_ascii_digit) {
                return found(input);
            }
            return known(input, None);
        }
        known(input, done(command))
    }

    /// What follows the bytes of a file.
    ///
    /// # Errors
    /// As of [`Reply::decode`].
    pub fn closing(input: &mut Input, command: &Command) -> Result<Option<Self>, Malformed> {
        match input.rest().is_empty() {
            true => Ok(None),
            false => known(input, done(command)),
        }
    }
}

/// Whether `bytes` are the beginning of `text`, or begin with all of it.
fn is_begun(bytes: &[u8], text: &[u8]) -> bool {
    bytes.iter().zip(text).all(|(a, b)| a == b)
}

fn warned(input: &mut Input) -> Result<Option<Reply>, Malformed> {
    let Some(line) = input.line()? else {
        return Ok(None);
    };
    // What the store quotes is escaped already.
    let text = escape_head(&line.bytes, line.bytes.len()).replace(r"\\", r"\");
    let text = text.strip_prefix(WARN).unwrap_or_default();
    Ok(Some(Reply::Warning(text.into())))
}

fn found(input: &mut Input) -> Result<Option<Reply>, Malformed> {
    let rest = input.rest();
    let end = rest.iter().position(|byte| *byte == b'\n');
    let digits = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
    let length = read_length(&escape_head(digits, QUOTED))?;
    Ok(input.line()?.map(|_| Reply::Found(length)))
}

/// The text that has come, of those that there are.
fn known(input: &mut Input, done: Option<String>) -> Result<Option<Reply>, Malformed> {
    let done = done.map(|it| (it, Reply::Done));
    let failures = Failure::all().map(|it| (it.text(), Reply::Failed(it)));
    let rest = input.rest();
    let mut is_possible = false;
    for (text, reply) in done.into_iter().chain(failures) {
        if rest.starts_with(text.as_bytes()) {
            input.take(u64::try_from(text.len()).unwrap_or(u64::MAX));
            return Ok(Some(reply));
        }
        is_possible |= is_begun(rest, text.as_bytes());
    }
    if is_possible {
        return Ok(None);
    }
    let quoted = escape_head(rest, QUOTED);
    Err(Malformed(format!("it answered `{quoted}`")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::place;
    use super::*;

    fn command(retrieves: bool) -> Command {
        let place = place("a.txt", "docs").unwrap();
        match retrieves {
            true => Command::Retrieve(place),
            false => Command::Store(place, 5),
        }
    }

    fn read(bytes: &[u8], command: &Command) -> Result<Option<Reply>, Malformed> {
        let mut input = Input::default();
        input.add(bytes);
        Reply::decode(&mut input, command)
    }

    #[test]
    fn every_text_is_known_however_it_comes() {
        let store = command(false);
        let stored = "File a.txt successfully created and written to";
        let mut texts: Vec<(String, Reply)> = Failure::all()
            .map(|it| (it.text(), Reply::Failed(it)))
            .collect();
        texts.push((stored.into(), Reply::Done));
        texts.push((
            warning("3 is\r\nbehind"),
            Reply::Warning("3 is  behind".into()),
        ));
        for (text, reply) in texts {
            let whole = format!("{text}more");
            let mut input = Input::default();
            input.add(whole.as_bytes());
            let read = Reply::decode(&mut input, &store);
            assert_eq!(read, Ok(Some(reply.clone())), "{text}");
            assert_eq!(input.take(9), b"more");
            let mut pieces = Input::default();
            for byte in text.as_bytes() {
                assert_eq!(Reply::decode(&mut pieces, &store), Ok(None), "{text}");
                pieces.add(&[*byte]);
            }
            assert_eq!(Reply::decode(&mut pieces, &store), Ok(Some(reply)));
        }
    }

    #[test]
    fn what_a_warning_quotes_is_escaped_once() {
        let told = r"it answered `\x1b\n`";
        let read = |text: &str| read(text.as_bytes(), &command(false));
        let warned = |text: &str| Ok(Some(Reply::Warning(text.into())));
        assert_eq!(read(&warning(told)), warned(told));
        assert_eq!(read("WARN \x1b[31m\\\n"), warned(r"\x1b[31m\"));
    }

    #[test]
    fn a_file_is_a_length_its_bytes_and_a_text() {
        let retrieve = command(true);
        let mut input = Input::default();
        input.add(b"5\r\nhelloSuccessfully retrieved file a.txt from the file system");
        assert_eq!(
            Reply::decode(&mut input, &retrieve),
            Ok(Some(Reply::Found(5)))
        );
        assert_eq!(input.take(5), b"hello");
        assert_eq!(Reply::closing(&mut input, &retrieve), Ok(Some(Reply::Done)));
        assert!(input.is_empty());
        for wrong in ["5x\r\n", "99999999999999999999\r\n", "+5\r\n"] {
            assert!(read(wrong.as_bytes(), &retrieve).is_err(), "{wrong}");
        }
        // Without a length, the file was not there.
        let early = b"Successfully retrieved file a.txt from the file system";
        assert!(read(early, &retrieve).is_err());
    }

    #[test]
    fn what_is_no_answer_is_quoted_and_left() {
        let mut input = Input::default();
        input.add(b"E Something else");
        let error = Reply::decode(&mut input, &command(false)).unwrap_err();
        assert_eq!(error.0, "it answered `E Something else`");
        assert_eq!(input.rest(), b"E Something else");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, retrieves: bool) {
            let _ = read(&bytes, &command(retrieves));
        }
    }
}

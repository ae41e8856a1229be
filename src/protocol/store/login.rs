//! What a store says before somebody is logged in: prompts, and why they come
//! again.
//!
//! Each is ended by an empty field, but the welcome, which is two lines.

use std::fmt::Write as _;

use crate::protocol::input::Input;
use crate::protocol::peer::{Malformed, unexpected};
use crate::protocol::raw::escape_head;

/// What a client says first.
pub const HELLO: &str = "HI";

/// What a client says to get an account.
pub const YES: &str = "YES";

const USERNAME: &str = "Username: ";
const PASSWORD: &str = "Password: ";
const CREATE: &str = "Do you want to create an account (YES or NO): ";
const DESIRED: &str = "Enter Desired Username: ";
const ENTER: &str = "Enter password: ";
const CONFIRM: &str = "Confirm password: ";

const WELCOME: (&str, &str) = ("Welcome ", "! You are a legend...");
const NO_MATCH: &str = "Password did not match username ";
const UNKNOWN: &str = "Username does not exist in database!";
const TAKEN: &str = "Username already exists in database!";
const DIFFERENT: &str = "Passwords did not match...";
const MALFORMED: &str = "Badly Formatted Message";

/// The most prompts that are understood.
const MOST_PROMPTS: usize = 16;

/// Bytes of something wrong that are quoted.
const QUOTED: usize = 64;

/// What the server says, and so what it expects next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Who is it? A username and a password.
    Hello,
    /// It is this user; commands follow.
    Welcome(String),
    /// Another password was expected of this user; both again.
    NoMatch(String),
    /// There is no such user: `YES` makes one.
    Unknown,
    /// A username and twice a password, of a new user.
    New,
    /// The same again: there is such a user already.
    Taken,
    /// Twice a password, again: the two differed.
    Different,
    /// A username and a password: what came was neither that nor anything else.
    Malformed,
    /// Something that only other servers say.
    Other {
        /// In its words.
        text: String,
        /// How many fields it wants.
        prompts: usize,
    },
}

impl Prompt {
    /// As it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (status, text, prompts): (_, _, &[&str]) = match self {
            Self::Hello => ("HI", None, &[USERNAME, PASSWORD]),
            Self::Welcome(user) => {
                let (before, after) = WELCOME;
                return format!("S\r\n{before}{user}{after}\r\n").into_bytes();
            }
            Self::NoMatch(user) => (
                "E",
                Some(format!("{NO_MATCH}{user}")),
                &[USERNAME, PASSWORD],
            ),
            Self::Unknown => ("E", Some(UNKNOWN.into()), &[CREATE]),
            Self::New => ("L", None, &[DESIRED, ENTER, CONFIRM]),
            Self::Taken => ("E", Some(TAKEN.into()), &[DESIRED, ENTER, CONFIRM]),
            Self::Different => ("E", Some(DIFFERENT.into()), &[ENTER, CONFIRM]),
            Self::Malformed => ("E", Some(MALFORMED.into()), &[USERNAME, PASSWORD]),
            Self::Other { text, .. } => ("E", Some(text.clone()), &[]),
        };
        let mut encoded = format!("{status}\r\n");
        if let Some(text) = text {
            let _ = write!(encoded, "{text}\r\n");
        }
        let _ = write!(encoded, "{}\r\n", prompts.len());
        for prompt in prompts {
            let _ = write!(encoded, "{prompt}\r\n");
        }
        encoded.push_str("\r\n");
        encoded.into_bytes()
    }

    /// Understands a status, its text, and how many prompts follow.
    fn of(status: &str, text: Option<&str>, prompts: usize) -> Option<Self> {
        let other = |text: &str| Self::Other {
            text: text.into(),
            prompts,
        };
        Some(match (status, text, prompts) {
            ("HI" | "S", None, 2) => Self::Hello,
            ("L", None, 3) => Self::New,
            ("E", Some(UNKNOWN), 1) => Self::Unknown,
            ("E", Some(TAKEN), 3) => Self::Taken,
            ("E", Some(DIFFERENT), 2) => Self::Different,
            ("E", Some(MALFORMED), 2) => Self::Malformed,
            ("E", Some(text), 2) => match text.strip_prefix(NO_MATCH) {
                Some(user) => Self::NoMatch(user.into()),
                None => other(text),
            },
            ("E", Some(text), _) => other(text),
            _ => return None,
        })
    }
}

/// Reads what a store says to somebody who is not logged in, however it comes.
#[derive(Debug, Default)]
pub struct Prompts {
    lines: Vec<String>,
    /// How many lines there are to be, once that is known.
    expected: Option<usize>,
}

impl Prompts {
    /// The next; nothing while it is not complete.
    ///
    /// # Errors
    /// It is none of a store's, or the stream ended.
    pub fn next(&mut self, input: &mut Input) -> Result<Option<Prompt>, Malformed> {
        while let Some(line) = input.line()? {
            let text = escape_head(&line.bytes, line.bytes.len());
            if !line.is_complete {
                let quoted = escape_head(&line.bytes, QUOTED);
                return Err(Malformed(format!(
                    "it closed within its answer: `{quoted}`"
                )));
            }
            if let Some(prompt) = self.line(text)? {
                *self = Self::default();
                return Ok(Some(prompt));
            }
        }
        match (input.has_ended(), self.lines.is_empty()) {
            (false, _) => Ok(None),
            (true, true) => Err(Malformed("it closed without an answer".into())),
            (true, false) => Err(Malformed("it closed within its answer".into())),
        }
    }

    fn line(&mut self, line: String) -> Result<Option<Prompt>, Malformed> {
        let quoted = || unexpected(&escape_head(line.as_bytes(), QUOTED));
        let count = || read_count(&line).ok_or_else(quoted);
        match (self.lines.as_slice(), self.expected) {
            ([], _) if ["HI", "S", "E", "L"].contains(&line.as_str()) => {}
            ([], _) => return Err(quoted()),
            ([status], _) if status == "S" && line.starts_with(WELCOME.0) => {
                return Ok(Some(Prompt::Welcome(welcomed(&line))));
            }
            // An error's text, before the number of its prompts.
            ([status], None) if status == "E" => {}
            ([_] | [_, _], None) => {
                let prompts = count()?;
                let lines = self.lines.len().saturating_add(prompts);
                self.expected = Some(lines.saturating_add(1));
            }
            (lines, Some(expected)) if lines.len() == expected => {
                return match line.is_empty() {
                    true => self.whole().map(Some),
                    false => Err(quoted()),
                };
            }
            _ => {}
        }
        self.lines.push(line);
        Ok(None)
    }

    /// What all the lines say.
    fn whole(&self) -> Result<Prompt, Malformed> {
        let prompt = match self.lines.as_slice() {
            [status, text, count, ..] if status == "E" => {
                read_count(count).and_then(|it| Prompt::of(status, Some(text), it))
            }
            [status, count, ..] => read_count(count).and_then(|it| Prompt::of(status, None, it)),
            _ => None,
        };
        prompt.ok_or_else(|| unexpected(&self.lines.join(" ")))
    }
}

/// How many prompts follow.
fn read_count(digits: &str) -> Option<usize> {
    let plain = digits.bytes().all(|it| it.is_ascii_digit());
    let count = digits.parse().ok().filter(|_| plain)?;
    (count <= MOST_PROMPTS).then_some(count)
}

/// Who is welcomed.
fn welcomed(line: &str) -> String {
    let (before, after) = WELCOME;
    let user = line.strip_prefix(before).unwrap_or(line);
    user.strip_suffix(after).unwrap_or(user).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLES: [(Prompt, &str); 5] = [
        (Prompt::Hello, "HI\r\n2\r\nUsername: \r\nPassword: \r\n\r\n"),
        (
            Prompt::Unknown,
            "E\r\nUsername does not exist in database!\r\n1\r\nDo you want to create an account (YES \
             or NO): \r\n\r\n",
        ),
        (
            Prompt::New,
            "L\r\n3\r\nEnter Desired Username: \r\nEnter password: \r\nConfirm password: \r\n\r\n",
        ),
        (
            Prompt::Different,
            "E\r\nPasswords did not match...\r\n2\r\nEnter password: \r\nConfirm password: \r\n\r\n",
        ),
        (
            Prompt::Malformed,
            "E\r\nBadly Formatted Message\r\n2\r\nUsername: \r\nPassword: \r\n\r\n",
        ),
    ];

    fn all() -> Vec<Prompt> {
        let examples = EXAMPLES.into_iter().map(|(prompt, _)| prompt);
        let more = [
            Prompt::Welcome("alice".into()),
            Prompt::NoMatch("alice".into()),
            Prompt::Taken,
        ];
        examples.chain(more).collect()
    }

    fn read(bytes: &[u8]) -> Result<Option<Prompt>, Malformed> {
        let mut input = Input::default();
        input.add(bytes);
        Prompts::default().next(&mut input)
    }

    #[test]
    fn prompts_are_those_of_the_protocol() {
        for (prompt, text) in EXAMPLES {
            assert_eq!(String::from_utf8_lossy(&prompt.encode()), text);
        }
        let welcome = Prompt::Welcome("alice".into()).encode();
        assert_eq!(welcome, b"S\r\nWelcome alice! You are a legend...\r\n");
        let no_match = Prompt::NoMatch("u".into()).encode();
        let text =
            "E\r\nPassword did not match username u\r\n2\r\nUsername: \r\nPassword: \r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&no_match), text);
    }

    #[test]
    fn a_prompt_is_read_back_however_it_comes() {
        for prompt in all() {
            let encoded = prompt.encode();
            let mut whole = Input::default();
            whole.add(&encoded);
            whole.add(b"more");
            let read = Prompts::default().next(&mut whole);
            assert_eq!(read, Ok(Some(prompt.clone())));
            assert_eq!(whole.take(9), b"more");
            let (mut pieces, mut prompts) = (Input::default(), Prompts::default());
            for byte in &encoded {
                assert_eq!(prompts.next(&mut pieces), Ok(None), "{prompt:?}");
                pieces.add(&[*byte]);
            }
            assert_eq!(prompts.next(&mut pieces), Ok(Some(prompt)));
            for cut in 0..encoded.len() {
                let mut input = Input::default();
                input.add(&encoded[..cut]);
                input.add(b"");
                let error = Prompts::default().next(&mut input).unwrap_err();
                assert!(error.0.starts_with("it closed"), "{error}");
            }
        }
    }

    #[test]
    fn what_other_servers_say_is_understood() {
        let other = read(b"S\r\n2\r\nUsername: \r\nPassword: \r\n\r\n");
        assert_eq!(other, Ok(Some(Prompt::Hello)));
        let other = read(b"E\r\nToo many users\r\n0\r\n\r\n");
        let text = "Too many users".into();
        assert_eq!(other, Ok(Some(Prompt::Other { text, prompts: 0 })));
        let other = read(b"S\r\nWelcome!\r\n");
        assert!(matches!(other, Ok(None) | Err(_)));
    }

    #[test]
    fn what_no_store_says_is_quoted() {
        for wrong in [
            "SSH-2.0-x\r\n",
            "HI\r\nx\r\n",
            "HI\r\n2\r\na\r\nb\r\nc\r\n",
            "E\r\ntext\r\n17\r\n",
            "L\r\n2\r\na\r\nb\r\n\r\n",
            "HI\r\n+2\r\n",
        ] {
            let error = read(wrong.as_bytes()).unwrap_err();
            assert!(error.0.starts_with("it answered `"), "{wrong}: {error}");
        }
        let long = [b"HI\r\n".as_slice(), &[b'x'; 9000]].concat();
        assert_eq!(
            read(&long).unwrap_err().0,
            "a line is longer than 8192 bytes"
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}

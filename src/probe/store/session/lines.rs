//! Answers in lines: lists, which have no end of their own, and those that have
//! one.

use futures_io::{AsyncRead, AsyncWrite};

use super::{BEFORE_BODY, Session, failed};
use crate::probe::store::Trouble;
use crate::protocol::store::login::HELLO;
use crate::protocol::store::reply::{END, Reply};
use crate::protocol::store::{Command, message};
use crate::reactor::sleep;

/// The most lines of an answer.
const MOST_LINES: usize = 1_000_000;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// All that there is, a line each; nobody is logged in then.
    ///
    /// The list has no end of its own. So the session is ended once it has begun:
    /// what the next one is greeted with comes after the list.
    ///
    /// # Errors
    /// It does not come to its end.
    pub async fn list(mut self) -> Result<Vec<String>, Trouble> {
        let command = Command::List;
        self.send(&command.encode()).await?;
        while self.input.rest().first() != Some(&b'\\') {
            match Reply::decode(&mut self.input, &command) {
                Ok(None) => self.more(self.patience.head).await?,
                Ok(Some(Reply::Warning(_))) => {}
                Ok(Some(Reply::Done)) => return Ok(Vec::new()),
                Ok(Some(other)) => return Err(failed(other, Vec::new())),
                Err(_) => return Err(self.unknown().await),
            }
        }
        self.send(&Command::LogOut.encode()).await?;
        sleep(BEFORE_BODY).await;
        self.send(&message(&[HELLO.as_bytes()])).await?;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            match line.starts_with('\\') {
                true if lines.len() == MOST_LINES => {
                    return Err(Trouble::malformed(format!("more than {MOST_LINES} names")));
                }
                true => lines.push(line),
                false if ["HI", "S"].contains(&line.as_str()) => return Ok(lines),
                false => return Err(Trouble::malformed(format!("it listed `{line}`"))),
            }
        }
    }

    /// The lines of an answer that has an end; `take` gets each as it comes, and
    /// says whether it is one.
    ///
    /// # Errors
    /// It does not come to its end.
    pub async fn lines(
        &mut self,
        command: &Command,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), Trouble> {
        self.send(&command.encode()).await?;
        let mut warnings = Vec::new();
        for _ in 0..MOST_LINES {
            while is_text(self.input.rest()) != Some(false) {
                let is_undecided = is_text(self.input.rest()).is_none();
                let decoded = match is_undecided {
                    true => Ok(None),
                    false => Reply::decode(&mut self.input, command),
                };
                match decoded {
                    Ok(None) => self.more(self.patience.head).await?,
                    Ok(Some(Reply::Warning(text))) => warnings.push(text),
                    Ok(Some(other)) => return Err(failed(other, warnings)),
                    Err(_) => return Err(self.unknown().await),
                }
            }
            let line = self.line().await?;
            if line == END {
                return Ok(());
            }
            if !take(&line) {
                return Err(Trouble::malformed(format!("it answered `{line}`")));
            }
        }
        Err(Trouble::malformed(format!("more than {MOST_LINES} lines")))
    }

    /// The next line.
    async fn line(&mut self) -> Result<String, Trouble> {
        loop {
            let line = self.input.line();
            match line.map_err(|error| Trouble::malformed(error.to_string()))? {
                Some(line) if line.is_complete => {
                    return Ok(String::from_utf8_lossy(&line.bytes).into_owned());
                }
                Some(_) => return Err(Trouble::malformed("it closed within its answer")),
                None => self.more(self.patience.head).await?,
            }
        }
    }
}

/// Whether what came is a text rather than a line; nothing while that is open.
fn is_text(rest: &[u8]) -> Option<bool> {
    match rest {
        [] | [b'E'] => None,
        [b'E', b'N', ..] => Some(false),
        [b'E' | b'W', ..] => Some(true),
        _ => Some(false),
    }
}

//! Asking a person at the terminal, whatever standard input is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::reactor::blocking;

/// The terminal of this process (tty(4)).
const TERMINAL: &str = "/dev/tty";

/// The longest line that a terminal gives (termios(3)).
const LONGEST_LINE: usize = 4096;

/// Whether what is typed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// It is.
    On,
    /// It is not: a password.
    Off,
}

/// A terminal that shows nothing; a drop makes it as it was.
struct Silent {
    terminal: Arc<File>,
    before: Termios,
}

impl Silent {
    fn begin(terminal: &Arc<File>) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self {
            terminal: Arc::clone(terminal),
            before,
        })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // It can only fail on a terminal that is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// The line that is typed after `prompt`, without its end, of 4096 bytes at most. A
/// drop makes the terminal as it was.
///
/// # Errors
/// There is no terminal, or it was closed.
pub async fn ask(prompt: &str, echo: Echo) -> io::Result<String> {
    let terminal = File::options().read(true).write(true).open(TERMINAL);
    let terminal = Arc::new(terminal.map_err(|error| {
        io::Error::new(error.kind(), format!("there is no terminal ({error})"))
    })?);
    let _silent = match echo {
        Echo::On => None,
        Echo::Off => Some(Silent::begin(&terminal)?),
    };
    (&*terminal).write_all(prompt.as_bytes())?;
    let reader = Arc::clone(&terminal);
    // On a thread of its own: a drop does not end it, but the process does.
    let typed = blocking(move || {
        let mut typed = vec![0; LONGEST_LINE];
        let count = (&*reader).read(&mut typed)?;
        typed.truncate(count);
        Ok::<_, io::Error>(typed)
    });
    let mut typed = typed.await?;
    if typed.pop_if(|it| *it == b'\n').is_none() {
        return Err(io::Error::other("it was closed"));
    }
    String::from_utf8(typed).map_err(|_| io::Error::other("what was typed is not UTF-8"))
}

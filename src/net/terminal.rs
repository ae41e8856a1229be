//! The terminal as a keyboard: each key as it is pressed.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

/// The terminal on standard input, which gives keys instead of lines and shows
/// none by itself. Signals by keys stay. A drop sets it back.
pub struct Keyboard {
    terminal: File,
    before: Termios,
}

impl Keyboard {
    /// Takes it over; nothing where standard input or output is no terminal.
    ///
    /// # Errors
    /// The terminal is gone, or no descriptor is left.
    pub fn take() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stdout().is_terminal() {
            return Ok(None);
        }
        let terminal = File::from(stdin.as_fd().try_clone_to_owned()?);
        let before = tcgetattr(&terminal)?;
        let keyboard = Self { terminal, before };
        keyboard.again()?;
        Ok(Some(keyboard))
    }

    /// Takes it over again, after somebody else had it: a shell, while this process
    /// was stopped.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn again(&self) -> io::Result<()> {
        let mut modes = self.before.clone();
        modes
            .local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &modes)?)
    }

    /// How many characters a row has; nothing where that is not known.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        let size = tcgetwinsize(&self.terminal).ok()?;
        Some(usize::from(size.ws_col)).filter(|it| *it > 0)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

//! What the client sends: lines of a file or a pipe, or as they are typed.

use std::cell::RefCell;
use std::collections::VecDeque;

use anyhow::{Context, bail};
use futures_io::AsyncRead;
use futures_lite::{AsyncReadExt, future};
use signal_hook::consts::SIGCONT;

use super::editor::{ERASE, Editor, LONGEST_LINE, Typed};
use super::verb::Console;
use crate::net::{Inherited, Keyboard, stdin};
use crate::probe::lines::Lines;
use crate::reactor::{Signals, signals};

/// Where lines come from.
pub(super) enum Input<'a> {
    /// A pipe, a file, or a terminal that shows what is typed by itself.
    Lines(Text<Inherited>),
    /// A terminal that shows updates too.
    Typed(Typing<'a>),
}

impl<'a> Input<'a> {
    /// Standard input; `row` is where a person types, if one does.
    pub(super) fn open(console: &'a dyn Console, row: &'a Row) -> anyhow::Result<Self> {
        let input = stdin().context("cannot read the input")?;
        let keyboard = match console.is_for_people() {
            true => Keyboard::take().context("cannot take over the terminal")?,
            false => None,
        };
        let Some(keyboard) = keyboard else {
            return Ok(Self::Lines(Text::new(input)));
        };
        row.0.replace(Some((Editor::default(), keyboard)));
        let continued = signals(&[SIGCONT]).context("cannot wait for signals")?;
        Ok(Self::Typed(Typing {
            input,
            continued,
            console,
            row,
            ready: VecDeque::new(),
        }))
    }

    /// The next line with its end, a piece of one that is too long, or nothing at the
    /// end of the input.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<String>> {
        match self {
            Self::Lines(lines) => lines.next().await,
            Self::Typed(typing) => typing.next().await,
        }
    }
}

/// Lines of UTF-8.
pub(super) struct Text<R> {
    lines: Lines<R>,
    /// The beginning of a character that was cut with its line.
    rest: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Text<R> {
    fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input, LONGEST_LINE),
            rest: Vec::new(),
        }
    }

    async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            let piece = self.lines.next().await.context("cannot read the input")?;
            let Some(piece) = piece else {
                if !self.rest.is_empty() {
                    bail!("the input is no UTF-8 text: it ends within a character");
                }
                return Ok(None);
            };
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(&piece.bytes);
            if let Err(error) = str::from_utf8(&bytes) {
                if error.error_len().is_some() {
                    bail!("the input is no UTF-8 text (hint: `iconv` converts it)");
                }
                self.rest = bytes.split_off(error.valid_up_to());
            }
            if !bytes.is_empty() {
                return Ok(String::from_utf8(bytes).ok());
            }
        }
    }
}

/// The row in which a person types, while one does. Dropping it gives the terminal
/// back.
#[derive(Default)]
pub(super) struct Row(RefCell<Option<(Editor, Keyboard)>>);

impl Row {
    /// Shows something above the row.
    pub(super) fn above(&self, console: &dyn Console, show: impl FnOnce()) {
        if self.0.borrow().is_some() {
            console.draw(ERASE);
        }
        show();
        self.draw(console);
    }

    /// Shows the row as it is.
    fn draw(&self, console: &dyn Console) {
        if let Some((editor, keyboard)) = &*self.0.borrow()
            && !editor.is_empty()
        {
            console.draw(&editor.row(keyboard.columns()));
        }
    }

    /// Gives the terminal back.
    pub(super) fn leave(&self, console: &dyn Console) {
        if let Some((editor, _)) = self.0.take()
            && !editor.is_empty()
        {
            console.draw("\n");
        }
    }
}

/// A person who types.
pub(super) struct Typing<'a> {
    input: Inherited,
    /// The process was stopped, and somebody else had the terminal.
    continued: Signals,
    console: &'a dyn Console,
    row: &'a Row,
    ready: VecDeque<Typed>,
}

impl Typing<'_> {
    async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            match self.ready.pop_front() {
                Some(Typed::Line(line)) => return Ok(Some(format!("{line}\n"))),
                Some(Typed::End) => return Ok(None),
                None => {}
            }
            let mut buffer = [0; 4096];
            let read = async { self.input.read(&mut buffer).await.map(Some) };
            let continued = async { self.continued.next().await.map(|_| None) };
            let count = future::or(read, continued).await;
            match count.context("cannot read the input")? {
                // The terminal is gone.
                Some(0) => return Ok(None),
                Some(count) => self.feed(&buffer[..count]),
                None => {
                    if let Some((_, keyboard)) = &*self.row.0.borrow() {
                        keyboard.again().context("cannot take over the terminal")?;
                    }
                    self.row.draw(self.console);
                }
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut row = self.row.0.borrow_mut();
        let Some((editor, keyboard)) = &mut *row else {
            return;
        };
        for typed in editor.feed(bytes) {
            if let Typed::Line(line) = &typed {
                // All of it, as it was typed, for whoever scrolls back.
                self.console.draw(&format!("{ERASE}{line}\n"));
            }
            self.ready.push_back(typed);
        }
        self.console.draw(&editor.row(keyboard.columns()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::block_on;

    fn lines(input: &[u8]) -> Result<Vec<String>, String> {
        let mut text = Text::new(input);
        let next = || block_on(text.next()).map_err(|it| it.to_string());
        std::iter::from_fn({
            let mut next = next;
            move || next().transpose()
        })
        .collect()
    }

    #[test]
    fn lines_keep_their_ends() {
        let came = lines("one\n\ngr\u{fc}n".as_bytes()).unwrap();
        assert_eq!(came, ["one\n", "\n", "gr\u{fc}n"]);
    }

    #[test]
    fn a_character_is_never_cut() {
        let input = format!("x{}", "\u{fc}".repeat(LONGEST_LINE));
        let came = lines(input.as_bytes()).unwrap();
        assert_eq!(came.len(), 3);
        assert!(came.iter().all(|it| it.len() <= LONGEST_LINE + 1));
        assert_eq!(came.concat(), input);
    }

    #[test]
    fn what_is_no_text_is_not_sent() {
        assert!(lines(b"a\xffb\n").unwrap_err().contains("no UTF-8 text"));
        let cut = lines(b"a\xc3").unwrap_err();
        assert!(cut.contains("ends within a character"), "{cut}");
    }
}

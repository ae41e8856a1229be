//! A line that is being typed: keys in, whole lines out, and what the terminal has
//! to show. It touches no terminal itself.

/// Takes the row away that is being typed in.
pub(super) const ERASE: &str = "\r\x1b[K";

/// Bytes of a line, past which keys are not taken.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// A row's width where nobody knows it.
const USUAL_COLUMNS: usize = 80;

/// A line that is being typed.
#[derive(Debug, Default)]
pub(super) struct Editor {
    line: String,
    /// The first bytes of a character.
    partial: Vec<u8>,
    sequence: Sequence,
}

/// Where in a key's sequence the last byte was (ECMA-48, section 5.4).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    Escape,
    Parameters,
    Shift,
}

/// What was typed to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, without its end.
    Line(String),
    /// The end of the input: Ctrl-D with nothing before it.
    End,
}

impl Editor {
    /// Takes what the keys gave: characters, backspace, Ctrl-W (a word back),
    /// Ctrl-U (all of it), Ctrl-D and Enter. Arrows and the like do nothing.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Typed> {
        bytes.iter().filter_map(|byte| self.key(*byte)).collect()
    }

    fn key(&mut self, byte: u8) -> Option<Typed> {
        match (self.sequence, byte) {
            (Sequence::None, 0x1b) => self.sequence = Sequence::Escape,
            (Sequence::None, b'\n' | b'\r') => {
                self.partial.clear();
                return Some(Typed::Line(std::mem::take(&mut self.line)));
            }
            (Sequence::None, 0x04) if self.line.is_empty() => return Some(Typed::End),
            (Sequence::None, 0x08 | 0x7f) => self.back(),
            (Sequence::None, 0x15) => self.line.clear(),
            (Sequence::None, 0x17) => {
                let rest = self.line.trim_end();
                let start = rest.rfind(char::is_whitespace).map_or(0, |it| it + 1);
                self.line.truncate(start);
            }
            (Sequence::None, byte) => self.character(byte),
            (Sequence::Escape, b'[') => self.sequence = Sequence::Parameters,
            (Sequence::Escape, b'O') => self.sequence = Sequence::Shift,
            (Sequence::Parameters, 0x20..=0x3f) => {}
            _ => self.sequence = Sequence::None,
        }
        None
    }

    /// Takes a character away, with what is written above it.
    fn back(&mut self) {
        while self.line.pop().is_some_and(|it| width(it) == 0) {}
    }

    fn character(&mut self, byte: u8) {
        self.partial.push(byte);
        match str::from_utf8(&self.partial) {
            Ok(text) => {
                let fits = self.line.len() + text.len() <= LONGEST_LINE;
                let shown = text.chars().filter(|it| *it == '\t' || !it.is_control());
                self.line.extend(shown.filter(|_| fits));
                self.partial.clear();
            }
            Err(error) if error.error_len().is_none() => {}
            // What was begun is none, but a character may begin here.
            Err(_) if self.partial.len() > 1 => {
                self.partial.clear();
                self.character(byte);
            }
            Err(_) => self.partial.clear(),
        }
    }

    /// The row as it is to be seen: the end of the line, as far as a row of so many
    /// columns has room, so that it is one row always.
    pub(super) fn row(&self, columns: Option<usize>) -> String {
        let mut room = columns.unwrap_or(USUAL_COLUMNS).saturating_sub(1);
        let mut start = self.line.len();
        for (at, character) in self.line.char_indices().rev() {
            match room.checked_sub(width(character)) {
                Some(left) => room = left,
                None => break,
            }
            start = at;
        }
        format!("{ERASE}{}", self.line[start..].replace('\t', " "))
    }

    /// Whether something is typed.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }
}

/// Columns of a character, as far as terminals agree (UAX #11).
fn width(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f | 0xe0100..=0xe01ef => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What these keys come to, and what is left on the row.
    fn typed(keys: &str) -> (Vec<Typed>, String) {
        let mut editor = Editor::default();
        let whole = editor.feed(keys.as_bytes());
        // One byte at a time is the same.
        let mut slow = Editor::default();
        let bytes = keys.bytes();
        let pieces: Vec<Typed> = bytes.flat_map(|it| slow.feed(&[it])).collect();
        assert_eq!((&whole, slow.row(None)), (&pieces, editor.row(None)));
        (whole, editor.line)
    }

    fn line(text: &str) -> Typed {
        Typed::Line(text.into())
    }

    #[test]
    fn enter_ends_a_line_and_backspace_takes_a_character() {
        let (lines, rest) = typed("one\ntwo\rthr");
        assert_eq!((lines, &*rest), (vec![line("one"), line("two")], "thr"));
        assert_eq!(typed("abc\x7f\x08d").1, "ad");
        assert_eq!(typed("gr\u{fc}\u{1f980}\x7f\x7f").1, "gr");
        assert_eq!(typed("e\u{301}\x7f").1, "", "with its accent");
        assert_eq!(typed("\x7f\x7fa").1, "a");
        assert_eq!(typed("\n").0, [line("")]);
    }

    #[test]
    fn control_keys_edit_and_no_other_is_taken() {
        assert_eq!(typed("one two\x15three").1, "three");
        assert_eq!(typed("one two  \x17").1, "one ");
        assert_eq!(typed("one\x17\x17").1, "");
        assert_eq!(typed("a\x04").1, "a");
        assert_eq!(typed("\x04").0, [Typed::End]);
        assert_eq!(typed("a\n\x04").0, [line("a"), Typed::End]);
        assert_eq!(typed("\x01a\0\x02b\u{85}").1, "ab");
        assert_eq!(typed("a\x1b[Ab\x1b[1;5Dc\x1bOHd\x1bxe").1, "abcde");
        assert_eq!(typed("a\tb").1, "a\tb");
    }

    #[test]
    fn bytes_that_are_no_text_are_not_taken() {
        let mut editor = Editor::default();
        assert_eq!(
            editor.feed(b"a\xff\xc3\xc3\xbcb\xe2\x82\n"),
            [line("a\u{fc}b")]
        );
        assert_eq!(editor.feed(b"\x82\xacc\n"), [line("c")]);
    }

    #[test]
    fn a_line_has_a_limit() {
        let mut editor = Editor::default();
        editor.feed(&vec![b'x'; LONGEST_LINE + 5]);
        assert_eq!(editor.line.len(), LONGEST_LINE);
        assert_eq!(
            editor.feed("\u{fc}\n".as_bytes()),
            [line(&"x".repeat(LONGEST_LINE))]
        );
    }

    #[test]
    fn the_row_never_wraps() {
        let mut editor = Editor::default();
        editor.feed("abc\u{4e2d}d\te".as_bytes());
        for (columns, row) in [
            (80, "abc\u{4e2d}d e"),
            (9, "abc\u{4e2d}d e"),
            (8, "bc\u{4e2d}d e"),
            (5, "d e"),
            (6, "\u{4e2d}d e"),
            (1, ""),
            (0, ""),
        ] {
            assert_eq!(
                editor.row(Some(columns)),
                format!("{ERASE}{row}"),
                "{columns}"
            );
        }
        assert!(!editor.is_empty());
        editor.feed(b"\x15");
        assert!(editor.is_empty());
    }
}

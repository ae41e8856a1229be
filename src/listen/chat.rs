//! Lines of a chat: who said what.

use std::rc::Rc;

/// Bytes of a line that is passed on even without its end.
const LONGEST_LINE: usize = 8 * 1024;

/// The lines of one speaker, out of pieces of any length.
pub(super) struct Speaker {
    name: String,
    line: Vec<u8>,
}

impl Speaker {
    /// One of that name.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            line: Vec::new(),
        }
    }

    /// The whole lines that `piece` completes, each with the speaker's name.
    pub(super) fn hear(&mut self, piece: &[u8]) -> Rc<[u8]> {
        let mut heard = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(LONGEST_LINE) {
                self.line.extend_from_slice(part);
                let is_whole = self.line.ends_with(b"\n");
                if is_whole || self.line.len() >= LONGEST_LINE {
                    self.finish(&mut heard);
                }
            }
        }
        heard.into()
    }

    /// What it said without an end to the line, if anything.
    pub(super) fn rest(&mut self) -> Rc<[u8]> {
        let mut heard = Vec::new();
        if !self.line.is_empty() {
            self.finish(&mut heard);
        }
        heard.into()
    }

    fn finish(&mut self, heard: &mut Vec<u8>) {
        heard.extend_from_slice(format!("<{}> ", self.name).as_bytes());
        for byte in self.line.drain(..) {
            match byte {
                b'\t' | b'\n' | b'\r' => heard.push(byte),
                // Nobody moves another's cursor.
                byte if byte.is_ascii_control() => {
                    heard.extend(byte.escape_ascii());
                }
                byte => heard.push(byte),
            }
        }
        if !heard.ends_with(b"\n") {
            heard.push(b'\n');
        }
    }
}

/// What all are told.
pub(super) fn announcement(text: &str) -> Rc<[u8]> {
    format!("<announce> {text}\n").into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_name_however_they_come() {
        let mut speaker = Speaker::new("user1".into());
        assert_eq!(&*speaker.hear(b"hel"), b"");
        let heard = speaker.hear(b"lo\nyou\nand");
        assert_eq!(&*heard, b"<user1> hello\n<user1> you\n");
        assert_eq!(&*speaker.hear(b"\n"), b"<user1> and\n");
    }

    #[test]
    fn the_last_line_needs_no_end_and_no_line_moves_the_cursor() {
        let mut speaker = Speaker::new("user1".into());
        assert_eq!(
            &*speaker.hear(b"a\x1b[2J\tb\x07\n"),
            b"<user1> a\\x1b[2J\tb\\x07\n"
        );
        assert_eq!(&*speaker.rest(), b"");
        assert_eq!(&*speaker.hear(b"and"), b"");
        assert_eq!(&*speaker.rest(), b"<user1> and\n");
        assert_eq!(&*speaker.rest(), b"");
    }

    #[test]
    fn a_line_without_end_is_passed_on_in_parts() {
        let mut speaker = Speaker::new("user1".into());
        let heard = speaker.hear(&vec![b'x'; 2 * LONGEST_LINE + 5]);
        assert_eq!(heard.split(|byte| *byte == b'\n').count(), 2 + 1);
        assert_eq!(speaker.line.len(), 5);
    }
}

//! The words of a command line as getopt(3) of glibc takes them apart: letters in
//! bundles, their values glued or apart, operands anywhere, `--` before what is
//! none of it.

use std::slice::Iter;

/// One part of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A letter, with its value if it takes one.
    Letter(char, Option<&'a str>),
    /// What is no option.
    Operand(&'a str),
    /// A word that begins with two hyphens, without them.
    Long(&'a str),
    /// A letter that is none.
    Unknown(char),
    /// A letter whose value is missing.
    Incomplete(char),
}

/// The parts of `words`, in order.
pub(super) struct Getopt<'a> {
    /// As of getopt(3): each letter, with a colon if it takes a value.
    letters: &'a str,
    words: Iter<'a, String>,
    bundle: &'a str,
    operands_only: bool,
}

impl<'a> Getopt<'a> {
    pub(super) fn new(letters: &'a str, words: &'a [String]) -> Self {
        Self {
            letters,
            words: words.iter(),
            bundle: "",
            operands_only: false,
        }
    }

    /// The next word, whatever it is: the value of a long option.
    pub(super) fn next_word(&mut self) -> Option<&'a str> {
        self.words.next().map(String::as_str)
    }

    fn letter(&mut self, letter: char) -> Part<'a> {
        let known = self.letters.find(letter).filter(|_| letter != ':');
        let Some(at) = known else {
            return Part::Unknown(letter);
        };
        let takes_value = self.letters[at..].chars().nth(1) == Some(':');
        if !takes_value {
            return Part::Letter(letter, None);
        }
        let value = match std::mem::take(&mut self.bundle) {
            "" => self.next_word(),
            glued => Some(glued),
        };
        match value {
            Some(value) => Part::Letter(letter, Some(value)),
            None => Part::Incomplete(letter),
        }
    }
}

impl<'a> Iterator for Getopt<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            let mut bundled = self.bundle.chars();
            if let Some(letter) = bundled.next() {
                self.bundle = bundled.as_str();
                return Some(self.letter(letter));
            }
            let word = self.next_word()?;
            if self.operands_only || !word.starts_with('-') || word == "-" {
                return Some(Part::Operand(word));
            }
            match word.strip_prefix("--") {
                Some("") => self.operands_only = true,
                Some(long) => return Some(Part::Long(long)),
                None => self.bundle = &word[1..],
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Part::{Incomplete, Letter, Long, Operand, Unknown};
    use super::*;

    fn parts(line: &str) -> Vec<String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let parts = Getopt::new("lvw:", &words);
        parts.map(|it| format!("{it:?}")).collect()
    }

    fn shown(parts: &[Part<'_>]) -> Vec<String> {
        parts.iter().map(|it| format!("{it:?}")).collect()
    }

    #[test]
    fn letters_values_and_operands_are_told_apart() {
        let none = |letter| Letter(letter, None);
        for (line, expected) in [
            ("-lv 1", vec![none('l'), none('v'), Operand("1")]),
            (
                "-vw5 h",
                vec![none('v'), Letter('w', Some("5")), Operand("h")],
            ),
            ("-w 5", vec![Letter('w', Some("5"))]),
            ("-w -5", vec![Letter('w', Some("-5"))]),
            ("h -l -- -v", vec![Operand("h"), none('l'), Operand("-v")]),
            ("-lw", vec![none('l'), Incomplete('w')]),
            ("-lQv", vec![none('l'), Unknown('Q'), none('v')]),
            ("-: -", vec![Unknown(':'), Operand("-")]),
            ("--help", vec![Long("help")]),
        ] {
            assert_eq!(parts(line), shown(&expected), "{line}");
        }
    }
}

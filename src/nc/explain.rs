//! `--explain`: how four netcats take the same arguments. Each sentence was
//! observed with Debian 12's packages: netcat-openbsd 1.219, netcat-traditional
//! 1.10, ncat 7.93 and `BusyBox` 1.35.

mod facts;

use std::fmt::Write as _;

use super::getopt::{Getopt, Part};
use facts::FACTS;

/// Every letter of any of the four; those with a value in one have it here.
const LETTERS: &str = "46bCc:dDe:Fg:G:hI:i:klM:m:NnO:o:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz";

/// The netcats, in the order of the sentences.
const NETCATS: [&str; 4] = ["obsd", "traditional", "ncat", "busybox"];

/// What the arguments have that is not the same everywhere.
struct Fact {
    applies: fn(&Given) -> bool,
    about: &'static str,
    /// What each does.
    says: [&'static str; 4],
}

/// The arguments, as far as facts look at them.
struct Given {
    letters: Vec<char>,
    operands: Vec<String>,
}

impl Given {
    fn has(&self, letter: char) -> bool {
        self.letters.contains(&letter)
    }

    fn any(&self, letters: &str) -> bool {
        letters.chars().any(|it| self.has(it))
    }

    fn names_a_range(&self) -> bool {
        self.operands.iter().skip(1).any(|it| is_range(it))
    }
}

fn is_range(word: &str) -> bool {
    let ends = word.split_once('-');
    ends.is_some_and(|(one, other)| one.parse::<u16>().is_ok() && other.parse::<u16>().is_ok())
}

/// How each netcat takes `words`, where they differ.
pub(super) fn explain(words: &[String]) -> String {
    let mut given = Given {
        letters: Vec::new(),
        operands: Vec::new(),
    };
    let mut unknown = Vec::new();
    for part in Getopt::new(LETTERS, words) {
        match part {
            Part::Letter(letter, _) | Part::Incomplete(letter) => given.letters.push(letter),
            Part::Unknown(letter) => unknown.push(letter),
            Part::Operand(word) => given.operands.push(word.to_owned()),
            Part::Long(_) => {}
        }
    }
    let mut text = String::new();
    for letter in unknown {
        let _ = writeln!(text, "-{letter}\n  all four know no such flag");
    }
    for fact in FACTS.iter().filter(|it| (it.applies)(&given)) {
        let _ = writeln!(text, "{}", fact.about);
        for (netcat, sentence) in NETCATS.iter().zip(fact.says) {
            let _ = writeln!(text, "  {netcat:12} {sentence}");
        }
    }
    match text.is_empty() {
        true => "all four take these arguments alike, as far as is known".to_owned(),
        false => text.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        explain(&words)
    }

    #[test]
    fn only_what_is_there_is_explained() {
        let text = explained("-l 5002");
        assert!(
            text.contains("traditional  listens on a random port"),
            "{text}"
        );
        assert!(!text.contains("-q"), "{text}");
        let text = explained("-Q h 1");
        assert!(
            text.starts_with("-Q\n  all four know no such flag"),
            "{text}"
        );
        let text = explained("-q 1 h 20-30");
        assert!(text.contains("-q\n"), "{text}");
        assert!(text.contains("a range of ports"), "{text}");
        assert!(!text.contains("the end of standard input"), "{text}");
    }

    #[test]
    fn every_fact_is_met_by_some_arguments() {
        let lines = "-l 1;-l -p 1 a;-l -s a;-6l 1;-lk 1;-luk 1;-q 1 h 1;-N h 1;h 1;-w 1 h 1;\
                     -i 1 h 1;-e p h 1;-c p h 1;-d h 1;-x p h 1;-o f h 1;-U p;-z h 1;-zu h 1;\
                     h 1-2;h 1 2;-uv h 1";
        let all: Vec<String> = lines.split(';').map(explained).collect();
        let all = all.join("\n");
        for fact in FACTS {
            assert!(all.contains(fact.about), "{}", fact.about);
        }
    }
}

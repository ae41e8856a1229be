//! What is expected of a file: how many copies there are, and what they hold.

use crate::finding::Lack;
use crate::probe::expectations::misplaced_step;
use crate::probe::script::Script;

/// Options of every check of the file service.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "File service")]
pub struct Settings {
    /// How many different copies of the file to expect [default: one or both]
    #[arg(long, value_name = "COUNT", value_enum)]
    pub copies: Option<Copies>,
    /// Expect a copy with this checksum
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
}

/// How many different copies of a file there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Copies {
    /// Nobody has the file
    None,
    /// All that have it have the same
    One,
    /// Two that differ
    Both,
}

/// What was found, to be held against the settings.
pub(super) struct Found<'a> {
    pub(super) copies: Copies,
    /// The checksum of each copy.
    pub(super) sha256: &'a [String],
}

/// What is not as expected: in words, and of what kind that is.
pub(super) type Shortfall = (String, Option<Lack>);

impl Settings {
    /// The options that are given, each with whether it is.
    pub(in crate::probe) fn given(&self) -> [(&'static str, bool); 2] {
        [
            ("copies", self.copies.is_some()),
            ("sha256", self.sha256.is_some()),
        ]
    }

    /// Whether they make sense, for a service that speaks by itself.
    ///
    /// # Errors
    /// Names the one that does not.
    pub(super) fn validate(&self, script: &Script, protocol: &str) -> Result<(), String> {
        if let Some(step) = script.steps.first() {
            return Err(misplaced_step(step, protocol));
        }
        match &self.sha256 {
            Some(digits) if digits.len() != 64 || !is_hexadecimal(digits) => Err(format!(
                "`{digits}` is no checksum: 64 hexadecimal digits, as sha256sum writes them"
            )),
            Some(_) if self.copies == Some(Copies::None) => {
                Err("--sha256 expects a copy, and --copies none expects none".into())
            }
            _ => Ok(()),
        }
    }

    /// Holds what was found against them.
    ///
    /// # Errors
    /// What is not as expected.
    pub(super) fn judge(&self, found: &Found<'_>) -> Result<(), Shortfall> {
        use Copies::{Both, None, One};
        let wrong = |reason: &str, lack| Err((reason.to_owned(), lack));
        match (self.copies, found.copies) {
            (Some(None), None) => return Ok(()),
            (Some(One), Both) => return wrong("the copies differ", Some(Lack::Difference)),
            (Some(Both), One) => {
                return wrong("there is only one copy, or both are the same", Option::None);
            }
            (Some(None), One | Both) => return wrong("the file is there", Option::None),
            (_, None) => return wrong("the file was not found", Some(Lack::NotFound)),
            _ => {}
        }
        match &self.sha256 {
            Some(wanted)
                if !found
                    .sha256
                    .iter()
                    .any(|it| it.eq_ignore_ascii_case(wanted)) =>
            {
                let found = found.sha256.join(" and ");
                let reason = format!("its checksum is {found}, expected {wanted}");
                Err((reason, Some(Lack::Difference)))
            }
            _ => Ok(()),
        }
    }

    /// What a good server does, as the rest of a sentence.
    pub(super) fn sentence(&self, path: &str) -> String {
        let copies = match self.copies {
            Option::None => "at least one copy",
            Some(Copies::None) => "no copy",
            Some(Copies::One) => "one copy",
            Some(Copies::Both) => "two copies that differ",
        };
        let sum = self
            .sha256
            .as_deref()
            .map(|it| format!(", one with the checksum {it}"));
        format!("has {copies} of `{path}`{}", sum.unwrap_or_default())
    }
}

fn is_hexadecimal(digits: &str) -> bool {
    digits.bytes().all(|it| it.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    fn judge(settings: &Settings, copies: Copies) -> Result<(), Shortfall> {
        let sha256 = [SUM.to_uppercase()];
        settings.judge(&Found {
            copies,
            sha256: &sha256,
        })
    }

    #[test]
    fn copies_are_counted() {
        use Copies::{Both, None, One};
        let wanting = |copies| Settings {
            copies,
            sha256: Option::None,
        };
        for (wanted, good) in [
            (Option::None, [false, true, true]),
            (Some(None), [true, false, false]),
            (Some(One), [false, true, false]),
            (Some(Both), [false, false, true]),
        ] {
            let judged = [None, One, Both].map(|it| judge(&wanting(wanted), it).is_ok());
            assert_eq!(judged, good, "{wanted:?}");
        }
    }

    #[test]
    fn checksums_are_compared() {
        let wanting = |sum: &str| Settings {
            copies: Option::None,
            sha256: Some(sum.into()),
        };
        assert_eq!(judge(&wanting(SUM), Copies::One), Ok(()));
        let (error, lack) = judge(&wanting(&"0".repeat(64)), Copies::Both).unwrap_err();
        assert!(error.starts_with("its checksum is 2C26"), "{error}");
        assert_eq!(lack, Some(Lack::Difference));
        let validate = |sum: &str| wanting(sum).validate(&Script::default(), "peer");
        assert_eq!(validate(SUM), Ok(()));
        for wrong in ["", "2c26", &"x".repeat(64)] {
            assert!(validate(wrong).unwrap_err().contains("is no checksum"));
        }
    }
}

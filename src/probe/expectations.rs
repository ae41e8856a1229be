//! What the text of an answer must hold and must not: `--expect` and
//! `--reject` where netkit itself does the talking.

use regex_lite::Regex;

use super::script::{Pattern, Script, Step};

/// Expressions that an answer is held against.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    expected: Vec<Pattern>,
    rejected: Vec<Pattern>,
}

impl Expectations {
    /// Those of a script for `protocol`, which knows by itself what to send.
    ///
    /// # Errors
    /// Names the step that makes no sense, in a sentence.
    pub(super) fn of(script: &Script, protocol: &str) -> Result<Self, String> {
        let mut expectations = Self::default();
        for step in &script.steps {
            match step {
                Step::Expect(pattern) => expectations.expected.push(pattern.clone()),
                Step::Reject(pattern) => expectations.rejected.push(pattern.clone()),
                Step::Send(_) | Step::Read(_) | Step::Rest { .. } => {
                    return Err(misplaced_step(step, protocol));
                }
            }
        }
        Ok(expectations)
    }

    /// Whether anything is expected at all.
    pub(super) fn is_empty(&self) -> bool {
        self.expected.is_empty() && self.rejected.is_empty()
    }

    /// Whether anything must not come.
    pub(super) fn rejects(&self) -> bool {
        !self.rejected.is_empty()
    }

    /// What is expected of `what`, as parts of a sentence.
    pub(super) fn words(&self, what: &str) -> impl Iterator<Item = String> {
        let expected = self.expected.iter().map(|it| ("a", it));
        let rejected = self.rejected.iter().map(|it| ("no", it));
        let all = expected.chain(rejected);
        all.map(move |(some, it)| format!("{what} with {some} match for {}", it.as_str()))
    }

    /// Holds the parts of an answer against them: each expected expression has
    /// to match one of the parts, no rejected one may match any.
    ///
    /// # Errors
    /// The expression that is not as it should be, in a sentence.
    pub(super) fn judge<T: AsRef<str>>(&self, parts: &[T]) -> Result<(), String> {
        let matches = |it: &Pattern| parts.iter().any(|part| it.is_in(part.as_ref().as_bytes()));
        if let Some(found) = self.rejected.iter().find(|it| matches(it)) {
            return Err(format!("`{}` matches, and must not", found.as_str()));
        }
        match self.expected.iter().find(|it| !matches(it)) {
            Some(missing) => Err(format!("nothing matches `{}`", missing.as_str())),
            None => Ok(()),
        }
    }
}

/// The regular expression that `text` is.
///
/// # Errors
/// It is none: in a sentence that quotes it.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("`{text}` is not a regular expression: {error}"))
}

/// That a protocol has no use for a step, in a sentence.
pub(super) fn misplaced_step(step: &Step, protocol: &str) -> String {
    let option = match step {
        Step::Send(_) => "--send",
        Step::Read(_) | Step::Rest { .. } => "--read",
        Step::Expect(_) => "--expect",
        Step::Reject(_) => "--reject",
    };
    format!("`{option}` has no place in {protocol}, which sends and reads by itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectations(steps: Vec<Step>) -> Result<Expectations, String> {
        Expectations::of(&Script { steps }, "dns")
    }

    #[test]
    fn each_expected_one_needs_a_part_and_no_rejected_one_has_any() {
        let pattern = |text| Pattern::new(text).unwrap();
        let steps = vec![Step::Expect(pattern("^a")), Step::Reject(pattern("c$"))];
        let expectations = expectations(steps).unwrap();
        assert_eq!(expectations.judge(&["b", "ab"]), Ok(()));
        let missing = Err("nothing matches `^a`".to_owned());
        assert_eq!(expectations.judge(&["b"]), missing);
        let found = Err("`c$` matches, and must not".to_owned());
        assert_eq!(expectations.judge(&["ab", "bc"]), found);
        assert_eq!(expectations.judge::<&str>(&[]), missing);
    }

    #[test]
    fn steps_that_make_no_sense_are_named() {
        let error = regex("(").unwrap_err();
        assert!(
            error.starts_with("`(` is not a regular expression: "),
            "{error}"
        );
        let error = expectations(vec![Step::Send(b"x".to_vec())]).unwrap_err();
        assert!(error.starts_with("`--send` has no place in dns"), "{error}");
    }
}

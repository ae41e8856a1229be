//! Check plans: many checks in a file, in TOML, or in JSON of the same shape.
//!
//! A plan is read whole before anything is sent. `[defaults]` and each
//! `[[check]]` take the long name of every option of a check as a key, read by
//! the command line's own parser; a check has a `target` beside them, and may
//! have `name`, `state`, `tags`, `hosts` and `steps`.

mod blame;
mod expand;
mod grammar;
mod mistakes;
mod reader;
mod syntax;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, ensure};

use super::{Check, Settings};

pub use mistakes::PlanErrors;

use mistakes::Mistakes;

/// A larger plan is no plan, in bytes.
const LARGEST: usize = 4 << 20;

/// What the messages call a plan from standard input.
const STDIN: &str = "<stdin>";

/// A check of a plan.
pub struct Planned {
    /// What is checked, and how.
    pub check: Check,
    /// What `--only` picks it by.
    pub tags: Rc<[String]>,
}

impl Planned {
    /// Whether it has one of `tags`; anything has where there are none.
    #[must_use]
    pub fn is_tagged(&self, tags: &[String]) -> bool {
        tags.is_empty() || self.tags.iter().any(|it| tags.contains(it))
    }
}

/// Reads the plan in `file`, or on standard input if that is `-`.
///
/// # Errors
/// It cannot be read, is larger than 4 MiB, or holds mistakes: then
/// [`PlanErrors`] with all of them.
pub fn load(file: &Path, base: &Settings) -> anyhow::Result<Vec<Planned>> {
    let is_stdin = file == Path::new("-");
    let source = match is_stdin {
        true => STDIN.into(),
        false => file.to_string_lossy(),
    };
    let bytes = match is_stdin {
        true => read_some(io::stdin().lock()),
        false => File::open(file).and_then(read_some),
    };
    let bytes = bytes.with_context(|| format!("cannot read the plan `{source}`"))?;
    ensure!(
        bytes.len() <= LARGEST,
        "cannot read the plan `{source}`: it is larger than 4 MiB"
    );
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let mut mistakes = Mistakes::default();
        mistakes.add_syntax(at..at + 1, "expected text in UTF-8");
        let text = String::from_utf8_lossy(error.as_bytes());
        mistakes.into_result(&source, &text).err()
    });
    match text {
        Ok(text) => Ok(read(&source, &text, base)?),
        Err(Some(errors)) => Err(errors.into()),
        Err(None) => Ok(Vec::new()),
    }
}

/// As much as a plan may be, and one byte more, which tells that it is too
/// large.
fn read_some(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LARGEST as u64 + 1;
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a whole plan: JSON if its first character is `{`, else TOML. `source`
/// is its file, which messages name and relative paths begin beside; `base` is
/// what holds where the plan says nothing. Without a `[[check]]` there are none.
///
/// # Errors
/// Every mistake, each with line, column, the word, and what was expected.
pub fn read(source: &str, text: &str, base: &Settings) -> Result<Vec<Planned>, PlanErrors> {
    // A byte order mark is no character of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    reader::read(source, text, base)
}

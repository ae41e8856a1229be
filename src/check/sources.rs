//! Where targets come from: the command line, files, standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow, ensure};

use super::Target;

/// A list of targets may have so many bytes: more than any list of hosts, less
/// than what a device without end would fill the memory with.
const LARGEST_LIST: u64 = 64 << 20;

/// What stands for standard input.
const STDIN: &str = "-";

/// Every target of the command line, then those of the files.
///
/// # Errors
/// A list cannot be read, or a target cannot be understood: says which, and
/// where it stands.
pub(super) fn read(words: &[String], files: &[impl AsRef<Path>]) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for word in words {
        match word.as_str() {
            STDIN => add_list("standard input", io::stdin(), &mut targets)?,
            word => targets.push(Target::parse(word)?),
        }
    }
    for path in files {
        let path = path.as_ref();
        let name = path.display().to_string();
        if name == STDIN {
            add_list("standard input", io::stdin(), &mut targets)?;
        } else {
            let file = File::open(path).with_context(|| format!("cannot read `{name}`"))?;
            add_list(&name, file, &mut targets)?;
        }
    }
    Ok(targets)
}

/// Adds the targets of a list: any number a line, `#` begins a comment.
fn add_list(name: &str, from: impl Read, targets: &mut Vec<Target>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    from.take(LARGEST_LIST + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    ensure!(
        bytes.len() as u64 <= LARGEST_LIST,
        "cannot read {name}: it is longer than 64 MiB"
    );
    let text = String::from_utf8(bytes)
        .map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]);
            let line = before.matches('\n').count() + 1;
            anyhow!("it is not UTF-8 text, from line {line}")
        })
        .with_context(|| format!("cannot read {name}"))?;
    // A byte order mark is no character of the first target.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    for (line, number) in text.lines().zip(1..) {
        let line = line.split('#').next().unwrap_or_default();
        for word in line.split_whitespace() {
            let target = Target::parse(word);
            targets.push(target.with_context(|| format!("{name}, line {number}"))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &[u8]) -> Result<Vec<String>, String> {
        let mut targets = Vec::new();
        let outcome = add_list("list", text, &mut targets);
        let shown = |it: &Target| it.all_of(&it.hosts.iter().next().unwrap_or_default());
        outcome
            .map(|()| targets.iter().map(shown).collect())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn lists_hold_any_number_of_targets_a_line() {
        let text = b"# all\n a:1  b:2,3 # two\r\n\n[::1]:4\n";
        assert_eq!(list(text).unwrap(), ["a:1", "b:2,3", "[::1]:4"]);
        assert_eq!(list(b"").unwrap(), [""; 0]);
        assert_eq!(list("\u{feff}a:1\n".as_bytes()).unwrap(), ["a:1"]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let error = list(b"a:1\n\nb:0\n").unwrap_err();
        assert!(
            error.starts_with("list, line 3: wrong target `b:0`"),
            "{error}"
        );
        let error = list(b"a:1\n\xff\n").unwrap_err();
        assert!(error.contains("not UTF-8 text, from line 2"), "{error}");
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let mut targets = Vec::new();
        let error = add_list("list", io::repeat(b'a'), &mut targets).unwrap_err();
        assert!(error.to_string().contains("longer than 64 MiB"));
    }
}

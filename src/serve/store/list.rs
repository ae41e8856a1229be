//! The answer to INF: a user's directories and files, a line each.

use std::fmt::Write as _;

use super::catalogue::Key;
use crate::protocol::store::reply::NO_FILES;
use crate::protocol::store::shown;

/// All of `files`, which are in order; each directory stands before what is in
/// it.
pub(super) fn list(files: &[Key]) -> String {
    if files.is_empty() {
        return NO_FILES.into();
    }
    let mut text = String::new();
    let mut above: Vec<&str> = Vec::new();
    for file in files {
        let path: Vec<&str> = file.place.path().split('/').collect();
        let common = path.iter().zip(&above).take_while(|(a, b)| a == b).count();
        for depth in common + 1..=path.len() {
            let _ = writeln!(text, "\\{}\\{}", file.user, path[..depth].join("\\"));
        }
        let _ = writeln!(text, "{}", shown(&file.user, &file.place));
        above = path;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::shard::{Place, User};

    #[test]
    fn directories_stand_before_their_files() {
        let user = User::new("alice").unwrap();
        let files = [("a", "x"), ("a", "y"), ("a/b/c", "z"), ("b", "x")];
        let files = files.map(|(path, name)| Key {
            user: user.clone(),
            place: Place::new(name, path).unwrap(),
        });
        let lines = [
            r"\alice\a",
            r"\alice\a\x",
            r"\alice\a\y",
            r"\alice\a\b",
            r"\alice\a\b\c",
            r"\alice\a\b\c\z",
            r"\alice\b",
            r"\alice\b\x",
        ];
        assert_eq!(list(&files), lines.join("\n") + "\n");
        assert_eq!(list(&[]), "No files in database");
    }
}

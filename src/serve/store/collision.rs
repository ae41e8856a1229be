//! Names of blocks that are names of directories too: a shard server can keep but
//! one of both.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::catalogue::Key;
use super::engine::{Engine, Refusal};
use crate::protocol::coding::Block;
use crate::protocol::shard::{Place, User};

/// Which users have directories that are called like blocks, as far as anybody
/// has looked: only among their files is anything to be searched.
#[derive(Default)]
pub(super) struct Lookalikes(RefCell<BTreeMap<User, bool>>);

impl Lookalikes {
    /// Notes whether a user has any; one that was there is remembered.
    fn note(&self, user: &User, has_any: bool) {
        *self.0.borrow_mut().entry(user.clone()).or_default() |= has_any;
    }

    /// Notes a file that has come to be after a look.
    pub(super) fn note_new(&self, key: &Key) {
        if is_lookalike(&key.place) {
            self.note(&key.user, true);
        }
    }

    fn are_none(&self, user: &User) -> bool {
        self.0.borrow().get(user) == Some(&false)
    }
}

impl Engine {
    /// Whether the blocks of a new file have room beside the directories of its
    /// user, and its directories beside the blocks.
    ///
    /// # Errors
    /// They have not, or the catalogue cannot be read.
    pub(super) async fn expect_no_collision(&self, key: &Key) -> Result<(), Refusal> {
        let Key { user, place } = key;
        let is_lookalike = is_lookalike(place);
        if !is_lookalike && self.lookalikes.are_none(user) {
            return Ok(());
        }
        let files = self.files(user).await?;
        let places = || files.iter().map(|it| &it.place);
        self.lookalikes
            .note(user, is_lookalike || places().any(self::is_lookalike));
        match places().find_map(|other| collision(place, other)) {
            Some(why) => Err(Refusal::of(&why)),
            None => Ok(()),
        }
    }
}

/// Whether a directory of the file could be called like a block.
fn is_lookalike(place: &Place) -> bool {
    place.path().split('/').any(|directory| {
        let stem = directory.split('.').next().unwrap_or_default();
        let last = stem.rsplit_once('_').map(|(_, last)| last);
        Block::ALL.iter().any(|it| last == Some(it.name()))
    })
}

/// Why a new file cannot be there beside another one.
fn collision(new: &Place, other: &Place) -> Option<String> {
    if let Some(block) = block_in_the_way(other, new) {
        return Some(format!(
            "`{block}` is the name of a block of `{other}`, and cannot be a directory (hint: \
             another directory)"
        ));
    }
    let block = block_in_the_way(new, other)?;
    Some(format!(
        "a block of it would be called `{block}`, which is a directory, that of `{other}` (hint: \
         another name)"
    ))
}

/// The block of one file that is called like a directory of another.
fn block_in_the_way(file: &Place, other: &Place) -> Option<String> {
    let below = other.path().strip_prefix(file.path())?.strip_prefix('/')?;
    let directory = below.split('/').next()?;
    let blocks = Block::ALL.iter().map(|it| it.file_name(file.name()));
    let block = blocks.into_iter().find(|it| it == directory)?;
    Some(format!("{}/{block}", file.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        let (path, name) = text.rsplit_once('/').unwrap();
        Place::new(name, path).unwrap()
    }

    #[test]
    fn blocks_and_directories_have_names_of_their_own() {
        for (file, other) in [
            ("d/x", "d/x_A1/y"),
            ("d/x", "d/x_O4/e/f/y"),
            ("d/e/x.tar.gz", "d/e/x_B2.tar.gz/y"),
            ("d/.x", "d/_A1.x/y"),
        ] {
            let (file, other) = (place(file), place(other));
            let said = collision(&file, &other).unwrap();
            assert!(
                said.starts_with("a block of it would be called `"),
                "{said}"
            );
            let said = collision(&other, &file).unwrap();
            assert!(said.ends_with("(hint: another directory)"), "{said}");
            assert!(is_lookalike(&other) && !is_lookalike(&file));
        }
        for (file, other) in [
            ("d/x", "d/x_A3/y"),
            ("d/x", "d/x/y"),
            ("d/x", "e/x_A1/y"),
            ("d/x", "dx_A1/y"),
            ("d/x", "d/e/x_A1/y"),
            ("d/x", "d/x_A1"),
            ("d/x.a", "d/x_A1.b/y"),
            ("d/x", "d/x"),
        ] {
            let (file, other) = (place(file), place(other));
            assert_eq!(collision(&file, &other), None);
            assert_eq!(collision(&other, &file), None);
        }
    }

    #[test]
    fn a_lookalike_is_remembered() {
        let lookalikes = Lookalikes::default();
        let alice = User::new("alice").unwrap();
        assert!(!lookalikes.are_none(&alice), "nobody has looked");
        lookalikes.note(&alice, false);
        assert!(lookalikes.are_none(&alice));
        lookalikes.note(&alice, true);
        lookalikes.note(&alice, false);
        assert!(!lookalikes.are_none(&alice));
    }
}

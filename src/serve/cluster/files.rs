//! The files of this member: those that its own directory lists by a name that
//! the protocol can carry. A name is looked up in that list and never opened as
//! it came.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::TARGET;
use super::member::Member;
use crate::files::{Kind, Missing, RegularFile, Root};
use crate::protocol::cluster::{MOST_NAMES, can_be_listed};
use crate::reactor::blocking;
use crate::serve::peer::find;

/// The names that can be listed, and how many there are beside them.
struct Listed {
    names: BTreeSet<String>,
    unlisted: usize,
    more: bool,
}

impl Member {
    /// The names of this member's files, as its directory lists them now.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) async fn own_names(&self) -> io::Result<BTreeSet<String>> {
        let turn = self.looking.acquire().await;
        let root = Arc::clone(&self.root);
        let listed = blocking(move || look(&root)).await?;
        drop(turn);
        if self.unlisted.replace(listed.unlisted) != listed.unlisted && listed.unlisted > 0 {
            let count = listed.unlisted;
            log::warn!(target: TARGET, "{count} files cannot be listed by name: it is no text, or has `, ` or control characters in it");
        }
        if !self.is_full.replace(listed.more) && listed.more {
            log::warn!(target: TARGET, "more than {MOST_NAMES} names: the rest is left out");
        }
        Ok(listed.names)
    }

    /// The file of a name that is in the list.
    ///
    /// # Errors
    /// It is not, or cannot be had.
    pub(super) async fn own_file(&self, name: &str) -> Result<RegularFile, Missing> {
        let names = self.own_names().await.map_err(Missing::Failed)?;
        match names.get(name) {
            Some(listed) => find(&self.root, listed),
            None => Err(Missing::Absent(io::ErrorKind::NotFound.into())),
        }
    }
}

/// Reads the directory, which may have to be waited for.
fn look(root: &Root) -> io::Result<Listed> {
    let found = root.entries(MOST_NAMES)?;
    let files = found.entries.into_iter().filter(|it| it.kind == Kind::File);
    let mut listed = Listed {
        names: BTreeSet::new(),
        unlisted: 0,
        more: found.more,
    };
    for file in files {
        match String::from_utf8(file.name) {
            Ok(name) if can_be_listed(&name) => drop(listed.names.insert(name)),
            _ => listed.unlisted += 1,
        }
    }
    Ok(listed)
}

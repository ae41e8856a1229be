//! What the store does with files, for whichever client: one after the other at
//! the same file, and so many at once.

use std::cell::Cell;
use std::fmt::Display;
use std::io;

use super::catalogue::{Catalogue, Key};
use super::collision::Lookalikes;
use super::shards::{Fault, Shards, Trouble};
use super::spool::Spool;
use super::turns::{Turn, Turns};
use crate::protocol::shard::User;
use crate::protocol::store::reply::Failure;
use crate::reactor::{Limit, Permit, blocking};

/// Files that are worked on at once: each has a connection to each shard server.
const FILES_AT_ONCE: usize = 16;

/// The store behind the protocol.
pub(super) struct Engine {
    pub(super) catalogue: Catalogue,
    pub(super) shards: Shards,
    turns: Turns,
    working: Limit,
    pub(super) lookalikes: Lookalikes,
    /// A change waits for shard servers.
    pub(super) is_waiting: Cell<bool>,
}

/// The right to work on a file, given up by a drop.
pub(super) struct Working {
    _permit: Permit,
    _turn: Turn,
}

/// Why a command comes to nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    /// In the protocol's words.
    pub(super) failure: Failure,
    /// In ours.
    pub(super) warnings: Vec<String>,
}

impl Engine {
    pub(super) fn new(catalogue: Catalogue, shards: Shards) -> Self {
        Self {
            catalogue,
            shards,
            turns: Turns::default(),
            working: Limit::new(FILES_AT_ONCE),
            lookalikes: Lookalikes::default(),
            is_waiting: Cell::new(true),
        }
    }

    /// Waits until nobody else works on a file.
    ///
    /// # Errors
    /// Too many wait for that.
    pub(super) async fn work(&self, key: &Key) -> Result<Working, Refusal> {
        let turn = self.turns.take(&key.id()).await;
        let turn = turn.map_err(|_| Refusal::of(&"too many want the same file at once"))?;
        Ok(Working {
            _turn: turn,
            _permit: self.working.acquire().await,
        })
    }

    /// Does something with the catalogue that waits for the disk.
    pub(super) async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Catalogue) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let catalogue = self.catalogue.clone();
        blocking(move || work(&catalogue)).await
    }

    /// Room for a file of `size` bytes and its other blocks.
    ///
    /// # Errors
    /// As of open(2).
    pub(super) async fn spool(&self, size: u64) -> io::Result<Spool> {
        self.disk(move |it| Spool::new(&it.spool(), size)).await
    }

    /// All files of a user.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) async fn files(&self, user: &User) -> io::Result<Vec<Key>> {
        let user = user.clone();
        self.disk(move |it| it.files(&user)).await
    }

    /// Why there is no such file: its directory is missing too, or not.
    pub(super) async fn missing(&self, key: &Key) -> Refusal {
        let failure = match self.files(&key.user).await {
            Err(error) => return error.into(),
            Ok(files) => {
                let path = key.place.path();
                let is_within = |other: &str| {
                    let rest = other.strip_prefix(path);
                    rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
                };
                match files.iter().any(|it| is_within(it.place.path())) {
                    true => Failure::Name,
                    false => Failure::Path,
                }
            }
        };
        Refusal {
            failure,
            warnings: Vec::new(),
        }
    }
}

impl Refusal {
    /// The store could not do it.
    pub(super) fn of(why: &dyn Display) -> Self {
        Self {
            failure: Failure::Process,
            warnings: vec![why.to_string()],
        }
    }

    /// Too many shard servers did not do their part.
    pub(super) fn by(troubles: &[Trouble]) -> Self {
        Self {
            failure: Failure::Process,
            warnings: troubles.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::of(&format_args!("the store's disk failed: {error}"))
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::of(&fault)
    }
}

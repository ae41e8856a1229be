//! How the shard servers are, and bringing back to full those that were away,
//! damaged or replaced: for the files of one user.

use std::cell::Cell;
use std::io;

use super::TARGET;
use super::catalogue::{Key, Version};
use super::engine::{Engine, Refusal};
use super::shards::{Fault, on_all};
use crate::protocol::coding::{Pair, Server};
use crate::protocol::shard::User;
use crate::protocol::store;
use crate::protocol::store::reply::{Health, Mended, Shard};

/// Blocks that a server keeps of a file.
const BLOCKS: u64 = 2;

/// Servers that are not asked any more: each question would wait in vain.
#[derive(Debug, Default)]
pub(super) struct Absent([Cell<bool>; 4]);

impl Absent {
    fn has(&self, server: Server) -> bool {
        self.cell(server).get()
    }

    fn note(&self, server: Server, fault: &Fault) {
        if fault.is_down() {
            self.cell(server).set(true);
        }
    }

    fn cell(&self, server: Server) -> &Cell<bool> {
        &self.0[usize::from(server.number()) - 1]
    }
}

impl Engine {
    /// Which servers are there.
    pub(super) async fn roll_call(&self, user: &User) -> Absent {
        let absent = Absent::default();
        on_all(async |server| {
            if let Err(fault) = self.shards.open(server, user).await {
                absent.note(server, &fault);
            }
        })
        .await;
        absent
    }

    /// How many good blocks each server has of all files of a user.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) async fn status(&self, user: &User) -> Result<[Shard; 4], Refusal> {
        let absent = self.roll_call(user).await;
        let held = [0; 4].map(Cell::<u64>::new);
        let mut total = 0;
        for key in self.files(user).await? {
            let _working = self.work(&key).await?;
            let Some(version) = self.settled(&key).await?.version else {
                continue;
            };
            total += BLOCKS;
            let counted = on_all(async |server| match absent.has(server) {
                true => 0,
                false => self.count(server, &key, &version, &absent).await,
            });
            for (held, count) in held.iter().zip(counted.await) {
                held.set(held.get() + count);
            }
        }
        Ok(Server::ALL.map(|server| {
            let held = held[usize::from(server.number()) - 1].get();
            Shard {
                server,
                address: self.shards.place(server).name.clone(),
                is_up: !absent.has(server),
                held,
                missing: total - held,
            }
        }))
    }

    async fn count(&self, server: Server, key: &Key, version: &Version, absent: &Absent) -> u64 {
        let counted = self.shards.count(server, key, version).await;
        counted.unwrap_or_else(|fault| {
            absent.note(server, &fault);
            let trouble = self.shards.trouble(server, fault);
            log::warn!(target: TARGET, "{trouble}");
            0
        })
    }

    /// Finishes what was begun with files of a user.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) async fn finish_all(&self, user: &User) -> Result<(), Refusal> {
        for intent in self.disk(super::catalogue::Catalogue::intents).await? {
            if intent.key.user == *user {
                let _working = self.work(&intent.key).await?;
                self.finish_begun(&intent.key).await?;
            }
        }
        Ok(())
    }

    /// Rebuilds the blocks of a file that are missing or bad; nothing if it is
    /// gone.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) async fn mend(&self, key: &Key, absent: &Absent) -> Result<Option<Mended>, Refusal> {
        let _working = self.work(key).await?;
        let Some(version) = self.settled(key).await?.version else {
            return Ok(None);
        };
        let spool = self.spool(version.size).await?;
        let fetched = on_all(async |server| match absent.has(server) {
            true => Ok(false),
            false => match self.shards.fetch(server, key, &version, &spool).await {
                Err(fault @ Fault::Own(_)) => Err(fault),
                fetched => Ok(self.is_done(server, fetched, absent)),
            },
        });
        let mut good = Vec::new();
        for (server, fetched) in Server::ALL.into_iter().zip(fetched.await) {
            if fetched? {
                good.push(server);
            }
        }
        let pair = match good.as_slice() {
            [one, other, ..] => Pair::of(*one, *other),
            _ => None,
        };
        let bad = Server::ALL.into_iter().filter(|it| !good.contains(it));
        let mut mended = Mended {
            state: Health::Lost,
            rebuilt: Vec::new(),
            missing: bad.clone().collect(),
            file: store::shown(&key.user, &key.place),
        };
        let Some(pair) = pair.filter(|_| !mended.missing.is_empty()) else {
            if mended.missing.is_empty() {
                mended.state = Health::Whole;
            }
            return Ok(Some(mended));
        };
        let spool = self.rebuilt(spool, pair, &version).await?;
        for server in bad.filter(|it| !absent.has(*it)) {
            let stored = self.shards.store(server, key, &spool).await;
            if self.is_done(server, stored, absent) {
                mended.rebuilt.push(server);
            }
        }
        mended.missing.retain(|it| !mended.rebuilt.contains(it));
        mended.state = match mended.missing.is_empty() {
            true => Health::Rebuilt,
            false => Health::Behind,
        };
        Ok(Some(mended))
    }

    fn is_done(&self, server: Server, outcome: Result<(), Fault>, absent: &Absent) -> bool {
        let Err(fault) = outcome else {
            return true;
        };
        absent.note(server, &fault);
        let trouble = self.shards.trouble(server, fault);
        log::info!(target: TARGET, "{trouble}");
        false
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal.warnings.join("; "))
    }
}

//! Changes that were not finished: the store was killed, or its shard servers
//! were. Each ends with the new file or with the old one.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::TARGET;
use super::catalogue::{Intent, Key, Version};
use super::decision::{Decision, Holds, Kept, Known, decide, take_back};
use super::engine::Engine;
use super::shards::{Fault, Trouble, on_all};
use super::spool::Spool;
use crate::protocol::coding::{Pair, Server};
use crate::reactor::{blocking, sleep};

/// After how long changes that wait for shard servers are looked at again.
const AGAIN: Duration = Duration::from_secs(10);

/// The longest that they wait: each time twice as long.
const AGAIN_AT_MOST: Duration = Duration::from_secs(600);

/// Servers that must have a file before what is kept here is given up.
const ENOUGH: usize = 2;

/// Which of two is preferred, where both can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The old one: the client is told that its change came to nothing.
    Back,
    /// The new one.
    On,
}

/// What a change came to.
#[derive(Debug)]
pub(super) enum Settled {
    /// It is the file.
    New,
    /// What was there before is the file, or nothing is.
    Old,
    /// Some servers decide it that are not there.
    Waiting,
    /// Neither can be rebuilt.
    Lost,
    /// It is removed, but not all of its blocks are.
    Left,
}

/// A file before a change.
pub(super) struct Before {
    pub(super) version: Option<Version>,
    /// The highest that was given.
    pub(super) generation: u64,
    /// A file that was to be stored may still come to be.
    pub(super) is_open: bool,
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "the new file is there, but on fewer than three shard servers",
            Self::Old => "what was there before is as it was",
            Self::Waiting => "whether it is the new file or the old one is decided once more shard servers are there",
            Self::Lost => "neither the new file nor the old one can be rebuilt",
            Self::Left => "it is removed, and its blocks are once more shard servers are there",
        })
    }
}

/// Looks after changes that are not finished, for as long as the store serves.
pub(super) async fn look_after(engine: Rc<Engine>) {
    let mut pause = AGAIN;
    loop {
        if engine.is_waiting.replace(false)
            && let Err(error) = engine.settle_all().await
        {
            engine.is_waiting.set(true);
            log::warn!(target: TARGET, "cannot finish what was begun: {error}");
        }
        sleep(pause).await;
        pause = match engine.is_waiting.get() {
            true => AGAIN_AT_MOST.min(pause * 2),
            false => AGAIN,
        };
    }
}

impl Engine {
    /// Settles whatever can be.
    async fn settle_all(&self) -> io::Result<()> {
        for intent in self.disk(super::catalogue::Catalogue::intents).await? {
            match self.work(&intent.key).await {
                Ok(_working) => self.finish_begun(&intent.key).await?,
                Err(_) => self.is_waiting.set(true),
            }
        }
        Ok(())
    }

    /// Finishes the change of a file, also a removal, as far as that can be. For
    /// whoever works on it.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) async fn finish_begun(&self, key: &Key) -> io::Result<()> {
        let about = key.clone();
        match self.disk(move |it| it.intent(&about)).await? {
            Some(Intent { new: None, .. }) => self.forget(key).await.map(|left| {
                self.is_waiting
                    .set(self.is_waiting.get() || !left.is_empty());
            }),
            Some(_) => self.settled(key).await.map(drop),
            None => Ok(()),
        }
    }

    /// Settles the change of a file, if there is one that matters; what the file
    /// is then. For whoever works on it.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) async fn settled(&self, key: &Key) -> io::Result<Before> {
        let about = key.clone();
        let intent = self.disk(move |it| it.intent(&about)).await?;
        let mut is_open = false;
        // Blocks of a file that was removed are in nobody's way.
        let intent = intent.filter(|it| it.new.is_some());
        if let Some(intent) = &intent {
            let settled = self.settle(intent, Way::On).await?;
            log::info!(target: TARGET, "{}/{}, which was being changed: {settled}", key.user, key.place);
            is_open = matches!(settled, Settled::Waiting);
            self.is_waiting.set(self.is_waiting.get() || is_open);
        }
        let about = key.clone();
        let version = self.disk(move |it| it.version(&about)).await?;
        let noted = intent.and_then(|it| it.new);
        let generations = version.iter().chain(&noted).map(|it| it.generation);
        Ok(Before {
            generation: generations.max().unwrap_or_default(),
            version,
            is_open,
        })
    }

    /// Settles one change.
    ///
    /// # Errors
    /// The disk fails, or this side otherwise.
    pub(super) async fn settle(&self, intent: &Intent, way: Way) -> io::Result<Settled> {
        let key = &intent.key;
        let Some(new) = &intent.new else {
            if self.forget(key).await?.is_empty() {
                return Ok(Settled::Old);
            }
            self.is_waiting.set(true);
            return Ok(Settled::Left);
        };
        let about = key.clone();
        let (current, is_kept) = self
            .disk(move |it| Ok((it.version(&about)?, it.data_path(&about).exists())))
            .await?;
        if current.is_some_and(|it| it.generation >= new.generation) {
            // It was killed after the change, before the note was removed.
            self.end(key).await?;
            return Ok(Settled::New);
        }
        let old = intent.old.as_ref();
        let servers = self.examine(key, new, old).await?;
        let mut known = Known {
            has_old: old.is_some(),
            keeps: intent.kept.filter(|_| is_kept),
        };
        loop {
            let decision = match way {
                Way::On => decide(servers, known),
                Way::Back => take_back(servers, known),
            };
            let settled = match decision {
                Decision::New => self.adopt(key, new).await.map(Some),
                Decision::Old => self.restore(key, old, servers, known).await,
                Decision::Wait => Ok(Some(Settled::Waiting)),
                Decision::Again => self.send_again(key, new).await,
                Decision::Lost => self.give_up(key).await.map(Some),
            };
            if let Some(settled) = settled? {
                return Ok(settled);
            }
            // What is kept here is of no use.
            known.keeps = None;
        }
    }

    /// What each server holds.
    async fn examine(
        &self,
        key: &Key,
        new: &Version,
        old: Option<&Version>,
    ) -> io::Result<[Holds; 4]> {
        let held = on_all(async |server| self.shards.examine(server, key, Some(new), old).await);
        let mut servers = [Holds::Unknown; 4];
        for (place, held) in servers.iter_mut().zip(held.await) {
            *place = held.map_err(own)?;
        }
        Ok(servers)
    }

    /// The new file is the file.
    async fn adopt(&self, key: &Key, new: &Version) -> io::Result<Settled> {
        self.lookalikes.note_new(key);
        let (about, version) = (key.clone(), new.clone());
        self.disk(move |it| {
            it.commit(&about, Some(&version))?;
            it.end(&about)
        })
        .await?;
        Ok(Settled::New)
    }

    /// The old file is the file: servers that have other blocks get its. Nothing if
    /// it is kept here, and that is of no use.
    async fn restore(
        &self,
        key: &Key,
        old: Option<&Version>,
        servers: [Holds; 4],
        known: Known,
    ) -> io::Result<Option<Settled>> {
        let Some(old) = old else {
            self.forget(key).await?;
            return Ok(Some(Settled::Old));
        };
        let held = Server::ALL.into_iter().zip(servers);
        let (good, others): (Vec<_>, Vec<_>) = held.partition(|(_, held)| *held == Holds::Old);
        let mut good: Vec<Server> = good.into_iter().map(|(server, _)| server).collect();
        let spool = match known.keeps {
            Some(Kept::Old) => match self.kept(key, old).await? {
                Some(spool) => spool,
                None => return Ok(None),
            },
            _ => match self.rebuild_from(key, old, &good).await? {
                Some(spool) => spool,
                None => return Ok(Some(Settled::Waiting)),
            },
        };
        for (server, _) in others.iter().filter(|(_, held)| *held != Holds::Unknown) {
            match self.shards.store(*server, key, &spool).await {
                Ok(()) => good.push(*server),
                // It has another checksum: a repair finds it.
                Err(fault) => self.tell(*server, fault),
            }
        }
        if good.len() < ENOUGH {
            return Ok(Some(Settled::Waiting));
        }
        self.end(key).await?;
        Ok(Some(Settled::Old))
    }

    /// A version that is kept here, and is good; nothing if there is none.
    pub(super) async fn kept(&self, key: &Key, version: &Version) -> io::Result<Option<Spool>> {
        let (about, size) = (key.clone(), version.size);
        let opened = self.disk(move |it| {
            let path = it.data_path(&about);
            match path.exists() {
                true => Spool::open(&path, size).map(Some),
                false => Ok(None),
            }
        });
        let Some(spool) = opened.await? else {
            return Ok(None);
        };
        match self.rebuilt(spool, Pair::FirstSecond, version).await {
            Ok(spool) => Ok(Some(spool)),
            Err(error) => {
                let Key { user, place } = key;
                log::warn!(target: TARGET, "the copy of {user}/{place} is of no use: {error}");
                Ok(None)
            }
        }
    }

    /// All blocks of a version, from two servers that have it; nothing if they
    /// have not, after all.
    async fn rebuild_from(
        &self,
        key: &Key,
        version: &Version,
        servers: &[Server],
    ) -> io::Result<Option<Spool>> {
        let [one, other, ..] = servers else {
            return Ok(None);
        };
        let spool = self.spool(version.size).await?;
        for server in [*one, *other] {
            match self.shards.fetch(server, key, version, &spool).await {
                Ok(()) => {}
                Err(Fault::Own(error)) => return Err(error),
                Err(fault) => {
                    self.tell(server, fault);
                    return Ok(None);
                }
            }
        }
        let Some(pair) = Pair::of(*one, *other) else {
            return Ok(None);
        };
        self.rebuilt(spool, pair, version).await.map(Some)
    }

    /// Computes all blocks of a version from those of two servers.
    ///
    /// # Errors
    /// The disk fails, and so it does if that does not give what it must.
    pub(super) async fn rebuilt(
        &self,
        spool: Spool,
        pair: Pair,
        version: &Version,
    ) -> io::Result<Spool> {
        let computing = blocking(move || {
            let sums = spool.rebuild(pair)?;
            Ok::<_, io::Error>((spool, sums))
        });
        let (spool, sums) = computing.await?;
        match sums == *version.sums() {
            true => Ok(spool),
            false => Err(io::Error::other(
                "what was computed from good blocks has another checksum",
            )),
        }
    }

    /// Sends the new file again, which was kept here; nothing if it was not.
    async fn send_again(&self, key: &Key, new: &Version) -> io::Result<Option<Settled>> {
        let Some(spool) = self.kept(key, new).await? else {
            return Ok(None);
        };
        let sent = on_all(async |server| self.shards.store(server, key, &spool).await).await;
        let held = sent.iter().flatten().count();
        self.troubles(sent);
        match held >= ENOUGH {
            true => self.adopt(key, new).await.map(Some),
            false => Ok(Some(Settled::Waiting)),
        }
    }

    /// Nothing can be done: what can be known is told by whoever reads it.
    async fn give_up(&self, key: &Key) -> io::Result<Settled> {
        log::error!(target: TARGET, "{}/{} is lost: neither the new file nor the old one can be rebuilt", key.user, key.place);
        self.end(key).await?;
        Ok(Settled::Lost)
    }

    /// Removes a file: first from the catalogue, then its blocks. Returns the
    /// servers that still have some; the change stays noted then.
    pub(super) async fn forget(&self, key: &Key) -> io::Result<Vec<Trouble>> {
        let removal = Intent {
            key: key.clone(),
            old: None,
            new: None,
            kept: None,
        };
        self.disk(move |it| {
            it.begin(&removal)?;
            it.commit(&removal.key, None)
        })
        .await?;
        let removed = on_all(async |server| self.shards.delete(server, key).await).await;
        let left = self.troubles(removed);
        if left.is_empty() {
            self.end(key).await?;
        }
        Ok(left)
    }

    async fn end(&self, key: &Key) -> io::Result<()> {
        let key = key.clone();
        self.disk(move |it| it.end(&key)).await
    }

    fn tell(&self, server: Server, fault: Fault) {
        let trouble = self.shards.trouble(server, fault);
        log::warn!(target: TARGET, "{trouble}");
    }
}

/// A fault of this side; no other is one where nobody knows.
fn own(fault: Fault) -> io::Error {
    match fault {
        Fault::Own(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

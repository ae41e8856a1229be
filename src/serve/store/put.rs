//! Storing and removing: a change is noted before the first shard server is
//! touched, and is the file's new content once three of them have it.

use std::io;
use std::rc::Rc;

use super::TARGET;
use super::catalogue::{Intent, Key, Version};
use super::decision::Kept;
use super::engine::{Engine, Refusal};
use super::settle::{Settled, Way};
use super::shards::{Fault, Trouble, on_all, on_each};
use super::spool::Spool;
use crate::probe::shard::Session;
use crate::protocol::coding::{Pair, Server};
use crate::protocol::store::reply::Failure;
use crate::reactor::blocking;

/// A file is stored once so many shard servers have it: any one of them may be
/// lost then.
const ENOUGH: usize = 3;

impl Engine {
    /// Stores a file of `size` bytes, which stands at the beginning of the spool.
    /// Returns what is amiss although it is stored.
    ///
    /// # Errors
    /// Fewer than three servers have it: what was there before is there still, if
    /// anything can be done for it.
    pub(super) async fn put(
        self: Rc<Self>,
        key: Key,
        spool: Spool,
        size: u64,
    ) -> Result<Vec<String>, Refusal> {
        let _working = self.work(&key).await?;
        let before = self.settled(&key).await?;
        let (old, generation) = (before.version, before.generation + 1);
        if old.is_none() {
            let user = key.user.clone();
            self.disk(move |it| it.expect_room(&user)).await?;
            self.expect_no_collision(&key).await?;
        }
        let coded = blocking(move || {
            let sums = spool.encode()?;
            Ok::<_, io::Error>((spool, sums))
        });
        let (spool, sums) = coded.await?;
        let new = Version::new(size, generation, sums);
        let length = new.block_length();
        let keepsake = match &old {
            Some(old) => self.keepsake(&key, old).await?,
            None => None,
        };
        let ready = on_all(async |server| self.shards.ready(server, &key, length).await).await;
        if ready.iter().flatten().count() < ENOUGH {
            // Nothing was touched yet.
            return Err(Refusal::by(&self.troubles(ready)));
        }
        let intent = Intent {
            key: key.clone(),
            kept: old.as_ref().map(|_| match keepsake {
                Some(_) => Kept::Old,
                None => Kept::New,
            }),
            old,
            new: Some(new.clone()),
        };
        let spool = self.begin(&intent, keepsake, spool).await?;
        let troubles = self.send(&key, &spool, ready).await;
        if Server::ALL.len() - troubles.len() < ENOUGH {
            let mut refusal = Refusal::by(&troubles);
            refusal.warnings.extend(self.take_back(&intent).await);
            return Err(refusal);
        }
        self.is_waiting.set(true);
        let (commit, version) = (key.clone(), new);
        self.disk(move |it| {
            it.commit(&commit, Some(&version))?;
            it.end(&commit)
        })
        .await?;
        let behind = troubles.iter().map(|it| format!("{it}; it is behind"));
        Ok(behind.collect())
    }

    /// The old file, fetched before it is replaced; nothing if it cannot be read
    /// now.
    async fn keepsake(&self, key: &Key, old: &Version) -> Result<Option<Spool>, Refusal> {
        let spool = self.spool(old.size).await?;
        let (good, _) = self.fetch_two(key, old, &spool).await?;
        match good.as_slice() {
            [one, other] => match Pair::of(*one, *other) {
                Some(pair) => Ok(Some(self.rebuilt(spool, pair, old).await?)),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Notes the change durably. While an old file is replaced, the servers may
    /// hold neither for a while: so it is kept here, or else the new one.
    async fn begin(
        &self,
        intent: &Intent,
        keepsake: Option<Spool>,
        mut spool: Spool,
    ) -> io::Result<Spool> {
        let intent = intent.clone();
        self.disk(move |it| {
            let path = it.data_path(&intent.key);
            match (intent.kept, keepsake) {
                (Some(Kept::Old), Some(mut old)) => old.keep(&path)?,
                (Some(_), _) => spool.keep(&path)?,
                (None, _) => {}
            }
            it.begin(&intent)?;
            Ok(spool)
        })
        .await
    }

    /// Sends each server its blocks; what did not work.
    async fn send(
        &self,
        key: &Key,
        spool: &Spool,
        ready: [Result<Session, Fault>; 4],
    ) -> Vec<Trouble> {
        let sent = on_each(ready, async |server, session| {
            self.shards.send(session?, server, key, spool).await
        });
        self.troubles(sent.await)
    }

    /// What did not work, of four.
    pub(super) fn troubles<T>(&self, outcomes: [Result<T, Fault>; 4]) -> Vec<Trouble> {
        let outcomes = Server::ALL.into_iter().zip(outcomes);
        let troubles = outcomes.filter_map(|(server, outcome)| {
            let trouble = self.shards.trouble(server, outcome.err()?);
            log::warn!(target: TARGET, "{trouble}");
            Some(trouble)
        });
        troubles.collect()
    }

    /// After a change that has failed: what has become of it, in words.
    async fn take_back(&self, intent: &Intent) -> Vec<String> {
        self.is_waiting.set(true);
        match self.settle(intent, Way::Back).await {
            Ok(Settled::Old) if intent.old.is_none() => {
                vec!["there is no such file, as before".into()]
            }
            Ok(settled) => vec![settled.to_string()],
            Err(error) => vec![format!("{error}; what becomes of the file is open")],
        }
    }

    /// Removes a file. Returns what is amiss although it is gone.
    ///
    /// # Errors
    /// There is none, or that cannot be noted.
    pub(super) async fn remove(self: Rc<Self>, key: Key) -> Result<Vec<String>, Refusal> {
        let _working = self.work(&key).await?;
        let before = self.settled(&key).await?;
        if before.version.is_none() && !before.is_open {
            let missing = self.missing(&key).await;
            return Err(match missing.failure.is_missing() {
                true => Refusal {
                    failure: Failure::PathOrName,
                    ..missing
                },
                false => missing,
            });
        }
        self.is_waiting.set(true);
        let left = self.forget(&key).await?;
        let left = left
            .iter()
            .map(|it| format!("{it}; its blocks are removed once it is there again"));
        Ok(left.collect())
    }
}

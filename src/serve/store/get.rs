//! Reading: from two shard servers that have good blocks, whichever these are.

use super::TARGET;
use super::catalogue::{Key, Version};
use super::engine::{Engine, Refusal};
use super::shards::{Fault, Trouble};
use super::spool::Spool;
use crate::protocol::coding::{Pair, Server};
use futures_lite::future::zip;

/// A file, whole and verified: so many bytes at the beginning of the spool.
pub(super) struct Fetched {
    pub(super) spool: Spool,
    pub(super) size: u64,
    /// Servers that did not do their part.
    pub(super) troubles: Vec<Trouble>,
}

impl Engine {
    /// Fetches a file. Nothing of it is to be sent before all of it is good.
    ///
    /// # Errors
    /// There is none, or fewer than two servers have it: which, and why.
    pub(super) async fn get(&self, key: &Key) -> Result<Fetched, Refusal> {
        let _working = self.work(key).await?;
        let before = self.settled(key).await?;
        let Some(version) = before.version else {
            return Err(self.missing(key).await);
        };
        let spool = self.spool(version.size).await?;
        let (good, troubles) = self.fetch_two(key, &version, &spool).await?;
        let [one, other] = good.as_slice() else {
            // It may be kept here, while it is being replaced.
            let kept = self.kept(key, &version).await?;
            return match kept {
                Some(spool) => Ok(Fetched {
                    spool,
                    size: version.size,
                    troubles,
                }),
                None => Err(Refusal::by(&troubles)),
            };
        };
        let spool = match Pair::of(*one, *other) {
            // They have the quarters themselves.
            None | Some(Pair::FirstSecond) => spool,
            Some(pair) => self.rebuilt(spool, pair, &version).await?,
        };
        Ok(Fetched {
            spool,
            size: version.size,
            troubles,
        })
    }

    /// Fetches the blocks of two servers, trying others in place of those that
    /// fail.
    pub(super) async fn fetch_two(
        &self,
        key: &Key,
        version: &Version,
        spool: &Spool,
    ) -> Result<(Vec<Server>, Vec<Trouble>), Refusal> {
        let (mut good, mut troubles) = (Vec::new(), Vec::new());
        let mut left = Server::ALL.into_iter();
        let fetch = async |server: Option<Server>| match server {
            Some(server) => {
                let fetched = self.shards.fetch(server, key, version, spool).await;
                Some((server, fetched))
            }
            None => None,
        };
        while good.len() < 2 {
            let first = left.next();
            let second = if good.is_empty() { left.next() } else { None };
            if first.is_none() {
                break;
            }
            let (first, second) = zip(fetch(first), fetch(second)).await;
            for (server, fetched) in first.into_iter().chain(second) {
                match fetched {
                    Ok(()) => good.push(server),
                    Err(fault @ Fault::Own(_)) => return Err(fault.into()),
                    Err(fault) => {
                        let trouble = self.shards.trouble(server, fault);
                        log::warn!(target: TARGET, "{trouble}");
                        troubles.push(trouble);
                    }
                }
            }
        }
        Ok((good, troubles))
    }
}

//! The four shard servers, each with its two blocks of a file.

mod fault;

use std::io;
use std::time::Duration;

use futures_lite::future::zip;
use sha2::{Digest, Sha256};

use super::catalogue::{Key, Sum, Version};
use super::decision::Holds;
use super::spool::{self, Spool};
use crate::net::{Resolved, dial_resolved};
use crate::probe::shard::{Failure, Session};
use crate::protocol::coding::{Block, Server};
use crate::protocol::shard::{Ending, Place, User};

pub(super) use fault::{Fault, Trouble};

/// Bytes of a block that are read and sent at a time.
const PIECE: usize = 128 << 10;

/// Where the four are, and how long each may take.
#[derive(Debug, Clone)]
pub(super) struct Shards {
    pub(super) places: [Located; 4],
    /// For a connection, an answer, and each 64 KiB of a block.
    pub(super) limit: Duration,
    /// How words that have no end in the original are ended.
    pub(super) ending: Ending,
    /// The longest block that is taken.
    pub(super) longest: u64,
}

/// Where one of them is.
#[derive(Debug, Clone)]
pub(super) struct Located {
    /// As it was given.
    pub(super) name: String,
    /// Its addresses.
    pub(super) addresses: Resolved,
}

/// Asks all four at once.
pub(super) async fn on_all<T>(ask: impl AsyncFn(Server) -> T) -> [T; 4] {
    on_each([(); 4], async |server, ()| ask(server).await).await
}

/// The same, where there is something for each.
pub(super) async fn on_each<G, T>(given: [G; 4], ask: impl AsyncFn(Server, G) -> T) -> [T; 4] {
    let [a, b, c, d] = given;
    let (one, two) = (ask(Server::First, a), ask(Server::Second, b));
    let (three, four) = (ask(Server::Third, c), ask(Server::Fourth, d));
    let ((one, two), (three, four)) = zip(zip(one, two), zip(three, four)).await;
    [one, two, three, four]
}

impl Shards {
    /// Where a server is.
    pub(super) fn place(&self, server: Server) -> &Located {
        &self.places[usize::from(server.number()) - 1]
    }

    /// What is wrong with a server, with its name.
    pub(super) fn trouble(&self, server: Server, fault: Fault) -> Trouble {
        Trouble {
            server,
            name: self.place(server).name.clone(),
            fault,
        }
    }

    /// A session of a user's.
    pub(super) async fn open(&self, server: Server, user: &User) -> Result<Session, Fault> {
        let Located { name, addresses } = self.place(server);
        let dialed = dial_resolved(name, addresses.clone(), self.limit).await;
        let dialed = dialed.map_err(|error| match error.is_own_fault() {
            true => Fault::Own(io::Error::other(error)),
            false => Failure::Down(error.to_string()).into(),
        })?;
        let mut session = Session::over(dialed.stream, self.limit).with_ending(self.ending);
        session.login(user).await?;
        Ok(session)
    }

    /// A session in which the server is ready for the first of its blocks:
    /// nothing is replaced yet, and a drop leaves all as it is.
    pub(super) async fn ready(
        &self,
        server: Server,
        key: &Key,
        length: u64,
    ) -> Result<Session, Fault> {
        let mut session = self.open(server, &key.user).await?;
        let [first, _] = server.blocks();
        session.begin_store(&at(key, first)?, length).await?;
        Ok(session)
    }

    /// Sends both blocks of a server that is ready for the first.
    pub(super) async fn send(
        &self,
        mut session: Session,
        server: Server,
        key: &Key,
        spool: &Spool,
    ) -> Result<(), Fault> {
        let [first, second] = server.blocks();
        send_block(&mut session, spool, first).await?;
        let place = at(key, second)?;
        session.begin_store(&place, spool.block_length()).await?;
        send_block(&mut session, spool, second).await?;
        // It has both: what it says to this is of no interest.
        let _ = session.logout().await;
        Ok(())
    }

    /// Sends both blocks of a server.
    pub(super) async fn store(
        &self,
        server: Server,
        key: &Key,
        spool: &Spool,
    ) -> Result<(), Fault> {
        let session = self.ready(server, key, spool.block_length()).await?;
        self.send(session, server, key, spool).await
    }

    /// Fetches both blocks of a server into the spool.
    ///
    /// # Errors
    /// They are not there, or are not those of `version`; or nobody knows.
    pub(super) async fn fetch(
        &self,
        server: Server,
        key: &Key,
        version: &Version,
        spool: &Spool,
    ) -> Result<(), Fault> {
        let mut session = self.open(server, &key.user).await?;
        for block in server.blocks() {
            let mut offset = spool.offset(block);
            let end = offset + spool.block_length();
            let mut keep = |bytes: &[u8]| {
                // What is too long is no block of ours: the next one stays whole.
                let room = usize::try_from(end - offset).unwrap_or(usize::MAX);
                let bytes = &bytes[..bytes.len().min(room)];
                spool.write(bytes, offset)?;
                offset += bytes.len() as u64;
                Ok(())
            };
            let sum = self.receive(&mut session, key, block, &mut keep).await?;
            if version.sum(block) != Some(&sum) {
                return Err(Fault::Bad(block));
            }
        }
        let _ = session.logout().await;
        Ok(())
    }

    /// Which of two versions of a file a server holds.
    ///
    /// # Errors
    /// This side failed.
    pub(super) async fn examine(
        &self,
        server: Server,
        key: &Key,
        new: Option<&Version>,
        old: Option<&Version>,
    ) -> Result<Holds, Fault> {
        let sums = match self.sums(server, key).await {
            Ok(sums) => sums,
            Err(fault @ Fault::Own(_)) => return Err(fault),
            Err(fault) if fault.is_known() => return Ok(Holds::Neither),
            Err(_) => return Ok(Holds::Unknown),
        };
        let is = |version: Option<&Version>| {
            let mut blocks = server.blocks().into_iter().zip(&sums);
            version.is_some_and(|it| blocks.all(|(block, sum)| it.sum(block) == Some(sum)))
        };
        Ok(match () {
            () if is(new) => Holds::New,
            () if is(old) => Holds::Old,
            () => Holds::Neither,
        })
    }

    /// How many of both blocks of a server are those of `version`.
    ///
    /// # Errors
    /// Nobody knows.
    pub(super) async fn count(
        &self,
        server: Server,
        key: &Key,
        version: &Version,
    ) -> Result<u64, Fault> {
        let mut session = self.open(server, &key.user).await?;
        let mut count = 0;
        for block in server.blocks() {
            let mut nothing = |_: &[u8]| Ok(());
            match self.receive(&mut session, key, block, &mut nothing).await {
                Ok(sum) => count += u64::from(version.sum(block) == Some(&sum)),
                Err(fault) if fault.is_known() => {}
                Err(fault) => return Err(fault),
            }
        }
        let _ = session.logout().await;
        Ok(count)
    }

    /// The checksums of both blocks of a server.
    async fn sums(&self, server: Server, key: &Key) -> Result<[Sum; 2], Fault> {
        let mut session = self.open(server, &key.user).await?;
        let [first, second] = server.blocks();
        let mut nothing = |_: &[u8]| Ok(());
        let first = self.receive(&mut session, key, first, &mut nothing).await?;
        let second = self
            .receive(&mut session, key, second, &mut nothing)
            .await?;
        let _ = session.logout().await;
        Ok([first, second])
    }

    /// Removes both blocks of a server; those that are not there are removed.
    pub(super) async fn delete(&self, server: Server, key: &Key) -> Result<(), Fault> {
        let mut session = self.open(server, &key.user).await?;
        for block in server.blocks() {
            session.delete(&at(key, block)?).await?;
        }
        let _ = session.logout().await;
        Ok(())
    }

    /// Receives a block, and computes its checksum.
    async fn receive(
        &self,
        session: &mut Session,
        key: &Key,
        block: Block,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Sum, Fault> {
        let mut sum = Sha256::new();
        let mut take = |bytes: &[u8]| {
            sum.update(bytes);
            keep(bytes)
        };
        let place = at(key, block)?;
        session.retrieve(&place, self.longest, &mut take).await?;
        Ok(Sum::of(sum))
    }
}

async fn send_block(session: &mut Session, spool: &Spool, block: Block) -> Result<(), Fault> {
    let mut piece = vec![0; PIECE];
    let (mut at, end) = (0, spool.block_length());
    while at < end {
        let count = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        let piece = &mut piece[..count];
        let offset = spool.offset(block) + at;
        let read = spool::read(spool.file(), piece, offset).await;
        read.map_err(Fault::Own)?;
        session.send(piece).await?;
        at += count as u64;
    }
    Ok(session.finish_store().await?)
}

/// Where a block of a file is kept.
fn at(key: &Key, block: Block) -> Result<Place, Fault> {
    let name = block.file_name(key.place.name());
    let place = Place::new(&name, key.place.path());
    place.map_err(|refused| Fault::Own(io::Error::other(refused)))
}

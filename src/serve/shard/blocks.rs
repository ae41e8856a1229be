//! Keeping a block, giving it back, forgetting it.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::TARGET;
use super::session::{Flow, Login, Session, shown};
use crate::files::Missing;
use crate::finding::End;
use crate::protocol::shard::{Place, Reply};
use crate::reactor::{blocking, timeout};

/// So much of a block has to come within the time for progress, or the rest: who
/// sends byte by byte would hold its place for ever.
const LEAST_PROGRESS: u64 = 64 * 1024;

/// What is said of a block that is not there.
const NO_SUCH_BLOCK: &str = "no such block";

/// Why a block did not come.
enum Cut {
    /// The client stopped.
    Short,
    /// Too little came in time.
    Slow,
    /// It cannot be kept.
    Disk(io::Error),
}

/// What is done with the bytes of a block.
type Keep<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

impl Session<'_> {
    /// Takes a block and keeps it in place of what was there.
    pub(super) async fn store(&mut self, login: &Login, place: &Place, size: u64) -> Flow {
        let asked = format!("STR {} ({size} bytes)", shown(&place.to_string()));
        let most = self.shard.most;
        if size > most {
            let why = format!("{size} bytes are too many: {most} at most are kept");
            return self.refuse_block(&asked, why).await;
        }
        let tree = Arc::clone(&login.tree);
        let mut draft = match blocking(move || tree.begin()).await {
            Ok(draft) => draft,
            Err(error) => {
                let why = cannot("keep", &error);
                return self.refuse_block(&asked, why).await;
            }
        };
        self.client.send(&Reply::Done.encode()).await?;
        let mut left = size;
        let mut keep = |bytes: &[u8]| draft.write_all(bytes);
        match self.receive(&mut left, &mut keep).await? {
            Ok(()) => {}
            Err(Cut::Short) => {
                let came = size - left;
                self.tell(
                    &asked,
                    &format!("the client stopped after {came} of {size} bytes"),
                );
                return Ok(ControlFlow::Break(End::Fin));
            }
            Err(Cut::Slow) => {
                self.tell(&asked, "too little came in time");
                return Ok(ControlFlow::Break(End::Idle));
            }
            Err(Cut::Disk(error)) => {
                // Its room is needed by others.
                drop(draft);
                return self.give_up(&asked, left, &error).await;
            }
        }
        let tree = Arc::clone(&login.tree);
        let (path, name) = (place.path().to_owned(), place.name().to_owned());
        let kept = blocking(move || draft.finish(&tree, &path, &name)).await;
        match kept {
            Ok(()) => {
                self.tell(&asked, "kept");
                self.client.send(&Reply::Done.encode()).await?;
                Ok(ControlFlow::Continue(()))
            }
            Err(error) => self.fail(&asked, "keep", &error).await,
        }
    }

    /// Gives a block back.
    pub(super) async fn retrieve(&mut self, login: &Login, place: &Place) -> Flow {
        let asked = format!("RTV {}", shown(&place.to_string()));
        let file = match login.tree.find(&place.to_string()) {
            Ok(file) => file,
            Err(failure @ (Missing::Denied(_) | Missing::Failed(_))) => {
                log::warn!(target: TARGET, "{asked}: {failure}");
                return self.refuse(&asked, failure.to_string()).await;
            }
            Err(Missing::Absent(_)) => return self.refuse(&asked, NO_SUCH_BLOCK.into()).await,
            Err(missing) => {
                let why = format!("{NO_SUCH_BLOCK}: {missing}");
                return self.refuse(&asked, why).await;
            }
        };
        self.tell(&asked, &format!("sent {} bytes", file.length));
        let head = Reply::Found(file.length).encode();
        self.client.send_head(&head, file.length).await?;
        self.client.send_file(&file.file, file.length).await?;
        self.client.promise(false);
        Ok(ControlFlow::Continue(()))
    }

    /// Forgets a block; one that was not there is forgotten as well.
    pub(super) async fn delete(&mut self, login: &Login, place: &Place) -> Flow {
        let asked = format!("DEL {}", shown(&place.to_string()));
        let tree = Arc::clone(&login.tree);
        let (path, name) = (place.path().to_owned(), place.name().to_owned());
        let came = match blocking(move || tree.remove(&path, &name)).await {
            Ok(true) => "removed",
            Ok(false) => "was not there",
            Err(error) => return self.fail(&asked, "remove", &error).await,
        };
        self.tell(&asked, came);
        self.client.send(&Reply::Done.encode()).await?;
        Ok(ControlFlow::Continue(()))
    }

    /// Says that the disk did not do what was asked.
    async fn fail(&self, asked: &str, verb: &str, error: &io::Error) -> Flow {
        self.refuse(asked, cannot(verb, error)).await
    }

    /// Hands the `left` bytes of a block to `keep` as they come.
    async fn receive(
        &mut self,
        left: &mut u64,
        keep: &mut Keep<'_>,
    ) -> io::Result<Result<(), Cut>> {
        while *left > 0 {
            let enough = left.saturating_sub(LEAST_PROGRESS);
            let limit = self.client.progress_time();
            let progress = self.receive_until(left, enough, keep);
            match timeout(limit, progress).await {
                Ok(made) => match made? {
                    Ok(()) => {}
                    cut => return Ok(cut),
                },
                Err(_) => return Ok(Err(Cut::Slow)),
            }
        }
        Ok(Ok(()))
    }

    /// Receives until so many bytes are left; what follows the block stays where
    /// requests are read.
    async fn receive_until(
        &mut self,
        left: &mut u64,
        enough: u64,
        keep: &mut Keep<'_>,
    ) -> io::Result<Result<(), Cut>> {
        while *left > enough {
            let early = self.input.take(*left);
            if !early.is_empty() {
                *left -= early.len() as u64;
                if let Err(error) = keep(&early) {
                    return Ok(Err(Cut::Disk(error)));
                }
                continue;
            }
            let (mut count, mut kept) = (0, Ok(()));
            let input = &mut self.input;
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            let take = |bytes: &[u8]| {
                let (block, rest) = bytes.split_at(bytes.len().min(most));
                count = block.len();
                kept = keep(block);
                if !rest.is_empty() {
                    input.add(rest);
                }
            };
            self.client.read(take).await?;
            if count == 0 {
                return Ok(Err(Cut::Short));
            }
            *left -= count as u64;
            if let Err(error) = kept {
                return Ok(Err(Cut::Disk(error)));
            }
        }
        Ok(Ok(()))
    }

    /// Says at once that the disk does not take a block, and ends the connection
    /// once the rest has come: a client may send all of it before it listens.
    async fn give_up(&mut self, asked: &str, mut left: u64, error: &io::Error) -> Flow {
        let why = cannot("keep", error);
        self.tell(asked, &why);
        self.client.send(&Reply::Error(why).encode()).await?;
        let _ = self.receive(&mut left, &mut |_| Ok(())).await?;
        self.client.linger().await;
        Ok(ControlFlow::Break(End::Local))
    }
}

/// Why a block is not kept, or removed, as its client is told; it is logged.
fn cannot(verb: &str, error: &io::Error) -> String {
    log::warn!(target: TARGET, "cannot {verb} a block: {error}");
    format!("cannot {verb} it: {error}")
}

//! A file of a cluster: from its leader, framed; from whoever was named, where
//! that cannot be.

use sha2::{Digest, Sha256};

use super::{ClusterProbe, Trouble};
use crate::finding::{Exit, Record, Reply};
use crate::probe::cluster::exchange::Incoming;
use crate::probe::copies::{Broken, Drafts, Keep, Screen};
use crate::units::hexadecimal;

impl ClusterProbe {
    /// Gets the file and shows or keeps it.
    pub(super) async fn get(
        &self,
        reply: &mut Reply,
        screen: &dyn Screen,
        note: &dyn Fn(&str),
        tell: &dyn Fn(Record),
    ) -> Result<(), Trouble> {
        let view = match self.view(reply, tell).await {
            Ok(view) => Some(view),
            Err(trouble) if reply.address.is_none() => return Err(trouble),
            Err(trouble) => {
                log::info!("{:#}: asking it as a server of the lab", trouble.error);
                None
            }
        };
        if view.is_none() {
            return self.get_bare(reply, screen, note).await;
        }
        let leader = view.and_then(|it| it.leader);
        let Some((id, address)) = leader else {
            return match self.get_framed(None, reply, screen).await? {
                true => Ok(()),
                false => Err(Trouble::no_leader()),
            };
        };
        let refused = match self.get_framed(Some(&address), reply, screen).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                reply.kind = "NOTFOUND".into();
                return Err(Trouble::not_found(&self.name));
            }
            Err(trouble) if !reply.sizes_bytes.is_empty() => return Err(trouble),
            Err(trouble) => trouble,
        };
        let error = &refused.error;
        log::info!("the leader {id} cannot be asked: {error:#}");
        let otherwise = async {
            match self.get_framed(None, reply, screen).await? {
                true => Ok(()),
                false => self.get_bare(reply, screen, note).await,
            }
        };
        // Why the leader could not be asked says more than why nobody else could.
        let outcome: Result<(), Trouble> = otherwise.await;
        let has_begun = !reply.sizes_bytes.is_empty();
        outcome.map_err(|trouble| match trouble.exit {
            Exit::NotFound => trouble,
            _ if has_begun => trouble,
            _ => refused,
        })
    }

    /// Whether the file was had with `GET` from a member at an address, or from
    /// the server itself, which answers for itself alone unless it leads.
    async fn get_framed(
        &self,
        address: Option<&str>,
        reply: &mut Reply,
        screen: &dyn Screen,
    ) -> Result<bool, Trouble> {
        let stream = match address {
            Some(address) => self.reach(address).await?,
            None => self.reach_server().await?,
        };
        let incoming = Incoming::get(stream, &self.name, self.options.timeout).await;
        match incoming.map_err(|it| self.cut(it))? {
            Some(incoming) => {
                reply.kind = "FOUND".into();
                self.keep(incoming, reply, screen).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Gets the file with `REQ:` from the server, whoever has it.
    async fn get_bare(
        &self,
        reply: &mut Reply,
        screen: &dyn Screen,
        note: &dyn Fn(&str),
    ) -> Result<(), Trouble> {
        let stream = self.reach_server().await?;
        let incoming = Incoming::req(stream, &self.name, self.options.timeout).await;
        let Some(incoming) = incoming.map_err(|it| self.cut(it))? else {
            reply.kind = "404 Not Found".into();
            return Err(Trouble::not_found(&self.name));
        };
        reply.kind = "REQ".into();
        self.keep(incoming, reply, screen).await?;
        note("the file came by REQ, which does not tell its length: a cut would look like its end");
        Ok(())
    }

    async fn keep(
        &self,
        mut incoming: Incoming,
        reply: &mut Reply,
        screen: &dyn Screen,
    ) -> Result<(), Trouble> {
        let output = self.options.output.as_deref();
        let mut drafts = output.map(|it| Drafts::new(it, screen));
        let mut sum = Sha256::new();
        let is_kept = drafts.is_some();
        reply.sizes_bytes = vec![0];
        let receiving = async {
            if let Some(drafts) = &mut drafts {
                let length = incoming.length().unwrap_or_default();
                drafts.begin(0, 1, length).map_err(Broken::Kept)?;
            }
            loop {
                let (buffer, count) = incoming.next().await?;
                if count == 0 {
                    return Ok(());
                }
                let piece = &buffer[..count];
                sum.update(piece);
                match &mut drafts {
                    Some(drafts) => drafts.piece(piece).map_err(Broken::Kept)?,
                    None => screen.bytes(piece),
                }
            }
        };
        let received: Result<(), Broken> = receiving.await;
        reply.sizes_bytes = vec![incoming.came()];
        received.map_err(|broken| Trouble {
            // What was shown cannot be taken back.
            may_pass: is_kept && !matches!(broken, Broken::Kept(_)),
            ..self.cut(broken)
        })?;
        reply.sha256 = vec![hexadecimal(&sum.finalize())];
        if let Some(drafts) = drafts {
            for path in drafts.finish().map_err(Trouble::own)? {
                screen.line(&format!("written to {}", path.display()));
            }
        }
        Ok(())
    }

    fn cut(&self, broken: Broken) -> Trouble {
        Trouble::broken(broken, &format!("cannot get `{}`", self.name))
    }
}

//! A file that is asked for: our own, or another member's that is sent on while
//! it comes.
//!
//! No request goes in a circle. With `GET` a member that does not lead answers
//! for itself alone, and one that leads asks only members of higher numbers.
//! With `REQ:`, which servers of the lab send on as they like, there are turns.

use std::rc::Rc;

use super::TARGET;
use super::member::Member;
use super::turns::Turn;
use crate::files::{Missing, RegularFile};
use crate::probe::cluster::exchange::Incoming;
use crate::probe::copies::Broken;
use crate::reactor::now;

/// Where a file comes from.
pub(super) enum Source {
    /// It is our own.
    Own(RegularFile),
    /// Another member sends it.
    Member(u32, Incoming, Option<Turn>),
    /// Nobody who can be asked has it.
    Missing(String),
    /// It cannot be known whether anybody has it: why.
    Unknown(String),
}

/// How a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// With `GET`.
    Get,
    /// With `REQ:`.
    Req,
}

impl Member {
    /// Finds out where a file comes from.
    pub(super) async fn source(self: &Rc<Self>, name: &str, word: Word) -> Source {
        match self.own_file(name).await {
            Ok(file) => return Source::Own(file),
            Err(failure @ (Missing::Denied(_) | Missing::Failed(_))) => {
                log::warn!(target: TARGET, "{name}: {failure}");
                return Source::Unknown(failure.to_string());
            }
            Err(_) => {}
        }
        match (self.leader(), word) {
            (Some(leader), _) if leader == self.places.own => self.from_holders(name).await,
            (Some(leader), Word::Req) => match self.ask_for(leader, name).await {
                Ok(Some((incoming, turn))) => Source::Member(leader, incoming, turn),
                Ok(None) => Source::Missing(format!("the leader {leader} has none")),
                Err(reason) => Source::Unknown(format!("the leader {leader}: {reason}")),
            },
            (None, Word::Req) => Source::Unknown("it is not known who leads".into()),
            (_, Word::Get) => Source::Missing("none here, and this member does not lead".into()),
        }
    }

    /// As the leader: from whoever listed it; when nobody did, all are asked for
    /// their lists once more.
    async fn from_holders(self: &Rc<Self>, name: &str) -> Source {
        let asked = now();
        let mut failure = None;
        for is_again in [false, true] {
            if is_again {
                self.collect_lists(asked).await;
            }
            for id in self.holders(name) {
                match self.ask_for(id, name).await {
                    Ok(Some((incoming, turn))) => return Source::Member(id, incoming, turn),
                    Ok(None) => {}
                    Err(reason) => {
                        log::warn!(target: TARGET, "cannot get {name} from member {id}: {reason}");
                        failure = Some(format!("member {id}: {reason}"));
                    }
                }
            }
            if failure.is_some() {
                break;
            }
        }
        match failure {
            Some(reason) => Source::Unknown(reason),
            None => Source::Missing("no member that is up has one".into()),
        }
    }

    /// Asks one member: with `GET`, or with `REQ:` where it does not know that.
    async fn ask_for(
        &self,
        id: u32,
        name: &str,
    ) -> Result<Option<(Incoming, Option<Turn>)>, String> {
        let is_framed = self.framed.borrow().get(&id).copied();
        let mut is_of_lab = is_framed == Some(false);
        if !is_of_lab {
            let stream = self.reach(id, self.patience).await;
            let stream = stream.map_err(|it| it.reason)?;
            match Incoming::get(stream, name, self.patience).await {
                Ok(incoming) => {
                    self.framed.borrow_mut().insert(id, true);
                    return Ok(incoming.map(|it| (it, None)));
                }
                Err(broken) if is_framed == Some(true) => return Err(broken.to_string()),
                Err(broken) => {
                    // One that was only slow may answer it the next time.
                    is_of_lab = matches!(broken, Broken::Malformed(_));
                    log::info!(target: TARGET, "member {id} does not answer GET ({broken}): asking it by REQ");
                }
            }
        }
        // One that has come back is given up while the first is still waited for.
        let mut turn = self.turns.take(name, self.patience / 2).await?;
        let stream = self.reach(id, self.patience).await;
        let stream = stream.map_err(|it| it.reason)?;
        let incoming = Incoming::req(stream, name, self.patience).await;
        let incoming = incoming.map_err(|broken| broken.to_string())?;
        if is_of_lab {
            self.framed.borrow_mut().insert(id, false);
        }
        turn.begun();
        Ok(incoming.map(|it| (it, Some(turn))))
    }
}

//! A file that is asked for: our own, or another member's that is sent on while
//! it comes.
//!
//! No request goes in a circle. With `GET` a member that does not lead answers
//! for itself alone, and one that leads asks only members of higher numbers.
//! With `REQ:`, which servers of the lab send on as they like, no name is asked
//! for while it is being asked for already.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::TARGET;
use super::member::Member;
use crate::files::{Missing, RegularFile};
use crate::probe::cluster::exchange::Incoming;
use crate::probe::copies::Broken;
use crate::reactor::now;

/// Where a file comes from.
pub(super) enum Source {
    /// It is our own.
    Own(RegularFile),
    /// Another member sends it.
    Member(u32, Incoming, Option<AskedBare>),
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

/// A name for which another member is being asked by `REQ:`.
pub(super) struct AskedBare {
    names: Rc<RefCell<BTreeSet<String>>>,
    name: String,
}

impl Drop for AskedBare {
    fn drop(&mut self) {
        self.names.borrow_mut().remove(&self.name);
    }
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
                Ok(Some((incoming, asked))) => Source::Member(leader, incoming, asked),
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
                    Ok(Some((incoming, asked))) => return Source::Member(id, incoming, asked),
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
    ) -> Result<Option<(Incoming, Option<AskedBare>)>, String> {
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
        let asked = self.ask_bare(name)?;
        let stream = self.reach(id, self.patience).await;
        let stream = stream.map_err(|it| it.reason)?;
        let incoming = Incoming::req(stream, name, self.patience).await;
        let incoming = incoming.map_err(|broken| broken.to_string())?;
        if is_of_lab {
            self.framed.borrow_mut().insert(id, false);
        }
        Ok(incoming.map(|it| (it, Some(asked))))
    }

    /// The right to ask for a name by `REQ:`.
    fn ask_bare(&self, name: &str) -> Result<AskedBare, String> {
        let names = Rc::clone(&self.asked_bare);
        if !names.borrow_mut().insert(name.to_owned()) {
            return Err("it is being asked for by REQ already".into());
        }
        Ok(AskedBare {
            names,
            name: name.to_owned(),
        })
    }
}

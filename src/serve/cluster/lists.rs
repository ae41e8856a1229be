//! What files each member has: asked for by the leader, and kept for people in
//! `peer_files.log`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use super::TARGET;
use super::member::Member;
use crate::files::Draft;
use crate::probe::cluster::exchange::list;
use crate::reactor::{TaskGroup, blocking};

impl Member {
    /// Asks every member that is up for its list, unless that was begun after
    /// `since`; once at a time, whoever wants it.
    pub(super) async fn collect_lists(self: &Rc<Self>, since: Instant) {
        let turn = self.collecting.acquire().await;
        if self.collected.get().is_some_and(|it| it > since) {
            return;
        }
        self.collected.set(Some(crate::reactor::now()));
        let asking = TaskGroup::new();
        for id in self.others() {
            let member = Rc::clone(self);
            asking.spawn(async move { member.collect_from(id).await });
        }
        let own = self.own_names().await;
        asking.join().await;
        match own {
            Ok(own) => self.write_log(&own).await,
            Err(error) => log::warn!(target: TARGET, "cannot list the root: {error}"),
        }
        drop(turn);
    }

    async fn collect_from(&self, id: u32) {
        let names = match self.reach(id, self.patience).await {
            Ok(stream) => list(stream, self.patience)
                .await
                .map_err(|broken| broken.to_string()),
            Err(unreached) => Err(unreached.reason),
        };
        match names {
            // It may have gone meanwhile, and its list with it.
            Ok(names) if self.is_up(id) => {
                self.lists.borrow_mut().insert(id, Rc::new(names));
            }
            Ok(_) => {}
            Err(reason) => {
                log::warn!(target: TARGET, "member {id} does not list its files: {reason}");
            }
        }
    }

    /// The members that are up and have listed a name. Numbers below our own are
    /// never among them: from leader to leader, should there be two, a request
    /// only goes upwards, and never in a circle.
    pub(super) fn holders(&self, name: &str) -> Vec<u32> {
        let lists = self.lists.borrow();
        let having = lists.iter().filter(|(_, names)| names.contains(name));
        let ids = having.map(|(id, _)| *id);
        ids.filter(|id| *id > self.places.own && self.is_up(*id))
            .collect()
    }

    /// Writes everybody's list, whole or not at all, if it is another than
    /// before.
    async fn write_log(&self, own: &BTreeSet<String>) {
        let text = self.log_text(own);
        if *self.written.borrow() == text {
            return;
        }
        let path = self.peer_log.clone();
        let bytes = text.clone().into_bytes();
        match blocking(move || write(&path, &bytes)).await {
            Ok(()) => *self.written.borrow_mut() = text,
            Err(error) => {
                let path = self.peer_log.display();
                let said = format!("cannot write `{path}`: {error}");
                // Once, not each time that it fails again.
                if *self.written.borrow() != said {
                    log::warn!(target: TARGET, "{said}");
                    *self.written.borrow_mut() = said;
                }
            }
        }
    }

    fn log_text(&self, own: &BTreeSet<String>) -> String {
        let lists = self.lists.borrow();
        let mut text = String::new();
        for id in self.places.all.keys() {
            let names = match *id == self.places.own {
                true => Some(own),
                false => lists.get(id).map(Rc::as_ref),
            };
            if let Some(names) = names {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let _ = writeln!(text, "Node {id} files: {}", names.join(", "));
            }
        }
        text
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = Draft::begin(path)?;
    draft.write_all(bytes)?;
    draft.finish()
}

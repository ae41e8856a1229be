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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::Options;
    use super::super::election::Input;
    use super::super::members::{Members, Places};
    use super::*;
    use crate::files::{Root, SpoolDirectory};
    use crate::reactor::run_fast_forward;

    async fn member(id: u32, folder: &Path) -> Member {
        let options = Options {
            id,
            members: Members::parse("3").unwrap(),
            port: None,
            root: folder.into(),
            heartbeat: Duration::from_secs(1),
            member_timeout: Duration::from_secs(1),
            peer_log: folder.join("peer_files.log"),
            server: crate::serve::Options::default(),
        };
        let places = Places::resolve(&options.members, id).await.unwrap();
        let root = Arc::new(Root::open(folder).unwrap());
        let log = options.peer_log.clone();
        Member::new(&options, log, places, root, SpoolDirectory::of_system())
    }

    #[test]
    fn nobody_of_a_lower_number_is_ever_asked_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        run_fast_forward(async {
            let member = member(2, folder.path()).await;
            for id in [1, 3] {
                let names = BTreeSet::from(["a".to_owned()]);
                member.lists.borrow_mut().insert(id, Rc::new(names));
                assert!(member.holders("a").is_empty(), "{id} is not up yet");
            }
            for id in [1, 3] {
                let says = id;
                member.learn(Input::Answered { member: id, says });
            }
            assert_eq!(member.others(), [1, 3]);
            assert_eq!(member.holders("a"), [3]);
            assert!(member.holders("b").is_empty());
        })
        .unwrap();
    }

    #[test]
    fn the_log_has_a_line_for_each_member_whose_list_is_known() {
        let folder = tempfile::tempdir().unwrap();
        run_fast_forward(async {
            let member = member(1, folder.path()).await;
            let names = BTreeSet::from(["b".to_owned(), "c d".to_owned()]);
            member.lists.borrow_mut().insert(3, Rc::new(names));
            let own = BTreeSet::from(["a".to_owned()]);
            member.write_log(&own).await;
            let path = folder.path().join("peer_files.log");
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text, "Node 1 files: a\nNode 3 files: b, c d\n");
            // What has not changed is not written again.
            std::fs::remove_file(&path).unwrap();
            member.write_log(&own).await;
            assert!(!path.exists());
        })
        .unwrap();
    }
}

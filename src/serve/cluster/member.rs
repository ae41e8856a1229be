//! A member: what it knows of the others, and how it reaches them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Options;
use super::election::{Election, Input};
use super::members::Places;
use super::news::News;
use super::turns::Turns;
use crate::files::{Root, SpoolDirectory};
use crate::finding::State;
use crate::net::{Begun, Failure, TcpStream, begin_connect_from};
use crate::reactor::{Limit, now};

/// Looks into the own directory at once: each may hold all its names.
const MOST_LOOKS: usize = 16;

/// A member that serves.
pub(super) struct Member {
    pub(super) places: Places,
    pub(super) root: Arc<Root>,
    pub(super) spool: SpoolDirectory,
    pub(super) heartbeat: Duration,
    /// How long another member may take.
    pub(super) patience: Duration,
    /// Whether the port in `--members` is not the one that is listened on.
    pub(super) has_own_port: bool,
    pub(super) election: RefCell<Election>,
    /// The election has something to be done.
    pub(super) news: News,
    /// Somebody came or went, or another one leads.
    pub(super) changes: News,
    /// What files each member has that is up, as far as this one leads.
    pub(super) lists: RefCell<BTreeMap<u32, Rc<BTreeSet<String>>>>,
    /// When the last collection of lists began.
    pub(super) collected: Cell<Option<Instant>>,
    pub(super) collecting: Limit,
    pub(super) looking: Limit,
    pub(super) peer_log: PathBuf,
    /// What stands in it, or why it could not be written.
    pub(super) written: RefCell<String>,
    /// Names of our own that cannot be listed, when that was last said.
    pub(super) unlisted: Cell<usize>,
    /// Whether it has more names than are listed, when that was last said.
    pub(super) is_full: Cell<bool>,
    /// Which members answer `GET`, as far as that is known.
    pub(super) framed: RefCell<BTreeMap<u32, bool>>,
    /// Names for which others are being asked by `REQ:`.
    pub(super) turns: Turns,
    /// Members that do not take us for one, when that was last said.
    pub(super) denied_by: RefCell<BTreeSet<u32>>,
    /// When it was last said that somebody has our number.
    pub(super) complained: Cell<Option<Instant>>,
}

impl Member {
    pub(super) fn new(
        options: &Options,
        peer_log: PathBuf,
        places: Places,
        root: Arc<Root>,
        spool: SpoolDirectory,
    ) -> Self {
        let ids = places.all.keys().copied();
        let election = Election::new(places.own, ids, options.heartbeat, now());
        Self {
            election: RefCell::new(election),
            places,
            root,
            spool,
            heartbeat: options.heartbeat,
            patience: options.member_timeout,
            has_own_port: options.port.is_some(),
            news: News::default(),
            changes: News::default(),
            lists: RefCell::default(),
            collected: Cell::new(None),
            collecting: Limit::new(1),
            looking: Limit::new(MOST_LOOKS),
            peer_log,
            written: RefCell::default(),
            unlisted: Cell::new(0),
            is_full: Cell::new(false),
            framed: RefCell::default(),
            turns: Turns::default(),
            denied_by: RefCell::default(),
            complained: Cell::new(None),
        }
    }

    /// Learns something of the others.
    pub(super) fn learn(&self, input: Input) {
        self.election.borrow_mut().handle(input, now());
        self.news.tell();
    }

    pub(super) fn leader(&self) -> Option<u32> {
        self.election.borrow().leader()
    }

    pub(super) fn leads(&self) -> bool {
        self.election.borrow().leads()
    }

    pub(super) fn is_up(&self, member: u32) -> bool {
        self.election.borrow().is_up(member)
    }

    /// The other members that are up.
    pub(super) fn others(&self) -> Vec<u32> {
        let ids = self.places.all.keys().copied();
        let others = ids.filter(|id| *id != self.places.own);
        others.filter(|id| self.is_up(*id)).collect()
    }

    /// Connects to another member.
    pub(super) async fn reach(&self, id: u32, limit: Duration) -> Result<TcpStream, Unreached> {
        let address = self.places.all.get(&id).map(|it| it.address);
        let address = address.ok_or_else(|| Unreached {
            is_refused: false,
            reason: format!("there is no member {id}"),
        })?;
        connect(&self.places, address, limit).await
    }
}

/// Why there is no connection to a member.
pub(super) struct Unreached {
    /// Its host said that nothing listens there.
    pub(super) is_refused: bool,
    /// In words.
    pub(super) reason: String,
}

impl From<Failure> for Unreached {
    fn from(failure: Failure) -> Self {
        let reason = failure.evidence.reason.as_deref().unwrap_or_default();
        Self {
            is_refused: failure.state == State::Refused,
            reason: format!("{} {} ({reason})", failure.address, failure.state),
        }
    }
}

/// Connects to a member from our own address, by which it knows us.
pub(super) async fn connect(
    places: &Places,
    address: SocketAddr,
    limit: Duration,
) -> Result<TcpStream, Unreached> {
    let opened = match begin_connect_from(places.origin_for(address), address) {
        Begun::Done(outcome) => outcome,
        Begun::Pending(connecting) => connecting.finish(limit).await,
    };
    opened?.into_stream().map_err(|error| Unreached {
        is_refused: false,
        reason: error.to_string(),
    })
}

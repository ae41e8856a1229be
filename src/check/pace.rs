//! How fast and how many at once: connections in all, to one address, and new
//! ones a second.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Options;
use super::limits;
use crate::reactor::{Limit, Permit, now, sleep};

/// What every connection attempt waits for.
pub(super) struct Pace {
    all: Limit,
    most: usize,
    /// Allowed to one address, and what each has of it.
    per_host: Option<(usize, RefCell<HashMap<IpAddr, Limit>>)>,
    /// Time between two new connections, and when the next may be made.
    rate: Option<(Duration, Cell<Instant>)>,
}

/// The right to have one connection; it ends when this is dropped.
pub(super) struct Turn {
    _of_all: Permit,
    _of_host: Option<Permit>,
}

impl Pace {
    /// For so many ports to be checked.
    pub(super) fn new(options: &Options, checks: usize) -> Self {
        let parallel = limits::parallel(options.parallel, checks);
        log::info!("at most {parallel} connections at once");
        let per_host = options
            .per_host
            .map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        let gap = options.rate.map(|rate| Duration::from_secs(1) / rate);
        Self {
            all: Limit::new(parallel),
            most: parallel,
            per_host: per_host.map(|it| (it, RefCell::default())),
            rate: gap.map(|gap| (gap, Cell::new(now()))),
        }
    }

    /// Waits for the right to connect to an address.
    pub(super) async fn turn(&self, address: Option<IpAddr>) -> Turn {
        // First the scarcer one: nobody holds a place of all while waiting for
        // a busy host.
        let of_host = match self.per_host.as_ref().zip(address) {
            Some(((most, hosts), address)) => {
                let limit = limit_of(&mut hosts.borrow_mut(), address, *most);
                Some(limit.acquire().await)
            }
            None => None,
        };
        let of_all = self.all.acquire().await;
        if let Some((gap, next)) = &self.rate {
            let at = next.get().max(now());
            next.set(at + *gap);
            sleep(at.saturating_duration_since(now())).await;
        }
        Turn {
            _of_all: of_all,
            _of_host: of_host,
        }
    }

    /// How many connections there can be at once.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// How many connections are under way.
    pub(super) fn out(&self) -> usize {
        self.all.out()
    }
}

fn limit_of(hosts: &mut HashMap<IpAddr, Limit>, address: IpAddr, most: usize) -> Limit {
    let limit = hosts.entry(address).or_insert_with(|| Limit::new(most));
    limit.clone()
}

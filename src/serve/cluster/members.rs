//! Who belongs to the cluster, and where each is.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::Context;

use crate::net::{Families, Origin, host_with_port, resolve};
use crate::protocol::cluster::{BASE_PORT, read_id, split_address};

/// Members at most: each announces itself to each, every heartbeat.
pub const MOST_MEMBERS: usize = 64;

/// How long a member's name may take to be resolved, at the start.
const RESOLVE_TIME: Duration = Duration::from_secs(10);

/// The members as they are given: the host and the port of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members(pub(super) BTreeMap<u32, (String, u16)>);

impl Members {
    /// Reads `1=HOST:PORT,2=HOST:PORT…`, or how many there are on loopback.
    ///
    /// # Errors
    /// Says which part is wrong, and how.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = match text.contains('=') {
            true => listed(text)?,
            false => counted(text)?,
        };
        if all.len() > MOST_MEMBERS {
            let count = all.len();
            return Err(format!(
                "{count} members, {MOST_MEMBERS} at most are served"
            ));
        }
        Ok(Self(all))
    }

    /// Whether `id` is one of them.
    ///
    /// # Errors
    /// It is not: in a sentence that names them.
    pub fn require(&self, id: u32) -> Result<(), String> {
        if self.0.contains_key(&id) {
            return Ok(());
        }
        let known: Vec<String> = self.0.keys().map(ToString::to_string).collect();
        let known = known.join(", ");
        Err(format!("--id {id} is not in --members, which has {known}"))
    }
}

fn counted(text: &str) -> Result<BTreeMap<u32, (String, u16)>, String> {
    let count = read_id(text).ok_or_else(|| {
        format!("`{text}` are no members (expected such as 3, or 1=HOST:PORT,2=HOST:PORT)")
    })?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let ids = 1..=u32::try_from(count.min(MOST_MEMBERS + 1)).unwrap_or_default();
    ids.map(|id| Ok((id, ("127.0.0.1".into(), usual_port(id)?))))
        .collect()
}

fn listed(text: &str) -> Result<BTreeMap<u32, (String, u16)>, String> {
    let mut all = BTreeMap::new();
    for part in text.split(',') {
        let (id, at) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is no member (expected such as 1=HOST:PORT)"))?;
        let id = read_id(id)
            .ok_or_else(|| format!("`{id}` is no number of a member: they begin with 1"))?;
        let (host, port) =
            split_address(at).ok_or_else(|| format!("`{at}` is no address, such as HOST:PORT"))?;
        let port = port.map_or_else(|| usual_port(id), Ok)?;
        let place = (host.to_owned(), port);
        if let Some((other, _)) = all.iter().find(|(_, it)| **it == place) {
            return Err(format!(
                "members {other} and {id} have the same address `{at}`"
            ));
        }
        if all.insert(id, place).is_some() {
            return Err(format!("there are two members of number {id}"));
        }
    }
    Ok(all)
}

fn usual_port(id: u32) -> Result<u16, String> {
    let port = id.checked_add(BASE_PORT.into());
    let port = port.and_then(|it| u16::try_from(it).ok());
    port.ok_or_else(|| format!("member {id} needs a port: {BASE_PORT} and its number is none"))
}

/// A member, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As it was given: `HOST:PORT`.
    pub(super) name: String,
    /// The address of that name.
    pub(super) address: SocketAddr,
}

/// The members as they are reached.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) own: u32,
    pub(super) all: BTreeMap<u32, Place>,
    /// Where our connections come from: others know us by our address.
    pub(super) origin: Origin,
}

impl Places {
    /// Finds out where everybody is.
    pub(super) async fn resolve(members: &Members, own: u32) -> anyhow::Result<Self> {
        let mut all = BTreeMap::new();
        for (id, (host, port)) in &members.0 {
            let resolved = resolve(host, *port, Families::default(), RESOLVE_TIME).await;
            let resolved = resolved.with_context(|| format!("cannot ask member {id}"))?;
            let place = Place {
                name: host_with_port(host, *port),
                address: resolved.addresses[0],
            };
            all.insert(*id, place);
        }
        let address = all.get(&own).map(|it| it.address.ip());
        let address = address.filter(|it| is_ours(*it));
        Ok(Self {
            own,
            all,
            origin: Origin { address, port: 0 },
        })
    }

    /// Where this member is.
    pub(super) fn own(&self) -> Option<&Place> {
        self.all.get(&self.own)
    }

    /// Whether somebody at `address` may be this member: any program there may.
    pub(super) fn is_at(&self, member: u32, address: IpAddr) -> bool {
        let place = self.all.get(&member);
        place.is_some_and(|it| it.address.ip().to_canonical() == address)
    }

    /// Whether any member is at `address`.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.all.keys().any(|it| self.is_at(*it, address))
    }

    /// Where a connection to `address` comes from.
    pub(super) fn origin_for(&self, address: SocketAddr) -> Origin {
        let own = self.origin.address;
        match own.filter(|it| it.is_ipv4() == address.is_ipv4()) {
            Some(_) => self.origin,
            None => Origin::default(),
        }
    }
}

/// Whether connections of ours can come from this address: it is one of this
/// machine, which needs no zone to be told.
fn is_ours(address: IpAddr) -> bool {
    let needs_zone = matches!(address, IpAddr::V6(it) if it.is_unicast_link_local());
    !needs_zone && !address.is_unspecified() && UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_listed_or_counted() {
        let three = Members::parse("3").unwrap();
        assert_eq!(three.0[&3], ("127.0.0.1".to_owned(), 3683));
        assert_eq!(three.0.len(), 3);
        let listed = Members::parse("2=[::1]:9,1=a.example").unwrap();
        assert_eq!(listed.0[&2], ("::1".to_owned(), 9));
        assert_eq!(listed.0[&1], ("a.example".to_owned(), 3681));
        assert_eq!(listed.require(2), Ok(()));
        let missing = listed.require(3).unwrap_err();
        assert_eq!(missing, "--id 3 is not in --members, which has 1, 2");
    }

    #[test]
    fn what_are_no_members_is_named() {
        for (text, words) in [
            ("", "`` are no members"),
            ("0", "`0` are no members"),
            ("a", "`a` are no members"),
            ("65", "65 members, 64 at most"),
            ("4294967295", "65 members, 64 at most"),
            ("1=a,b", "`b` is no member"),
            ("0=a", "`0` is no number"),
            ("1=", "`` is no address"),
            ("1=a:b", "`a:b` is no address"),
            ("1=a,1=b", "two members of number 1"),
            ("1=a:1,2=a:1", "members 1 and 2 have the same address `a:1`"),
            ("70000=a", "member 70000 needs a port"),
        ] {
            let error = Members::parse(text).unwrap_err();
            assert!(error.starts_with(words) || error.contains(words), "{error}");
        }
    }
}

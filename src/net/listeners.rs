//! Who listens on this machine's TCP ports: what to say of one that refuses.
//!
//! Known on Linux; elsewhere nobody is known to listen.

#[cfg(target_os = "linux")]
mod sock_diag;

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::failure::{NOTHING_LISTENS, source_of};
use crate::finding::Evidence;
use crate::reactor::now;

/// For how long what the kernel said is taken for true.
const FRESH: Duration = Duration::from_millis(100);

/// Listeners that are named at once.
const MOST_NAMED: usize = 3;

/// A socket that listens, on every interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    address: SocketAddr,
    /// An IPv6 socket that takes no IPv4.
    only_v6: bool,
}

/// Adds to the evidence of a connection that `address` refused what listens
/// instead, if the address is this machine's, or else what to ask. Asks the
/// kernel for every listening port, at most every 100 ms.
pub fn explain_refusal(address: SocketAddr, evidence: &mut Evidence) {
    let listeners = match is_local(address) {
        true => listeners(),
        false => Rc::default(),
    };
    let (reason, hint) = explain(address, &listeners);
    if let Some(reason) = reason {
        evidence.reason = Some(reason.into());
    }
    if let Some(hint) = hint {
        evidence.hint = Some(hint.into());
    }
}

/// The reason and the hint for an address that refused, with these listeners
/// beside it.
fn explain(address: SocketAddr, listeners: &[Listener]) -> (Option<String>, Option<String>) {
    let (ip, port) = (address.ip(), address.port());
    let on_port = || listeners.iter().filter(|it| it.address.port() == port);
    if let Some(Listener { address, .. }) = on_port().find(|it| it.serves(ip)) {
        return (
            Some(format!("refused, although {address} listens")),
            Some("this host's firewall may reject it, or the server has just started".into()),
        );
    }
    if let Some(does) = name(on_port().map(|it| it.address.to_string()).collect()) {
        return (Some(format!("{NOTHING_LISTENS}; {does}")), None);
    }
    let here = listeners.iter().filter(|it| it.serves(ip));
    let mut ports: Vec<u16> = here.map(|it| it.address.port()).collect();
    ports.sort_by_key(|it| (it.abs_diff(port), *it));
    ports.dedup();
    ports.truncate(MOST_NAMED);
    ports.sort_unstable();
    let hint = match name(ports.iter().map(u16::to_string).collect()) {
        Some(do_they) => format!("{do_they} listen on {ip}"),
        None => "is the service started, and does it listen on that address?".into(),
    };
    (None, Some(hint))
}

/// The first of them, and that they do: `80, 443 and 8080 do`.
fn name(mut names: Vec<String>) -> Option<String> {
    names.truncate(MOST_NAMED);
    let last = names.pop()?;
    Some(match names.is_empty() {
        true => format!("{last} does"),
        false => format!("{} and {last} do", names.join(", ")),
    })
}

impl Listener {
    /// Whether it takes connections to `ip`.
    fn serves(&self, ip: IpAddr) -> bool {
        let own = self.address.ip();
        let families = ip.is_ipv4() == own.is_ipv4() || own.is_ipv6() && !self.only_v6;
        own == ip || own.is_unspecified() && families
    }
}

/// Whether `address` is one of this machine's own.
fn is_local(address: SocketAddr) -> bool {
    let ip = address.ip();
    // A host speaks to itself from the very address that it speaks to.
    ip.is_loopback() || source_of(address).is_ok_and(|source| source == Some(ip))
}

type Known = Option<(Instant, Rc<[Listener]>)>;

thread_local! {
    /// What the kernel said last: a check with `--wait` asks again and again.
    static KNOWN: RefCell<Known> = const { RefCell::new(None) };
}

fn listeners() -> Rc<[Listener]> {
    KNOWN.with_borrow_mut(|known| match known {
        Some((asked, listeners)) if now().saturating_duration_since(*asked) < FRESH => {
            Rc::clone(listeners)
        }
        _ => {
            #[cfg(target_os = "linux")]
            let listeners = sock_diag::listeners().unwrap_or_default();
            #[cfg(not(target_os = "linux"))]
            let listeners = Vec::new();
            let (_, listeners) = known.insert((now(), listeners.into()));
            Rc::clone(listeners)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reason and the hint; `only_v6` is one of the listeners.
    fn said(address: &str, listeners: &[&str], only_v6: &str) -> (String, String) {
        let listener = |text: &&str| Listener {
            address: text.parse().unwrap(),
            only_v6: *text == only_v6,
        };
        let listeners: Vec<_> = listeners.iter().map(listener).collect();
        let (reason, hint) = explain(address.parse().unwrap(), &listeners);
        (reason.unwrap_or_default(), hint.unwrap_or_default())
    }

    #[test]
    fn the_same_port_at_another_address_is_the_reason() {
        let listeners = ["127.0.0.1:22", "127.0.0.1:5002"];
        let (reason, hint) = said("[::1]:5002", &listeners, "");
        assert_eq!(reason, "nothing listens there; 127.0.0.1:5002 does");
        assert_eq!(hint, "");
        let many: Vec<String> = (1..9).map(|it| format!("127.0.0.{it}:80")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (reason, _) = said("[::1]:80", &many, "");
        let named = "127.0.0.1:80, 127.0.0.2:80 and 127.0.0.3:80";
        assert_eq!(reason, format!("nothing listens there; {named} do"));
        let (reason, _) = said("127.0.0.1:80", &["[::]:80"], "[::]:80");
        assert_eq!(reason, "nothing listens there; [::]:80 does");
    }

    #[test]
    fn the_nearest_ports_of_the_same_address_are_the_hint() {
        let listeners = [
            "127.0.0.1:22",
            "127.0.0.1:8080",
            "0.0.0.0:5010",
            "[::]:4999",
            "[::]:5004",
            "[::1]:5001",
            "127.0.0.2:5003",
            "[::]:5010",
        ];
        let (reason, hint) = said("127.0.0.1:5002", &listeners, "[::]:5004");
        assert_eq!(reason, "");
        assert_eq!(hint, "4999, 5010 and 8080 do listen on 127.0.0.1");
        let (_, hint) = said("[::1]:5002", &listeners, "[::]:5004");
        assert_eq!(hint, "4999, 5001 and 5004 do listen on ::1");
        let (_, hint) = said("127.0.0.1:5002", &listeners[..1], "");
        assert_eq!(hint, "22 does listen on 127.0.0.1");
    }

    #[test]
    fn a_listener_that_should_have_answered_is_no_other() {
        for listener in ["127.0.0.1:80", "0.0.0.0:80", "[::]:80"] {
            let (reason, hint) = said("127.0.0.1:80", &[listener], "");
            assert_eq!(reason, format!("refused, although {listener} listens"));
            assert!(hint.contains("firewall"), "{hint}");
        }
    }

    #[test]
    fn where_nothing_listens_that_is_asked() {
        let (reason, hint) = said("127.0.0.1:80", &["127.0.0.2:81", "[::1]:81"], "");
        assert_eq!(reason, "");
        assert!(hint.contains("is the service started"), "{hint}");
    }
}

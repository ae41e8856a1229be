//! What this machine offers, before anything of netkit's runs on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};

use super::{Finding, PATIENCE};
use crate::net::{Families, dial, listen, resolve};

/// Fewer descriptors than this are noticed with a few hundred connections.
const FEW_DESCRIPTORS: u64 = 1024;

/// Loopback answers at once or not at all.
const LOOPBACK_PATIENCE: Duration = Duration::from_millis(500);

const LOOPBACK_HINT: &str = "(hint: `ip link set lo up`)";

/// Everything there is to say, in the order of the table.
pub(super) async fn look() -> Vec<Finding> {
    vec![
        loopback("loopback IPv4", IpAddr::V4(Ipv4Addr::LOCALHOST)).await,
        loopback("loopback IPv6", IpAddr::V6(Ipv6Addr::LOCALHOST)).await,
        dual_stack().await,
        resolver("localhost").await,
        resolver("ip6-localhost").await,
        descriptors(),
        evidence(),
    ]
}

/// Whether the machine has this address.
pub(super) fn has(address: IpAddr) -> bool {
    TcpListener::bind(SocketAddr::new(address, 0)).is_ok()
}

/// Whether a connection over loopback is made: an address may be there although
/// the interface is down.
async fn loopback(subject: &'static str, address: IpAddr) -> Finding {
    let listener = match TcpListener::bind(SocketAddr::new(address, 0)) {
        Ok(listener) => listener,
        Err(error) if address.is_ipv6() => {
            let detail = format!("{address}: {error}: nothing here will work over IPv6");
            return Finding::absent(subject, detail);
        }
        Err(error) => return Finding::bad(subject, format!("{address}: {error} {LOOPBACK_HINT}")),
    };
    let port = listener.local_addr().map_or(0, |it| it.port());
    match dial(
        &address.to_string(),
        port,
        Families::default(),
        LOOPBACK_PATIENCE,
    )
    .await
    {
        Ok(_) => Finding::good(subject, format!("{address} connects to itself")),
        Err(error) => Finding::bad(subject, format!("{error} {LOOPBACK_HINT}")),
    }
}

async fn dual_stack() -> Finding {
    let subject = "one socket for both";
    match listen(None, 0, Families::default()).await {
        Ok(listening) => match listening.notes.first() {
            None => Finding::good(subject, "servers take IPv4 and IPv6 on one socket".into()),
            Some(note) => Finding::absent(subject, note.clone()),
        },
        Err(error) => Finding::bad(subject, error.to_string()),
    }
}

/// The resolver's answer, and the order in which it will be tried.
async fn resolver(name: &'static str) -> Finding {
    match resolve(name, 0, Families::default(), PATIENCE).await {
        Ok(resolved) => {
            let addresses = resolved.addresses.iter().map(|it| it.ip().to_string());
            let order = addresses.collect::<Vec<_>>().join(", then ");
            match resolved.built_in {
                false => Finding::good(name, format!("means {order}")),
                true => Finding::absent(name, format!("unknown to the system; means {order} here")),
            }
        }
        Err(error) => Finding::bad(name, error.to_string()),
    }
}

fn descriptors() -> Finding {
    let subject = "descriptors";
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if hard < FEW_DESCRIPTORS => Finding::absent(
            subject,
            format!("{soft} at once, {hard} at most: more connections have to wait"),
        ),
        Ok((soft, hard)) => Finding::good(subject, format!("{soft} at once, {hard} at most")),
        Err(error) => Finding::bad(subject, format!("the limit cannot be read: {error}")),
    }
}

fn evidence() -> Finding {
    let subject = "evidence";
    match cfg!(target_os = "linux") {
        true => Finding::good(
            subject,
            "ICMP senders, SYN retransmissions and round-trip times from the kernel".into(),
        ),
        false => Finding::absent(
            subject,
            "the kernel tells neither ICMP senders nor SYN retransmissions".into(),
        ),
    }
}

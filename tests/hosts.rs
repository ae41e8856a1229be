//! Several hosts, as network namespaces: what `netkit check` and `netkit echo` find there, each
//! state made for real with routes, firewalls and name servers.

/// The full backlog of a server that does not accept.
mod backlog;

/// A name with several addresses, some of them dead; hosts without IPv6.
mod families;

/// First packets that get lost.
mod loss;

/// Names that cannot be resolved, and name servers that misbehave.
mod names;

/// Rejections by ICMP, of the target itself and of routers on the way.
mod rejects;

/// Local routes that lead nowhere.
mod routes;

/// Open, refused, filtered, and no host at all.
mod states;

use crate::support::namespace::Host;
use crate::support::server::Server;
use serde_json::Value;
pub(crate) use states::pair;

/// An echo server on `host`, on a port that the system picks, at every address.
fn echo_server(host: &Host) -> Server {
    Server::of(host.netkit(&["echo-server", "--port", "0"]))
}

/// Fails the test unless `result` is that of a check: `state`, with a reason in words unless open.
#[track_caller]
fn expect_state(result: &Value, state: &str) {
    assert_eq!(result["state"], state, "{result}");
    let explained = result["reason"].is_string();
    assert!(explained || state == "open", "no reason: {result}");
}

/// Fails the test unless `result` is `unreachable` by that ICMP message of that sender.
#[track_caller]
fn expect_icmp(result: &Value, kind: u8, code: u8, from: &str) {
    expect_state(result, "unreachable");
    let icmp = serde_json::json!({"type": kind, "code": code, "from": from});
    assert_eq!(result["icmp"], icmp, "{result}");
    let reason = result["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(from), "the reason names nobody: {result}");
}

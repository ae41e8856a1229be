//! Rejections by ICMP: which message, and who sent it, of the target itself and of routers.

use super::states::pair;
use super::{echo_server, expect_icmp, expect_state};
use crate::check::records::check_on;
use crate::support::namespace::Host;

/// nft's name, then type and code (RFC 792, RFC 1812).
const IPV4: [(&str, u8, u8); 7] = [
    ("net-unreachable", 3, 0),
    ("host-unreachable", 3, 1),
    ("prot-unreachable", 3, 2),
    ("port-unreachable", 3, 3),
    ("net-prohibited", 3, 9),
    ("host-prohibited", 3, 10),
    ("admin-prohibited", 3, 13),
];

/// The same for IPv6 (RFC 4443).
const IPV6: [(&str, u8, u8); 6] = [
    ("no-route", 1, 0),
    ("admin-prohibited", 1, 1),
    ("addr-unreachable", 1, 3),
    ("port-unreachable", 1, 4),
    ("policy-fail", 1, 5),
    ("reject-route", 1, 6),
];

/// A rule for each message, on ports from 1: `family` is nft's word for it.
fn rules(family: &str, messages: &[(&str, u8, u8)]) -> String {
    let protocol = if family == "ipv4" { "icmp" } else { "icmpv6" };
    let rule = |(index, (name, _, _)): (usize, &(&str, u8, u8))| {
        let port = index + 1;
        format!("meta nfproto {family} tcp dport {port} reject with {protocol} type {name}\n")
    };
    messages.iter().enumerate().map(rule).collect()
}

/// Checks every message's port of `host`, and expects its message from `from`.
#[track_caller]
fn expect_each(client: &Host, host: &str, messages: &[(&str, u8, u8)], from: &str) {
    let target = format!("{host}:1-{}", messages.len());
    let checked = check_on(client, &[&target]).expect_code(1);
    for (index, (_, kind, code)) in messages.iter().enumerate() {
        let result = checked.at(&format!("{host}:{}", index + 1));
        expect_icmp(result, *kind, *code, from);
    }
}

#[test]
fn the_target_rejects_over_ipv4() {
    let (near, far) = pair();
    far.firewall("input", &rules("ipv4", &IPV4));
    expect_each(&near, "10.0.0.2", &IPV4, "10.0.0.2");
}

#[test]
fn the_target_rejects_over_ipv6() {
    let (near, far) = pair();
    far.firewall("input", &rules("ipv6", &IPV6));
    expect_each(&near, "[fd00::2]", &IPV6, "fd00::2");
}

#[test]
fn loopback_rejects_at_once() {
    let host = Host::new();
    let both = rules("ipv4", &IPV4) + &rules("ipv6", &IPV6);
    host.firewall("input", &both);
    expect_each(&host, "127.0.0.1", &IPV4, "127.0.0.1");
    expect_each(&host, "[::1]", &IPV6, "::1");
}

#[test]
fn the_own_firewall_rejects_on_the_way_out() {
    let (near, _far) = pair();
    near.firewall("output", &rules("ipv4", &IPV4));
    expect_each(&near, "10.0.0.2", &IPV4, "10.0.0.1");
}

#[test]
fn a_router_between_rejects_over_ipv4() {
    let way = Way::new();
    way.router.firewall("forward", &rules("ipv4", &IPV4));
    expect_each(&way.client, "10.0.2.2", &IPV4, "10.0.1.1");
}

#[test]
fn a_router_between_rejects_over_ipv6() {
    let way = Way::new();
    way.router.firewall("forward", &rules("ipv6", &IPV6));
    expect_each(&way.client, "[fd02::2]", &IPV6, "fd01::1");
}

#[test]
fn a_router_lets_through_drops_and_resets() {
    let way = Way::new();
    way.router.firewall(
        "forward",
        "tcp dport 22 drop\ntcp dport 23 reject with tcp reset",
    );
    let server = echo_server(&way.server);
    let ports = format!("{},9,22,23", server.port());
    let targets = [format!("10.0.2.2:{ports}"), format!("[fd02::2]:{ports}")];
    let checked = check_on(&way.client, &[&targets[0], &targets[1]]);
    for host in ["10.0.2.2", "[fd02::2]"] {
        let at = |port: u16| checked.at(&format!("{host}:{port}"));
        expect_state(at(server.port()), "open");
        expect_state(at(9), "refused");
        expect_state(at(22), "filtered");
        expect_state(at(23), "refused");
    }
}

#[test]
fn a_router_without_a_route_says_so() {
    let way = Way::new();
    let checked = check_on(&way.client, &["10.9.9.9:80", "[fd99::9]:80"]).expect_code(1);
    expect_icmp(checked.at("10.9.9.9:80"), 3, 0, "10.0.1.1");
    expect_icmp(checked.at("[fd99::9]:80"), 1, 0, "fd01::1");
}

#[test]
fn a_router_whose_neighbour_is_gone_says_so() {
    let way = Way::new();
    way.router.give_up_on_neighbours_early("link1");
    let checked = check_on(&way.client, &["10.0.2.77:80", "[fd02::77]:80"]).expect_code(1);
    expect_icmp(checked.at("10.0.2.77:80"), 3, 1, "10.0.1.1");
    expect_icmp(checked.at("[fd02::77]:80"), 1, 3, "fd01::1");
}

#[test]
fn a_way_that_is_too_long_ends_at_a_router() {
    let way = Way::new();
    way.client.sysctl("net/ipv4/ip_default_ttl", "1");
    way.client.sysctl("net/ipv6/conf/link0/hop_limit", "1");
    let checked = check_on(&way.client, &["10.0.2.2:80", "[fd02::2]:80"]).expect_code(1);
    // Time to live exceeded in transit.
    expect_icmp(checked.at("10.0.2.2:80"), 11, 0, "10.0.1.1");
    expect_icmp(checked.at("[fd02::2]:80"), 3, 0, "fd01::1");
}

/// The client is `10.0.1.2` and `fd01::2`, the server `10.0.2.2` and `fd02::2`; a router between.
struct Way {
    client: Host,
    router: Host,
    server: Host,
}

impl Way {
    fn new() -> Self {
        let (client, router, server) = (Host::new(), Host::new(), Host::new());
        router.forward_packets();
        router.link(
            &client,
            &["10.0.1.1/24", "fd01::1/64"],
            &["10.0.1.2/24", "fd01::2/64"],
        );
        router.link(
            &server,
            &["10.0.2.1/24", "fd02::1/64"],
            &["10.0.2.2/24", "fd02::2/64"],
        );
        for (host, number) in [(&client, 1), (&server, 2)] {
            host.shell(&format!(
                "ip route add default via 10.0.{number}.1
                 ip -6 route add default via fd0{number}::1"
            ));
        }
        Self {
            client,
            router,
            server,
        }
    }
}

//! A name with a thousand addresses: each is asked, and each gets its line.

use super::nginx::Web;
use crate::check::records::check_on;
use crate::support::namespace::Host;
use std::collections::HashSet;
use std::fmt::Write;

/// So many addresses a name has here.
const ADDRESSES: u32 = 1_000;

#[test]
fn each_of_a_thousand_addresses_is_asked() {
    let host = Host::new();
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for number in 0..ADDRESSES {
        writeln!(
            hosts,
            "127.1.{}.{} many.test",
            number / 250,
            number % 250 + 1
        )
        .unwrap();
    }
    host.hosts_file(&hosts);
    host.resolv_conf("");
    let web = Web::on(host);
    let checked = check_on(&web.host, &["--timeout", "30s", "http://many.test/asked"]);
    let checked = checked.expect_code(0);
    let addresses: HashSet<_> = checked
        .results
        .iter()
        .map(|it| it["address"].to_string())
        .collect();
    assert_eq!(addresses.len(), ADDRESSES as usize, "{checked:?}");
    assert!(checked.results.iter().all(|it| it["http"]["status"] == 200));
}

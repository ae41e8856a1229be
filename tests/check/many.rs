//! Many targets at once: networks, rows of hosts, names of ports, lists in files and on standard
//! input.

use super::records::{Checked, check_on};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Output, finish};
use crate::support::server::Server;
use std::collections::BTreeSet;
use std::io::Write;
use tempfile::NamedTempFile;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("cannot make a temporary file");
    file.write_all(text.as_bytes()).expect("cannot write it");
    file
}

fn addresses(checked: &Checked) -> BTreeSet<&str> {
    let all = checked.results.iter();
    all.filter_map(|it| it["address"].as_str()).collect()
}

/// `netkit check -o ndjson` on `host`, with `input` as its standard input.
fn check_list(host: &Host, arguments: &[&str], input: &str) -> Checked {
    let arguments = [&["check", "-o", "ndjson"], arguments].concat();
    Checked::of(finish(host.netkit(&arguments), input.as_bytes(), PATIENCE))
}

fn refused(host: &Host, arguments: &[&str]) -> Output {
    let arguments = [&["check"], arguments].concat();
    finish(host.netkit(&arguments), b"", PATIENCE).expect_code(2)
}

#[test]
fn a_network_is_every_address_of_it() {
    let host = Host::new();
    let checked = check_on(&host, &["127.7.0.9/30:80,81=closed"]).expect_code(0);
    assert_eq!(checked.results.len(), 8, "{checked:?}");
    let found = addresses(&checked);
    for last in 8..12 {
        assert!(
            found.contains(format!("127.7.0.{last}:81").as_str()),
            "{checked:?}"
        );
    }
}

#[test]
fn a_network_of_ipv6_addresses_stands_in_brackets() {
    let host = Host::new();
    host.shell("ip -6 route add local fd07::/64 dev lo");
    let checked = check_on(&host, &["[fd07::/126]:80=closed"]).expect_code(0);
    let expected = [
        "[fd07::]:80",
        "[fd07::1]:80",
        "[fd07::2]:80",
        "[fd07::3]:80",
    ];
    assert_eq!(addresses(&checked), BTreeSet::from(expected), "{checked:?}");
}

#[test]
fn a_row_is_every_numbered_name() {
    let host = Host::new();
    host.hosts_file("127.0.1.8 web08\n127.0.1.9 web09\n127.0.1.10 web10\n");
    let _server = Server::of(host.netkit(&["echo-server", "--port", "8080"]));
    let checked = check_on(&host, &["web[08-10]:8080"]).expect_code(0);
    let targets: BTreeSet<&str> = checked
        .results
        .iter()
        .filter_map(|it| it["target"].as_str())
        .collect();
    assert_eq!(
        targets,
        BTreeSet::from(["web08:8080", "web09:8080", "web10:8080"])
    );
}

#[test]
fn ports_have_the_names_of_the_services_file() {
    let host = Host::new();
    let checked = check_on(&host, &["127.0.0.1:ssh,https=closed"]).expect_code(0);
    assert_eq!(
        addresses(&checked),
        BTreeSet::from(["127.0.0.1:22", "127.0.0.1:443"])
    );
    let output = refused(&host, &["127.0.0.1:nosuchservice"]);
    assert!(
        output.stderr.contains("the services file knows"),
        "{output:?}"
    );
}

#[test]
fn a_list_comes_from_a_file_or_from_standard_input() {
    let host = Host::new();
    let text = "# two a line\n127.0.0.1:1=closed 127.0.0.1:2=closed # and\n\n127.0.0.1:3=closed\n";
    let list = file(text);
    let path = list.path().to_str().expect("a path");
    let checked = check_on(&host, &["--targets", path, "127.0.0.1:4=closed"]).expect_code(0);
    assert_eq!(checked.results.len(), 4, "{checked:?}");
    for source in [&["-"][..], &["--targets", "-"]] {
        let checked = check_list(&host, source, text).expect_code(0);
        assert_eq!(checked.results.len(), 3, "{checked:?}");
    }
}

#[test]
fn standard_input_is_not_read_unasked() {
    let host = Host::new();
    let checked = check_list(&host, &["127.0.0.1:1=closed"], "127.0.0.1:2\n").expect_code(0);
    assert_eq!(checked.results.len(), 1, "{checked:?}");
}

#[test]
fn an_empty_list_is_nothing_to_check() {
    let host = Host::new();
    for input in ["", "# nothing\n\n"] {
        let checked = check_list(&host, &["-"], input).expect_code(3);
        assert_eq!(checked.summary["checks"], 0);
        check_list(&host, &["-", "--allow-empty"], input).expect_code(0);
    }
}

#[test]
fn a_mistake_in_a_list_names_its_line_and_sends_nothing() {
    let host = Host::new();
    let list = file("127.0.0.1:1\n\n127.0.0.1:2 127.0.0.1:70000\n");
    let path = list.path().to_str().expect("a path");
    let output = refused(&host, &["--targets", path]);
    assert_eq!(output.stdout, "");
    for words in [
        &format!("{path}, line 3"),
        "`127.0.0.1:70000`",
        "1 to 65535",
    ] {
        assert!(output.stderr.contains(words), "{words}: {output:?}");
    }
    let output = refused(&host, &["--targets", "/no/such/list"]);
    assert!(
        output.stderr.contains("cannot read `/no/such/list`"),
        "{output:?}"
    );
}

#[test]
fn networks_without_end_are_counted_not_tried() {
    let host = Host::new();
    for target in [
        "[::/0]:1-65535",
        "0.0.0.0/0:80",
        "w[0-999999999].x[0-999999999]:1",
    ] {
        let output = refused(&host, &[target]);
        assert!(output.stderr.contains("--max-checks"), "{output:?}");
    }
}

//! A check as a sentence, for `--explain`.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Check, Hosts, Part, Ports};
use crate::finding::Expected;
use crate::probe::Transport;
use crate::units;

impl Check {
    /// What has to be so for it to pass: `every address of web, port 443
    /// (https), is open: answers with status 200, within 3s`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = String::new();
        if let Some(name) = &self.name {
            let _ = write!(sentence, "{name}: ");
        }
        let (place, scheme) = (self.place(), self.target.scheme.name);
        let _ = write!(sentence, "{place} ({scheme}), is {}", self.condition());
        let settings = &self.settings;
        if let (Some(most), Expected::Open) = (settings.max_connect, self.target.expected) {
            let _ = write!(sentence, ", connected within {}", units::limit(most));
        }
        match settings.retries {
            0 => {}
            1 => sentence.push_str(", tried again once at most"),
            more => {
                let _ = write!(sentence, ", tried again {more} times at most");
            }
        }
        sentence
    }

    /// Where: `every address of web, each of the ports 80 and 443`.
    fn place(&self) -> String {
        let hosts = self.hosts();
        match self.target.scheme.transport {
            Transport::Unix => hosts,
            Transport::Tcp | Transport::Udp => format!("{hosts}, {}", ports(&self.target.ports)),
        }
    }

    fn hosts(&self) -> String {
        let families = self.settings.families;
        let kind = match (families.only_v4, families.only_v6) {
            (true, _) => "IPv4 address",
            (_, true) => "IPv6 address",
            _ => "address",
        };
        let every = match self.settings.any {
            true => format!("at least one {kind} of"),
            false => format!("every {kind} of"),
        };
        match &self.target.hosts {
            Hosts::One(path) if self.target.scheme.transport == Transport::Unix => {
                format!("the socket {path}")
            }
            Hosts::One(address) if is_address(address) => address.clone(),
            Hosts::One(name) => format!("{every} {name}"),
            Hosts::Network(network) => format!("each address of the network {network}"),
            Hosts::Row(parts) => {
                let row: String = parts.iter().map(row).collect();
                format!("{every} each host of {row}")
            }
        }
    }

    /// The state, what shows it, and how long that may take.
    fn condition(&self) -> String {
        let limit = units::limit(self.settings.timeout);
        match self.target.expected {
            Expected::Open => {
                let asked = self.question.as_ref().map(|it| it.sentence());
                let shown = asked.unwrap_or_else(|| "accepts a connection".into());
                format!("open: {shown}, within {limit}")
            }
            Expected::Closed => format!("closed: says that nothing listens there, within {limit}"),
            Expected::Filtered => format!("filtered: gives no answer within {limit}"),
            Expected::Down => format!("down: is anything but open within {limit}"),
            Expected::Any => format!("in any state: it is only shown, after {limit} at most"),
        }
    }
}

/// Whether a host is an address, which has no others.
fn is_address(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<IpAddr>().is_ok()
}

/// A piece of a row, as it is written.
fn row(part: &Part) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Numbers(ranges) => {
            let ranges = ranges.iter().map(|it| {
                let (first, last, width) = (it.first, it.last, it.width);
                match first == last {
                    true => format!("{first:0width$}"),
                    false => format!("{first:0width$}-{last:0width$}"),
                }
            });
            format!("[{}]", ranges.collect::<Vec<_>>().join(","))
        }
    }
}

fn ports(ports: &Ports) -> String {
    let words = ports.to_string().replace('-', " to ");
    match (ports.count(), words.rsplit_once(',')) {
        (1, _) => format!("port {words}"),
        (_, None) => format!("each of the ports {words}"),
        (_, Some((more, last))) => {
            let more = more.replace(',', ", ");
            format!("each of the ports {more} and {last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::check::{Settings, Target};

    #[track_caller]
    fn sentence(target: &str, change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        let target = Target::parse(target).unwrap_or_else(|error| panic!("{error}"));
        let check = Check::new(None, target, &Rc::new(settings));
        check.map(|it| it.sentence()).unwrap()
    }

    #[test]
    fn hosts_and_ports_are_named_in_full() {
        let place = |target: &str| {
            let sentence = sentence(target, |_| {});
            let (place, rest) = sentence.split_once(" (tcp), ").unwrap();
            assert_eq!(rest, "is open: accepts a connection, within 3s");
            String::from(place)
        };
        assert_eq!(place("web:80"), "every address of web, port 80");
        assert_eq!(place("172.31.34.27:5001"), "172.31.34.27, port 5001");
        assert_eq!(place("[fe80::1%eth0]:5001"), "fe80::1%eth0, port 5001");
        assert_eq!(
            place("10.0.0.0/28:80,443"),
            "each address of the network 10.0.0.0/28, each of the ports 80 and 443"
        );
        assert_eq!(
            place("web[01-08,12].x:22,80,8000-8010"),
            "every address of each host of web[01-08,12].x, \
             each of the ports 22, 80 and 8000 to 8010"
        );
        assert_eq!(
            place("web:8000-8010"),
            "every address of web, each of the ports 8000 to 8010"
        );
    }

    #[test]
    fn each_state_has_its_words() {
        let conditions = [
            ("open", "open: accepts a connection, within 3s"),
            (
                "closed",
                "closed: says that nothing listens there, within 3s",
            ),
            ("filtered", "filtered: gives no answer within 3s"),
            ("down", "down: is anything but open within 3s"),
            ("any", "in any state: it is only shown, after 3s at most"),
        ];
        for (state, condition) in conditions {
            let said = sentence(&format!("10.0.0.9:1={state}"), |_| {});
            assert_eq!(said, format!("10.0.0.9, port 1 (tcp), is {condition}"));
        }
    }

    #[test]
    fn settings_have_their_words() {
        let said = sentence("web:1", |settings| {
            settings.any = true;
            settings.families.only_v6 = true;
            settings.timeout = Duration::from_millis(1500);
            settings.retries = 1;
            settings.max_connect = Some(Duration::from_millis(200));
        });
        let expected = "at least one IPv6 address of web, port 1 (tcp), is open: accepts a \
                        connection, within 1s 500ms, connected within 200ms, tried again once at \
                        most";
        assert_eq!(said, expected);
        let said = sentence("web:1=closed", |settings| {
            settings.families.only_v4 = true;
            settings.retries = 3;
        });
        assert!(said.starts_with("every IPv4 address of web"), "{said}");
        assert!(
            said.ends_with("within 3s, tried again 3 times at most"),
            "{said}"
        );
    }
}

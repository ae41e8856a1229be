//! The grammar of a target, from left to right.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ipnet::IpNet;

use super::{Hosts, Numbers, Part, Ports, Target, TargetError};
use crate::finding::Expected;
use crate::net::service_port;
use crate::probe::{SCHEMES, Scheme, Transport};

/// Numbers in a row of hosts have at most so many digits.
const MOST_DIGITS: usize = 9;

/// Reads a whole target.
pub(super) fn read(text: &str) -> Result<Target, TargetError> {
    let mut reader = Reader { text, at: 0 };
    let scheme = reader.scheme()?;
    if scheme.transport == Transport::Unix {
        return reader.socket(scheme);
    }
    let hosts = reader.hosts()?;
    let ports = reader.ports(scheme)?;
    let path = reader.path(scheme)?;
    let expected = reader.state()?;
    Ok(Target {
        scheme,
        hosts,
        ports,
        path,
        expected,
    })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Where the next of these characters stands, or the end.
    fn next_of(&self, characters: &[char]) -> usize {
        let found = self.rest().find(characters);
        found.map_or(self.text.len(), |it| it + self.at)
    }

    fn wrong(&self, culprit: Range<usize>, expected: impl Into<String>) -> TargetError {
        TargetError {
            text: self.text.into(),
            culprit,
            expected: expected.into(),
        }
    }

    fn scheme(&mut self) -> Result<&'static Scheme, TargetError> {
        let named = self.text.find("://");
        let name = named.map_or(SCHEMES[0].name, |end| &self.text[..end]);
        self.at = named.map_or(0, |end| end + "://".len());
        let found = SCHEMES.iter().find(|it| it.name == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = SCHEMES.iter().map(|it| it.name).collect();
            let known = known.join(", ");
            self.wrong(0..name.len(), format!("one of the schemes {known}"))
        })
    }

    /// `/PATH` or `@NAME` of a Unix socket, then maybe `=STATE`.
    fn socket(&mut self, scheme: &'static Scheme) -> Result<Target, TargetError> {
        // A path may well hold an `=`: only what is a state is one.
        let state = self.rest().rsplit_once('=');
        let state = state.filter(|(_, word)| find_state(word).is_some());
        let name = state.map_or(self.rest(), |(name, _)| name);
        if !name.starts_with(['/', '@']) || name.len() < 2 {
            let all = self.at..self.at + name.len();
            return Err(self.wrong(all, "an absolute path, or `@NAME`"));
        }
        self.at += name.len();
        Ok(Target {
            scheme,
            hosts: Hosts::One(name.into()),
            ports: Ports::default(),
            path: None,
            expected: self.state()?,
        })
    }

    fn hosts(&mut self) -> Result<Hosts, TargetError> {
        if self.rest().starts_with('[') {
            return self.bracketed();
        }
        let start = self.at;
        if let Some(network) = self.network()? {
            return Ok(network);
        }
        let end = self.next_of(&['/', '=']);
        if self.text[start..end].matches(':').count() > 1 {
            let end = self.text[start..end]
                .rfind(':')
                .map_or(end, |it| start + it);
            return Err(self.wrong(start..end, "an IPv6 address in brackets: `[ADDRESS]:PORT`"));
        }
        let mut parts = Vec::new();
        while let Some(first) = self.rest().chars().next() {
            match first {
                ':' | '/' | '=' => break,
                '[' => parts.push(self.numbers()?),
                _ if is_of_name(first) => self.letter(first, &mut parts),
                _ => {
                    return Err(self.wrong(
                        self.at..self.at + first.len_utf8(),
                        "letters, digits, `.`, `-` or `_` in a host, then `:PORT`",
                    ));
                }
            }
        }
        match parts.as_slice() {
            [] => Err(self.wrong(start..start, "a host before the port")),
            [Part::Text(host)] => Ok(Hosts::One(host.clone())),
            _ => Ok(Hosts::Row(parts)),
        }
    }

    fn letter(&mut self, letter: char, parts: &mut Vec<Part>) {
        self.at += letter.len_utf8();
        match parts.last_mut() {
            Some(Part::Text(text)) => text.push(letter),
            _ => parts.push(Part::Text(letter.into())),
        }
    }

    /// `10.0.0.0/28`, if that is what a port follows: elsewhere a `/` begins a
    /// path.
    fn network(&mut self) -> Result<Option<Hosts>, TargetError> {
        let (start, end) = (self.at, self.next_of(&[':', '=']));
        let text = &self.text[start..end];
        let Some((address, bits)) = text.split_once('/') else {
            return Ok(None);
        };
        let digits = bits.bytes().all(|it| it.is_ascii_digit());
        let port_follows = self.text[end..].starts_with(':');
        if !port_follows || !digits || address.parse::<Ipv4Addr>().is_err() {
            return Ok(None);
        }
        let Ok(network) = text.parse::<IpNet>() else {
            let bits = end - bits.len()..end;
            return Err(self.wrong(bits, "a network's length from 0 to 32 bits"));
        };
        self.at = end;
        Ok(Some(Hosts::Network(network)))
    }

    /// An IPv6 address, or a network of them, in brackets.
    fn bracketed(&mut self) -> Result<Hosts, TargetError> {
        let start = self.at + 1;
        let Some(end) = self.rest().find(']').map(|it| it + self.at) else {
            let all = self.text.len();
            return Err(self.wrong(all..all, "a `]` after the IPv6 address"));
        };
        let host = &self.text[start..end];
        self.at = end + 1;
        if let Ok(network @ IpNet::V6(_)) = host.parse::<IpNet>() {
            return Ok(Hosts::Network(network));
        }
        let address = host.split_once('%').map_or(host, |(address, _)| address);
        if address.parse::<Ipv6Addr>().is_err() || host.ends_with('%') {
            return Err(self.wrong(start..end, "an IPv6 address such as `::1` in brackets"));
        }
        Ok(Hosts::One(host.into()))
    }

    /// `[1-8,12]` within a host.
    fn numbers(&mut self) -> Result<Part, TargetError> {
        let start = self.at + 1;
        let Some(end) = self.rest().find(']').map(|it| it + self.at) else {
            let all = self.text.len();
            return Err(self.wrong(all..all, "a `]` after the numbers"));
        };
        let mut ranges = Vec::new();
        let mut at = start;
        for part in self.text[start..end].split(',') {
            let here = at..at + part.len();
            at = here.end + 1;
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let numbers = number(first).zip(number(last)).filter(|(a, b)| a <= b);
            let Some((first_number, last)) = numbers else {
                return Err(self.wrong(here, "numbers such as `1-8` or `01-20`, the smaller first"));
            };
            let width = if first.starts_with('0') {
                first.len()
            } else {
                1
            };
            ranges.push(Numbers {
                first: first_number,
                last,
                width,
            });
        }
        self.at = end + 1;
        Ok(Part::Numbers(ranges))
    }

    fn ports(&mut self, scheme: &Scheme) -> Result<Ports, TargetError> {
        if !self.rest().starts_with(':') {
            return match scheme.default_port {
                Some(port) => Ok(Ports::one(port)),
                None => Err(self.wrong(self.at..self.at, "`:PORT` after the host")),
            };
        }
        self.at += 1;
        let end = self.next_of(&['/', '=']);
        let mut ports = Ports::default();
        for part in self.text[self.at..end].split(',') {
            let start = self.at;
            self.at += part.len() + 1;
            ports.add(self.range(part, start, scheme)?);
        }
        self.at = end;
        Ok(ports)
    }

    fn range(
        &self,
        part: &str,
        start: usize,
        scheme: &Scheme,
    ) -> Result<std::ops::RangeInclusive<u16>, TargetError> {
        let whole = start..start + part.len();
        if part.starts_with(|it: char| it.is_ascii_alphabetic()) {
            let found = service_port(part, scheme.transport == Transport::Udp);
            return found.map(|it| it..=it).ok_or_else(|| {
                self.wrong(whole, "a port, or a name that the services file knows")
            });
        }
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first_port = self.port(first, start)?;
        let last_port = self.port(last, whole.end - last.len())?;
        match first_port <= last_port {
            true => Ok(first_port..=last_port),
            false => Err(self.wrong(whole, "the smaller port first")),
        }
    }

    fn port(&self, digits: &str, at: usize) -> Result<u16, TargetError> {
        let number = digits.bytes().all(|it| it.is_ascii_digit());
        match digits.parse() {
            Ok(port) if number && port > 0 => Ok(port),
            _ => Err(self.wrong(at..at + digits.len(), "a port from 1 to 65535")),
        }
    }

    fn path(&mut self, scheme: &Scheme) -> Result<Option<String>, TargetError> {
        let (rest, start) = (self.rest(), self.at);
        if !rest.starts_with('/') {
            return Ok(None);
        }
        self.at = self.text.len();
        if scheme.takes_path {
            return Ok(Some(rest.into()));
        }
        let name = scheme.name;
        Err(self.wrong(start..self.at, format!("no path: `{name}` has none")))
    }

    fn state(&mut self) -> Result<Expected, TargetError> {
        if self.rest().is_empty() {
            return Ok(Expected::default());
        }
        if !self.rest().starts_with('=') {
            return Err(self.wrong(self.at..self.text.len(), "`:PORT`, or `=STATE`"));
        }
        self.at += 1;
        find_state(self.rest()).ok_or_else(|| {
            let words = Expected::WORDS.map(|(name, _)| name).join(", ");
            self.wrong(self.at..self.text.len(), format!("one of {words}"))
        })
    }
}

fn find_state(word: &str) -> Option<Expected> {
    let known = Expected::WORDS.iter().find(|(name, _)| *name == word);
    known.map(|(_, expected)| *expected)
}

fn number(digits: &str) -> Option<u32> {
    let all = digits.bytes().all(|it| it.is_ascii_digit());
    let some = (1..=MOST_DIGITS).contains(&digits.len());
    digits.parse().ok().filter(|_| all && some)
}

/// Names may hold non-ASCII letters: the resolver decides.
fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Target {
        read(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn culprit(text: &str) -> String {
        let error = read(text).unwrap_err();
        error.text[error.culprit].into()
    }

    #[test]
    fn the_whole_grammar() {
        let target = parse("tcp://[fe80::1%eth0]:80,8000-8010=closed");
        assert_eq!(target.hosts, Hosts::One("fe80::1%eth0".into()));
        assert_eq!(target.ports.to_string(), "80,8000-8010");
        assert_eq!(target.expected, Expected::Closed);
        assert_eq!(target.count(), 12);
        assert_eq!(target.one("fe80::1%eth0", Some(80)), "[fe80::1%eth0]:80");
        assert_eq!(target.all_of("::1"), "[::1]:80,8000-8010");
        let target = parse("web-1.example_x:1");
        assert_eq!(target.hosts, Hosts::One("web-1.example_x".into()));
    }

    #[test]
    fn a_socket_has_a_name_and_maybe_a_state() {
        let target = parse("unix:///run/a=b=down");
        assert_eq!(target.hosts, Hosts::One("/run/a=b".into()));
        assert_eq!(target.expected, Expected::Down);
        assert_eq!(parse("unix://@x").hosts, Hosts::One("@x".into()));
        // What is left without its state names nothing.
        assert_eq!(culprit("unix:///=any"), "/");
        assert_eq!(culprit("unix://@=down"), "@");
        assert_eq!(culprit("unix://run"), "run");
    }

    #[test]
    fn networks_and_rows_are_many_hosts() {
        assert_eq!(parse("10.0.0.0/28:80,443").count(), 32);
        assert_eq!(parse("[fd00::/120]:80").count(), 256);
        let row = parse("web[1-8]:80=down");
        assert_eq!((row.count(), row.expected), (8, Expected::Down));
        assert_eq!(row.hosts.iter().last().unwrap(), "web8");
        assert_eq!(parse("10.0.[0-1].[1-20]:22").count(), 40);
        assert_eq!(parse("r[08-10]x:1").hosts.iter().next().unwrap(), "r08x");
        assert_eq!(
            parse("::/0:1".replace("::/0", "[::/0]").as_str()).count(),
            usize::MAX
        );
    }

    #[test]
    fn services_have_names() {
        assert_eq!(parse("h:ssh,80").ports.to_string(), "22,80");
        assert_eq!(culprit("h:80,nosuchservice"), "nosuchservice");
    }

    #[test]
    fn errors_point_at_the_culprit() {
        assert_eq!(culprit("h:80x"), "80x");
        assert_eq!(culprit("h:0"), "0");
        assert_eq!(culprit("h:65536"), "65536");
        assert_eq!(culprit("h:99999"), "99999");
        assert_eq!(culprit("h:+5"), "+5");
        assert_eq!(culprit("h:1,,2"), "");
        assert_eq!(culprit("h:5-1"), "5-1");
        assert_eq!(culprit("h:1-"), "");
        assert_eq!(culprit("h:-1"), "");
        assert_eq!(culprit("h:1=shut"), "shut");
        assert_eq!(culprit("::1:80"), "::1");
        assert_eq!(culprit("[::g]:80"), "::g");
        assert_eq!(culprit("a b:80"), " ");
        assert_eq!(culprit("ftp://h:21"), "ftp");
        assert_eq!(culprit(""), "");
        assert_eq!(culprit("h"), "");
        assert_eq!(culprit("h:80/path"), "/path");
        assert_eq!(culprit("w[1-x]:80"), "1-x");
        assert_eq!(culprit("w[8-1]:80"), "8-1");
        assert_eq!(culprit("w[1-8:80"), "");
        assert_eq!(culprit("10.0.0.0/33:80"), "33");
    }

    #[test]
    fn the_caret_stands_under_the_culprit() {
        let error = read("127.0.0.1:80x").unwrap_err().to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[1], "  127.0.0.1:80x");
        assert_eq!(lines[2], "            ^^^");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            let _ = read(&text).map_err(|error| error.to_string());
        }

        #[test]
        fn nothing_like_a_target_panics(text in "(tcp|udp|unix|http)?(://)?[a-z0-9\\[\\]:/.,=%-]{0,30}") {
            if let Ok(target) = read(&text) {
                let host = target.hosts.iter().next().unwrap();
                let shown = target.all_of(&host);
                prop_assert!(read(&shown).is_ok(), "{} became {}", text, shown);
            }
        }

        #[test]
        fn what_is_shown_reads_back(host in "[a-z][a-z0-9.-]{0,20}",
                                    ports in prop::collection::vec((1_u16.., 0_u16..9), 1..5)) {
            let mut known = Ports::default();
            for (first, more) in ports {
                known.add(first..=first.saturating_add(more));
            }
            let target = parse(&format!("{host}:{known}"));
            prop_assert_eq!(&target.ports, &known);
            prop_assert_eq!(parse(&target.all_of(&host)), target);
        }
    }
}

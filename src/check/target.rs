//! What is to be checked, as a user writes it: `HOST:PORTS[=STATE]`.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use crate::finding::Expected;
use crate::net::host_with_port;

/// One target: a host, its ports, and the state they should be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, without brackets.
    pub host: String,
    /// Ports, in the order given; ranges are never empty.
    pub ports: Vec<RangeInclusive<u16>>,
    /// The state they should be in.
    pub expected: Expected,
}

/// A target that cannot be understood; points at the culprit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetError {
    text: String,
    culprit: Range<usize>,
    expected: String,
}

impl Target {
    /// Reads `[tcp://]HOST:PORTS[=STATE]`, where HOST is a name, an IPv4
    /// address or an IPv6 address in brackets, and PORTS a list of ports and
    /// ranges such as `80,443,8000-8010`.
    ///
    /// # Errors
    /// Points at the first character that is wrong and says what was expected.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let mut reader = Reader { text, at: 0 };
        reader.scheme()?;
        let host = reader.host()?;
        let (ports, expected) = reader.ports_and_state()?;
        Ok(Self {
            host,
            ports,
            expected,
        })
    }

    /// How many ports it names.
    #[must_use]
    pub fn port_count(&self) -> usize {
        self.ports.iter().map(ExactSizeIterator::len).sum()
    }

    /// The host with `port`, as it is shown.
    #[must_use]
    pub fn with_port(&self, port: u16) -> String {
        host_with_port(&self.host, port)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:", self.host)?,
            false => write!(f, "{}:", self.host)?,
        }
        for (index, ports) in self.ports.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            match (ports.start(), ports.end()) {
                (first, last) if first == last => write!(f, "{separator}{first}")?,
                (first, last) => write!(f, "{separator}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            culprit,
            expected,
        } = self;
        let text = text.escape_debug();
        let columns = |range: Range<usize>| self.text[range].escape_debug().count();
        let before = columns(0..culprit.start);
        let carets = columns(culprit.clone()).max(1);
        writeln!(f, "wrong target `{text}`: expected {expected}")?;
        writeln!(f, "  {text}")?;
        write!(f, "  {:before$}{:^>carets$}", "", "")
    }
}

impl std::error::Error for TargetError {}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Ports = Vec<RangeInclusive<u16>>;

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, culprit: Range<usize>, expected: impl Into<String>) -> TargetError {
        TargetError {
            text: self.text.into(),
            culprit,
            expected: expected.into(),
        }
    }

    fn scheme(&mut self) -> Result<(), TargetError> {
        let Some(end) = self.text.find("://") else {
            return Ok(());
        };
        self.at = end + 3;
        match &self.text[..end] {
            "tcp" => Ok(()),
            _ => Err(self.wrong(0..end, "the scheme `tcp`")),
        }
    }

    fn host(&mut self) -> Result<String, TargetError> {
        let start = self.at;
        if self.rest().starts_with('[') {
            return self.bracketed();
        }
        let end = self
            .rest()
            .rfind(':')
            .map_or(self.text.len(), |it| it + start);
        let host = &self.text[start..end];
        if host.contains(':') {
            return Err(self.wrong(start..end, "an IPv6 address in brackets: `[ADDRESS]:PORT`"));
        }
        if host.is_empty() {
            return Err(self.wrong(start..start, "a host before the port"));
        }
        if let Some((at, odd)) = host.char_indices().find(|(_, it)| !is_of_name(*it)) {
            let at = start + at;
            return Err(self.wrong(
                at..at + odd.len_utf8(),
                "letters, digits, `.`, `-` or `_` in a host, then `:PORT`",
            ));
        }
        self.at = end;
        Ok(host.into())
    }

    fn bracketed(&mut self) -> Result<String, TargetError> {
        let start = self.at + 1;
        let Some(end) = self.rest().find(']').map(|it| it + self.at) else {
            let all = self.text.len();
            return Err(self.wrong(all..all, "a `]` after the IPv6 address"));
        };
        let host = &self.text[start..end];
        let address = host.split_once('%').map_or(host, |(address, _)| address);
        if address.parse::<std::net::Ipv6Addr>().is_err() || host.ends_with('%') {
            return Err(self.wrong(start..end, "an IPv6 address such as `::1` in brackets"));
        }
        self.at = end + 1;
        Ok(host.into())
    }

    fn ports_and_state(&mut self) -> Result<(Ports, Expected), TargetError> {
        if !self.rest().starts_with(':') {
            return Err(self.wrong(self.at..self.at, "`:PORT` after the host"));
        }
        self.at += 1;
        let end = self.rest().find('=').map(|it| it + self.at);
        let ports = self.ports(end.unwrap_or(self.text.len()))?;
        let Some(end) = end else {
            return Ok((ports, Expected::default()));
        };
        let word = &self.text[end + 1..];
        let known = Expected::WORDS.iter().find(|(name, _)| *name == word);
        let Some((_, expected)) = known else {
            let words = Expected::WORDS.map(|(name, _)| name).join(", ");
            return Err(self.wrong(end + 1..self.text.len(), format!("one of {words}")));
        };
        Ok((ports, *expected))
    }

    fn ports(&mut self, end: usize) -> Result<Ports, TargetError> {
        let mut ports = Vec::new();
        for part in self.text[self.at..end].split(',') {
            let start = self.at;
            self.at += part.len() + 1;
            let range = match part.split_once('-') {
                None => {
                    let port = self.port(part, start)?;
                    port..=port
                }
                Some((first, last)) => {
                    let first_port = self.port(first, start)?;
                    first_port..=self.port(last, start + first.len() + 1)?
                }
            };
            if range.is_empty() {
                let whole = start..start + part.len();
                return Err(self.wrong(whole, "the smaller port first"));
            }
            add_new(&mut ports, range);
        }
        Ok(ports)
    }

    fn port(&self, digits: &str, at: usize) -> Result<u16, TargetError> {
        let number = digits.bytes().all(|it| it.is_ascii_digit());
        match digits.parse() {
            Ok(port) if number && port > 0 => Ok(port),
            _ => Err(self.wrong(at..at + digits.len(), "a port from 1 to 65535")),
        }
    }
}

/// Adds what `ports` does not hold yet, so that no port is checked twice.
fn add_new(ports: &mut Ports, range: RangeInclusive<u16>) {
    let (first, last) = range.into_inner();
    let known = ports
        .iter()
        .find(|it| first <= *it.end() && *it.start() <= last);
    match known.map(|it| (*it.start(), *it.end())) {
        None => ports.push(first..=last),
        Some((start, end)) => {
            if first < start {
                add_new(ports, first..=start - 1);
            }
            if end < last {
                add_new(ports, end + 1..=last);
            }
        }
    }
}

/// Names may hold non-ASCII letters: the resolver decides.
fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn culprit(text: &str) -> String {
        let error = Target::parse(text).unwrap_err();
        error.text[error.culprit].into()
    }

    #[test]
    fn the_whole_grammar() {
        let target = Target::parse("tcp://[fe80::1%eth0]:80,8000-8010=closed").unwrap();
        assert_eq!(target.host, "fe80::1%eth0");
        assert_eq!(target.ports, [80..=80, 8000..=8010]);
        assert_eq!(target.expected, Expected::Closed);
        assert_eq!(target.port_count(), 12);
        assert_eq!(target.with_port(80), "[fe80::1%eth0]:80");
        assert_eq!(
            Target::parse("web-1.example_x:1").unwrap().host,
            "web-1.example_x"
        );
    }

    #[test]
    fn a_port_that_is_named_twice_is_checked_once() {
        let ports = |text: &str| Target::parse(text).unwrap().ports;
        assert_eq!(ports("h:9,9"), [9..=9]);
        assert_eq!(ports("h:5-7,1-10,6"), [5..=7, 1..=4, 8..=10]);
        assert_eq!(ports("h:1-65535,80"), [1..=65535]);
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
    }

    #[test]
    fn the_caret_stands_under_the_culprit() {
        let error = Target::parse("127.0.0.1:80x").unwrap_err().to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[1], "  127.0.0.1:80x");
        assert_eq!(lines[2], "            ^^^");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            let _ = Target::parse(&text).map_err(|error| error.to_string());
        }

        #[test]
        fn what_is_shown_reads_back(host in "[a-z][a-z0-9.-]{0,20}",
                                    ports in prop::collection::vec((1_u16.., 0_u16..9), 1..5)) {
            let mut known = Vec::new();
            for (first, more) in ports {
                add_new(&mut known, first..=first.saturating_add(more));
            }
            let target = Target { host, ports: known, expected: Expected::Open };
            prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
        }
    }
}

//! A list of ports: `80,443,8000-8010,ssh`.

use std::fmt;
use std::ops::RangeInclusive;

/// Ports in the order given, none of them twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// One port.
    #[must_use]
    pub fn one(port: u16) -> Self {
        Self(vec![port..=port])
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().cloned().flatten()
    }

    /// Adds what is not there yet, so that no port is checked twice.
    pub(super) fn add(&mut self, range: RangeInclusive<u16>) {
        let (first, last) = range.into_inner();
        let known = self
            .0
            .iter()
            .find(|it| first <= *it.end() && *it.start() <= last);
        match known.map(|it| (*it.start(), *it.end())) {
            None => self.0.push(first..=last),
            Some((start, end)) => {
                if first < start {
                    self.add(first..=start - 1);
                }
                if end < last {
                    self.add(end + 1..=last);
                }
            }
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ports) in self.0.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            match (ports.start(), ports.end()) {
                (first, last) if first == last => write!(f, "{separator}{first}")?,
                (first, last) => write!(f, "{separator}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(ranges: &[RangeInclusive<u16>]) -> Ports {
        let mut ports = Ports::default();
        for range in ranges {
            ports.add(range.clone());
        }
        ports
    }

    #[test]
    fn a_port_that_is_named_twice_is_checked_once() {
        assert_eq!(ports(&[9..=9, 9..=9]).to_string(), "9");
        let mixed = ports(&[5..=7, 1..=10, 6..=6]);
        assert_eq!(mixed.to_string(), "5-7,1-4,8-10");
        assert_eq!((mixed.count(), mixed.iter().count()), (10, 10));
        assert_eq!(ports(&[1..=65535, 80..=80]).count(), 65535);
    }
}

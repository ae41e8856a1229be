//! The hosts that a target means: one, all of a network, or a numbered row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What stands for a host in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// A name or an address, without brackets.
    One(String),
    /// Every address of a network, the first and the last included.
    Network(IpNet),
    /// `web[1-8,12].rack[01-20]`: text and numbers in turn.
    Row(Vec<Part>),
}

/// A piece of a numbered row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The same for all.
    Text(String),
    /// Each number of these ranges, with as many digits as its range shows.
    Numbers(Vec<Numbers>),
}

/// `1-8`, or `01-20`, which keeps its zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The first.
    pub first: u32,
    /// The last, not below the first.
    pub last: u32,
    /// Digits at least.
    pub width: usize,
}

impl Hosts {
    /// How many hosts there are; more than can be counted count as the most
    /// that can.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Network(network) => {
                let bits = u32::from(network.max_prefix_len() - network.prefix_len());
                1_usize.checked_shl(bits).unwrap_or(usize::MAX)
            }
            Self::Row(parts) => parts.iter().map(Part::count).fold(1, usize::saturating_mul),
        }
    }

    /// Each host by name or address.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.count()).map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> String {
        match self {
            Self::One(host) => host.clone(),
            Self::Network(network) => nth(network.network(), index).to_string(),
            Self::Row(parts) => {
                let mut rest = index;
                // The last number runs fastest, as people count.
                let pieces = parts.iter().rev().map(|part| part.take(&mut rest));
                let pieces: Vec<String> = pieces.collect();
                pieces.into_iter().rev().collect()
            }
        }
    }
}

fn nth(first: IpAddr, index: usize) -> IpAddr {
    match first {
        IpAddr::V4(v4) => {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            Ipv4Addr::from(u32::from(v4).saturating_add(index)).into()
        }
        IpAddr::V6(v6) => {
            let number = u128::from(v6).saturating_add(index as u128);
            Ipv6Addr::from(number).into()
        }
    }
}

impl Part {
    fn count(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Numbers(ranges) => {
                let counts = ranges.iter().map(Numbers::count);
                counts.fold(0, usize::saturating_add)
            }
        }
    }

    /// The piece of the host that `index` stands for, and what is left of it.
    fn take(&self, index: &mut usize) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Numbers(ranges) => {
                let count = self.count();
                let mut at = *index % count;
                *index /= count;
                for range in ranges {
                    if at < range.count() {
                        return range.at(at);
                    }
                    at -= range.count();
                }
                String::new()
            }
        }
    }
}

impl Numbers {
    fn count(&self) -> usize {
        (self.last - self.first) as usize + 1
    }

    fn at(&self, index: usize) -> String {
        let number = self.first as usize + index;
        format!("{number:0width$}", width = self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_all_of_its_addresses() {
        let hosts = Hosts::Network("10.0.0.9/30".parse().unwrap());
        let all: Vec<String> = hosts.iter().collect();
        assert_eq!(all, ["10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11"]);
        let hosts = Hosts::Network("fd00::/126".parse().unwrap());
        assert_eq!(hosts.iter().last().unwrap(), "fd00::3");
        let huge = Hosts::Network("::/0".parse().unwrap());
        assert_eq!(huge.count(), usize::MAX);
        let whole = Hosts::Network("0.0.0.0/0".parse().unwrap());
        assert_eq!(whole.count(), 1 << 32);
    }

    #[test]
    fn the_last_number_of_a_row_runs_fastest() {
        let numbers = |first, last, width| Numbers { first, last, width };
        let hosts = Hosts::Row(vec![
            Part::Text("r".into()),
            Part::Numbers(vec![numbers(1, 2, 1)]),
            Part::Text("-".into()),
            Part::Numbers(vec![numbers(8, 10, 2), numbers(1, 1, 1)]),
        ]);
        let all: Vec<String> = hosts.iter().collect();
        let expected = [
            "r1-08", "r1-09", "r1-10", "r1-1", "r2-08", "r2-09", "r2-10", "r2-1",
        ];
        assert_eq!(all, expected);
    }
}

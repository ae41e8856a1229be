//! The ports of a scan: numbers, names, ranges, and lists of those.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::console::{Failure, Outcome};
use super::number::whole;
use super::settings::Transport;
use crate::net::service_port;

/// The ports that `words` name, in order; ranges from below, also where they are
/// written the other way round. Lists are separated by commas, unless `strict`.
pub(super) fn ports(words: &[String], transport: Transport, strict: bool) -> Outcome<Vec<u16>> {
    let mut ports = Vec::new();
    for word in words {
        match strict || !word.contains(',') {
            true => add(word, transport, &mut ports)?,
            false => {
                for part in word.split(',') {
                    add(part, transport, &mut ports)?;
                }
            }
        }
    }
    Ok(ports)
}

fn add(word: &str, transport: Transport, ports: &mut Vec<u16>) -> Outcome<()> {
    if let Some(port) = named(word, transport) {
        ports.push(port);
        return Ok(());
    }
    let range = word.split_once('-');
    match range.filter(|_| word.starts_with(|it: char| it.is_ascii_digit())) {
        Some((one, other)) => {
            let (one, other) = (number(one)?, number(other)?);
            ports.extend(one.min(other)..=one.max(other));
        }
        None => ports.push(number(word)?),
    }
    Ok(())
}

fn named(word: &str, transport: Transport) -> Option<u16> {
    // A number would be one to the system as well, cut off at its bits.
    let is_name = word.contains(|it: char| it.is_ascii_alphabetic());
    is_name.then(|| service_port(word, transport.is_datagrams()))?
}

/// Refuses a number that is no port; 0 is any. The system would take its low bits.
pub(super) fn listenable(word: &str) -> Outcome<()> {
    match whole(word, 0, u16::MAX.into()) {
        Err(error @ ("too large" | "too small")) => {
            Err(Failure::Told(format!("port number {error}: {word}")))
        }
        _ => Ok(()),
    }
}

fn number(word: &str) -> Outcome<u16> {
    let number = whole(word, 1, u16::MAX.into());
    let number = number.and_then(|it| u16::try_from(it).map_err(|_| "too large"));
    number.map_err(|error| Failure::Told(format!("port number {error}: {word}")))
}

/// Puts `ports` into random order.
pub(super) fn shuffle(ports: &mut [u16]) {
    // The keys of the standard library's hash tables are random.
    let keys = RandomState::new();
    ports.sort_by_cached_key(|port| keys.hash_one(port));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str], strict: bool) -> Result<Vec<u16>, String> {
        let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
        ports(&words, Transport::Stream, strict).map_err(|failure| match failure {
            Failure::Told(text) => text,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn ports_are_numbers_names_ranges_and_lists() {
        assert_eq!(read(&["22"], true), Ok(vec![22]));
        assert_eq!(read(&["23-21", "80"], true), Ok(vec![21, 22, 23, 80]));
        assert_eq!(read(&["http", "+7"], true), Ok(vec![80, 7]));
        assert_eq!(read(&["22,20-21,http"], false), Ok(vec![22, 20, 21, 80]));
    }

    #[test]
    fn what_is_no_port_is_said() {
        for (word, expected) in [
            ("99999", "too large: 99999"),
            ("0", "too small: 0"),
            ("nosuchsvc", "invalid: nosuchsvc"),
            ("22,23", "invalid: 22,23"),
            ("5-", "invalid: "),
            ("5-x", "invalid: x"),
            ("x-5", "invalid: x-5"),
            ("1--2", "too small: -2"),
            ("1-2-3", "invalid: 2-3"),
            ("http-https", "invalid: http-https"),
            ("1 ", "invalid: 1 "),
            ("", "invalid: "),
        ] {
            assert_eq!(read(&[word], true), Err(format!("port number {expected}")));
        }
        assert_eq!(read(&["1,"], false), Err("port number invalid: ".into()));
    }

    #[test]
    fn a_shuffled_range_is_complete() {
        let mut ports: Vec<u16> = (1..=1_000).collect();
        shuffle(&mut ports);
        assert!(!ports.is_sorted());
        ports.sort_unstable();
        assert!(ports.iter().copied().eq(1..=1_000));
    }
}

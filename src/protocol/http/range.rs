//! Which part of a file is asked for (RFC 9110, section 14).

/// What a `Range` asks for of a file whose length is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All of it: also what is malformed, in another unit, or several parts,
    /// which a server may answer so (RFC 9110, section 14.2).
    Whole,
    /// The bytes from `first` to `last`, both included, both within the file.
    Part {
        /// The first byte's number, from 0.
        first: u64,
        /// The last byte's number.
        last: u64,
    },
    /// Nothing that the file has.
    Unsatisfiable,
}

impl Range {
    /// Reads the value of a `Range` for a file of `length` bytes.
    #[must_use]
    pub fn parse(value: &[u8], length: u64) -> Self {
        let part = std::str::from_utf8(value).ok().and_then(one_part);
        let Some((first, last)) = part else {
            return Self::Whole;
        };
        let end = length.checked_sub(1);
        match (first, last, end) {
            // The last bytes; of fewer, all that there are.
            (None, Some(0), _) => Self::Unsatisfiable,
            (None, Some(_), None) | (None, None, _) => Self::Whole,
            (None, Some(count), Some(end)) => Self::Part {
                first: length.saturating_sub(count),
                last: end,
            },
            (Some(first), Some(last), _) if last < first => Self::Whole,
            (Some(first), last, Some(end)) if first <= end => Self::Part {
                first,
                last: last.unwrap_or(end).min(end),
            },
            (Some(_), _, _) => Self::Unsatisfiable,
        }
    }
}

/// Both ends of a single range, each of which may be missing.
fn one_part(value: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, ranges) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A list may have empty elements (RFC 9110, section 5.6.1.2).
    let mut ranges = ranges
        .split(',')
        .map(blank_trimmed)
        .filter(|it| !it.is_empty());
    let (first, last) = ranges.next()?.split_once('-')?;
    if ranges.next().is_some() {
        return None;
    }
    Some((number(first).ok()?, number(last).ok()?))
}

fn blank_trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A number or nothing at all; one too large is as good as the largest.
fn number(digits: &str) -> Result<Option<u64>, NoNumber> {
    match digits {
        "" => Ok(None),
        _ if !digits.bytes().all(|it| it.is_ascii_digit()) => Err(NoNumber),
        _ => Ok(Some(digits.parse().unwrap_or(u64::MAX))),
    }
}

struct NoNumber;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn single_ranges() {
        let part = |first, last| Range::Part { first, last };
        for (value, length, expected) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=0-", 10, part(0, 9)),
            ("bytes=2-4", 10, part(2, 4)),
            ("bytes=2-400", 10, part(2, 9)),
            ("bytes=9-", 10, part(9, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-300", 10, part(0, 9)),
            ("Bytes= 1-2 ", 10, part(1, 2)),
            ("bytes=,1-2,", 10, part(1, 2)),
            ("bytes=3-99999999999999999999999", 10, part(3, 9)),
            ("bytes=-99999999999999999999999", 10, part(0, 9)),
            ("bytes=10-", 10, Range::Unsatisfiable),
            ("bytes=10-20", 10, Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Range::Unsatisfiable),
            ("bytes=-0", 10, Range::Unsatisfiable),
            ("bytes=0-", 0, Range::Unsatisfiable),
            ("bytes=0-0", 0, Range::Unsatisfiable),
            ("bytes=-5", 0, Range::Whole),
        ] {
            assert_eq!(Range::parse(value.as_bytes(), length), expected, "{value}");
        }
    }

    #[test]
    fn whatever_else_is_the_whole() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=,",
            "bytes=a-b",
            "bytes=1",
            "bytes=4-2",
            "bytes=+1-2",
            "bytes=1-2x",
            "bytes=0x1-2",
            "bytes=1 - 2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes: 0-1",
            "bytes=1-2-3",
            "bytes=--1",
            "bytes=\u{661}-",
        ] {
            let parsed = Range::parse(value.as_bytes(), 10);
            assert_eq!(parsed, Range::Whole, "{value}");
        }
        assert_eq!(Range::parse(b"bytes=\xff-", 10), Range::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(value in "(bytes=)?[-0-9, x]{0,12}", length: u64) {
            if let Range::Part { first, last } = Range::parse(value.as_bytes(), length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}

//! echo has no format of its own: what is sent comes back (RFC 862). This is
//! how a client recognises its own bytes.

use std::fmt;

/// Bytes of a payload that carry its number.
const NUMBER_BYTES: usize = 8;

/// Odd, so that every byte comes once in 256.
const SPREAD: u8 = 167;

/// The numbered payload of a measured series: `size` bytes that differ from
/// those of every other number as far as `size` allows.
#[must_use]
pub fn payload(number: u64, size: usize) -> Vec<u8> {
    let head = number.to_be_bytes().into_iter();
    let body = (0_u8..=250)
        .cycle()
        // Spread, so that a few bytes already hold letters and high bits: a server
        // that changes those shows.
        .map(|it| it.wrapping_mul(SPREAD).wrapping_add(head_byte(number)));
    head.chain(body).take(size).collect()
}

/// The number of a payload, if it is long enough to carry one.
#[must_use]
pub fn number(payload: &[u8]) -> Option<u64> {
    payload
        .first_chunk::<NUMBER_BYTES>()
        .copied()
        .map(u64::from_be_bytes)
}

fn head_byte(number: u64) -> u8 {
    let [.., last] = number.to_be_bytes();
    last
}

/// Compares what comes back with what was sent, in pieces of any size.
#[derive(Debug)]
pub struct Verifier<'a> {
    sent: &'a [u8],
    matched: usize,
}

/// An echo that is not what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where it differs, in bytes from the start.
    pub offset: usize,
    /// The byte sent there; none if the echo is longer.
    pub sent: Option<u8>,
    /// The byte that came.
    pub came: u8,
}

impl<'a> Verifier<'a> {
    /// Expects exactly the bytes of `sent`.
    #[must_use]
    pub fn new(sent: &'a [u8]) -> Self {
        Self { sent, matched: 0 }
    }

    /// How many bytes have come back so far.
    #[must_use]
    pub fn matched(&self) -> usize {
        self.matched
    }

    /// Whether all bytes have come back.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.matched == self.sent.len()
    }

    /// Takes the next bytes that came.
    ///
    /// # Errors
    /// The first byte that differs, or that is too many.
    pub fn take(&mut self, came: &[u8]) -> Result<(), Wrong> {
        let rest = self.sent.get(self.matched..).unwrap_or_default();
        let differs = |(index, &byte): (usize, &u8)| rest.get(index) != Some(&byte);
        // Whole slices first: they compare at the speed of memory.
        if rest.get(..came.len()) != Some(came)
            && let Some((index, &byte)) = came.iter().enumerate().find(|&it| differs(it))
        {
            return Err(Wrong {
                offset: self.matched.saturating_add(index),
                sent: rest.get(index).copied(),
                came: byte,
            });
        }
        self.matched = self.matched.saturating_add(came.len());
        Ok(())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, sent, came } = self;
        let came = came.escape_ascii();
        match sent {
            Some(sent) => {
                let sent = sent.escape_ascii();
                write!(f, "byte {offset} is `{came}` where `{sent}` was sent")
            }
            None => write!(f, "more came than was sent: `{came}` after {offset} bytes"),
        }
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_fragmentation_verifies(sent: Vec<u8>, cuts: Vec<prop::sample::Index>) {
            let mut cuts: Vec<_> = cuts.iter().map(|it| it.index(sent.len() + 1)).collect();
            cuts.extend([0, sent.len()]);
            cuts.sort_unstable();
            let mut verifier = Verifier::new(&sent);
            for ends in cuts.windows(2) {
                prop_assert_eq!(verifier.take(&sent[ends[0]..ends[1]]), Ok(()));
            }
            prop_assert!(verifier.is_complete());
        }

        #[test]
        fn any_change_is_found(sent in prop::collection::vec(any::<u8>(), 1..100),
                               at: prop::sample::Index, change in 1_u8..) {
            let at = at.index(sent.len());
            let mut came = sent.clone();
            came[at] ^= change;
            let wrong = Verifier::new(&sent).take(&came).unwrap_err();
            prop_assert_eq!((wrong.offset, wrong.came), (at, came[at]));
        }

        #[test]
        fn numbers_come_back(wanted: u64, size in 8_usize..200) {
            prop_assert_eq!(number(&payload(wanted, size)), Some(wanted));
            prop_assert_eq!(payload(wanted, size).len(), size);
        }
    }

    #[test]
    fn too_many_bytes_are_wrong() {
        let wrong = Verifier::new(b"ab").take(b"abc").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "more came than was sent: `c` after 2 bytes"
        );
    }
}

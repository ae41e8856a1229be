//! Bytes that a server cannot guess, and where each connection is in them.

/// A prime, so that no buffer's size divides it: bytes that come back at the
/// wrong place are never right by chance.
const PERIOD: usize = 1_048_573;

/// The longest slice that can be asked for.
pub const LONGEST: usize = 256 * 1024;

/// A stream of pseudo-random bytes, the same in every run, without an end.
#[derive(Debug)]
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// The stream.
    #[must_use]
    pub fn new() -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = Vec::with_capacity(PERIOD + LONGEST);
        for _ in 0..PERIOD {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.push(state.to_le_bytes()[4]);
        }
        bytes.extend_from_within(..LONGEST);
        Self { bytes }
    }

    /// `count` bytes from `position` on, at most [`LONGEST`].
    #[must_use]
    pub fn slice(&self, position: usize, count: usize) -> &[u8] {
        let start = position % PERIOD;
        &self.bytes[start..start + count.min(LONGEST)]
    }
}

impl Default for Pattern {
    fn default() -> Self {
        Self::new()
    }
}

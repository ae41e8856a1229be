//! A long stream of bytes that never repeats and need not be kept to be recognised.

use std::io::{ErrorKind, Read, Write};

/// The same bytes for the same seed, as many as wanted (xorshift, 64 bits).
pub(crate) struct Pattern {
    state: u64,
}

impl Pattern {
    /// The stream of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// Fills `bytes`, whose length is a multiple of 8, with the next part of the stream.
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_exact_mut(8) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            chunk.copy_from_slice(&self.state.to_le_bytes());
        }
    }

    /// Writes the first `total` bytes of the stream.
    pub(crate) fn write_to(&mut self, sink: &mut impl Write, total: u64) -> std::io::Result<()> {
        let mut block = vec![0; BLOCK];
        let mut left = total;
        while left > 0 {
            self.fill(&mut block);
            let count = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            sink.write_all(&block[..count])?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Reads `source` to its end and compares it with the stream; returns how many bytes agreed,
    /// or where the first difference is.
    pub(crate) fn compare(&mut self, source: &mut impl Read) -> Result<u64, String> {
        let (mut expected, mut actual) = (vec![0; BLOCK], vec![0; BLOCK]);
        let mut total = 0;
        loop {
            let count = read_full(source, &mut actual)
                .map_err(|error| format!("cannot read after {total} bytes: {error}"))?;
            self.fill(&mut expected);
            if expected[..count] != actual[..count] {
                let at = (0..count).find(|&at| expected[at] != actual[at]);
                let at = total + at.unwrap_or_default() as u64;
                return Err(format!("differs at byte {at}"));
            }
            total += count as u64;
            if count < BLOCK {
                return Ok(total);
            }
        }
    }
}

/// Not a power of two, so blocks here and buffers elsewhere do not line up; a multiple of 8.
const BLOCK: usize = 200_008;

fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            // A socket with a timeout says so whenever the system pauses the process.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

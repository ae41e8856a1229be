//! The code of the store: a file in four quarters, kept as eight blocks on four
//! servers, so that any two of these rebuild it.
//!
//! With A1 A2 B1 B2 for the quarters: O1 = A1⊕B1, O2 = A2⊕B2, O3 = A2⊕B1,
//! O4 = A1⊕A2⊕B2. Server 1 keeps A1 A2, 2 keeps B1 B2, 3 keeps O1 O2, 4 keeps
//! O3 O4. Whoever calls streams: pieces of the same length from the same place of
//! every quarter are coded one after the other, whatever that length is.

use std::fmt;

/// Quarters of a file, of equal length.
const QUARTERS: u64 = 4;

/// Bytes of each block that are worked on at a time: what is read stays in the
/// processor's first cache for the outputs that need it again.
const STRIDE: usize = 4 * 1024;

/// One of the eight blocks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// The first quarter.
    A1,
    /// The second quarter.
    A2,
    /// The third quarter.
    B1,
    /// The fourth quarter.
    B2,
    /// A1⊕B1.
    O1,
    /// A2⊕B2.
    O2,
    /// A2⊕B1.
    O3,
    /// A1⊕A2⊕B2.
    O4,
}

/// One of the four servers that keep blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    /// Keeps A1 and A2.
    First,
    /// Keeps B1 and B2.
    Second,
    /// Keeps O1 and O2.
    Third,
    /// Keeps O3 and O4.
    Fourth,
}

/// Two different servers: enough to rebuild a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pair {
    /// Servers 1 and 2, which have the quarters themselves.
    FirstSecond,
    /// Servers 1 and 3.
    FirstThird,
    /// Servers 1 and 4.
    FirstFourth,
    /// Servers 2 and 3.
    SecondThird,
    /// Servers 2 and 4.
    SecondFourth,
    /// Servers 3 and 4, which have none of the quarters.
    ThirdFourth,
}

/// Pieces of different lengths, which cannot be coded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uneven;

/// The bytes that make a file divisible by four, as the original's.
///
/// They are as many as the last of them says, one to four: never none, so the
/// last byte of what is kept is always one of them.
#[must_use]
pub fn padding(size: u64) -> &'static [u8] {
    match size % QUARTERS {
        0 => &[4; 4],
        1 => &[3; 3],
        2 => &[2; 2],
        _ => &[1; 1],
    }
}

/// The length of a file with its padding. Sizes are below 2^63.
#[must_use]
pub fn padded_length(size: u64) -> u64 {
    quarter_length(size).saturating_mul(QUARTERS)
}

/// The length of each quarter, and so of each block, of a file of this size.
#[must_use]
pub fn quarter_length(size: u64) -> u64 {
    (size / QUARTERS).saturating_add(1)
}

/// How many of the last bytes are padding, as the very last of them says;
/// nothing of a byte that no padding ends with.
#[must_use]
pub fn padding_told_by(last: u8) -> Option<u64> {
    (1..=4).contains(&last).then(|| last.into())
}

/// Computes O1 O2 O3 O4 from pieces of A1 A2 B1 B2, all of one length.
///
/// # Errors
/// They are not; then nothing is written.
pub fn encode(quarters: [&[u8]; 4], parity: [&mut [u8]; 4]) -> Result<(), Uneven> {
    strides(quarters, parity, |[a1, a2, b1, b2], [o1, o2, o3, o4]| {
        sum_of_two(o1, a1, b1);
        sum_of_two(o2, a2, b2);
        sum_of_two(o3, a2, b1);
        sum_of_three(o4, a1, a2, b2);
    })
}

/// Computes A1 A2 B1 B2 from pieces of the four blocks that the two servers of
/// `pair` keep, in the order of [`Pair::blocks`], all of one length.
///
/// # Errors
/// They are not; then nothing is written.
pub fn decode(pair: Pair, blocks: [&[u8]; 4], quarters: [&mut [u8]; 4]) -> Result<(), Uneven> {
    match pair {
        Pair::FirstSecond => strides(blocks, quarters, |[a1, a2, b1, b2], out| {
            for (out, quarter) in out.into_iter().zip([a1, a2, b1, b2]) {
                copy(out, quarter);
            }
        }),
        Pair::FirstThird => strides(blocks, quarters, |[a1, a2, o1, o2], [x1, x2, y1, y2]| {
            copy(x1, a1);
            copy(x2, a2);
            sum_of_two(y1, a1, o1);
            sum_of_two(y2, a2, o2);
        }),
        Pair::FirstFourth => strides(blocks, quarters, |[a1, a2, o3, o4], [x1, x2, y1, y2]| {
            copy(x1, a1);
            copy(x2, a2);
            sum_of_two(y1, a2, o3);
            sum_of_three(y2, a1, a2, o4);
        }),
        Pair::SecondThird => strides(blocks, quarters, |[b1, b2, o1, o2], [x1, x2, y1, y2]| {
            sum_of_two(x1, b1, o1);
            sum_of_two(x2, b2, o2);
            copy(y1, b1);
            copy(y2, b2);
        }),
        Pair::SecondFourth => strides(blocks, quarters, |[b1, b2, o3, o4], [x1, x2, y1, y2]| {
            sum_of_two(x2, b1, o3);
            sum_of_three(x1, x2, b2, o4);
            copy(y1, b1);
            copy(y2, b2);
        }),
        Pair::ThirdFourth => strides(blocks, quarters, |[o1, o2, o3, o4], [x1, x2, y1, y2]| {
            sum_of_two(x1, o2, o4);
            sum_of_three(x2, x1, o1, o3);
            sum_of_two(y1, x1, o1);
            sum_of_two(y2, x2, o2);
        }),
    }
}

impl Block {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::A1,
        Self::A2,
        Self::B1,
        Self::B2,
        Self::O1,
        Self::O2,
        Self::O3,
        Self::O4,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A1 => "A1",
            Self::A2 => "A2",
            Self::B1 => "B1",
            Self::B2 => "B2",
            Self::O1 => "O1",
            Self::O2 => "O2",
            Self::O3 => "O3",
            Self::O4 => "O4",
        }
    }

    /// The name under which the block of the file `name` is kept: `name.ext`
    /// becomes `name_A1.ext`, split at the first dot. No two files have one in
    /// common.
    #[must_use]
    pub fn file_name(self, name: &str) -> String {
        let block = self.name();
        match name.split_once('.') {
            Some((stem, rest)) => format!("{stem}_{block}.{rest}"),
            None => format!("{name}_{block}"),
        }
    }
}

impl Server {
    /// All four.
    pub const ALL: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::Fourth];

    /// The server of this number, 1 to 4.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }

    /// Its number, 1 to 4.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Third => 3,
            Self::Fourth => 4,
        }
    }

    /// The blocks that it keeps.
    #[must_use]
    pub fn blocks(self) -> [Block; 2] {
        match self {
            Self::First => [Block::A1, Block::A2],
            Self::Second => [Block::B1, Block::B2],
            Self::Third => [Block::O1, Block::O2],
            Self::Fourth => [Block::O3, Block::O4],
        }
    }
}

impl Pair {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::FirstSecond,
        Self::FirstThird,
        Self::FirstFourth,
        Self::SecondThird,
        Self::SecondFourth,
        Self::ThirdFourth,
    ];

    /// The two, in any order; nothing if they are one.
    #[must_use]
    pub fn of(one: Server, other: Server) -> Option<Self> {
        let servers = [one.min(other), one.max(other)];
        Self::ALL.into_iter().find(|it| it.servers() == servers)
    }

    /// Its servers, the lower number first.
    #[must_use]
    pub fn servers(self) -> [Server; 2] {
        match self {
            Self::FirstSecond => [Server::First, Server::Second],
            Self::FirstThird => [Server::First, Server::Third],
            Self::FirstFourth => [Server::First, Server::Fourth],
            Self::SecondThird => [Server::Second, Server::Third],
            Self::SecondFourth => [Server::Second, Server::Fourth],
            Self::ThirdFourth => [Server::Third, Server::Fourth],
        }
    }

    /// The blocks that they keep: both of the first server, then both of the
    /// second.
    #[must_use]
    pub fn blocks(self) -> [Block; 4] {
        let [[a, b], [c, d]] = self.servers().map(Server::blocks);
        [a, b, c, d]
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl fmt::Display for Uneven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the blocks are not of one length")
    }
}

impl std::error::Error for Uneven {}

/// Calls `code` with four pieces to read and four to write, stride by stride.
#[inline]
fn strides(
    from: [&[u8]; 4],
    to: [&mut [u8]; 4],
    code: impl Fn([&[u8]; 4], [&mut [u8]; 4]),
) -> Result<(), Uneven> {
    let length = from.first().map_or(0, |it| it.len());
    let is_even = from.iter().all(|it| it.len() == length);
    if !is_even || to.iter().any(|it| it.len() != length) {
        return Err(Uneven);
    }
    let [first, second, third, fourth] = from.map(|it| it.chunks(STRIDE));
    let from = first.zip(second).zip(third).zip(fourth);
    let [first, second, third, fourth] = to.map(|it| it.chunks_mut(STRIDE));
    let to = first.zip(second).zip(third).zip(fourth);
    for ((((from1, from2), from3), from4), (((to1, to2), to3), to4)) in from.zip(to) {
        code([from1, from2, from3, from4], [to1, to2, to3, to4]);
    }
    Ok(())
}

fn copy(to: &mut [u8], a: &[u8]) {
    for (to, a) in to.iter_mut().zip(a) {
        *to = *a;
    }
}

fn sum_of_two(to: &mut [u8], a: &[u8], b: &[u8]) {
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        *to = a ^ b;
    }
}

fn sum_of_three(to: &mut [u8], a: &[u8], b: &[u8], c: &[u8]) {
    for (((to, a), b), c) in to.iter_mut().zip(a).zip(b).zip(c) {
        *to = a ^ b ^ c;
    }
}

#[cfg(test)]
mod tests;

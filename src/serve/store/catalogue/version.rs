//! Which file, and which content of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::protocol::coding::{Block, quarter_length};
use crate::protocol::shard::{Place, User};
use crate::units::hexadecimal;

/// A file of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Key {
    pub(in super::super) user: User,
    pub(in super::super) place: Place,
}

/// What stands for a file on the store's own disk: digits, whatever its name is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) struct Id(String);

/// One content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Version {
    /// Its length in bytes.
    pub(in super::super) size: u64,
    /// How often the file was replaced.
    pub(in super::super) generation: u64,
    /// The checksums of its blocks, in their order.
    sha256: [Sum; 8],
}

/// The SHA-256 checksum of a block, as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Sum(String);

impl Key {
    /// What stands for it.
    pub(in super::super) fn id(&self) -> Id {
        let mut sum = Sha256::new();
        for name in [self.user.name(), self.place.path(), self.place.name()] {
            sum.update(name);
            sum.update([0]);
        }
        Id(hexadecimal(&sum.finalize()))
    }
}

impl Id {
    /// The name of its file.
    pub(super) fn file_name(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
impl Id {
    pub(in super::super) fn for_test(name: &str) -> Self {
        Self(name.into())
    }
}

impl Sum {
    /// The end of a computation.
    pub(in super::super) fn of(sum: Sha256) -> Self {
        Self(hexadecimal(&sum.finalize()))
    }
}

impl Version {
    pub(in super::super) fn new(size: u64, generation: u64, sha256: [Sum; 8]) -> Self {
        Self {
            size,
            generation,
            sha256,
        }
    }

    /// The checksum of a block.
    pub(in super::super) fn sum(&self, block: Block) -> Option<&Sum> {
        let mut sums = Block::ALL.into_iter().zip(&self.sha256);
        sums.find(|(it, _)| *it == block).map(|(_, sum)| sum)
    }

    /// The checksums of all blocks, in their order.
    pub(in super::super) fn sums(&self) -> &[Sum; 8] {
        &self.sha256
    }

    /// The length of each block.
    pub(in super::super) fn block_length(&self) -> u64 {
        quarter_length(self.size)
    }
}

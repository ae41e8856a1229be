//! A file's eight blocks, side by side in a file of the store's own: the four
//! quarters first, so that the file itself stands at its beginning.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::catalogue::Sum;
use super::disk;
use crate::files;
use crate::protocol::coding::{self, Block, Pair, padding, quarter_length};
use crate::reactor::blocking;

/// Bytes of each block that are coded at a time: eight of them are in memory.
const PIECE: usize = 256 << 10;

/// Numbers of the files in the spool.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The blocks of a file of a size that is known. A drop removes them, unless
/// they were kept.
#[derive(Debug)]
pub(super) struct Spool {
    file: Arc<File>,
    /// Its name; nothing once it belongs to somebody else.
    name: Option<PathBuf>,
    size: u64,
}

impl Spool {
    /// Room for a file of `size` bytes, in `directory`.
    ///
    /// # Errors
    /// As of open(2).
    pub(super) fn new(directory: &Path, size: u64) -> io::Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = directory.join(number.to_string());
        Ok(Self {
            file: Arc::new(disk::create(&name)?),
            name: Some(name),
            size,
        })
    }

    /// Blocks that were kept, of a file of `size` bytes; they stay.
    ///
    /// # Errors
    /// As of open(2).
    pub(super) fn open(path: &Path, size: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self {
            file: Arc::new(file),
            name: None,
            size,
        })
    }

    /// The file, which begins with that of the user.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The length of each block.
    pub(super) fn block_length(&self) -> u64 {
        quarter_length(self.size)
    }

    /// Where a block begins.
    pub(super) fn offset(&self, block: Block) -> u64 {
        let before = Block::ALL.iter().take_while(|it| **it != block);
        before.count() as u64 * self.block_length()
    }

    /// Writes at an offset.
    ///
    /// # Errors
    /// A full disk, for one.
    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Moves it to `path`, for good: it survives a power failure, and a drop.
    /// For a helper thread.
    ///
    /// # Errors
    /// A full disk, for one.
    pub(super) fn keep(&mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(name) = &self.name {
            fs::rename(name, path)?;
            self.name = None;
            disk::sync_directory(path)?;
        }
        Ok(())
    }

    /// Pads the file that was written, and computes the other blocks. For a helper
    /// thread.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn encode(&self) -> io::Result<[Sum; 8]> {
        self.write(padding(self.size), self.size)?;
        self.rebuild(Pair::FirstSecond)
    }

    /// Computes all blocks from those of two servers, and the checksums of all.
    /// For a helper thread.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn rebuild(&self, from: Pair) -> io::Result<[Sum; 8]> {
        let length = self.block_length();
        let piece = usize::try_from(length).unwrap_or(PIECE).min(PIECE);
        let mut given: [Vec<u8>; 4] = std::array::from_fn(|_| vec![0; piece]);
        let mut quarters = given.clone();
        let mut parity = given.clone();
        let mut sums: [Sha256; 8] = std::array::from_fn(|_| Sha256::new());
        let mut at = 0;
        while at < length {
            let count = usize::try_from(length - at).unwrap_or(piece).min(piece);
            for (block, bytes) in from.blocks().into_iter().zip(&mut given) {
                let bytes = &mut bytes[..count];
                self.file.read_exact_at(bytes, self.offset(block) + at)?;
            }
            let (given, known) = (sliced(&given, count), sliced_mut(&mut quarters, count));
            coding::decode(from, given, known).map_err(io::Error::other)?;
            let (known, more) = (sliced(&quarters, count), sliced_mut(&mut parity, count));
            coding::encode(known, more).map_err(io::Error::other)?;
            let blocks = quarters.iter().chain(&parity).zip(Block::ALL);
            for ((bytes, block), sum) in blocks.zip(&mut sums) {
                let bytes = &bytes[..count];
                sum.update(bytes);
                if !from.blocks().contains(&block) {
                    self.write(bytes, self.offset(block) + at)?;
                }
            }
            at += count as u64;
        }
        Ok(sums.map(Sum::of))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // What cannot be removed is removed at the next start.
            let _ = fs::remove_file(name);
        }
    }
}

/// Reads bytes at an offset, without holding up the loop.
///
/// # Errors
/// The disk fails, or the file is shorter.
pub(super) async fn read(file: &Arc<File>, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        let at = offset + filled as u64;
        match files::read_cached(file, &mut buffer[filled..], at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let file = Arc::clone(file);
                blocking(move || files::fetch(&file, at)).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn sliced(pieces: &[Vec<u8>; 4], count: usize) -> [&[u8]; 4] {
    pieces.each_ref().map(|it| &it[..count])
}

fn sliced_mut(pieces: &mut [Vec<u8>; 4], count: usize) -> [&mut [u8]; 4] {
    pieces.each_mut().map(|it| &mut it[..count])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: usize) -> Vec<u8> {
        let bytes = (0..=250_u8).cycle().zip(1..).take(size);
        bytes
            .map(|(byte, at): (u8, u32)| byte ^ at.to_le_bytes()[1])
            .collect()
    }

    fn sizes() -> [usize; 8] {
        [0, 1, 2, 3, 4, 1000, 4 * PIECE - 1, 4 * PIECE + 5]
    }

    #[test]
    fn every_pair_of_servers_gives_the_file_back() {
        let folder = tempfile::tempdir().unwrap();
        for size in sizes() {
            let content = content(size);
            let coded = Spool::new(folder.path(), size as u64).unwrap();
            coded.write(&content, 0).unwrap();
            let sums = coded.encode().unwrap();
            for pair in Pair::ALL {
                let fetched = Spool::new(folder.path(), size as u64).unwrap();
                for block in pair.blocks() {
                    let mut bytes = vec![0; usize::try_from(coded.block_length()).unwrap()];
                    let offset = coded.offset(block);
                    coded.file().read_exact_at(&mut bytes, offset).unwrap();
                    fetched.write(&bytes, offset).unwrap();
                }
                assert_eq!(fetched.rebuild(pair).unwrap(), sums, "{size} {pair:?}");
                let mut back = vec![0; size];
                fetched.file().read_exact_at(&mut back, 0).unwrap();
                assert!(back == content, "{size} {pair:?}");
            }
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "nothing is left of them");
    }

    #[test]
    fn what_is_kept_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let mut spool = Spool::new(folder.path(), 3).unwrap();
        spool.write(b"abc", 0).unwrap();
        let sums = spool.encode().unwrap();
        spool.keep(&path).unwrap();
        drop(spool);
        let kept = Spool::open(&path, 3).unwrap();
        assert_eq!(kept.rebuild(Pair::ThirdFourth).unwrap(), sums);
        drop(kept);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

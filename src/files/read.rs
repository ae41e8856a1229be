//! Reading what the disk has to be waited for without holding up the loop.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are fetched in one go.
const FETCHED_BYTES: usize = 256 * 1024;

/// Reads at `offset` what is in memory already, which may be less than there is.
///
/// A file system that cannot tell what is in memory, as those that are nowhere
/// else, is read from at once.
///
/// # Errors
/// `WouldBlock` if the disk would have to be waited for: then it is to be
/// fetched first. Whatever else the disk says.
pub fn read_cached(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    match cached(file, buffer, offset) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            read_waiting(file, buffer, offset)
        }
        outcome => outcome,
    }
}

/// Reads at `offset`, waiting for the disk as long as it takes.
///
/// # Errors
/// Whatever the disk says.
pub fn read_waiting(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Waits until the bytes from `offset` on, 256 KiB at most, are in memory: on a
/// thread that may wait. What goes wrong, the next read tells.
pub fn fetch(file: &File, offset: u64) {
    let mut buffer = vec![0; FETCHED_BYTES];
    let _ = read_waiting(file, &mut buffer, offset);
}

#[cfg(target_os = "linux")]
fn cached(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let pieces = &mut [io::IoSliceMut::new(buffer)];
    match preadv2(file, pieces, offset, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
        outcome => Ok(outcome?),
    }
}

#[cfg(not(target_os = "linux"))]
fn cached(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

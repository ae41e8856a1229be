//! What a directory holds, in the order of its names.

use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io;

/// The names of a directory.
#[derive(Debug, Default)]
pub struct Entries {
    /// In the order of their bytes.
    pub entries: Vec<Entry>,
    /// Whether there are more names than were wanted.
    pub more: bool,
}

/// One name, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes, whatever they mean.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes; of a link, the link's own.
    pub length: u64,
    /// When its content was last changed.
    pub modified: SystemTime,
}

/// What stands at a name, which is not followed if it is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it leads.
    Link,
    /// A FIFO, a socket, a device.
    Other,
}

/// Reads the names in `directory`: of more than `most`, those that the
/// directory tells first.
pub(super) fn read(directory: &impl AsFd, most: usize) -> std::io::Result<Entries> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = openat(directory, ".", flags, Mode::empty())?;
    let mut found = Entries::default();
    for entry in Dir::new(readable)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if found.entries.len() == most {
            found.more = true;
            break;
        }
        match look(directory, name) {
            Ok(entry) => found.entries.push(entry),
            // It was there a moment ago.
            Err(io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn look(directory: &impl AsFd, name: &[u8]) -> Result<Entry, io::Errno> {
    let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    };
    Ok(Entry {
        name: name.to_owned(),
        kind,
        length: u64::try_from(found.st_size).unwrap_or_default(),
        modified: moment(found.st_mtime),
    })
}

/// The moment so many seconds after the beginning of 1970, or before it.
fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moment = match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    };
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}

//! Removing directories with all that they hold, by their descriptors.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;

/// Directories within each other: there are no more where we made them.
pub(super) const DEEPEST: u32 = 64;

/// Removes whatever is in `directory`; links are removed, not followed.
pub(super) fn all_in(directory: &impl AsFd) -> io::Result<()> {
    below(directory, DEEPEST)
}

fn below(directory: &impl AsFd, depth: u32) -> io::Result<()> {
    each(directory, &mut |name, kind| {
        if kind != FileType::Directory {
            return Ok(unlinkat(directory, name, AtFlags::empty())?);
        }
        let deeper = depth.checked_sub(1).ok_or_else(too_deep)?;
        below(&open(directory, name)?, deeper)?;
        Ok(unlinkat(directory, name, AtFlags::REMOVEDIR)?)
    })
}

/// Calls `act` with each name in `directory` and what has it; what goes away
/// meanwhile is passed over.
pub(super) fn each(
    directory: &impl AsFd,
    act: &mut dyn FnMut(&CStr, FileType) -> io::Result<()>,
) -> io::Result<()> {
    for entry in Dir::new(open(directory, c".")?)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => FileType::from_raw_mode(found.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            },
            kind => kind,
        };
        match act(name, kind) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Opens a directory by its name in another, which is no path.
pub(super) fn open(directory: &impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?)
}

pub(super) fn too_deep() -> io::Error {
    io::Error::other(format!("more than {DEEPEST} directories within each other"))
}

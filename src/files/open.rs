//! The walk from a directory down a path that may not leave it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

/// A look at what stands somewhere: it waits for nobody and changes nothing,
/// whatever that is.
#[cfg(target_os = "linux")]
pub(super) const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The nearest to it elsewhere: it waits for nobody.
#[cfg(not(target_os = "linux"))]
pub(super) const LOOK: OFlags = OFlags::NONBLOCK
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// How often a walk is begun again while something is renamed at the same
/// time, which makes the kernel unsure whether `..` still stays beneath.
const MOST_ATTEMPTS: u32 = 64;

/// The longest path, as in `PATH_MAX` of limits.h(0p).
const LONGEST_PATH: usize = 4096;

/// Who walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// The kernel: links are followed as far as they stay beneath.
    Kernel,
    /// We, name by name, where the kernel is older than Linux 5.6 or a sandbox
    /// forbids the call: no link is followed, and `..` is refused.
    Steps,
}

impl Walk {
    /// What works here, tried on a directory that is open.
    pub(super) fn for_directory(directory: &impl AsFd) -> Self {
        match Self::Kernel.open(directory, b".", LOOK) {
            // Sandboxes that are older than the call say that it is forbidden.
            Err(Errno::NOSYS | Errno::PERM) => Self::Steps,
            _ => Self::Kernel,
        }
    }

    /// Opens what stands at `path` beneath `directory`.
    pub(super) fn open(
        self,
        directory: &impl AsFd,
        path: &[u8],
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        match self {
            Self::Kernel => by_kernel(directory, path, flags, Links::Beneath),
            Self::Steps => by_steps(directory, path, flags),
        }
    }

    /// The same where no link is followed, wherever it leads.
    pub(super) fn open_unlinked(
        self,
        directory: &impl AsFd,
        path: &[u8],
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        match self {
            Self::Kernel => by_kernel(directory, path, flags, Links::None),
            Self::Steps => by_steps(directory, path, flags),
        }
    }
}

/// Which links the kernel follows.
#[derive(Clone, Copy)]
enum Links {
    /// Those that stay beneath.
    Beneath,
    /// None.
    None,
}

#[cfg(target_os = "linux")]
fn by_kernel(
    directory: &impl AsFd,
    path: &[u8],
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH
        | match links {
            Links::Beneath => ResolveFlags::NO_MAGICLINKS,
            Links::None => ResolveFlags::NO_SYMLINKS,
        };
    let mut attempts = 1;
    loop {
        match openat2(directory, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if attempts < MOST_ATTEMPTS => attempts += 1,
            outcome => return outcome,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn by_kernel(_: &impl AsFd, _: &[u8], _: OFlags, _: Links) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

fn by_steps(directory: &impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    if path.len() >= LONGEST_PATH {
        return Err(Errno::NAMETOOLONG);
    }
    let names = path.split(|byte| *byte == b'/');
    let mut names = names.filter(|it| !it.is_empty() && *it != b".").peekable();
    let must_be_directory = path.ends_with(b"/") || path.ends_with(b"/.");
    let mut at = step(directory, b".", LOOK)?;
    if names.peek().is_none() {
        return step(&at, b".", flags);
    }
    while let Some(name) = names.next() {
        if name == b".." {
            return Err(Errno::XDEV);
        }
        let last = names.peek().is_none();
        at = match last {
            true if must_be_directory => step(&at, name, flags | OFlags::DIRECTORY)?,
            true => step(&at, name, flags)?,
            false => step(&at, name, LOOK)?,
        };
    }
    Ok(at)
}

/// One name further. With `O_PATH` a link is opened itself, and refused then.
fn step(directory: &impl AsFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let opened = openat(directory, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
    let is_link = FileType::from_raw_mode(fstat(&opened)?.st_mode) == FileType::Symlink;
    if is_link {
        return Err(Errno::LOOP);
    }
    Ok(opened)
}

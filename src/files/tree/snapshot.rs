//! A second name for every file: a copy of a tree that costs no room, and that
//! keeps what the tree replaces or removes later.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, fsync, linkat, mkdirat, renameat};

use super::remove::{DEEPEST, all_in, each, open, too_deep};
use super::{DIRECTORY_MODE, Drafts, Tree};

/// No stamp can be later: four digits are a year's.
const LAST: Duration = Duration::from_millis(253_402_300_799_999);

/// The least by which a copy is newer than the one before it.
const NEXT: Duration = Duration::from_millis(1);

/// A copy that is ahead of the clock by less is so because copies follow each
/// other quickly.
const AHEAD: Duration = Duration::from_secs(1);

/// What a copy of a tree holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Files that have a second name now.
    pub files: u64,
    /// What is neither a file nor a directory, and so not in the copy.
    pub left_out: u64,
    /// How far the newest copy before it is ahead of the clock, if it is: the
    /// clock was set back.
    pub ahead: Option<Duration>,
}

impl Tree {
    /// Copies all that the tree holds into a new directory of its directory
    /// `within`, which is named after the time, and keeps the newest `most` of
    /// those, itself always. Its name is later than that of every other, whatever
    /// the clock says. A copy that is there is whole; each file in it is as it was
    /// at some moment of the copying, and later replacements do not touch it.
    ///
    /// # Errors
    /// There is no new copy, or an old one could not be removed.
    pub fn snapshot(&self, within: &str, most: usize) -> io::Result<Snapshot> {
        let kept = self.make_directories(within)?;
        let newest = stamps(&kept)?.pop().map(|(made, _)| made);
        let clock = SystemTime::now();
        let stamp = stamp(following(newest, clock)?);
        let (drafts, draft) = (&self.drafts, self.drafts.next_name());
        mkdirat(&drafts.directory, &draft, DIRECTORY_MODE)?;
        let copying = Copying {
            skipped: [within, drafts.name],
            found: Snapshot::default(),
        };
        let draft = CString::new(draft)?;
        let copied = open(&drafts.directory, &draft)
            .and_then(|copy| copying.run(self, &copy))
            .and_then(|found| {
                renameat(&drafts.directory, &draft, &kept, &stamp)?;
                fsync(&kept)?;
                Ok(found)
            });
        if copied.is_err() {
            let _ = discard(drafts, &drafts.directory, &draft);
        }
        let found = copied?;
        for old in stamps(&kept)?.iter().rev().skip(most.max(1)) {
            discard(drafts, &kept, &old.1)?;
        }
        let ahead = newest.and_then(|it| it.duration_since(clock).ok());
        let ahead = ahead.filter(|it| *it >= AHEAD);
        Ok(Snapshot { ahead, ..found })
    }

    /// How long ago the newest copy in `within` was made, if there is one and its
    /// name can tell: one that is ahead of the clock cannot.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn newest_snapshot(&self, within: &str) -> io::Result<Option<Duration>> {
        let kept = self.make_directories(within)?;
        let newest = stamps(&kept)?.pop();
        let clock = SystemTime::now();
        Ok(
            newest.and_then(|(made, _)| match clock.duration_since(made) {
                Ok(age) => Some(age),
                Err(ahead) if ahead.duration() < AHEAD => Some(Duration::ZERO),
                Err(_) => None,
            }),
        )
    }
}

struct Copying<'a> {
    /// Names in the root that are not copied.
    skipped: [&'a str; 2],
    found: Snapshot,
}

impl Copying<'_> {
    fn run(mut self, tree: &Tree, to: &impl AsFd) -> io::Result<Snapshot> {
        self.directory(&tree.root.directory, to, DEEPEST)?;
        Ok(self.found)
    }

    fn directory(&mut self, from: &impl AsFd, to: &impl AsFd, depth: u32) -> io::Result<()> {
        let deeper = depth.checked_sub(1).ok_or_else(too_deep)?;
        let is_root = depth == DEEPEST;
        each(from, &mut |name, kind| {
            if is_root
                && self
                    .skipped
                    .iter()
                    .any(|it| it.as_bytes() == name.to_bytes())
            {
                return Ok(());
            }
            match kind {
                FileType::RegularFile => {
                    linkat(from, name, to, name, AtFlags::empty())?;
                    self.found.files += 1;
                    Ok(())
                }
                FileType::Directory => {
                    let inside = open(from, name)?;
                    mkdirat(to, name, DIRECTORY_MODE)?;
                    self.directory(&inside, &open(to, name)?, deeper)
                }
                _ => {
                    self.found.left_out += 1;
                    Ok(())
                }
            }
        })?;
        Ok(fsync(to)?)
    }
}

/// Removes the directory `name` of `from`: moved away first, so that what is
/// still there under its name is whole.
fn discard(drafts: &Drafts, from: &impl AsFd, name: &CStr) -> io::Result<()> {
    let aside = CString::new(drafts.next_name())?;
    renameat(from, name, &drafts.directory, &aside)?;
    all_in(&open(&drafts.directory, &aside)?)?;
    let removed = rustix::fs::unlinkat(&drafts.directory, &aside, AtFlags::REMOVEDIR);
    Ok(removed?)
}

/// The copies in a directory, the oldest first; other names there are nobody's
/// business.
fn stamps(directory: &impl AsFd) -> io::Result<Vec<(SystemTime, CString)>> {
    let mut stamps = Vec::new();
    each(directory, &mut |name, kind| {
        let text = name.to_str().ok().filter(|_| kind == FileType::Directory);
        let made = text.and_then(|it| Some((it, humantime::parse_rfc3339(it).ok()?)));
        if let Some((_, made)) = made.filter(|(text, made)| stamp(*made) == *text) {
            stamps.push((made, name.to_owned()));
        }
        Ok(())
    })?;
    stamps.sort();
    Ok(stamps)
}

/// The time that a copy is named after: that of the clock, unless there is a
/// copy already that is not older.
fn following(newest: Option<SystemTime>, clock: SystemTime) -> io::Result<SystemTime> {
    let earliest = newest.map_or(SystemTime::UNIX_EPOCH, |it| it + NEXT);
    let made = clock.max(earliest);
    match made.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since <= LAST => Ok(made),
        _ => Err(io::Error::other("no copy can be newer than the newest")),
    }
}

/// What a copy made then is called.
fn stamp(made: SystemTime) -> String {
    humantime::format_rfc3339_millis(made).to_string()
}

//! Names that a client may give: whose directory, and where in it a block lies.
//!
//! None of them leads anywhere else, whatever is done with it.

use std::fmt;

/// The longest name, in bytes, as in `NAME_MAX` of limits.h(0p).
const LONGEST_NAME: usize = 255;

/// Directories within each other in a user's directory.
const DEEPEST: usize = 32;

/// Where copies of the whole tree are kept, beside the users' directories.
pub const BACKUP: &str = "backup";

/// Where a server keeps what it has not finished, beside them too.
pub const OWN: &str = ".netkit";

/// Bytes of a wrong name that are quoted.
const QUOTED: usize = 64;

/// Whose directory: the name of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User(String);

/// Where a block lies in its user's directory: never directly in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    name: String,
    path: String,
}

/// A name that is none: why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl User {
    /// The user called `name`.
    ///
    /// # Errors
    /// Nobody can be called so.
    pub fn new(name: &str) -> Result<Self, Refused> {
        check_name(name)?;
        match name {
            BACKUP | OWN => Err(refused(name, "is nobody's name")),
            _ => Ok(Self(name.into())),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Place {
    /// The block called `name` in the directory `path`, which has slashes between
    /// the names of directories; those around it, and empty names, are dropped.
    ///
    /// # Errors
    /// Nothing can be called so.
    pub fn new(name: &str, path: &str) -> Result<Self, Refused> {
        check_name(name)?;
        let names: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
        names.iter().try_for_each(|it| check_name(it))?;
        match names.len() {
            0 => Err(refused(path, "names no directory")),
            1..=DEEPEST => Ok(Self {
                name: name.into(),
                path: names.join("/"),
            }),
            _ => Err(refused(path, "is too deep: 32 directories at most")),
        }
    }

    /// The block's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory, with single slashes between names and none around.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Whether `name` can be that of a file or a directory and of nothing else: it
/// is not empty, nor `.` or `..`, and has no separator of any system and no
/// control character.
///
/// # Errors
/// It cannot: why.
pub fn check_name(name: &str) -> Result<(), Refused> {
    let wrong = match name {
        "" => "is no name: it is empty",
        "." | ".." => "is no name of its own",
        _ if name.contains(['/', '\\']) => "is no name: it holds a separator",
        _ if name.contains(char::is_control) => "is no name: it holds a control character",
        _ if name.len() > LONGEST_NAME => "is too long: 255 bytes at most",
        _ => return Ok(()),
    };
    Err(refused(name, wrong))
}

fn refused(name: &str, why: &str) -> Refused {
    let quoted = crate::protocol::raw::escape_head(name.as_bytes(), QUOTED);
    Refused(format!("`{quoted}` {why}"))
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.path, self.name)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

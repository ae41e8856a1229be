//! How many descriptors a process may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as the system lets it have; what it starts later inherits that.
pub fn raise_limit() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}

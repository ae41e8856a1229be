//! Unix stream sockets, with a path or in Linux's abstract namespace.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::finding::{Finding, State};
use crate::reactor::{Direction, Watched};

use super::stream::{Finish, Stream};

/// A connected Unix stream socket.
pub type UnixStream = Stream<mio::net::UnixStream>;

/// A Unix socket that accepts connections. A drop removes the file that it made,
/// if that still stands at its path.
pub struct UnixListener {
    watched: Watched<mio::net::UnixListener>,
    file: Option<SocketFile>,
}

/// The file of a listening socket.
struct SocketFile {
    path: PathBuf,
    /// Its device, and its number there.
    identity: (u64, u64),
}

/// The name of a Unix socket: a path, or `@name` in the abstract namespace
/// (unix(7)), which leaves no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixAddress(String);

impl UnixAddress {
    /// From what a user writes. It is checked when it is used.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The same as the kernel has it: a NUL stands for the `@`.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        match self.0.strip_prefix('@') {
            Some(name) => format!("\0{name}").into(),
            None => PathBuf::from(&self.0),
        }
    }

    fn to_socket(&self) -> io::Result<SocketAddr> {
        let address = match self.0.strip_prefix('@') {
            #[cfg(target_os = "linux")]
            Some(name) => {
                use std::os::linux::net::SocketAddrExt;
                SocketAddr::from_abstract_name(name)
            }
            #[cfg(not(target_os = "linux"))]
            Some(_) => return Err(io::ErrorKind::Unsupported.into()),
            None => SocketAddr::from_pathname(&self.0),
        };
        address.map_err(|error| {
            let length = self.0.len();
            io::Error::new(
                error.kind(),
                format!("`{self}` is no socket name: {length} bytes, 107 at most, no NUL"),
            )
        })
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl UnixStream {
    /// Connects to the socket of that name. A full backlog is an error at
    /// once, as the kernel does not let a Unix socket wait for it.
    ///
    /// # Errors
    /// Nobody listens there, the name is too long, or permission is missing.
    pub fn connect(address: &UnixAddress) -> io::Result<Self> {
        Self::watch(mio::net::UnixStream::connect_addr(&address.to_socket()?)?)
    }

    /// Two connected ends.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((Self::watch(one)?, Self::watch(other)?))
    }
}

/// What a failed connection to a Unix socket says (unix(7), connect(2)).
#[must_use]
pub fn unix_failure(error: &io::Error) -> Finding {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let (state, reason, hint) = match errno {
        Some(Errno::ENOENT) => (
            State::Refused,
            "there is no such socket",
            "is the server up, and is this its path?",
        ),
        Some(Errno::ECONNREFUSED) => (
            State::Refused,
            "nobody listens on it",
            "a file left behind by a server that is gone, or no socket at all",
        ),
        Some(Errno::EPROTOTYPE) => (
            State::Refused,
            "it is a socket of another kind",
            "a datagram or sequenced-packet socket",
        ),
        Some(Errno::EAGAIN) => (
            State::Filtered,
            "its backlog is full",
            "the server accepts nothing: is it stuck?",
        ),
        Some(Errno::EACCES) => (
            State::Unknown,
            "no permission to connect to it",
            "see the owner and mode of the socket and of its directories",
        ),
        _ => {
            return Finding::new(State::Unknown)
                .but(State::Unknown, error.to_string())
                .hinting("see connect(2) and unix(7)");
        }
    };
    let mut finding = Finding::new(state).but(state, reason).hinting(hint);
    finding.evidence.errno = error.raw_os_error();
    finding
}

impl UnixListener {
    /// Listens on the socket of that name. A file of that name is never
    /// removed: it may be another server's, or no socket at all.
    ///
    /// # Errors
    /// The name is taken or too long, or permission is missing.
    pub fn bind(address: &UnixAddress) -> io::Result<Self> {
        let listener = mio::net::UnixListener::bind_addr(&address.to_socket()?)?;
        let watched = Watched::new(listener)?;
        let file = SocketFile::at(address.to_path());
        Ok(Self { watched, file })
    }

    /// Waits for the next connection. A drop loses none.
    ///
    /// # Errors
    /// Out of descriptors or memory; the listener is as good as before.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let accept = |listener: &mio::net::UnixListener| listener.accept();
        let (stream, _) = self.watched.operate(Direction::Read, accept).await?;
        UnixStream::watch(stream)
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            file.remove();
        }
    }
}

impl SocketFile {
    /// The one at `path`; an abstract socket has none.
    fn at(path: PathBuf) -> Option<Self> {
        let identity = identity(&path)?;
        Some(Self { path, identity })
    }

    fn remove(&self) {
        if identity(&self.path) == Some(self.identity) {
            // If it fails the next server will say what stands there.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Finish for mio::net::UnixStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

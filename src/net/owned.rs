//! Descriptors of every other kind, for the loop to watch.

use std::io;
use std::os::fd::AsRawFd;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// Whatever has a descriptor that epoll takes.
pub(super) struct Owned<D>(pub(super) D);

impl<D: AsRawFd> Source for Owned<D> {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(to, token, interest)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(to, token, interest)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(from)
    }
}

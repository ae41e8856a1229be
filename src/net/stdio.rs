//! Standard input, output and error as streams to wait for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::pin::Pin;
use std::task::{Context, Poll};

use blocking::Unblock;
use futures_io::{AsyncRead, AsyncWrite};
use nix::libc::{EPERM, O_NOCTTY, O_NONBLOCK};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::owned::Owned;
use crate::reactor::{Direction, Watched};

/// A descriptor that netkit was started with.
///
/// Whoever started netkit may go on to use the same open file, a shell its
/// terminal for one, so `O_NONBLOCK` is never set on it: pipes and terminals are
/// opened once more, sockets are asked call by call. A file is read and written
/// directly, as a disk does not keep one waiting for somebody else. Where
/// none of that is allowed, a helper thread waits; what it has read ahead is
/// lost with the value. A dropped read or write has moved nothing otherwise.
pub struct Inherited(Way);

enum Way {
    Watched(Watched<Owned<File>>),
    Socket(Watched<Owned<File>>),
    Direct(File),
    Helped(Unblock<File>),
}

/// Which end of a descriptor is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Read,
    Write,
}

/// Standard input.
///
/// # Errors
/// Out of descriptors.
pub fn stdin() -> io::Result<Inherited> {
    Inherited::new(io::stdin().as_fd(), End::Read)
}

/// Standard output.
///
/// # Errors
/// Out of descriptors.
pub fn stdout() -> io::Result<Inherited> {
    Inherited::new(io::stdout().as_fd(), End::Write)
}

/// Standard error.
///
/// # Errors
/// Out of descriptors.
pub fn stderr() -> io::Result<Inherited> {
    Inherited::new(io::stderr().as_fd(), End::Write)
}

impl Inherited {
    fn new(descriptor: BorrowedFd<'_>, end: End) -> io::Result<Self> {
        let file = File::from(descriptor.try_clone_to_owned()?);
        let kind = file.metadata()?.file_type();
        let own = match kind.is_socket() {
            true => file.try_clone(),
            false if kind.is_fifo() || kind.is_char_device() => reopened(&file, end),
            false => return Ok(Self(Way::Direct(file))),
        };
        Ok(Self(match own.and_then(|it| Watched::new(Owned(it))) {
            Ok(watched) if kind.is_socket() => Way::Socket(watched),
            Ok(watched) => Way::Watched(watched),
            // Nothing to wait for: /dev/null, for one.
            Err(error) if error.raw_os_error() == Some(EPERM) => Way::Direct(file),
            Err(_) => Way::Helped(Unblock::new(file)),
        }))
    }

    /// The file itself, where it is one of a disk.
    #[must_use]
    pub fn as_regular_file(&self) -> Option<&File> {
        match &self.0 {
            Way::Direct(file) if file.metadata().is_ok_and(|it| it.is_file()) => Some(file),
            _ => None,
        }
    }
}

/// The same pipe or terminal as an open file of our own.
fn reopened(file: &File, end: End) -> io::Result<File> {
    OpenOptions::new()
        .read(end == End::Read)
        .write(end == End::Write)
        .custom_flags(O_NONBLOCK | O_NOCTTY)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

impl AsyncRead for Inherited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            // A short read proves nothing: a terminal gives a line at a time.
            Way::Watched(watched) => {
                let read = |it: &Owned<File>| (&it.0).read(buffer);
                watched.poll_operate(Direction::Read, context, read)
            }
            Way::Socket(watched) => {
                let receive =
                    |it: &Owned<File>| Ok(recv(&it.0, &mut *buffer, RecvFlags::DONTWAIT)?.1);
                watched.poll_operate(Direction::Read, context, receive)
            }
            Way::Direct(file) => Poll::Ready(file.read(buffer)),
            Way::Helped(helper) => Pin::new(helper).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Inherited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Way::Watched(watched) => {
                let write = |it: &Owned<File>| (&it.0).write(bytes);
                watched.poll_operate(Direction::Write, context, write)
            }
            Way::Socket(watched) => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                let send = |it: &Owned<File>| Ok(send(&it.0, bytes, flags)?);
                watched.poll_operate(Direction::Write, context, send)
            }
            Way::Direct(file) => Poll::Ready(file.write(bytes)),
            Way::Helped(helper) => Pin::new(helper).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Way::Helped(helper) => Pin::new(helper).poll_flush(context),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Flushes: the descriptor stays open, as it is not ours alone.
    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

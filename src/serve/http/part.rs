//! A part of a file, or all of it, read piece by piece as the client takes it.

use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::files::{fetch, read_cached, read_waiting};
use crate::reactor::{Buffer, blocking};

/// What is left to be sent of a file.
pub(super) struct Part {
    file: Arc<File>,
    offset: u64,
    left: u64,
    /// The disk, as long as it is waited for.
    disk: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Part {
    /// So many bytes of `file` from `offset` on.
    pub(super) fn new(file: File, offset: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            offset,
            left: length,
            disk: None,
        }
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece, so many bytes from the buffer's beginning on: what is in
    /// memory at once, and what is not after the disk was waited for on another
    /// thread. A drop gives it up.
    ///
    /// # Errors
    /// The file has become shorter than was promised, or the disk is broken.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Buffer, usize)>> {
        let fetched = match &mut self.disk {
            Some(disk) => {
                ready!(disk.as_mut().poll(context));
                self.disk = None;
                true
            }
            None => false,
        };
        match self.read(if fetched { read_waiting } else { read_cached }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let (file, offset) = (Arc::clone(&self.file), self.offset);
                self.disk = Some(Box::pin(blocking(move || fetch(&file, offset))));
                self.poll_piece(context)
            }
            outcome => Poll::Ready(outcome),
        }
    }

    fn read(&mut self, read: Read) -> io::Result<(Buffer, usize)> {
        let mut buffer = Buffer::take();
        let room = usize::try_from(self.left).map_or(buffer.len(), |it| it.min(buffer.len()));
        let count = read(&self.file, &mut buffer[..room], self.offset)?;
        if count == 0 {
            let cause = "the file became shorter while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, cause));
        }
        self.offset += count as u64;
        self.left -= count as u64;
        Ok((buffer, count))
    }
}

/// One way to read a file at an offset.
type Read = fn(&File, &mut [u8], u64) -> io::Result<usize>;

//! Frames over a connection, both ways, as long as they get on.

use std::cell::Cell;
use std::io;
use std::net::Shutdown;
use std::time::Duration;

use futures_lite::AsyncWriteExt;

use super::pace::Pace;
use super::trouble::Trouble;
use crate::net::TcpStream;
use crate::protocol::document::Reader;
use crate::reactor::{Buffer, timeout};
use crate::units;

/// A connection to a server.
pub(super) struct Wire {
    stream: TcpStream,
    limit: Duration,
    /// Whether anything has come.
    has_come: Cell<bool>,
}

impl Wire {
    /// One on which each 64 KiB may take so long.
    pub(super) fn new(stream: TcpStream, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            has_come: Cell::new(false),
        }
    }

    /// Whether anything, or the end, comes within `silence`.
    pub(super) async fn comes_within(&self, silence: Duration) -> Result<bool, Trouble> {
        match timeout(silence, self.stream.arrival()).await {
            Ok(arrival) => arrival.map(|()| true).map_err(|it| self.lost(&it)),
            Err(_) => Ok(false),
        }
    }

    /// The first frame, which is under way.
    pub(super) async fn first(&self, most: u64) -> Result<String, Trouble> {
        let (mut reader, mut pace) = (Reader::new(most), self.pace());
        let mut text = None;
        loop {
            let reading = self.read(&mut reader, |frame| {
                text.get_or_insert(frame);
            });
            let read = pace.wait(reading).await;
            let count = read.map_err(|_| self.stuck(&reader))??;
            if let Some(text) = text {
                return Ok(text);
            }
            if count == 0 {
                return Err(self.closed());
            }
            pace.advance(count);
        }
    }

    /// Takes each frame until the server closes, between two of them. Only within a
    /// frame something has to come.
    pub(super) async fn receive(
        &self,
        most: u64,
        mut take: impl FnMut(String),
    ) -> Result<(), Trouble> {
        let (mut reader, mut pace) = (Reader::new(most), self.pace());
        loop {
            let is_within = reader.is_within();
            let mut is_whole = false;
            let reading = self.read(&mut reader, |text| {
                is_whole = true;
                take(text);
            });
            let read = match is_within {
                true => pace.wait(reading).await,
                false => Ok(reading.await),
            };
            match read.map_err(|_| self.stuck(&reader))?? {
                0 => return Ok(()),
                _ if is_whole || !is_within => pace.restart(),
                count => pace.advance(count),
            }
        }
    }

    /// Sends all of it, as long as the server takes it. The pace is that of all that
    /// is sent.
    pub(super) async fn send(&self, bytes: &[u8], pace: &mut Pace) -> Result<(), Trouble> {
        let (mut stream, mut rest) = (&self.stream, bytes);
        while !rest.is_empty() {
            let written = pace.wait(stream.write(rest)).await;
            let written = written.map_err(|_| {
                let limit = units::limit(self.limit);
                Trouble::late(format!(
                    "the server does not read: it took less than 64 KiB within {limit}"
                ))
            })?;
            let count = written.map_err(|it| self.lost(&it))?;
            pace.advance(count);
            rest = &rest[count..];
        }
        Ok(())
    }

    /// How fast it has to get on, from now.
    pub(super) fn pace(&self) -> Pace {
        Pace::new(self.limit)
    }

    /// Ends what is sent.
    pub(super) fn finish(&self) -> Result<(), Trouble> {
        let finished = self.stream.shutdown(Shutdown::Write);
        finished.map_err(|it| self.lost(&it))
    }

    /// The server closed, and was not to.
    pub(super) fn closed(&self) -> Trouble {
        Trouble::closed(self.has_come.get())
    }

    fn lost(&self, error: &io::Error) -> Trouble {
        Trouble::lost(error, self.has_come.get())
    }

    /// A frame is too slow.
    fn stuck(&self, reader: &Reader) -> Trouble {
        let limit = units::limit(self.limit);
        Trouble::late(match reader.missing() {
            Some(missing) => {
                format!("the server is too slow: less than 64 KiB within {limit}, {missing}")
            }
            None => format!("nothing more came within {limit}"),
        })
    }

    /// Reads once, and takes each frame that is whole by then; 0 at the end of the
    /// stream.
    async fn read(
        &self,
        reader: &mut Reader,
        mut take: impl FnMut(String),
    ) -> Result<usize, Trouble> {
        loop {
            self.stream.readable().await;
            let mut buffer = Buffer::take();
            let mut bytes = match self.stream.try_read(&mut buffer) {
                Ok(0) => {
                    let missing = reader.missing();
                    return missing.map_or(Ok(0), |it| Err(Trouble::truncated(&it)));
                }
                Ok(count) => &buffer[..count],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(self.lost(&error)),
            };
            self.has_come.set(true);
            let count = bytes.len();
            while let Some(text) = reader
                .take(&mut bytes)
                .map_err(|wrong| Trouble::malformed(&wrong.0))?
            {
                take(text);
            }
            return Ok(count);
        }
    }
}

//! Reading from one client: messages, and the bytes of files.

use std::io;
use std::time::Duration;

use futures_lite::future;

use crate::finding::End;
use crate::protocol::input::Input;
use crate::protocol::peer::Malformed;
use crate::protocol::store::Messages;
use crate::reactor::{Buffer, timeout};
use crate::serve::{Client, NoRequest};

/// How long the first message may take, and any other, unless --idle-timeout
/// says otherwise: people type passwords.
const FIRST_TIME: Duration = Duration::from_secs(10);
const NEXT_TIME: Duration = Duration::from_secs(60);

/// So much of a file has to come within the time of a message, or the rest: who
/// sends byte by byte would hold a server for ever.
const LEAST_PROGRESS: u64 = 64 * 1024;

/// One client, and what came from it.
pub(super) struct Connection<'a> {
    pub(super) client: &'a Client,
    input: Input,
    messages: Messages,
    is_first: bool,
}

/// What came of a file that a client announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// All of it.
    Whole,
    /// The client ended before.
    Short,
    /// It made too little progress.
    Late,
}

impl<'a> Connection<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            client,
            input: Input::default(),
            messages: Messages::default(),
            is_first: true,
        }
    }

    /// The next message. A client that waits between two is let go when the
    /// server stops.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) async fn message(
        &mut self,
    ) -> io::Result<Result<Vec<Vec<u8>>, NoRequest<Malformed>>> {
        let idle = self.client.idle_timeout();
        let limit = match std::mem::take(&mut self.is_first) {
            true => idle.unwrap_or(FIRST_TIME).min(FIRST_TIME),
            false => idle.unwrap_or(NEXT_TIME),
        };
        let client = self.client;
        let stopping = async {
            client.stopping().await;
            Ok(Err(NoRequest::Ended(End::Local)))
        };
        let reading = async {
            loop {
                match self.messages.next(&mut self.input) {
                    Ok(Some(fields)) => return Ok(Ok(fields)),
                    Err(wrong) => return Ok(Err(NoRequest::Malformed(wrong))),
                    Ok(None) if self.input.has_ended() => {
                        return Ok(Err(NoRequest::Ended(End::Fin)));
                    }
                    Ok(None) => {
                        let input = &mut self.input;
                        read(client, &mut |bytes| input.add(bytes)).await?;
                    }
                }
            }
        };
        let message = timeout(limit, future::or(reading, stopping)).await;
        message.unwrap_or(Ok(Err(NoRequest::Ended(match idle {
            Some(_) => End::Idle,
            None => End::Deadline,
        }))))
    }

    /// Receives so many bytes; `keep` gets each piece.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) async fn body(
        &mut self,
        length: u64,
        keep: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Came> {
        let limit = self.client.idle_timeout().unwrap_or(NEXT_TIME);
        let mut came = 0;
        while came < length {
            let enough = length.min(came + LEAST_PROGRESS);
            let some = self.some(&mut came, enough, length, keep);
            match timeout(limit, some).await {
                Ok(Ok(Came::Whole)) => {}
                Ok(other) => return other,
                Err(_) => return Ok(Came::Late),
            }
        }
        Ok(Came::Whole)
    }

    /// Receives until `came` is `enough`.
    async fn some(
        &mut self,
        came: &mut u64,
        enough: u64,
        length: u64,
        keep: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Came> {
        while *came < enough {
            let early = self.input.take(length - *came);
            if !early.is_empty() {
                keep(&early);
                *came += early.len() as u64;
                continue;
            }
            if self.input.has_ended() {
                return Ok(Came::Short);
            }
            let mut rest = Vec::new();
            let mut take = |bytes: &[u8]| {
                let most = usize::try_from(length - *came).unwrap_or(usize::MAX);
                let (body, next) = bytes.split_at(bytes.len().min(most));
                keep(body);
                *came += body.len() as u64;
                rest.extend_from_slice(next);
            };
            match read(self.client, &mut take).await? {
                0 => self.input.add(b""),
                _ if rest.is_empty() => {}
                _ => self.input.add(&rest),
            }
        }
        Ok(Came::Whole)
    }

    /// Ends a connection after an answer, whatever the client sends meanwhile.
    pub(super) async fn part(&self) {
        self.client.linger().await;
    }
}

/// Reads once; nothing is the end of the stream. Returns how many bytes came.
async fn read(client: &Client, take: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
    loop {
        client.stream.readable().await;
        let mut buffer = Buffer::take();
        match client.stream.try_read(&mut buffer) {
            Ok(count) => {
                client.received(count);
                take(&buffer[..count]);
                return Ok(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

//! One client's connection, and the one log line that says what it came to.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::AsyncWriteExt;

use super::Service;
use crate::finding::{Connection, End, Record};
use crate::net::TcpStream;
use crate::protocol::input::Input;
use crate::reactor::{Buffer, now, sleep, timeout, within};
use crate::units::Latency;

/// How long a client may take for its request, all of it, unless --idle-timeout
/// says less.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(10);

/// How long an answer may make no progress, unless --idle-timeout says
/// otherwise.
const PROGRESS_TIME: Duration = Duration::from_secs(60);

/// How long what a client still sends is taken after its answer.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// How often a client that waits is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// An answer from so many bytes on may still be on its way when all is sent.
const LONG_ANSWER: u64 = 16 * 1024;

/// So much of it is taken, in bytes.
const LINGER_BYTES: usize = 4 << 20;

/// A client being served. Counts its bytes and says at its end what it came
/// to, also when its task is cut off.
pub struct Client {
    /// The connection.
    pub stream: TcpStream,
    service: Rc<Service>,
    peer: SocketAddr,
    /// Only the log needs it, and every idle connection pays for it.
    local: Option<Box<SocketAddr>>,
    started: Instant,
    received: Cell<u64>,
    sent: Cell<u64>,
    end: Cell<End>,
    /// An answer is under way: a cut must not look like its end.
    promised: Cell<bool>,
    /// What it asked, and what was decided.
    story: RefCell<Option<Box<str>>>,
}

/// What came instead of a request.
#[derive(Debug)]
pub enum NoRequest<E> {
    /// Something else: what is wrong with it.
    Malformed(E),
    /// Nothing: the client is gone, or took too long.
    Ended(End),
}

impl Client {
    pub(super) fn start(service: Rc<Service>, stream: TcpStream, peer: SocketAddr) -> Self {
        let target = service.target;
        log::info!(target: target, "{peer} connected");
        let told = log::log_enabled!(target: target, log::Level::Info);
        let local = if told { stream.local_addr().ok() } else { None };
        Self {
            stream,
            service,
            peer,
            local: local.map(Box::new),
            started: now(),
            received: Cell::new(0),
            sent: Cell::new(0),
            end: Cell::new(End::Local),
            promised: Cell::new(false),
            story: RefCell::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// After how long without progress it is to be closed.
    #[must_use]
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.service.idle_timeout
    }

    /// Waits until the server accepts nobody any more: a client that waits
    /// between two requests may be let go.
    pub async fn stopping(&self) {
        self.service.end.acquire().await;
    }

    /// The same where there is a request, which is never waited for without end.
    pub(super) fn progress_time(&self) -> Duration {
        self.idle_timeout().unwrap_or(PROGRESS_TIME)
    }

    /// Counts bytes taken from the peer.
    pub fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
        log::debug!(target: self.service.target, "{} received {bytes} bytes", self.peer);
    }

    /// Counts bytes given to the kernel for the peer.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        log::debug!(target: self.service.target, "{} sent {bytes} bytes", self.peer);
    }

    /// Counts what was moved without [`Client::received`] and [`Client::sent`].
    pub fn count(&self, received: u64, sent: u64) {
        self.received.set(self.received.get() + received);
        self.sent.set(self.sent.get() + sent);
    }

    /// Whether an answer is under way from now on, of which the length was
    /// promised: if it is cut, for whatever cause, the connection is reset.
    pub fn promise(&self, is_under_way: bool) {
        self.promised.set(is_under_way);
    }

    /// Waits until the connection is found to be reset, by a look each second: a
    /// client that has only finished sending still waits for its answer.
    pub async fn vanished(&self) -> io::Error {
        loop {
            sleep(LOOK).await;
            if let Some(error) = self.stream.failure() {
                return error;
            }
        }
    }

    /// Keeps for the log line what it asked and what was decided.
    pub fn note(&self, story: &str) {
        *self.story.borrow_mut() = Some(story.into());
    }

    /// Reads until `decode` finds a whole request in `input`, 10 s in all at
    /// most.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn request<T, E>(
        &self,
        input: &mut Input,
        decode: fn(&mut Input) -> Result<Option<T>, E>,
    ) -> io::Result<Result<T, NoRequest<E>>> {
        self.request_or_pause(input, decode, |_| None, REQUEST_TIME)
            .await
    }

    /// The same, where a `pause` ends a request too: `so_far` says what it would
    /// be if nothing more came.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn request_or_pause<T, E>(
        &self,
        input: &mut Input,
        decode: fn(&mut Input) -> Result<Option<T>, E>,
        so_far: fn(&Input) -> Option<T>,
        pause: Duration,
    ) -> io::Result<Result<T, NoRequest<E>>> {
        let limit = self
            .idle_timeout()
            .unwrap_or(REQUEST_TIME)
            .min(REQUEST_TIME);
        let reading = async {
            loop {
                match decode(input) {
                    Ok(Some(request)) => return Ok(Ok(request)),
                    Err(wrong) => return Ok(Err(NoRequest::Malformed(wrong))),
                    Ok(None) if input.has_ended() => return Ok(Err(NoRequest::Ended(End::Fin))),
                    Ok(None) => {}
                }
                let request = so_far(input);
                let patience = request.is_some().then_some(pause);
                let read = within(patience, self.read(|bytes| input.add(bytes))).await;
                match (read, request) {
                    (Ok(read), _) => read?,
                    (Err(_), Some(request)) => return Ok(Ok(request)),
                    (Err(_), None) => {}
                }
            }
        };
        let outcome = timeout(limit, reading).await;
        outcome.unwrap_or_else(|_| Ok(Err(NoRequest::Ended(End::Deadline))))
    }

    /// Reads once; nothing is the end of the stream. A drop loses nothing.
    pub(super) async fn read(&self, take: impl FnOnce(&[u8])) -> io::Result<()> {
        let mut take = Some(take);
        loop {
            self.stream.readable().await;
            let mut buffer = Buffer::take();
            match self.stream.try_read(&mut buffer) {
                Ok(count) => {
                    self.received(count);
                    if let Some(take) = take.take() {
                        take(&buffer[..count]);
                    }
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends all of `bytes`, as long as there is progress.
    ///
    /// # Errors
    /// The connection broke, or [`End::Idle`] as `TimedOut`.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut stream = &self.stream;
            let written = self.progress(stream.write(rest)).await?;
            self.sent(written);
            rest = &rest[written..];
        }
        Ok(())
    }

    /// Sends the head of an answer whose body, so long, follows at once and is
    /// promised by it, until [`Client::part`].
    ///
    /// # Errors
    /// As of [`Client::send`].
    pub async fn send_head(&self, head: &[u8], body: u64) -> io::Result<()> {
        if body == 0 {
            return self.send(head).await;
        }
        self.promise(true);
        let written = self.progress(self.stream.send_before_more(head)).await?;
        self.sent(written);
        self.send(&head[written..]).await
    }

    /// Sends so many bytes of a file, from its beginning, as long as there is
    /// progress.
    ///
    /// # Errors
    /// The connection broke or made no progress, or the file has not so many
    /// bytes any more: then the connection is reset when it is dropped.
    pub async fn send_file(&self, file: &std::fs::File, length: u64) -> io::Result<()> {
        let mut offset = 0;
        while offset < length {
            let left = length - offset;
            let sending = self.stream.send_file(file, &mut offset, left);
            match self.progress(sending).await? {
                0 => {
                    self.stream.reset_on_close();
                    let reason = format!("the file has only {offset} of {length} bytes now");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
                }
                sent => self.sent(sent),
            }
        }
        Ok(())
    }

    async fn progress<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let outcome = within(Some(self.progress_time()), work).await;
        outcome.unwrap_or_else(|_| {
            // What was promised will not come: a close would look like the end.
            self.stream.reset_on_close();
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// Ends a connection after an answer of so many bytes: orderly, whatever the
    /// client sends meanwhile.
    pub async fn part(&self, input: &Input, body: u64) {
        self.promise(false);
        if !input.is_empty() || body >= LONG_ANSWER {
            self.linger().await;
        }
    }

    /// Ends our direction, and takes for a moment what still comes: a close
    /// with bytes unread would destroy the answer on its way (RFC 9112
    /// section 9.6).
    pub async fn linger(&self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let draining = async {
            let mut taken = 0;
            while taken < LINGER_BYTES {
                let mut count = 0;
                let read = self.read(|bytes| count = bytes.len()).await;
                if read.is_err() || count == 0 {
                    break;
                }
                taken += count;
            }
        };
        let _ = timeout(LINGER_TIME, draining).await;
    }

    pub(super) fn finish(&self, outcome: io::Result<End>) {
        self.end.set(match outcome {
            Ok(end) => end,
            Err(error) => match error.kind() {
                io::ErrorKind::BrokenPipe => End::ShortWrite,
                io::ErrorKind::TimedOut => End::Idle,
                io::ErrorKind::UnexpectedEof => {
                    log::warn!(target: self.service.target, "{} was cut: {error}", self.peer);
                    End::Local
                }
                _ => End::Rst,
            },
        });
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.promised.get() {
            self.stream.reset_on_close();
        }
        if !log::log_enabled!(target: self.service.target, log::Level::Info) {
            return;
        }
        let connection = Connection {
            peer: self.peer.to_string(),
            local: self.local.as_ref().map(ToString::to_string),
            story: self.story.take().map(String::from),
            received_bytes: self.received.get(),
            sent_bytes: self.sent.get(),
            duration: now().saturating_duration_since(self.started),
            end: self.end.get(),
        };
        let line = describe(&connection);
        let record = Record::Connection(connection);
        log::info!(target: self.service.target, record:serde = record; "{line}");
    }
}

fn describe(connection: &Connection) -> String {
    let Connection {
        peer,
        story,
        received_bytes,
        sent_bytes,
        ..
    } = connection;
    let time = Latency(connection.duration);
    let end = connection.end.as_str();
    let story = story.as_deref().unwrap_or("closed");
    format!(
        "{peer} {story}: {received_bytes} bytes received, {sent_bytes} bytes sent, {time}, {end}"
    )
}

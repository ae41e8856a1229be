//! One connection to a shard server: a user's blocks, one after the other.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::Failure;
use crate::net::{Families, TcpStream, dial};
use crate::protocol::input::Input;
use crate::protocol::shard::{Ending, PAUSE, Place, Reply, Request, User};
use crate::reactor::{Buffer, sleep, timeout};

/// So much has to move within the limit, or the rest of a block: who takes or
/// sends byte by byte would hold a client for ever.
const LEAST_PROGRESS: usize = 64 * 1024;

/// Bytes of an answer that are read while a block is being sent.
const EARLY: usize = 2 * 1024;

/// How long the reason is waited for of a server that takes no more.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A connection to a shard server. Dropping it closes it; a block that is being
/// stored then is not.
///
/// Nothing waits without end: each answer, and each 64 KiB of a block, has the
/// limit of the session. A future that is dropped, or fails within a block,
/// leaves the session unusable, which every later request says.
#[derive(Debug)]
pub struct Session<S = TcpStream> {
    stream: S,
    input: Input,
    limit: Duration,
    ending: Ending,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// A request may be sent.
    Between,
    /// So many bytes of a block are still to be sent.
    Storing(u64),
    /// Within an answer, or a request: nothing more can be understood.
    Within,
}

impl Session {
    /// Connects within `limit`, which is that of everything else as well.
    ///
    /// # Errors
    /// [`Failure::Down`] names every address with its cause.
    pub async fn connect(
        host: &str,
        port: u16,
        families: Families,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let dialed = dial(host, port, families, limit).await;
        let dialed = dialed.map_err(|error| Failure::Down(error.to_string()))?;
        Ok(Self::over(dialed.stream, limit))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A session over a connection that was just made.
    #[must_use]
    pub fn over(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            input: Input::default(),
            limit,
            ending: Ending::default(),
            at: At::Between,
        }
    }

    /// The same with a server that wants usernames and LOGOUT ended in this way.
    #[must_use]
    pub fn with_ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// Whether more can be asked.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.at == At::Between
    }

    /// Uses the directory of `user` from now on. A server says nothing to that;
    /// its next answer tells if it did not like it.
    ///
    /// # Errors
    /// The connection broke or takes nothing.
    pub async fn login(&mut self, user: &User) -> Result<(), Failure> {
        self.word(&Request::User(user.clone())).await
    }

    /// Has the server forget the user; [`Session::login`] may follow.
    ///
    /// # Errors
    /// As of [`Session::login`].
    pub async fn logout(&mut self) -> Result<(), Failure> {
        self.word(&Request::Logout).await
    }

    /// Stores a block of so many bytes, all that `source` gives.
    ///
    /// # Errors
    /// The server has it not, or is not known to have it; what it had before
    /// under that name it has still, or the new one.
    pub async fn store(
        &mut self,
        place: &Place,
        size: u64,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), Failure> {
        self.begin_store(place, size).await?;
        let mut piece = vec![0; LEAST_PROGRESS];
        while let At::Storing(left @ 1..) = self.at {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            match source.read(&mut piece[..most]).await {
                Ok(0) => return Err(self.broken(Failure::Own(io::ErrorKind::UnexpectedEof.into()))),
                Ok(count) => self.send(&piece[..count]).await?,
                Err(error) => return Err(self.broken(Failure::Own(error))),
            }
        }
        self.finish_store().await
    }

    /// Announces a block; once the server is ready, [`Session::send`] is to be
    /// called until all of it is sent, then [`Session::finish_store`].
    ///
    /// # Errors
    /// The server does not want it, or is not there.
    pub async fn begin_store(&mut self, place: &Place, size: u64) -> Result<(), Failure> {
        let request = Request::Store(place.clone(), size);
        match self.ask(&request).await? {
            Reply::Done => {
                self.at = At::Storing(size);
                Ok(())
            }
            Reply::Error(why) => Err(self.refused(why)),
            Reply::Found(_) => Err(misplaced("a size")),
        }
    }

    /// Sends some of the block that was announced.
    ///
    /// # Errors
    /// The server takes no more: its reason, if it gives one. Or it is more than
    /// was announced.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let At::Storing(left) = self.at else {
            return Err(out_of_turn());
        };
        self.at = At::Within;
        let Some(left) = left.checked_sub(bytes.len() as u64) else {
            return Err(out_of_turn());
        };
        for piece in bytes.chunks(LEAST_PROGRESS) {
            let limit = self.limit;
            let sending = timeout(limit, self.send_piece(piece)).await;
            sending.map_err(|_| Failure::Slow(limit))??;
        }
        self.at = At::Storing(left);
        Ok(())
    }

    /// Waits until the server has the block for good.
    ///
    /// # Errors
    /// It has not, or not all of it was sent.
    pub async fn finish_store(&mut self) -> Result<(), Failure> {
        if self.at != At::Storing(0) {
            self.at = At::Within;
            return Err(out_of_turn());
        }
        self.at = At::Within;
        match self.reply().await? {
            Reply::Done => {
                self.at = At::Between;
                Ok(())
            }
            Reply::Error(why) => Err(Failure::Refused(why)),
            Reply::Found(_) => Err(misplaced("a size")),
        }
    }

    /// Receives a block of at most so many bytes; `keep` gets its pieces.
    /// Returns its length.
    ///
    /// # Errors
    /// The server does not have it, or it does not come whole.
    pub async fn retrieve(
        &mut self,
        place: &Place,
        most: u64,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, Failure> {
        let length = match self.ask(&Request::Retrieve(place.clone())).await? {
            Reply::Found(length) if length <= most => length,
            Reply::Found(length) => {
                let why = format!("it announces {length} bytes, {most} at most are wanted");
                return Err(Failure::Garbage(why));
            }
            Reply::Error(why) => {
                self.at = At::Between;
                return Err(Failure::Lacking(why));
            }
            Reply::Done => return Err(misplaced("no size")),
        };
        let mut came = 0;
        while came < length {
            let enough = length.min(came + LEAST_PROGRESS as u64);
            let limit = self.limit;
            let receiving = self.receive(&mut came, enough, length, keep);
            let received = timeout(limit, receiving).await;
            received.map_err(|_| Failure::Slow(limit))??;
        }
        self.at = At::Between;
        Ok(length)
    }

    /// Has a block removed; one that the server does not have is as good as that.
    ///
    /// # Errors
    /// It may still be there.
    pub async fn delete(&mut self, place: &Place) -> Result<(), Failure> {
        match self.ask(&Request::Delete(place.clone())).await? {
            Reply::Done => {
                self.at = At::Between;
                Ok(())
            }
            Reply::Error(why) => Err(self.refused(why)),
            Reply::Found(_) => Err(misplaced("a size")),
        }
    }

    /// Sends what has no answer.
    async fn word(&mut self, word: &Request) -> Result<(), Failure> {
        self.say(word).await?;
        if self.ending == Ending::Pause {
            // Twice as long as needed: the server's clock starts later.
            sleep(PAUSE * 2).await;
        }
        self.at = At::Between;
        Ok(())
    }

    async fn ask(&mut self, request: &Request) -> Result<Reply, Failure> {
        self.say(request).await?;
        self.reply().await
    }

    async fn say(&mut self, request: &Request) -> Result<(), Failure> {
        if self.at != At::Between {
            return Err(out_of_turn());
        }
        self.at = At::Within;
        let bytes = request.encode(self.ending);
        let limit = self.limit;
        let written = timeout(limit, self.stream.write_all(&bytes)).await;
        match written.map_err(|_| Failure::Slow(limit))? {
            Ok(()) => Ok(()),
            Err(error) => Err(self.last_words(&error).await),
        }
    }

    async fn reply(&mut self) -> Result<Reply, Failure> {
        let limit = self.limit;
        let reading = timeout(limit, self.read_reply()).await;
        reading.map_err(|_| Failure::Slow(limit))?
    }

    async fn read_reply(&mut self) -> Result<Reply, Failure> {
        loop {
            if let Some(reply) = Reply::decode(&mut self.input)? {
                return Ok(reply);
            }
            if self.input.has_ended() {
                return Err(Failure::Down(match self.input.is_empty() {
                    true => "it closed the connection without an answer".into(),
                    false => "it closed the connection within its answer".into(),
                }));
            }
            let input = &mut self.input;
            read(&mut self.stream, EARLY, &mut |bytes| input.add(bytes)).await?;
        }
    }

    /// Sends a piece, unless an answer comes first: that is why not.
    async fn send_piece(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let mut rest = piece;
        while !rest.is_empty() {
            let (stream, input) = (&mut self.stream, &mut self.input);
            let written = poll_fn(|context| {
                let mut early = [0; EARLY];
                match Pin::new(&mut *stream).poll_read(context, &mut early) {
                    Poll::Ready(Ok(count)) => {
                        input.add(&early[..count]);
                        return Poll::Ready(Ok(None));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
                let written = Pin::new(&mut *stream).poll_write(context, rest);
                written.map_ok(Some)
            });
            match written.await {
                Ok(Some(count)) => rest = &rest[count..],
                Ok(None) => {
                    return Err(match self.read_reply().await? {
                        Reply::Error(why) => Failure::Refused(why),
                        Reply::Done | Reply::Found(_) => misplaced("before all was sent"),
                    });
                }
                Err(error) => return Err(self.last_words(&error).await),
            }
        }
        Ok(())
    }

    /// Receives until `came` is `enough`.
    async fn receive(
        &mut self,
        came: &mut u64,
        enough: u64,
        length: u64,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Failure> {
        while *came < enough {
            let early = self.input.take(length - *came);
            if !early.is_empty() {
                keep(&early).map_err(Failure::Own)?;
                *came += early.len() as u64;
                continue;
            }
            let most = usize::try_from(length - *came).unwrap_or(usize::MAX);
            let mut kept = Ok(());
            let mut take = |bytes: &[u8]| kept = keep(bytes);
            let count = read(&mut self.stream, most, &mut take).await?;
            kept.map_err(Failure::Own)?;
            if count == 0 {
                let came = *came;
                return Err(Failure::Short { came, length });
            }
            *came += count as u64;
        }
        Ok(())
    }

    /// Why a server that takes no more does not, if it has said so.
    async fn last_words(&mut self, error: &io::Error) -> Failure {
        match timeout(LAST_WORDS, self.read_reply()).await {
            Ok(Ok(Reply::Error(why))) => Failure::Refused(why),
            _ => Failure::lost(error),
        }
    }

    fn refused(&mut self, why: String) -> Failure {
        self.at = At::Between;
        Failure::Refused(why)
    }

    fn broken(&mut self, failure: Failure) -> Failure {
        self.at = At::Within;
        failure
    }
}

/// Reads once, at most so many bytes; the buffer is given back before the wait.
async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
    take: &mut dyn FnMut(&[u8]),
) -> Result<usize, Failure> {
    let read = poll_fn(|context| {
        let mut buffer = Buffer::take();
        let most = most.min(buffer.len());
        let read = Pin::new(&mut *stream).poll_read(context, &mut buffer[..most]);
        read.map_ok(|count| {
            take(&buffer[..count]);
            count
        })
    });
    read.await.map_err(|error| Failure::lost(&error))
}

fn misplaced(what: &str) -> Failure {
    Failure::Garbage(format!("it answered out of turn: {what}"))
}

fn out_of_turn() -> Failure {
    let wrong = "the session is within a block, or broken";
    Failure::Own(io::Error::new(io::ErrorKind::InvalidInput, wrong))
}

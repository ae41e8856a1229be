//! One request to a member, and its answer: for clients, and for members among
//! themselves.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::net::TcpStream;
use crate::probe::copies::Broken;
use crate::protocol::cluster::{LARGEST_LIST, NOT_FOUND, Reply, Request, View, decode_names};
use crate::protocol::input::Input;
use crate::protocol::peer::{self, Malformed};
use crate::reactor::{Buffer, now, timeout};

/// So much has to come within the patience of a client, or the rest.
const LEAST_PROGRESS: usize = 64 * 1024;

/// After the last byte that was announced, how long more than it may come.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// Asks for an answer that is one line.
///
/// # Errors
/// There is none within `limit`.
pub async fn ask(stream: TcpStream, request: &Request, limit: Duration) -> Result<Reply, Broken> {
    let (reply, ..) = converse(stream, request, limit, Reply::decode).await?;
    Ok(reply)
}

/// Asks how a member sees the cluster.
///
/// # Errors
/// It does not say so within `limit`.
pub async fn who(stream: TcpStream, limit: Duration) -> Result<View, Broken> {
    let mut view = View::default();
    converse(stream, &Request::Who, limit, |input| view.decode(input)).await?;
    Ok(view)
}

/// Asks a member for the names of its files: all until it closes.
///
/// # Errors
/// It does not close within `limit`, or its list is too long.
pub async fn list(stream: TcpStream, limit: Duration) -> Result<BTreeSet<String>, Broken> {
    let whole = |input: &mut Input| {
        if input.has_ended() || input.rest().len() > LARGEST_LIST {
            return decode_names(input.rest()).map(Some);
        }
        Ok(None)
    };
    let (names, ..) = converse(stream, &Request::List, limit, whole).await?;
    Ok(names)
}

/// Sends a request and reads until `decode` finds its answer.
async fn converse<T>(
    mut stream: TcpStream,
    request: &Request,
    limit: Duration,
    mut decode: impl FnMut(&mut Input) -> Result<Option<T>, Malformed>,
) -> Result<(T, TcpStream, Input), Broken> {
    let conversation = async {
        stream.write_all(&request.encode()).await?;
        if request.is_half_closed() {
            stream.close().await?;
        }
        let mut input = Input::default();
        loop {
            if let Some(answer) = decode(&mut input)? {
                return Ok::<_, Broken>((answer, input));
            }
            read(&mut stream, &mut input).await?;
        }
    };
    let outcome = timeout(limit, conversation).await;
    let (answer, input) = outcome.map_err(|_| Broken::Late(limit))??;
    Ok((answer, stream, input))
}

async fn read(stream: &mut TcpStream, input: &mut Input) -> Result<(), Broken> {
    loop {
        stream.readable().await;
        let mut buffer = Buffer::take();
        match stream.try_read(&mut buffer) {
            Ok(count) => {
                input.add(&buffer[..count]);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Broken::Lost(error)),
        }
    }
}

/// A file that is on its way, piece by piece: nothing is held that was not asked
/// for.
pub struct Incoming {
    stream: TcpStream,
    input: Input,
    length: Option<u64>,
    came: u64,
    patience: Duration,
    /// How long it was waited for the present 64 KiB, and what has come of them.
    waited: Duration,
    progress: usize,
}

impl Incoming {
    /// Asks for a file with `GET`, whose answer says its length; nothing if the
    /// member has no such file.
    ///
    /// # Errors
    /// There is no answer within `patience`, or it is not of the protocol.
    pub async fn get(
        stream: TcpStream,
        name: &str,
        patience: Duration,
    ) -> Result<Option<Self>, Broken> {
        let request = Request::Get(name.into());
        let asked = converse(stream, &request, patience, peer::Reply::decode).await?;
        let (reply, stream, input) = asked;
        Ok(match reply {
            peer::Reply::Found(length) => Some(Self::new(stream, input, Some(length), patience)),
            peer::Reply::NotFound => None,
        })
    }

    /// The same with `REQ:`, whose answer ends with the connection; nothing if
    /// it is `404 Not Found`.
    ///
    /// # Errors
    /// There is no answer within `patience`.
    pub async fn req(
        stream: TcpStream,
        name: &str,
        patience: Duration,
    ) -> Result<Option<Self>, Broken> {
        let request = Request::Fetch(name.into());
        let decided = |input: &mut Input| {
            let bytes = input.rest();
            let is_longer = bytes.len() > NOT_FOUND.len() + 2;
            Ok(
                (input.has_ended() || is_longer || !NOT_FOUND.starts_with(head(bytes)))
                    .then_some(()),
            )
        };
        let ((), stream, input) = converse(stream, &request, patience, decided).await?;
        let is_missing = input.has_ended() && trimmed(input.rest()) == NOT_FOUND;
        Ok((!is_missing).then(|| Self::new(stream, input, None, patience)))
    }

    fn new(stream: TcpStream, input: Input, length: Option<u64>, patience: Duration) -> Self {
        Self {
            stream,
            input,
            length,
            came: 0,
            patience,
            waited: Duration::ZERO,
            progress: 0,
        }
    }

    /// How long it is, if that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// How much of it has come.
    #[must_use]
    pub fn came(&self) -> u64 {
        self.came
    }

    /// The next bytes, in a buffer, and how many they are; 0 once all have come.
    ///
    /// # Errors
    /// It does not come whole, or too slowly, or more came than was announced.
    pub async fn next(&mut self) -> Result<(Buffer, usize), Broken> {
        let left = self.length.map_or(u64::MAX, |it| it - self.came);
        if left == 0 {
            return Ok((self.end().await?, 0));
        }
        if !self.input.is_empty() {
            let mut buffer = Buffer::take();
            let most = left.min(buffer.len() as u64);
            let early = self.input.take(most);
            buffer[..early.len()].copy_from_slice(&early);
            self.came += early.len() as u64;
            return Ok((buffer, early.len()));
        }
        if self.length.is_none() && self.input.has_ended() {
            return Ok((Buffer::take(), 0));
        }
        let (buffer, count) = self.read(left).await?;
        if let (0, Some(length)) = (count, self.length) {
            let came = self.came;
            return Err(Broken::Short { came, length });
        }
        self.came += count as u64;
        Ok((buffer, count))
    }

    /// Reads once; the time that whoever takes the bytes needs does not count.
    async fn read(&mut self, left: u64) -> Result<(Buffer, usize), Broken> {
        let asked: Instant = now();
        let patience = self.patience.saturating_sub(self.waited);
        let stream = &self.stream;
        let reading = async {
            loop {
                stream.readable().await;
                let mut buffer = Buffer::take();
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let most = buffer.len().min(most);
                match stream.try_read(&mut buffer[..most]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return read.map(|count| (buffer, count)),
                }
            }
        };
        let read = timeout(patience, reading).await;
        let (buffer, count) = read
            .map_err(|_| Broken::Late(self.patience))?
            .map_err(Broken::Lost)?;
        self.waited += now().saturating_duration_since(asked);
        self.progress += count;
        if self.progress >= LEAST_PROGRESS {
            (self.waited, self.progress) = (Duration::ZERO, 0);
        }
        Ok((buffer, count))
    }

    /// Makes sure that nothing follows what was announced.
    async fn end(&mut self) -> Result<Buffer, Broken> {
        let mut byte = [0];
        let more = !self.input.is_empty() || {
            let read = timeout(AFTERWARDS, self.stream.read(&mut byte)).await;
            matches!(read, Ok(Ok(1..)))
        };
        match more {
            true => Err(Broken::Malformed(
                "it sent more than it had announced".into(),
            )),
            false => Ok(Buffer::take()),
        }
    }
}

/// As much of it as could be the answer that there is no such file.
fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(NOT_FOUND.len())]
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

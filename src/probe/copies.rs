//! What the clients of the file service share: a request, the head of an answer,
//! and the copies of a file that follow it, which may be larger than memory.

mod answer;
mod keeping;
mod scheme;
mod settings;
mod verb;

use std::fmt;
use std::io;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::protocol::input::Input;
use crate::protocol::peer::{Malformed, Request};
use crate::reactor::{Buffer, timeout};
use crate::units;

pub use answer::{Answer, Head, Keep, Service};
pub(super) use keeping::Drafts;
pub(super) use scheme::prepare;
pub use settings::{Copies, Settings};
pub use verb::{FileProbe, Options, Place, Screen};

/// So much has to come within the patience of a client, or the rest: who sends
/// byte by byte would hold it for ever.
const LEAST_PROGRESS: u64 = 64 * 1024;

/// After the last byte that was announced, how long more than it may come.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the head of the answer, before which a coordinator compares both copies.
    pub head: Duration,
    /// For each 64 KiB after it.
    pub progress: Duration,
}

impl From<Duration> for Patience {
    fn from(each: Duration) -> Self {
        Self {
            head: each,
            progress: each,
        }
    }
}

/// A connection whose answer has begun: its copies follow.
pub struct Answering<S> {
    stream: S,
    input: Input,
    patience: Duration,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub enum Broken {
    /// The connection broke.
    Lost(io::Error),
    /// What came is not of the protocol: why, in words.
    Malformed(String),
    /// The peer closed after so many bytes of a copy.
    Short {
        /// Bytes that came.
        came: u64,
        /// Bytes that were announced.
        length: u64,
    },
    /// Nothing, or too little, came within this time.
    Late(Duration),
    /// What came could not be kept.
    Kept(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Answering<S> {
    /// Asks for a file and waits for the head of the answer.
    ///
    /// # Errors
    /// There is none.
    pub async fn ask<R>(
        mut stream: S,
        request: &Request,
        decode: fn(&mut Input) -> Result<Option<R>, Malformed>,
        patience: Patience,
    ) -> Result<(R, Self), Broken> {
        let asking = async {
            let bytes = request.encode();
            stream.write_all(&bytes).await.map_err(Broken::Lost)?;
            let mut input = Input::default();
            loop {
                if let Some(reply) = decode(&mut input)? {
                    return Ok::<_, Broken>((reply, input));
                }
                let mut buffer = Buffer::take();
                let count = stream.read(&mut buffer).await.map_err(Broken::Lost)?;
                input.add(&buffer[..count]);
            }
        };
        let asked = timeout(patience.head, asking).await;
        let (reply, input) = asked.map_err(|_| Broken::Late(patience.head))??;
        let answering = Self {
            stream,
            input,
            patience: patience.progress,
        };
        Ok((reply, answering))
    }

    /// Receives a copy of so many bytes; `keep` gets each piece.
    ///
    /// # Errors
    /// It does not come whole, or cannot be kept.
    pub async fn copy(
        &mut self,
        length: u64,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Broken> {
        let mut came = 0;
        while came < length {
            let wanted = (length - came).min(LEAST_PROGRESS);
            let patience = self.patience;
            let progress = self.some(&mut came, wanted, length, keep);
            let made = timeout(patience, progress).await;
            made.map_err(|_| Broken::Late(patience))??;
        }
        Ok(())
    }

    /// Receives at least `wanted` bytes of a copy.
    async fn some(
        &mut self,
        came: &mut u64,
        wanted: u64,
        length: u64,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Broken> {
        let enough = *came + wanted;
        while *came < enough {
            let early = self.input.take(length - *came);
            if !early.is_empty() {
                keep(&early).map_err(Broken::Kept)?;
                *came += early.len() as u64;
                continue;
            }
            let mut buffer = Buffer::take();
            let most = usize::try_from(length - *came).unwrap_or(usize::MAX);
            let most = buffer.len().min(most);
            let read = self.stream.read(&mut buffer[..most]).await;
            match read.map_err(Broken::Lost)? {
                0 => {
                    let came = *came;
                    return Err(Broken::Short { came, length });
                }
                count => {
                    keep(&buffer[..count]).map_err(Broken::Kept)?;
                    *came += count as u64;
                }
            }
        }
        Ok(())
    }

    /// Makes sure that nothing follows the last copy.
    ///
    /// # Errors
    /// Something does: it was another answer than it seemed to be.
    pub async fn end(mut self) -> Result<(), Broken> {
        let mut byte = [0];
        let more = !self.input.is_empty() || {
            let read = timeout(AFTERWARDS, self.stream.read(&mut byte)).await;
            matches!(read, Ok(Ok(1..)))
        };
        match more {
            true => Err(Broken::Malformed(
                "it sent more than it had announced".into(),
            )),
            false => Ok(()),
        }
    }
}

impl From<Malformed> for Broken {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                f.write_str("the connection was reset")
            }
            Self::Lost(error) => write!(f, "the connection broke: {error}"),
            Self::Malformed(why) => f.write_str(why),
            Self::Short { came, length } => write!(f, "it closed after {came} of {length} bytes"),
            Self::Late(patience) => {
                write!(f, "too little came within {}", units::limit(*patience))
            }
            Self::Kept(error) => write!(f, "what came cannot be kept: {error}"),
        }
    }
}

impl std::error::Error for Broken {}

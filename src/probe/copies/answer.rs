//! A whole answer of a service of the file service, whichever it is.

use std::io;
use std::time::Instant;

use futures_io::{AsyncRead, AsyncWrite};
use sha2::{Digest, Sha256};

use super::{Answering, Broken, Copies, Patience};
use crate::protocol::input::Input;
use crate::protocol::peer::{Malformed, Request};
use crate::reactor::now;
use crate::units::hexadecimal;

/// A service that serves files.
pub struct Service {
    /// Its name, as in `NAME://`.
    pub name: &'static str,
    /// Its port where none is given.
    pub port: u16,
    /// Reads the head of its answer.
    pub decode: fn(&mut Input) -> Result<Option<Head>, Malformed>,
}

/// What an answer begins with.
pub struct Head {
    /// In the protocol's own words.
    pub kind: &'static str,
    /// How many copies there are; none of an answer that is an error.
    pub copies: Result<Copies, &'static str>,
    /// The length of each copy that follows.
    pub lengths: Vec<u64>,
}

/// A whole answer.
pub struct Answer {
    /// How it began.
    pub head: Head,
    /// The checksum of each copy, in hexadecimal digits.
    pub sha256: Vec<String>,
    /// When the head was there.
    pub answered: Instant,
}

/// What is done with copies while they come.
pub trait Keep {
    /// A copy of so many bytes follows, the first one with number 0 of `count`.
    fn begin(&mut self, number: usize, count: usize, length: u64) -> io::Result<()>;

    /// Some of its bytes.
    fn piece(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Keeps nothing.
pub(super) struct Nothing;

impl Keep for Nothing {
    fn begin(&mut self, _: usize, _: usize, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn piece(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Service {
    /// Asks for a file over `stream` and receives all of the answer.
    ///
    /// # Errors
    /// It is not whole, or cannot be kept.
    pub async fn receive<S>(
        &self,
        stream: S,
        request: &Request,
        patience: Patience,
        keep: &mut dyn Keep,
    ) -> Result<Answer, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let asked = Answering::ask(stream, request, self.decode, patience).await;
        let (head, mut answering) = asked?;
        let answered = now();
        let (mut sha256, count) = (Vec::new(), head.lengths.len());
        for (number, length) in head.lengths.iter().enumerate() {
            let mut sum = Sha256::new();
            keep.begin(number, count, *length).map_err(Broken::Kept)?;
            let mut take = |bytes: &[u8]| {
                sum.update(bytes);
                keep.piece(bytes)
            };
            answering.copy(*length, &mut take).await?;
            sha256.push(hexadecimal(&sum.finalize()));
        }
        answering.end().await?;
        Ok(Answer {
            head,
            sha256,
            answered,
        })
    }
}

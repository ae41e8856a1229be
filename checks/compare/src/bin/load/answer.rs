//! A file that is asked for, and what is to come back.

use std::io;

use netkit_compare::pattern::{LONGEST, Pattern};

use crate::options::{Options, Protocol};

/// A server whose answer does not begin within this is none.
const LONGEST_HEAD: usize = 8 * 1024;

/// What every connection of a load asks.
pub(crate) struct Question {
    /// What is sent.
    pub(crate) request: Vec<u8>,
    /// How the answer's head begins; of `peer` that is all of it.
    begins: Vec<u8>,
    /// How it ends.
    ends: &'static [u8],
    /// The file holds the pattern, from its begin.
    pattern: Pattern,
    size: usize,
}

/// How far an answer has come.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    head: Vec<u8>,
    in_body: bool,
    received: usize,
}

impl Question {
    /// The question for the file that `options` name.
    pub(crate) fn new(options: &Options) -> Self {
        let (path, size) = (&options.path, options.size);
        let (request, begins, ends): (_, _, &[u8]) = match options.protocol {
            Protocol::Peer => (format!("GET {path}\n"), format!("FOUND {size}\n"), b"\n"),
            Protocol::Http => (
                format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                "HTTP/1.1 200 ".to_owned(),
                b"\r\n\r\n",
            ),
        };
        Self {
            request: request.into_bytes(),
            begins: begins.into_bytes(),
            ends,
            pattern: Pattern::new(),
            size,
        }
    }
}

impl Answer {
    /// Compares what came next with what was to come; not a byte more may come
    /// than the file has.
    pub(crate) fn take(&mut self, question: &Question, bytes: &[u8]) -> io::Result<()> {
        for piece in self.body_of(question, bytes)?.chunks(LONGEST) {
            let left = question.size - self.received;
            let expected = question.pattern.slice(self.received, piece.len());
            if piece.len() > left || piece != expected {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.received += piece.len();
        }
        Ok(())
    }

    /// Whether nothing but the end may follow.
    pub(crate) fn is_whole(&self, question: &Question) -> bool {
        self.in_body && self.received == question.size
    }

    /// What is left of `bytes` behind the head.
    fn body_of<'a>(&mut self, question: &Question, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        if self.in_body {
            return Ok(bytes);
        }
        let known = self.head.len();
        self.head
            .extend_from_slice(&bytes[..bytes.len().min(LONGEST_HEAD)]);
        let ends = question.ends;
        let end = self.head.windows(ends.len()).position(|it| it == ends);
        let Some(end) = end else {
            return match self.head.len() {
                0..LONGEST_HEAD => Ok(&[]),
                _ => Err(io::ErrorKind::InvalidData.into()),
            };
        };
        if !self.head.starts_with(&question.begins) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.in_body = true;
        Ok(&bytes[end + ends.len() - known..])
    }
}

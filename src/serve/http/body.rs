//! What follows the head of an answer: a text that is there, or a file.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::body::{Buf, Frame, SizeHint};

use super::account::Account;
use super::pace::Pace;
use super::part::Part;
use crate::reactor::{Buffer, Permit};

/// What is to be sent.
#[derive(Default)]
pub(super) enum Content {
    /// Nothing.
    #[default]
    Nothing,
    /// A few words.
    Text(String),
    /// A page made for this client; so many of them may exist at once.
    Page(String, Permit),
    /// A file, or a part of it.
    Part(Part),
}

impl Content {
    /// Its length in bytes.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Text(text) | Self::Page(text, _) => text.len() as u64,
            Self::Part(part) => part.left(),
        }
    }
}

/// A body for hyper, which takes the next piece once the one before is with the
/// kernel.
pub(super) struct Body {
    content: Content,
    pace: Rc<Pace>,
    account: Option<Rc<Account>>,
}

impl Body {
    pub(super) fn new(content: Content, pace: Rc<Pace>, account: Option<Rc<Account>>) -> Self {
        Self {
            content,
            pace,
            account,
        }
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Content::Part(part) = &mut self.content {
            let piece = ready!(part.poll_piece(context));
            let bytes = piece.map(|(buffer, count)| Bytes::Pooled(buffer, count));
            return Poll::Ready(Some(bytes));
        }
        Poll::Ready(match std::mem::take(&mut self.content) {
            Content::Text(text) => Some(Ok(Bytes::Text(text, None))),
            Content::Page(text, permit) => Some(Ok(Bytes::Text(text, Some(permit)))),
            Content::Nothing | Content::Part(_) => None,
        })
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.pace.answered();
    }
}

impl hyper::body::Body for Body {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Piece>>>> {
        let bytes = ready!(self.poll_bytes(context));
        let piece = |bytes| Piece {
            bytes,
            taken: 0,
            account: self.account.clone(),
        };
        Poll::Ready(bytes.map(|it| it.map(|bytes| Frame::data(piece(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.length() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.length())
    }
}

/// Bytes that hyper hands to the kernel.
pub(super) struct Piece {
    bytes: Bytes,
    taken: usize,
    account: Option<Rc<Account>>,
}

enum Bytes {
    /// So many, from the buffer's beginning on.
    Pooled(Buffer, usize),
    /// With the right to it, which ends with it.
    Text(String, #[expect(dead_code, reason = "held")] Option<Permit>),
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Pooled(buffer, count) => &buffer[..*count],
            Self::Text(text, _) => text.as_bytes(),
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.all().len() - self.taken
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes.all()[self.taken..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "no further than to the end");
        self.taken += count;
        if let Some(account) = &self.account {
            account.sent(count);
        }
    }
}

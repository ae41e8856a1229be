//! What follows the head of an answer: a text that is there, or a file.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::body::{Buf, Frame, SizeHint};

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
}

impl Body {
    pub(super) fn new(content: Content, pace: Rc<Pace>) -> Self {
        Self { content, pace }
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
        if let Content::Part(part) = &mut self.content {
            let piece = ready!(part.poll_piece(context));
            return Poll::Ready(Some(piece.map(Frame::data)));
        }
        let piece = match std::mem::take(&mut self.content) {
            Content::Text(text) => Piece::of_text(text, None),
            Content::Page(text, permit) => Piece::of_text(text, Some(permit)),
            Content::Nothing | Content::Part(_) => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
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
    start: usize,
    end: usize,
}

enum Bytes {
    Pooled(Buffer),
    /// With the right to it, which ends with it.
    Text(String, #[expect(dead_code, reason = "held")] Option<Permit>),
}

impl Piece {
    /// The first `count` bytes of a buffer.
    pub(super) fn of_buffer(buffer: Buffer, count: usize) -> Self {
        Self {
            bytes: Bytes::Pooled(buffer),
            start: 0,
            end: count,
        }
    }

    fn of_text(text: String, permit: Option<Permit>) -> Self {
        Self {
            start: 0,
            end: text.len(),
            bytes: Bytes::Text(text, permit),
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.end - self.start
    }

    fn chunk(&self) -> &[u8] {
        let bytes = match &self.bytes {
            Bytes::Pooled(buffer) => &**buffer,
            Bytes::Text(text, _) => text.as_bytes(),
        };
        &bytes[self.start..self.end]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "no further than to the end");
        self.start += count;
    }
}

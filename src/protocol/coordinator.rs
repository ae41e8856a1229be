//! coordinator: compares its copy of a file with the peer's, and answers with
//! one or both.
//!
//! The request is the peer's, `GET <path>\n`; the answer is a line and the
//! bytes that it announces, then the connection is closed.

use super::input::Input;
use super::peer::{Malformed, head, read_length, unexpected};

/// The port of a coordinator where none is given.
pub const PORT: u16 = 5001;

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// So many bytes follow: both copies are the same, or there is only one.
    One(u64),
    /// The copies differ: the coordinator's follows, so long, then the peer's.
    Both(u64, u64),
    /// Neither has it.
    NotFound,
    /// The request was none.
    BadRequest,
    /// The coordinator's own disk failed.
    Internal,
}

impl Reply {
    /// The head as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::One(length) => format!("OK ONE {length}\n").into_bytes(),
            Self::Both(own, peers) => format!("OK BOTH {own} {peers}\n").into_bytes(),
            Self::NotFound => b"ERROR NOTFOUND\n".into(),
            Self::BadRequest => b"ERROR BADREQUEST\n".into(),
            Self::Internal => b"ERROR INTERNAL\n".into(),
        }
    }

    /// The head of the answer; nothing while it is not complete.
    ///
    /// # Errors
    /// It is none, or the stream ended within it.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(text) = head(input)? else {
            return Ok(None);
        };
        let words: Vec<&str> = text.split(' ').collect();
        let reply = match words.as_slice() {
            ["OK", "ONE", length] => Self::One(read_length(length)?),
            ["OK", "BOTH", own, peers] => Self::Both(read_length(own)?, read_length(peers)?),
            ["ERROR", "NOTFOUND"] => Self::NotFound,
            ["ERROR", "BADREQUEST"] => Self::BadRequest,
            ["ERROR", "INTERNAL"] => Self::Internal,
            _ => return Err(unexpected(&text)),
        };
        Ok(Some(reply))
    }

    /// The lengths of the bodies that follow.
    #[must_use]
    pub fn lengths(&self) -> Vec<u64> {
        match *self {
            Self::One(length) => vec![length],
            Self::Both(own, peers) => vec![own, peers],
            Self::NotFound | Self::BadRequest | Self::Internal => Vec::new(),
        }
    }

    /// The answer in the protocol's own words, without lengths.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::One(_) => "OK ONE",
            Self::Both(..) => "OK BOTH",
            Self::NotFound => "ERROR NOTFOUND",
            Self::BadRequest => "ERROR BADREQUEST",
            Self::Internal => "ERROR INTERNAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let mut input = Input::default();
        input.add(bytes);
        input
    }

    #[test]
    fn replies_come_back_as_they_were_sent() {
        use Reply::{BadRequest, Both, Internal, NotFound, One};
        for reply in [One(0), One(7), Both(0, 5), NotFound, BadRequest, Internal] {
            let encoded = reply.encode();
            let mut whole = input(&encoded);
            whole.add(b"body");
            assert_eq!(Reply::decode(&mut whole), Ok(Some(reply)));
            assert_eq!(whole.take(9), b"body");
            let mut pieces = Input::default();
            for byte in &encoded {
                assert_eq!(Reply::decode(&mut pieces), Ok(None));
                pieces.add(&[*byte]);
            }
            assert_eq!(Reply::decode(&mut pieces), Ok(Some(reply)));
            for cut in 0..encoded.len() {
                let mut cut = input(&encoded[..cut]);
                cut.add(b"");
                assert!(Reply::decode(&mut cut).unwrap_err().0.contains("closed"));
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_quoted() {
        for wrong in [
            "OK",
            "OK ONE",
            "OK ONE 5 5",
            "OK BOTH 5",
            "FOUND 5",
            "ERROR",
            "OK  ONE 5",
        ] {
            let error = Reply::decode(&mut input(format!("{wrong}\n").as_bytes()));
            assert_eq!(error.unwrap_err().0, format!("it answered `{wrong}`"));
        }
        let error = Reply::decode(&mut input(b"OK BOTH 5 -1\n"));
        assert_eq!(error.unwrap_err().0, "`-1` is no length");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, ended: bool) {
            let mut input = input(&bytes);
            if ended {
                input.add(b"");
            }
            let _ = Reply::decode(&mut input);
        }
    }
}

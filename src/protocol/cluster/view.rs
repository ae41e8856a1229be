//! How a member sees the cluster: who leads, and who is there. The answer to
//! `WHO`.

use super::{read_id, split_address};
use crate::protocol::input::Input;
use crate::protocol::peer::Malformed;

/// Members of a view at most.
const MOST_MEMBERS: usize = 1024;

/// Bytes of a wrong line that are quoted.
const QUOTED: usize = 64;

/// The last line.
const END: &str = "END";

/// One line of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewLine {
    /// Who leads, and where; there is none while it is not known.
    Leader(u32, String),
    /// A member.
    Member(Member),
    /// The end.
    End,
}

/// A member, as another one sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub id: u32,
    /// Where it is: `HOST:PORT`.
    pub address: String,
    /// Whether it was heard from of late.
    pub is_up: bool,
}

/// A whole view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The number and the address of the leader, if one is known.
    pub leader: Option<(u32, String)>,
    /// Everybody, whoever was asked too.
    pub members: Vec<Member>,
    /// Whether the end has come.
    is_whole: bool,
}

impl ViewLine {
    /// The line as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let text = match self {
            Self::Leader(id, address) => format!("LEADER {id} {address}\n"),
            Self::Member(Member { id, address, is_up }) => {
                let state = if *is_up { "up" } else { "down" };
                format!("MEMBER {id} {address} {state}\n")
            }
            Self::End => format!("{END}\n"),
        };
        text.into_bytes()
    }

    /// The next line; nothing while it is not complete.
    ///
    /// # Errors
    /// It is none, or the stream ended.
    pub fn decode(input: &mut Input) -> Result<Option<Self>, Malformed> {
        let Some(line) = input.line()? else {
            return match input.has_ended() {
                true => Err(Malformed("its answer is cut short: it has no END".into())),
                false => Ok(None),
            };
        };
        let quoted = crate::protocol::raw::escape_head(&line.bytes, QUOTED);
        if !line.is_complete {
            return Err(Malformed(format!("its answer is cut short: `{quoted}`")));
        }
        let text = str::from_utf8(&line.bytes).ok();
        let read = text.and_then(Self::of);
        read.map(Some)
            .ok_or_else(|| Malformed(format!("`{quoted}` is no line of an answer to WHO")))
    }

    fn of(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let address = |it: &str| {
            let (_, port) = split_address(it)?;
            port.map(|_| it.to_owned())
        };
        match words.as_slice() {
            [END] => Some(Self::End),
            ["LEADER", id, at] => Some(Self::Leader(read_id(id)?, address(at)?)),
            ["MEMBER", id, at, state @ ("up" | "down")] => Some(Self::Member(Member {
                id: read_id(id)?,
                address: address(at)?,
                is_up: *state == "up",
            })),
            _ => None,
        }
    }
}

impl View {
    /// A whole one.
    #[must_use]
    pub fn new(leader: Option<(u32, String)>, members: Vec<Member>) -> Self {
        Self {
            leader,
            members,
            is_whole: true,
        }
    }

    /// Takes the lines that have come; nothing while the end has not.
    ///
    /// # Errors
    /// A line is none, or there are too many.
    pub fn decode(&mut self, input: &mut Input) -> Result<Option<()>, Malformed> {
        while !self.is_whole {
            match ViewLine::decode(input)? {
                None => return Ok(None),
                Some(ViewLine::End) => self.is_whole = true,
                Some(ViewLine::Leader(..)) if self.leader.is_some() => {
                    return Err(Malformed("it names two leaders".into()));
                }
                Some(ViewLine::Leader(id, address)) => self.leader = Some((id, address)),
                Some(ViewLine::Member(_)) if self.members.len() == MOST_MEMBERS => {
                    return Err(Malformed(format!(
                        "it has more than {MOST_MEMBERS} members"
                    )));
                }
                Some(ViewLine::Member(member)) => self.members.push(member),
            }
        }
        Ok(Some(()))
    }

    /// All of it as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let leader = self.leader.clone();
        let leader = leader.map(|(id, address)| ViewLine::Leader(id, address));
        let members = self.members.iter().cloned().map(ViewLine::Member);
        let lines = leader.into_iter().chain(members).chain([ViewLine::End]);
        lines.flat_map(|it| it.encode()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(id: u32, is_up: bool) -> Member {
        let address = format!("[::1]:{}", id + 3680);
        Member { id, address, is_up }
    }

    fn decode(bytes: &[u8], ended: bool) -> Result<Option<View>, Malformed> {
        let mut input = Input::default();
        input.add(bytes);
        if ended {
            input.add(b"");
        }
        let mut view = View::default();
        Ok(view.decode(&mut input)?.map(|()| view))
    }

    #[test]
    fn a_view_comes_back_and_is_not_whole_before_its_end() {
        for leader in [None, Some((1, "a.example:3681".to_owned()))] {
            let view = View::new(leader, vec![member(1, true), member(2, false)]);
            let bytes = view.encode();
            assert_eq!(decode(&bytes, false), Ok(Some(view.clone())));
            let mut pieces = Input::default();
            let mut read = View::default();
            for byte in &bytes {
                assert_eq!(read.decode(&mut pieces), Ok(None));
                pieces.add(&[*byte]);
            }
            assert_eq!(read.decode(&mut pieces), Ok(Some(())));
            assert_eq!(read, view);
            for cut in 1..bytes.len() {
                assert_eq!(decode(&bytes[..cut], false), Ok(None));
                let error = decode(&bytes[..cut], true).unwrap_err();
                assert!(error.0.contains("is cut short"), "{error}");
            }
        }
    }

    #[test]
    fn what_is_no_line_of_a_view_is_quoted() {
        for wrong in [
            "",
            "END 1",
            "LEADER 1",
            "LEADER 0 a:1",
            "LEADER 1 a",
            "LEADER 1 a:1 up",
            "MEMBER 1 a:1",
            "MEMBER 1 a:1 gone",
            "MEMBER 1 a b:1 up",
            "MEMBER 1 :1 up",
            "FOUND 3",
        ] {
            let error = decode(format!("{wrong}\n").as_bytes(), false).unwrap_err();
            assert_eq!(error.0, format!("`{wrong}` is no line of an answer to WHO"));
        }
        let twice = decode(b"LEADER 1 a:1\nLEADER 2 b:1\nEND\n", false).unwrap_err();
        assert_eq!(twice.0, "it names two leaders");
        let many = b"MEMBER 1 a:1 up\n".repeat(MOST_MEMBERS + 1);
        let error = decode(&many, false).unwrap_err();
        assert_eq!(error.0, "it has more than 1024 members");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, ended: bool) {
            let _ = decode(&bytes, ended);
        }
    }
}

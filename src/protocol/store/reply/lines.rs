//! Answers in lines: how the shard servers are, and what became of files.

use crate::protocol::coding::Server;
use crate::protocol::peer::read_length;

/// What is known of one shard server: a line of the answer to STA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Which of the four.
    pub server: Server,
    /// Where it is.
    pub address: String,
    /// Whether it could be asked.
    pub is_up: bool,
    /// Blocks of the user's files that it has, as they should be.
    pub held: u64,
    /// Those that it lacks, or has otherwise; of a server that is down, all.
    pub missing: u64,
}

/// What became of one file: a line of the answer to FIX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// What it is now.
    pub state: Health,
    /// Servers on which blocks were rebuilt.
    pub rebuilt: Vec<Server>,
    /// Servers on which blocks are still missing or bad.
    pub missing: Vec<Server>,
    /// The file, as lists show it.
    pub file: String,
}

/// How a file is after a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// All four servers have what they should have, and had it before.
    Whole,
    /// They have it again.
    Rebuilt,
    /// It can be read, but not every server has its part.
    Behind,
    /// It cannot be read now.
    Lost,
}

impl Shard {
    /// The line as it is sent.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self {
            server,
            address,
            held,
            missing,
            ..
        } = self;
        let state = if self.is_up { "up" } else { "down" };
        format!("{} {address} {state} {held} {missing}\n", server.number())
    }

    /// Understands a line, without its end.
    #[must_use]
    pub fn decode(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [number, address, state, held, missing] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            server: server(number)?,
            address: (*address).into(),
            is_up: match *state {
                "up" => true,
                "down" => false,
                _ => return None,
            },
            held: read_length(held).ok()?,
            missing: read_length(missing).ok()?,
        })
    }
}

impl Health {
    const ALL: [Self; 4] = [Self::Whole, Self::Rebuilt, Self::Behind, Self::Lost];

    /// The word that stands for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Rebuilt => "rebuilt",
            Self::Behind => "behind",
            Self::Lost => "lost",
        }
    }
}

impl Mended {
    /// The line as it is sent: `<state> <rebuilt> <missing> <file>`, where servers
    /// are numbers with commas between them, or `-`.
    #[must_use]
    pub fn encode(&self) -> String {
        let state = self.state.as_str();
        let (rebuilt, missing) = (numbers(&self.rebuilt), numbers(&self.missing));
        format!("{state} {rebuilt} {missing} {}\n", self.file)
    }

    /// Understands a line, without its end.
    #[must_use]
    pub fn decode(line: &str) -> Option<Self> {
        let (state, rest) = line.split_once(' ')?;
        let (rebuilt, rest) = rest.split_once(' ')?;
        let (missing, file) = rest.split_once(' ')?;
        Some(Self {
            state: Health::ALL.into_iter().find(|it| it.as_str() == state)?,
            rebuilt: servers(rebuilt)?,
            missing: servers(missing)?,
            file: file.into(),
        })
    }
}

/// The numbers of some servers.
#[must_use]
pub fn numbers(servers: &[Server]) -> String {
    let numbers: Vec<String> = servers.iter().map(|it| it.number().to_string()).collect();
    match numbers.is_empty() {
        true => "-".into(),
        false => numbers.join(","),
    }
}

fn servers(numbers: &str) -> Option<Vec<Server>> {
    match numbers {
        "-" => Some(Vec::new()),
        numbers => numbers.split(',').map(server).collect(),
    }
}

fn server(number: &str) -> Option<Server> {
    Server::ALL
        .into_iter()
        .find(|it| it.number().to_string() == number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_read_back() {
        let shard = Shard {
            server: Server::Third,
            address: "[::1]:51133".into(),
            is_up: false,
            held: 0,
            missing: 12,
        };
        let line = shard.encode();
        assert_eq!(line, "3 [::1]:51133 down 0 12\n");
        assert_eq!(Shard::decode(line.trim_end()), Some(shard));
        let mended = Mended {
            state: Health::Behind,
            rebuilt: vec![Server::First, Server::Third],
            missing: vec![Server::Fourth],
            file: "\\alice\\docs\\a b.txt".into(),
        };
        let line = mended.encode();
        assert_eq!(line, "behind 1,3 4 \\alice\\docs\\a b.txt\n");
        assert_eq!(Mended::decode(line.trim_end()), Some(mended));
        let whole = "whole - - \\a\\b\\c";
        assert_eq!(Mended::decode(whole).unwrap().encode().trim_end(), whole);
        for wrong in [
            "",
            "END",
            "5 a up 1 1",
            "1 a up x 1",
            "1 a off 1 1",
            "1 a up 1",
        ] {
            assert_eq!(Shard::decode(wrong), None, "{wrong}");
        }
        for wrong in ["", "END", "fine - - f", "whole 5 - f", "whole -"] {
            assert_eq!(Mended::decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            let _ = (Shard::decode(&text), Mended::decode(&text));
        }
    }
}

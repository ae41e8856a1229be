//! A dump of what passes: when, which way, in hexadecimal and as text.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::SystemTime;

use super::OwnFault;

/// Bytes of a line.
const WIDTH: usize = 16;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the peer.
    Out,
    /// From the peer.
    In,
}

/// Where a dump is written, and how far each direction has come.
pub(super) struct Trace {
    to: Box<dyn Write>,
    /// What that is called in errors.
    name: String,
    offsets: [u64; 2],
}

impl Trace {
    /// A dump that is written to `to`, which is called `name`.
    pub(super) fn new(to: Box<dyn Write>, name: String) -> Self {
        Self {
            to,
            name,
            offsets: [0; 2],
        }
    }

    /// Dumps bytes, a line for each 16 of them.
    ///
    /// # Errors
    /// The dump cannot be written: an [`OwnFault`].
    pub(super) fn add(&mut self, way: Way, bytes: &[u8]) -> io::Result<()> {
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let offset = &mut self.offsets[way as usize];
        let mut text = String::new();
        for line in bytes.chunks(WIDTH) {
            dump(&mut text, &at, way, *offset, line);
            *offset += line.len() as u64;
        }
        let written = self.to.write_all(text.as_bytes());
        let written = written.and_then(|()| self.to.flush());
        written.map_err(|error| io::Error::other(OwnFault::writing(&self.name, &error)))
    }
}

fn dump(text: &mut String, at: &str, way: Way, offset: u64, bytes: &[u8]) {
    let way = match way {
        Way::Out => '>',
        Way::In => '<',
    };
    let _ = write!(text, "{at} {way} {offset:08x} ");
    for index in 0..WIDTH {
        if index % 8 == 0 {
            text.push(' ');
        }
        let _ = match bytes.get(index) {
            Some(byte) => write!(text, "{byte:02x} "),
            None => write!(text, "   "),
        };
    }
    let shown = bytes.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    });
    let _ = writeln!(text, " |{}|", shown.collect::<String>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_sixteen_bytes_and_their_text() {
        let mut text = String::new();
        dump(&mut text, "T", Way::In, 0x20, b"hello\n\x00\xffworld");
        assert_eq!(
            text,
            "T < 00000020  68 65 6c 6c 6f 0a 00 ff  77 6f 72 6c 64           |hello...world|\n"
        );
    }
}

//! document: one text that several clients add to, in frames both ways.
//!
//! A frame is a header of 10 bytes, the length of what follows in bytes: decimal
//! digits at the left, spaces up to the tenth byte. Then so many bytes of UTF-8.

use super::peer::{Malformed, read_length};
use super::raw::escape_head;

/// The port of a server where none is given.
pub const PORT: u16 = 8080;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 10;

/// The most that a header can declare.
pub const LARGEST: u64 = 9_999_999_999;

/// The header of a frame with so many bytes; nothing if it cannot declare them.
#[must_use]
pub fn encode_header(length: u64) -> Option<[u8; HEADER_BYTES]> {
    let text = format!("{length:<HEADER_BYTES$}");
    text.as_bytes().try_into().ok()
}

/// A frame as it is sent; nothing if a header cannot declare its length.
#[must_use]
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let header = encode_header(u64::try_from(text.len()).ok()?)?;
    Some([&header, text.as_bytes()].concat())
}

/// The length that a header declares.
///
/// # Errors
/// It is not digits and then spaces alone.
pub fn decode_header(header: &[u8; HEADER_BYTES]) -> Result<u64, Malformed> {
    let end = header.iter().rposition(|byte| *byte != b' ');
    let digits = header
        .get(..end.map_or(0, |it| it.saturating_add(1)))
        .unwrap_or_default();
    let length = str::from_utf8(digits).ok();
    let length = length.and_then(|it| read_length(it).ok());
    length.ok_or_else(|| {
        let quoted = escape_head(header, HEADER_BYTES);
        Malformed(format!("`{quoted}` is no header of a frame"))
    })
}

/// Reads frames from a stream, in whatever pieces it comes.
#[derive(Debug)]
pub struct Reader {
    most: u64,
    header: [u8; HEADER_BYTES],
    /// So many bytes of the header are there.
    filled: usize,
    /// What the header declares, once it is whole.
    length: Option<u64>,
    /// Grows as bytes come, not as they are declared.
    body: Vec<u8>,
}

impl Reader {
    /// One that takes frames of at most so many bytes.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self {
            most,
            header: [0; HEADER_BYTES],
            filled: 0,
            length: None,
            body: Vec::new(),
        }
    }

    /// Takes bytes off the front of `bytes` until a frame is whole, and returns its
    /// text; nothing once all of them are taken.
    ///
    /// # Errors
    /// The header is none or declares too much, or the frame is no UTF-8: nothing
    /// that follows can be read then.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<String>, Malformed> {
        loop {
            let Some(length) = self.length else {
                if bytes.is_empty() {
                    return Ok(None);
                }
                self.take_header(bytes)?;
                continue;
            };
            let here = u64::try_from(self.body.len()).unwrap_or(u64::MAX);
            let left = usize::try_from(length.saturating_sub(here)).unwrap_or(usize::MAX);
            let (taken, rest) = bytes.split_at(left.min(bytes.len()));
            self.body.extend_from_slice(taken);
            *bytes = rest;
            if taken.len() < left {
                return Ok(None);
            }
            self.filled = 0;
            self.length = None;
            let text = String::from_utf8(std::mem::take(&mut self.body));
            let text = text.map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                Malformed(format!("a frame is no UTF-8 text (at byte {at})"))
            });
            return text.map(Some);
        }
    }

    fn take_header(&mut self, bytes: &mut &[u8]) -> Result<(), Malformed> {
        let room = self.header.get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        for (place, byte) in room.iter_mut().zip(taken) {
            *place = *byte;
        }
        *bytes = rest;
        self.filled = self.filled.saturating_add(count);
        if self.filled < HEADER_BYTES {
            return Ok(());
        }
        let length = decode_header(&self.header)?;
        if length > self.most {
            let most = self.most;
            return Err(Malformed(format!(
                "a frame of {length} bytes is longer than {most} bytes"
            )));
        }
        self.length = Some(length);
        Ok(())
    }

    /// Whether a frame has begun and is not whole.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.filled > 0
    }

    /// What is missing if the stream ends here, in words; nothing between frames.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let (filled, came) = (self.filled, self.body.len());
        match self.length {
            Some(length) => Some(format!("within a frame: {came} of {length} bytes came")),
            None if filled > 0 => Some(format!(
                "within a header: {filled} of {HEADER_BYTES} bytes came"
            )),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All frames of these bytes, which come in pieces of this size.
    fn frames(bytes: &[u8], size: usize, most: u64) -> (Vec<String>, Option<String>) {
        let (mut reader, mut frames) = (Reader::new(most), Vec::new());
        for piece in bytes.chunks(size) {
            let mut piece = piece;
            loop {
                match reader.take(&mut piece) {
                    Ok(Some(text)) => frames.push(text),
                    Ok(None) => break,
                    Err(wrong) => return (frames, Some(wrong.0)),
                }
            }
            assert!(piece.is_empty());
        }
        (frames, reader.missing())
    }

    fn wrong(header: &[u8]) -> String {
        decode_header(header.try_into().unwrap()).unwrap_err().0
    }

    #[test]
    fn a_header_is_digits_and_spaces_behind_them() {
        assert_eq!(encode_header(5).as_ref(), Some(b"5         "));
        assert_eq!(encode_header(LARGEST).as_ref(), Some(b"9999999999"));
        assert_eq!(encode_header(LARGEST + 1), None);
        for (header, length) in [
            (b"5         ", 5),
            (b"0         ", 0),
            (b"007       ", 7),
            (b"9999999999", LARGEST),
        ] {
            assert_eq!(decode_header(header), Ok(length));
        }
    }

    #[test]
    fn a_header_that_is_none_is_quoted() {
        for header in [
            "          ",
            " 5        ",
            "-5        ",
            "+5        ",
            "5 5       ",
            "5        5",
            "0x5       ",
            "5.0       ",
            "5\t        ",
            "1e3       ",
            "GET / HTTP",
        ] {
            let quoted = header.replace('\t', "\\t");
            let expected = format!("`{quoted}` is no header of a frame");
            assert_eq!(wrong(header.as_bytes()), expected);
        }
        let expected = "`5\\0\\0\\0\\0\\0\\0\\0\\0\\0` is no header of a frame";
        assert_eq!(wrong(b"5\0\0\0\0\0\0\0\0\0"), expected);
        assert!(wrong("٥         ".as_bytes().get(..10).unwrap()).contains("is no header"));
    }

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let texts = ["a", "", "gr\u{fc}n\nand more", "\u{1f980}"];
        let bytes: Vec<u8> = texts.iter().flat_map(|it| encode(it).unwrap()).collect();
        for size in 1..=bytes.len() {
            let (came, missing) = frames(&bytes, size, 100);
            assert_eq!(
                (came.as_slice(), missing),
                (&texts.map(String::from)[..], None)
            );
        }
        for cut in 0..bytes.len() {
            let (came, missing) = frames(&bytes[..cut], 3, 100);
            assert!(came.len() < texts.len());
            let whole: usize = came.iter().map(|it| it.len() + HEADER_BYTES).sum();
            assert_eq!(missing.is_none(), cut == whole, "cut at {cut}");
        }
        let (_, missing) = frames(b"12        abc", 5, 100);
        assert_eq!(missing.unwrap(), "within a frame: 3 of 12 bytes came");
        let (_, missing) = frames(b"12  ", 5, 100);
        assert_eq!(missing.unwrap(), "within a header: 4 of 10 bytes came");
    }

    #[test]
    fn a_frame_has_a_limit_and_is_text() {
        let (_, longest) = frames(&encode("12345").unwrap(), 4, 5);
        assert_eq!(longest, None);
        let (_, wrong) = frames(b"6         ", 4, 5);
        assert_eq!(wrong.unwrap(), "a frame of 6 bytes is longer than 5 bytes");
        let (_, wrong) = frames(b"9999999999", 4, 5);
        assert!(wrong.unwrap().starts_with("a frame of 9999999999 bytes"));
        let (before, wrong) = frames(b"1         a3         a\xffb", 4, 5);
        assert_eq!(before, ["a"]);
        assert_eq!(wrong.unwrap(), "a frame is no UTF-8 text (at byte 1)");
        // Half of a character is none, even if the next frame has the rest.
        let (_, wrong) = frames(b"1         \xc31         \xbc", 4, 5);
        assert_eq!(wrong.unwrap(), "a frame is no UTF-8 text (at byte 0)");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(texts: Vec<String>, size in 1usize..40) {
            let bytes: Vec<u8> = texts.iter().flat_map(|it| encode(it).unwrap()).collect();
            prop_assert_eq!(frames(&bytes, size, 1 << 20), (texts, None));
        }

        #[test]
        fn pieces_do_not_matter_and_nothing_panics(
            bytes in prop::collection::vec(prop_oneof![Just(b' '), b'0'..b'5', any::<u8>()], 0..60),
            size in 1usize..12,
        ) {
            let whole = frames(&bytes, 1000, 30);
            prop_assert_eq!(frames(&bytes, size, 30), whole);
        }
    }
}

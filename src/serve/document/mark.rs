//! What stands beside a document: how much of it is committed, twice, so that
//! one is whole at any moment.
//!
//! A line of 256 bytes, which ends in a sum of itself: a line that was written in
//! part is none.

use sha2::{Digest, Sha256};

use crate::units::hexadecimal;

/// Bytes of a mark; the second stands behind the first.
pub(super) const MARK_BYTES: usize = 256;

/// How the line begins.
const NAME: &str = "netkit document 1";

/// How much of a document is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The later mark has the greater number.
    pub(super) number: u64,
    /// So many bytes are committed.
    pub(super) length: u64,
    /// Their SHA-256, hexadecimal.
    pub(super) sum: String,
    /// Whether a server had the document, whose process this is, and may have been
    /// about to append to it; otherwise it ended in order.
    pub(super) process: Option<u32>,
}

impl Mark {
    /// The mark as it is written.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self {
            number,
            length,
            sum,
            process,
        } = self;
        let holder = process.map_or_else(|| String::from("closed"), |it| it.to_string());
        let text = format!("{NAME} {number} {length} {sum} {holder}");
        let check = hexadecimal(&Sha256::digest(&text));
        let line = format!("{text} {}", &check[..16]);
        format!("{line:width$}\n", width = MARK_BYTES - 1).into_bytes()
    }

    /// The mark that these bytes are, if they are one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let line = str::from_utf8(bytes).ok()?.trim_end();
        let (text, check) = line.rsplit_once(' ')?;
        if check != hexadecimal(&Sha256::digest(text)).get(..16)? {
            return None;
        }
        let mut words = text.strip_prefix(NAME)?.split_ascii_whitespace();
        let mut word = || words.next();
        Some(Self {
            number: word()?.parse().ok()?,
            length: word()?.parse().ok()?,
            sum: word()?.into(),
            process: match word()? {
                "closed" => None,
                process => Some(process.parse().ok()?),
            },
        })
    }

    /// Those of a file, the latest first; nothing if it is something else. Before
    /// the first one is whole, there may be a part of it in the second place.
    pub(super) fn decode_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let mut marks: Vec<Self> = bytes.chunks(MARK_BYTES).filter_map(Self::decode).collect();
        marks.sort_by_key(|it| std::cmp::Reverse(it.number));
        let (first, second) = bytes.split_at(bytes.len().min(MARK_BYTES));
        let is_blank = |it: &[u8]| it.iter().all(|byte| *byte == 0);
        let has_begun = is_blank(second) || second.starts_with(NAME.as_bytes());
        let is_ours = !marks.is_empty() || (is_blank(first) && has_begun);
        (is_ours && bytes.len() <= 2 * MARK_BYTES).then_some(marks)
    }

    /// Whether this is how a document begins that holds `text`.
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        let length = usize::try_from(self.length).ok();
        let committed = length.and_then(|it| text.get(..it));
        committed.is_some_and(|it| hexadecimal(&Sha256::digest(it)) == self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u64, text: &str) -> Mark {
        Mark {
            number,
            length: text.len() as u64,
            sum: hexadecimal(&Sha256::digest(text)),
            process: number.is_multiple_of(2).then_some(7),
        }
    }

    #[test]
    fn a_mark_comes_back_and_a_torn_one_does_not() {
        for number in [0, 1, u64::MAX] {
            let mut mark = mark(number, "text");
            mark.length = u64::MAX;
            let bytes = mark.encode();
            assert_eq!(bytes.len(), MARK_BYTES);
            assert_eq!(Mark::decode(&bytes), Some(mark));
        }
        let (old, new) = (mark(8, "old").encode(), mark(10, "newer").encode());
        let line = new.trim_ascii_end().len();
        for cut in 0..line {
            let torn = [&new[..cut], &old[cut..]].concat();
            assert!(cut <= 18 || Mark::decode(&torn).is_none(), "cut at {cut}");
            assert_eq!(Mark::decode(&new[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_later_mark_is_the_first() {
        let bytes = [mark(2, "two").encode(), mark(3, "three").encode()].concat();
        let decoded = Mark::decode_all(&bytes).unwrap();
        assert_eq!(decoded, [mark(3, "three"), mark(2, "two")]);
        let mut torn = bytes.clone();
        torn[MARK_BYTES + 30] ^= 1;
        assert_eq!(Mark::decode_all(&torn).unwrap(), [mark(2, "two")]);
    }

    #[test]
    fn what_is_something_else_than_marks_is_told_from_a_new_file() {
        let (blank, whole) = (vec![0; MARK_BYTES], mark(1, "text").encode());
        for begun in [
            vec![],
            blank.clone(),
            [&blank[..], &whole[..30]].concat(),
            [&blank[..], &blank].concat(),
        ] {
            assert_eq!(Mark::decode_all(&begun), Some(vec![]));
        }
        for other in [
            b"anything".to_vec(),
            whole[..30].to_vec(),
            [&blank[..], b"anything"].concat(),
            [&whole[..], &whole, b"\n"].concat(),
            vec![b'x'; 2 * MARK_BYTES],
        ] {
            assert_eq!(Mark::decode_all(&other), None);
        }
    }

    #[test]
    fn a_mark_fits_what_begins_so() {
        let mark = mark(1, "begin");
        assert!(mark.fits(b"begin") && mark.fits(b"beginning"));
        assert!(!mark.fits(b"begi") && !mark.fits(b"Beginning"));
    }
}

//! The bytes that came, as a finding shows them.

use crate::protocol::raw::escape_head;

/// So many bytes of an answer are shown.
const SHOWN_BYTES: usize = 512;

/// The first 512 bytes, escaped.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    escape_head(bytes, SHOWN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_shown() {
        assert_eq!(excerpt(b"a\x1b\n"), "a\\x1b\\n");
        let shown = excerpt(&[b'x'; SHOWN_BYTES + 1]);
        assert_eq!(shown, format!("{}…", "x".repeat(SHOWN_BYTES)));
    }
}

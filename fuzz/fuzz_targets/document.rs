//! The frames of a shared document: in pieces they are what they are whole, what is
//! understood reads back, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::document::{Reader, encode};

/// All frames, and whether something is none.
fn frames(bytes: &[u8], size: usize) -> (Vec<String>, bool) {
    let (mut reader, mut frames) = (Reader::new(1 << 16), Vec::new());
    for piece in bytes.chunks(size) {
        let mut piece = piece;
        loop {
            match reader.take(&mut piece) {
                Ok(Some(text)) => frames.push(text),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        assert!(piece.is_empty());
    }
    (frames, false)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = frames(bytes, bytes.len().max(1));
    assert_eq!(frames(bytes, 1), whole);
    assert_eq!(frames(bytes, 7), whole);
    let encoded: Vec<u8> = whole
        .0
        .iter()
        .flat_map(|it| encode(it).expect("it was declared once"))
        .collect();
    assert_eq!(frames(&encoded, 13), (whole.0, false));
});

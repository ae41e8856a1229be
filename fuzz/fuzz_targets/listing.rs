//! The codec of listings: each line that is understood reads back, and nothing
//! panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::input::Input;
use netkit::protocol::listing::Line;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::default();
    input.add(bytes);
    while let Ok(Some(line)) = Line::decode(&mut input) {
        // A warning is shown, not read back: its control characters are gone.
        if matches!(line, Line::Warning(_)) {
            continue;
        }
        let encoded = line.encode();
        let mut again = Input::default();
        again.add(&encoded);
        let read = Line::decode(&mut again).expect("what was written is a line");
        let read = read.expect("it is whole");
        // Fractions of a second are not written.
        assert_eq!(read.encode(), encoded);
    }
});

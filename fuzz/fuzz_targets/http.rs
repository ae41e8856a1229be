//! What HTTP's headers say of files: parts lie within the file, paths never climb, and nothing
//! panics.

#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use netkit::protocol::http::conditions::{Conditions, Validators};
use netkit::protocol::http::path::Path;
use netkit::protocol::http::range::Range;

fuzz_target!(|input: (&[u8], u64)| {
    let (bytes, length) = input;
    if let Range::Part { first, last } = Range::parse(bytes, length) {
        assert!(first <= last && last < length);
    }
    if let Some(path) = std::str::from_utf8(bytes).ok().and_then(|it| Path::decode(it).ok()) {
        let mut names = path.names.split(|byte| *byte == b'/');
        assert!(names.all(|it| it != b".." && it != b"." && !it.contains(&0)));
        let again = Path::decode(&path.as_directory()).expect("what was encoded");
        assert_eq!(again.names, path.names);
    }
    let value = Some(bytes);
    let conditions = Conditions {
        matches: value,
        none_match: value,
        modified_since: value,
        unmodified_since: value,
        range: value,
    };
    let file = Validators {
        tag: "\"1-2-3\"",
        modified: Some(SystemTime::UNIX_EPOCH),
    };
    let _ = conditions.judge(&file);
    let _ = conditions.allow_part(&file, SystemTime::UNIX_EPOCH);
});

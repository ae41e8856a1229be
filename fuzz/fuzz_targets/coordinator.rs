//! The coordinator's codec: what is understood reads back, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::coordinator::Reply;
use netkit::protocol::input::Input;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::default();
    input.add(bytes);
    if let Ok(Some(reply)) = Reply::decode(&mut input) {
        let mut again = Input::default();
        again.add(&reply.encode());
        assert_eq!(Reply::decode(&mut again), Ok(Some(reply)));
        assert!(reply.lengths().iter().all(|it| *it <= i64::MAX as u64));
    }
});

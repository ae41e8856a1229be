//! The peer's codec: a request or a head in pieces is what it is whole, what is
//! understood reads back, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::input::Input;
use netkit::protocol::peer::{Reply, Request};

fuzz_target!(|bytes: &[u8]| {
    let whole = || {
        let mut input = Input::default();
        input.add(bytes);
        input
    };
    let mut pieces = Input::default();
    let mut early = None;
    for byte in bytes {
        pieces.add(&[*byte]);
        if let Some(reply) = Reply::decode(&mut pieces).transpose() {
            early = Some(reply);
            break;
        }
    }
    let reply = Reply::decode(&mut whole());
    if let Some(Ok(early)) = &early {
        assert_eq!(reply.as_ref().ok().and_then(Option::as_ref), Some(early));
    }
    if let Ok(Some(reply)) = reply {
        let mut again = Input::default();
        again.add(&reply.encode());
        assert_eq!(Reply::decode(&mut again), Ok(Some(reply)));
    }
    if let Ok(Some(request)) = Request::decode(&mut whole()) {
        let mut again = Input::default();
        again.add(&request.encode());
        assert_eq!(Request::decode(&mut again), Ok(Some(request)));
    }
});

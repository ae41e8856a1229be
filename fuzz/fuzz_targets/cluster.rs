//! The cluster's codec: requests, replies, views and lists in pieces are what
//! they are whole, what is understood reads back, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::cluster::{Reply, Request, View, decode_names, encode_names};
use netkit::protocol::input::Input;

/// What `decode` makes of the bytes, one after the other.
fn in_pieces<T, E>(
    bytes: &[u8],
    mut decode: impl FnMut(&mut Input) -> Result<Option<T>, E>,
) -> Option<Result<T, E>> {
    let mut pieces = Input::default();
    for byte in bytes {
        pieces.add(&[*byte]);
        if let Some(early) = decode(&mut pieces).transpose() {
            return Some(early);
        }
    }
    None
}

fuzz_target!(|bytes: &[u8]| {
    let whole = || {
        let mut input = Input::default();
        input.add(bytes);
        input
    };
    let _ = Request::so_far(&whole());
    let request = Request::decode(&mut whole());
    if let Some(Ok(early)) = in_pieces(bytes, Request::decode) {
        assert_eq!(request, Ok(Some(early)));
    }
    if let Ok(Some(request)) = request {
        let mut again = Input::default();
        again.add(&request.encode());
        again.add(b"");
        assert_eq!(Request::decode(&mut again), Ok(Some(request)));
    }
    let reply = Reply::decode(&mut whole());
    if let Some(Ok(early)) = in_pieces(bytes, Reply::decode) {
        assert_eq!(reply, Ok(Some(early)));
    }
    let mut view = View::default();
    if let Ok(Some(())) = view.decode(&mut whole()) {
        let mut again = Input::default();
        again.add(&view.encode());
        let mut read = View::default();
        assert_eq!(read.decode(&mut again), Ok(Some(())));
        assert_eq!(read, view);
    }
    if let Ok(names) = decode_names(bytes) {
        let list = encode_names(names.iter().map(String::as_str));
        assert_eq!(decode_names(&list), Ok(names));
    }
});

//! The codec of shard servers: requests in any pieces, with pauses between, come
//! to what they come to as a whole; what is understood reads back; no name leads
//! elsewhere; and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::input::Input;
use netkit::protocol::shard::{Ending, Reply, Request, Requests};

fuzz_target!(|pieces: (u8, &[u8])| {
    let (size, bytes) = pieces;
    let whole = requests(bytes.chunks(bytes.len().max(1)));
    assert_eq!(whole, requests(bytes.chunks(usize::from(size).max(1))));
    whole.iter().for_each(reads_back);
    let (mut requests, mut input) = (Requests::default(), Input::default());
    for piece in bytes.chunks(usize::from(size).max(1)) {
        input.add(piece);
        let _ = requests.next(&mut input);
        let _ = requests.pause(&mut input);
    }
    let mut replies = Input::default();
    replies.add(bytes);
    while let Ok(Some(reply)) = Reply::decode(&mut replies) {
        let mut again = Input::default();
        again.add(&reply.encode());
        let read = Reply::decode(&mut again).expect("what was written is an answer");
        let read = read.expect("it is whole");
        // Texts are cut, and shown without what a terminal would obey.
        assert_eq!(
            matches!(read, Reply::Error(_)),
            matches!(reply, Reply::Error(_))
        );
    }
});

/// The requests in these pieces, as far as they can be understood.
fn requests<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Request> {
    let (mut requests, mut input, mut found) = (Requests::default(), Input::default(), Vec::new());
    for piece in pieces {
        input.add(piece);
        loop {
            match requests.next(&mut input) {
                Ok(Some(request)) => found.push(request),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}

fn reads_back(request: &Request) {
    let place = match request {
        Request::Store(place, _) | Request::Retrieve(place) | Request::Delete(place) => place,
        Request::User(user) => {
            let name = user.name();
            assert!(!["", ".", "..", "backup"].contains(&name) && !name.contains(['/', '\0']));
            return;
        }
        Request::Logout | Request::Refused { .. } => return,
    };
    let mut names = place.path().split('/').chain([place.name()]);
    assert!(names.all(|it| !["", ".", ".."].contains(&it) && !it.contains(['/', '\0'])));
    let bytes = [&b"user\r\n"[..], &request.encode(Ending::Line)].concat();
    assert_eq!(requests([&bytes[..]].into_iter()).last(), Some(request));
}

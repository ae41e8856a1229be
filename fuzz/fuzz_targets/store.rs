//! The codec of the store, both ways: messages, prompts and answers in any pieces
//! come to what they come to as a whole, what is understood reads back, no name
//! leads elsewhere, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit::protocol::input::Input;
use netkit::protocol::store::login::{Prompt, Prompts};
use netkit::protocol::store::reply::{Mended, Reply, Shard};
use netkit::protocol::store::{Command, Messages, place};

fuzz_target!(|pieces: (u8, &[u8])| {
    let (size, bytes) = pieces;
    let (whole, size) = (bytes.len().max(1), usize::from(size).max(1));
    let commands = messages(bytes.chunks(whole));
    assert_eq!(commands, messages(bytes.chunks(size)));
    for fields in &commands {
        if let Ok(command) = Command::of(fields) {
            reads_back(&command);
        }
    }
    assert_eq!(prompt(bytes.chunks(whole)), prompt(bytes.chunks(size)));
    let file = place("name", "path").expect("a name and a path");
    for command in [Command::Store(file.clone(), 1), Command::Retrieve(file), Command::List] {
        let mut input = Input::default();
        input.add(bytes);
        while let Ok(Some(reply)) = Reply::decode(&mut input, &command) {
            if matches!(reply, Reply::Found(_)) {
                break;
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some(shard) = Shard::decode(&text) {
        assert_eq!(Shard::decode(shard.encode().trim_end_matches('\n')), Some(shard));
    }
    if let Some(mended) = Mended::decode(&text) {
        let line = mended.encode();
        assert_eq!(Mended::decode(line.strip_suffix('\n').expect("a line")), Some(mended));
    }
});

/// The messages in these pieces, as far as they can be understood.
fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<Vec<u8>>> {
    let (mut messages, mut input, mut found) = (Messages::default(), Input::default(), Vec::new());
    for piece in pieces {
        input.add(piece);
        loop {
            match messages.next(&mut input) {
                Ok(Some(message)) => found.push(message),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}

/// The first prompt in these pieces, if there is one.
fn prompt<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<Prompt> {
    let (mut prompts, mut input) = (Prompts::default(), Input::default());
    for piece in pieces {
        input.add(piece);
        match prompts.next(&mut input) {
            Ok(None) => {}
            Ok(found) => return found,
            Err(_) => return None,
        }
    }
    None
}

fn reads_back(command: &Command) {
    if let Command::Store(place, _) | Command::Retrieve(place) | Command::Delete(place) = command {
        let mut names = place.path().split('/').chain([place.name()]);
        assert!(names.all(|it| !["", ".", ".."].contains(&it) && !it.contains(['/', '\\', '\0'])));
    }
    let bytes = command.encode();
    let again = messages([&bytes[..]].into_iter());
    assert_eq!(again.len(), 1);
    assert_eq!(Command::of(&again[0]).as_ref(), Ok(command));
}

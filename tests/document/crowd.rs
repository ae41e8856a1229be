//! Ten clients and ten thousand updates: everybody sees the same text.

use super::{Client, Site};
use crate::support::client::expect_end;
use std::net::Shutdown;
use std::thread;

const CLIENTS: usize = 10;
const EACH: usize = 1000;

/// Says its updates and hears those of all others, in whatever order they come.
fn take_part(mut client: Client, number: usize) -> Vec<String> {
    let mut speaker = Client {
        stream: client.stream.try_clone().expect("a second handle"),
    };
    let saying = thread::spawn(move || {
        for update in 0..EACH {
            speaker.say(&format!("{number}.{update};"));
        }
        speaker
    });
    let heard = (0..(CLIENTS - 1) * EACH).map(|_| client.hear()).collect();
    let speaker = saying.join().expect("the speaker");
    speaker
        .stream
        .shutdown(Shutdown::Write)
        .expect("cannot half-close");
    expect_end(&client.stream);
    heard
}

#[test]
fn ten_clients_see_ten_thousand_updates_in_one_order() {
    let site = Site::new();
    let server = site.serve(&[]);
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(&server)).collect();
    // All are there before the first speaks.
    server
        .log()
        .wait_for_lines(" connected", CLIENTS, crate::support::PATIENCE);
    let parts = clients.into_iter().enumerate();
    let threads: Vec<_> = parts
        .map(|(number, client)| thread::spawn(move || take_part(client, number)))
        .collect();
    let heard: Vec<Vec<String>> = threads
        .into_iter()
        .map(|it| it.join().expect("a client"))
        .collect();
    let text = site.text();
    let all: Vec<&str> = text.split_inclusive(';').collect();
    assert_eq!(all.len(), CLIENTS * EACH);
    for (number, heard) in heard.iter().enumerate() {
        let own = format!("{number}.");
        let others = all.iter().filter(|it| !it.starts_with(&own));
        assert!(others.eq(heard), "client {number} saw another order");
        // What one says stays in the order in which it was said.
        let own = all.iter().filter(|it| it.starts_with(&own));
        let said = (0..EACH).map(|update| format!("{number}.{update};"));
        assert!(
            own.copied().eq(said),
            "client {number} was heard in another order"
        );
    }
    assert_eq!(Client::connect(&server).hear(), text);
}

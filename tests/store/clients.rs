//! Many clients at once, and what confines the process that serves them.

use super::{Rack, content};

#[test]
fn many_clients_are_served_at_once() {
    let rack = Rack::new();
    rack.alice().put("docs", "first", b"");
    let address = rack.store().address();
    let clients: Vec<_> = (0..24_u64)
        .map(|number| {
            std::thread::spawn(move || {
                let mut client = super::Client {
                    stream: crate::support::client::connect(address),
                };
                client.enter("alice", "wonderland");
                let (name, content) = (format!("f{number}"), content(number, 40_000));
                for _ in 0..2 {
                    client.put("docs", &name, &content);
                    client.expect_file("docs", &name, &content);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client");
    }
    rack.probe(&["status"]).expect_code(0);
}

#[test]
fn the_process_is_confined_and_reaches_its_shard_servers() {
    let rack = Rack::new();
    let said = rack.store().wait_for_log("confined");
    assert!(
        said.contains("confined to its files") || said.contains("no Landlock"),
        "{said}"
    );
    rack.alice().put("docs", "a", b"content");
    rack.alice().expect_file("docs", "a", b"content");
}

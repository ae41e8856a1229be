//! A client in another language, written from the protocol's text alone: it ends its words, or
//! leaves them bare and pauses as the original does.

use super::{Site, names};
use crate::support::PATIENCE;
use crate::support::process::finish;
use std::process::Command;

const CLIENT: &str = r#"
import socket, sys, time

port, ending = int(sys.argv[1]), sys.argv[2]
connection = socket.create_connection(("127.0.0.1", port), timeout=20)

def say(data):
    connection.sendall(data)

def exactly(count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        assert more, "closed after %d of %d bytes" % (len(data), count)
        data += more
    return data

def line():
    data = b""
    while not data.endswith(b"\r\n"):
        data += exactly(1)
    return data[:-2]

def word(text):
    if ending == "bare":
        say(text)
        time.sleep(0.8)
    else:
        say(text + b"\r\n")

def request(*fields):
    say(b"\r\n".join(fields) + b"\r\n\r\n")

def store(name, path, data):
    request(b"STR", str(len(data)).encode(), name, path)
    assert exactly(1) == b"\0"
    say(data)
    assert exactly(1) == b"\0"

def retrieve(name, path):
    request(b"RTV", name, path)
    head = line()
    return None if head.startswith(b"ERROR") else exactly(int(head))

def delete(name, path):
    request(b"DEL", name, path)
    assert exactly(1) == b"\0"

blocks = [bytes(range(256)) * 40, b"", b"\r\n\r\n\0ERROR", b"LOGOUT", b"x" * 1000003]
for user in [b"alice", b"bob", b"alice"]:
    word(user)
    assert retrieve(b"other_A1.txt", b"work") is None
    for block in blocks:
        store(b"notes_A1.txt", b"work", block)
        store(b"notes_A2.txt", b"work", block[::-1])
        assert retrieve(b"notes_A1.txt", b"work") == block
        assert retrieve(b"notes_A2.txt", b"work") == block[::-1]
    delete(b"notes_A2.txt", b"work")
    assert retrieve(b"notes_A2.txt", b"work") is None
    word(b"LOGOUT")
connection.close()
print("all is well")
"#;

fn converse(ending: &str) {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut python = Command::new("python3");
    python.args(["-c", CLIENT, &server.port().to_string(), ending]);
    let output = finish(python, b"", PATIENCE);
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(output.stdout, "all is well\n");
    assert_eq!(names(&site.root()), [".netkit", "alice", "bob"]);
    for user in ["alice", "bob"] {
        assert_eq!(
            names(&site.root().join(user).join("work")),
            ["notes_A1.txt"]
        );
    }
}

#[test]
fn a_client_that_ends_its_words_is_served() {
    converse("ended");
}

#[test]
fn a_client_that_pauses_instead_is_served() {
    converse("bare");
}

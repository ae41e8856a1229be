//! `netkit serve shard`: what it keeps and for how long, and clients that misbehave.

mod backups;
mod durable;
mod hostile;
mod original;
mod serving;

use crate::support::client::{connect, expect_bytes};
use crate::support::server::Server;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A root that is not there yet, in a folder of its own.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("blocks")
    }

    /// `netkit serve shard` on this root.
    fn serve(&self, more: &[&str]) -> Server {
        self.serve_through(&["env"], more)
    }

    /// The same by way of another program.
    fn serve_through(&self, wrapper: &[&str], more: &[&str]) -> Server {
        let root = self.root();
        let root = root.to_str().expect("a path in UTF-8");
        let own = ["serve", "shard", "--port", "0", "-v", "--root", root];
        Server::through(wrapper, &[&own, more].concat())
    }

    /// What is left of what was not finished.
    fn unfinished(&self) -> Vec<String> {
        names(&self.root().join(".netkit"))
    }
}

/// The names in a directory, in order.
fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("a directory");
    let name = |it: std::io::Result<fs::DirEntry>| it.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|it| name(it).into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// A connection that uses the directory of `user`.
fn login(address: SocketAddr, user: &str) -> TcpStream {
    let stream = connect(address);
    say(&stream, format!("{user}\r\n").as_bytes());
    stream
}

fn say(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("cannot send");
}

/// Asks to store so many bytes, and waits until the server is ready for them.
#[track_caller]
fn announce(stream: &TcpStream, name: &str, path: &str, size: usize) {
    say(
        stream,
        format!("STR\r\n{size}\r\n{name}\r\n{path}\r\n\r\n").as_bytes(),
    );
    expect_bytes(stream, b"\0");
}

/// Stores a block.
#[track_caller]
fn put(stream: &TcpStream, name: &str, path: &str, block: &[u8]) {
    announce(stream, name, path, block.len());
    say(stream, block);
    expect_bytes(stream, b"\0");
}

/// What a request for a block is answered with: the block, or the error's line.
#[track_caller]
fn get(stream: &TcpStream, name: &str, path: &str) -> Result<Vec<u8>, String> {
    say(
        stream,
        format!("RTV\r\n{name}\r\n{path}\r\n\r\n").as_bytes(),
    );
    let head = line(stream);
    match head.parse() {
        Ok(size) => {
            let mut block = vec![0; size];
            let mut stream = stream;
            stream.read_exact(&mut block).expect("a whole block");
            Ok(block)
        }
        Err(_) => Err(head),
    }
}

/// Removes a block.
#[track_caller]
fn delete(stream: &TcpStream, name: &str, path: &str) {
    say(
        stream,
        format!("DEL\r\n{name}\r\n{path}\r\n\r\n").as_bytes(),
    );
    expect_bytes(stream, b"\0");
}

/// The next line, without its end.
#[track_caller]
fn line(mut stream: &TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| {
            panic!("no whole line after `{}`: {error}", line.escape_ascii());
        });
        line.extend(byte);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).expect("a line in UTF-8")
}

/// Bytes by which a block can be told from any other.
fn block(seed: u8, size: usize) -> Vec<u8> {
    let mut state = u32::from(seed).wrapping_mul(2_654_435_761) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..size).map(next).collect()
}

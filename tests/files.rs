//! The file service: coordinator and peer, as servers and as probes.

mod answers;
mod faults;
mod hostile;
mod interop;
mod listing;
mod peers;
mod probing;
mod scenario;

use crate::support::client::connect;
use crate::support::server::Server;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use tempfile::TempDir;

/// The files of one side, in a folder that has siblings.
struct Side {
    folder: TempDir,
}

impl Side {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let side = Self { folder };
        fs::create_dir(side.root()).expect("cannot make a root");
        for (name, content) in files {
            side.write(name, content);
        }
        side
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.root().join(name), content).expect("cannot write a file");
    }

    /// `netkit serve peer` on these files.
    fn peer(&self, more: &[&str]) -> Server {
        self.serve("peer", more)
    }

    /// `netkit serve coordinator` on these files, asking `peer`.
    fn coordinator(&self, peer: SocketAddr, more: &[&str]) -> Server {
        let peer = peer.to_string();
        self.serve("coordinator", &[&["--peer", &peer], more].concat())
    }

    fn serve(&self, name: &str, more: &[&str]) -> Server {
        let root = self.root();
        let root = root.to_str().expect("a path in UTF-8");
        let own = ["serve", name, "--port", "0", "-v", "--root", root];
        Server::start(&[&own, more].concat())
    }
}

/// All that a server answers to these bytes, after which the client half-closes.
#[track_caller]
fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).expect("cannot send");
    stream.shutdown(Shutdown::Write).expect("cannot half-close");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("no whole answer");
    answer
}

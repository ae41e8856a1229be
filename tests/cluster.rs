//! The cluster: members, their leader, and any file from each of them.

mod forwarding;
mod hostile;
mod lab;
mod probing;
mod scenario;
mod words;

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Output, finish};
use crate::support::server::Server;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Says and hears bytes on behalf of a test on a host of its own: connects, sends its second
/// argument, pauses (`pause`) or half-closes (`end`), and prints what comes until the end.
const CLIENT: &str = r"
import socket, sys
host, port = sys.argv[1].rsplit(':', 1)
stream = socket.create_connection((host, int(port)), timeout=20)
stream.sendall(sys.argv[2].encode('latin-1'))
if sys.argv[3] == 'end':
    stream.shutdown(socket.SHUT_WR)
while True:
    came = stream.recv(65536)
    if not came:
        break
    sys.stdout.buffer.write(came)
";

/// A host with members on loopback, each on an address of its own, where nobody else is.
struct Site {
    host: Host,
    folder: TempDir,
    count: usize,
}

impl Site {
    /// A site for so many members; each has a file `only<id>`.
    fn new(count: usize) -> Self {
        let site = Self {
            host: Host::new(),
            folder: TempDir::new().expect("a temporary folder"),
            count,
        };
        for id in 1..=count {
            fs::create_dir_all(site.root(id)).expect("a root");
            site.write(id, &format!("only{id}"), format!("content {id}").as_bytes());
        }
        site
    }

    /// The directory that a member serves.
    fn root(&self, id: usize) -> PathBuf {
        self.folder.path().join(format!("member{id}/files"))
    }

    fn peer_log(&self, id: usize) -> PathBuf {
        self.folder
            .path()
            .join(format!("member{id}/peer_files.log"))
    }

    fn write(&self, id: usize, name: &str, content: &[u8]) {
        fs::write(self.root(id).join(name), content).expect("cannot write a file");
    }

    fn members(&self) -> String {
        let members = (1..=self.count).map(|id| format!("{id}={}", address(id)));
        members.collect::<Vec<_>>().join(",")
    }

    /// The words that start a member.
    fn words(&self, id: usize, more: &[&str]) -> Vec<String> {
        member_words(
            id,
            &self.members(),
            &self.root(id),
            &self.peer_log(id),
            more,
        )
    }

    fn start(&self, id: usize, more: &[&str]) -> Server {
        let words = self.words(id, more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Server::of(self.host.netkit(&words))
    }

    /// All members, once each knows that the first leads and all are up.
    fn start_all(&self) -> Vec<Server> {
        let servers: Vec<Server> = (1..=self.count).map(|id| self.start(id, &[])).collect();
        for id in 1..=self.count {
            self.wait_for(id, &["--expect", "^leader 1 ", "--reject", " down$"]);
        }
        servers
    }

    /// Waits until a member sees that one leads.
    #[track_caller]
    fn wait_for_leader(&self, id: usize, leader: usize) {
        self.wait_for(id, &["--expect", &format!("^leader {leader} ")]);
    }

    /// Waits until the cluster is, as a member sees it, as it should be.
    #[track_caller]
    fn wait_for(&self, id: usize, expected: &[&str]) {
        let target = format!("cluster://{}", address(id));
        let waiting = ["check", &target, "--wait", "20s", "--interval", "50ms"];
        self.run(&[&waiting[..], expected].concat()).expect_code(0);
    }

    fn run(&self, arguments: &[&str]) -> Output {
        finish(self.host.netkit(arguments), b"", 2 * PATIENCE)
    }

    fn probe(&self, id: usize, more: &[&str]) -> Output {
        self.run(&[&["probe", "cluster", &address(id)], more].concat())
    }

    /// What a member answers to these bytes, and to what follows them: the `end` or a `pause`.
    fn say(&self, id: usize, bytes: &str, then: &str) -> String {
        let client = self.host.python(CLIENT, &[&address(id), bytes, then]);
        finish(client, b"", PATIENCE).expect_code(0).stdout
    }
}

/// Where a member of a site is.
fn address(id: usize) -> String {
    format!("127.0.0.{}:{}", 10 + id, 3680 + id)
}

fn member_words(id: usize, members: &str, root: &Path, log: &Path, more: &[&str]) -> Vec<String> {
    let path = |it: &Path| it.to_str().expect("a path in UTF-8").to_owned();
    let id = id.to_string();
    let (root, log) = (path(root), path(log));
    let own = ["serve", "cluster", "--id", &id, "--members", members];
    let files = ["--root", &root, "--peer-log", &log];
    let pace = ["--heartbeat", "500ms", "-v"];
    let words = [&own[..], &files, &pace, more].concat();
    words.into_iter().map(str::to_owned).collect()
}

//! The store and its four shard servers, as processes: what is stored comes back byte for byte,
//! whichever two of the servers are left.

mod changes;
mod clients;
mod commands;
mod failing;
mod hostile;
mod interop;
mod logins;
mod repairing;

use crate::support::client::{connect, expect_bytes, expect_end};
use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;

/// Four shard servers and their store. Servers can be stopped, and come back where they were.
struct Rack {
    folder: TempDir,
    /// An address of their own, so that nobody else takes a port while its server is away.
    host: Ipv4Addr,
    ports: [u16; 4],
    shards: [Option<Server>; 4],
    more: Vec<String>,
    store: Option<Server>,
}

impl Rack {
    fn new() -> Self {
        Self::with(&[])
    }

    /// The same with further arguments of the store.
    fn with(more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut rack = Self {
            folder,
            host: own_address(),
            ports: [0; 4],
            shards: [None, None, None, None],
            more: more.iter().map(|it| (*it).to_owned()).collect(),
            store: None,
        };
        (1..=4).for_each(|number| rack.start_shard(number));
        rack.start_store();
        rack
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn shard_root(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("shard{number}"))
    }

    /// Where a block lies on the disk of its server.
    fn block(&self, number: usize, place: &str) -> PathBuf {
        self.shard_root(number).join(place)
    }

    fn shard_address(&self, number: usize) -> SocketAddr {
        (self.host, self.ports[number - 1]).into()
    }

    fn start_shard(&mut self, number: usize) {
        self.start_shard_on(number, |arguments| Server::start(arguments));
    }

    /// The same, started in another way.
    fn start_shard_on(&mut self, number: usize, start: impl FnOnce(&[&str]) -> Server) {
        let (id, host) = (number.to_string(), self.host.to_string());
        let port = self.ports[number - 1].to_string();
        let root = self.shard_root(number);
        let root = root.to_str().expect("a path in UTF-8");
        let server = start(&[
            "serve", "shard", "--id", &id, "--port", &port, "--host", &host, "--root", root,
        ]);
        self.ports[number - 1] = server.port();
        self.shards[number - 1] = Some(server);
    }

    fn stop_shard(&mut self, number: usize) {
        self.shards[number - 1] = None;
    }

    fn start_store(&mut self) {
        self.start_store_on(|arguments| Server::start(arguments));
    }

    /// The same, started in another way.
    fn start_store_on(&mut self, start: impl FnOnce(&[&str]) -> Server) {
        let places = (1..=4).map(|it| self.shard_address(it).to_string());
        let places = places.collect::<Vec<_>>().join(",");
        let root = self.root();
        let root = root.to_str().expect("a path in UTF-8");
        let mut arguments = vec!["serve", "store", "--port", "0", "--root", root];
        arguments.extend(["-v", "--shards", &places]);
        arguments.extend(self.more.iter().map(String::as_str));
        self.store = Some(start(&arguments));
    }

    fn store(&self) -> &Server {
        self.store.as_ref().expect("the store runs")
    }

    /// Ends the store at once (SIGKILL), and starts it again.
    fn kill_store(&mut self) {
        let mut store = self.store.take().expect("the store runs");
        store.signal("KILL");
        store.wait_for_exit(crate::support::PATIENCE);
        self.start_store();
    }

    /// A client that is not logged in.
    fn client(&self) -> Client {
        Client {
            stream: connect(self.store().address()),
        }
    }

    /// Alice, logged in.
    fn alice(&self) -> Client {
        let mut client = self.client();
        client.enter("alice", "wonderland");
        client
    }

    /// `netkit probe store` as Alice.
    fn probe(&self, words: &[&str]) -> crate::support::process::Output {
        let target = self.store().address().to_string();
        let mut command = crate::support::process::netkit(&["probe", "store", &target]);
        command.args(words);
        command.env("NETKIT_USER", "alice");
        command.env("NETKIT_PASSWORD", "wonderland");
        crate::support::process::finish(command, b"", crate::support::PATIENCE)
    }
}

/// Starts netkit with a disk of its own at `root`: so small, and empty.
fn on_small_disk(root: &std::path::Path, size: &str, arguments: &[&str]) -> Server {
    std::fs::create_dir_all(root).expect("a root");
    let root = root.to_str().expect("a path in UTF-8");
    let mount = format!("mount -t tmpfs -o size={size} none \"$0\" && exec \"$@\"");
    Server::through(&["unshare", "--mount", "sh", "-c", &mount, root], arguments)
}

/// 127.64.0.0/10, by process and by test.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    Ipv4Addr::new(
        127,
        64 | (high & 63),
        low,
        NEXT.fetch_add(1, Ordering::Relaxed),
    )
}

/// Speaks the protocol, and knows what is answered.
struct Client {
    stream: TcpStream,
}

const LOGIN: &str = "HI\r\n2\r\nUsername: \r\nPassword: \r\n\r\n";
const UNKNOWN: &str = "E\r\nUsername does not exist in database!\r\n1\r\nDo you want to create an \
                       account (YES or NO): \r\n\r\n";
const NEW: &str = "L\r\n3\r\nEnter Desired Username: \r\nEnter password: \r\nConfirm password: \
                   \r\n\r\n";
const PROCESS: &str = "E Something went wrong during file process";

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("cannot send");
    }

    fn say(&mut self, fields: &[&str]) {
        let mut message = fields.join("\r\n");
        message.push_str("\r\n\r\n");
        self.send(message.as_bytes());
    }

    /// Waits for exactly this text.
    #[track_caller]
    fn hear(&mut self, text: &str) {
        let mut heard = Vec::new();
        while heard.len() < text.len() {
            let mut byte = [0];
            match self.stream.read_exact(&mut byte) {
                Ok(()) => heard.extend(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&heard)),
            }
            let so_far = String::from_utf8_lossy(&heard).into_owned();
            assert!(text.starts_with(&so_far), "{so_far:?} instead of {text:?}");
        }
    }

    /// Waits for a line, and returns it without its end.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            let read = self.stream.read_exact(&mut byte);
            read.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&line))
            });
            line.extend(byte);
        }
        String::from_utf8(line)
            .expect("UTF-8")
            .trim_end()
            .to_owned()
    }

    #[track_caller]
    fn hear_end(&self) {
        expect_end(&self.stream);
    }

    /// Logs in, and makes the account first if there is none.
    #[track_caller]
    fn enter(&mut self, user: &str, password: &str) {
        self.say(&["HI"]);
        self.hear(LOGIN);
        self.say(&[user, password]);
        let mut first = [0];
        self.stream.peek(&mut first).expect("an answer");
        if first == *b"E" {
            self.hear(UNKNOWN);
            self.say(&["YES"]);
            self.hear(NEW);
            self.say(&[user, password, password]);
        }
        self.hear(&welcome(user));
    }

    fn announce(&mut self, path: &str, name: &str, size: usize) {
        self.say(&["STR", name, path, &size.to_string()]);
    }

    #[track_caller]
    fn put(&mut self, path: &str, name: &str, content: &[u8]) {
        self.announce(path, name, content.len());
        self.send(content);
        self.hear(&stored(name));
    }

    /// The file, or what is said instead, as far as it is that.
    #[track_caller]
    fn expect_file(&mut self, path: &str, name: &str, content: &[u8]) {
        self.say(&["RTV", name, path]);
        self.hear(&format!("{}\r\n", content.len()));
        expect_bytes(&self.stream, content);
        self.hear(&format!(
            "Successfully retrieved file {name} from the file system"
        ));
    }

    #[track_caller]
    fn expect_missing(&mut self, path: &str, name: &str) {
        self.say(&["RTV", name, path]);
        let mut text = vec![0; 62];
        self.stream.read_exact(&mut text).expect("an answer");
        let text = String::from_utf8_lossy(&text).into_owned();
        let missing = [
            "ERROR the file path you gave",
            "ERROR the file name you gave",
        ];
        assert!(missing.iter().any(|it| text.starts_with(it)), "{text}");
    }
}

fn welcome(user: &str) -> String {
    format!("S\r\nWelcome {user}! You are a legend...\r\n")
}

fn stored(name: &str) -> String {
    format!("File {name} successfully created and written to")
}

/// Bytes that are like no others.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut pattern = crate::support::pattern::Pattern::new(seed);
    let total = length as u64;
    pattern.write_to(&mut bytes, total).expect("memory");
    bytes
}

//! The files that are served, and how a test asks for them.

use crate::support::client::connect;
use crate::support::process::netkit;
use crate::support::server::Server;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use tempfile::TempDir;

/// What `a.txt` holds.
pub(super) const CONTENT: &str = "0123456789\n";

/// A server of the folder `www`, which has a sibling whose name begins the same.
pub(super) struct Site {
    pub(super) server: Server,
    folder: TempDir,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Without the date, in lower case, in order.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Site {
    /// With `a.txt` alone.
    pub(super) fn new() -> Self {
        Self::with(&["-v"])
    }

    /// With further arguments.
    pub(super) fn with(arguments: &[&str]) -> Self {
        Self::through(&[], arguments)
    }

    /// Started by another program.
    pub(super) fn through(wrapper: &[&str], arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        fs::create_dir(folder.path().join("www")).expect("a folder");
        fs::create_dir(folder.path().join("www_evil")).expect("a folder");
        fs::write(folder.path().join("www/a.txt"), CONTENT).expect("a file");
        fs::write(folder.path().join("www_evil/secret"), "secret").expect("a file");
        fs::write(folder.path().join("secret"), "secret").expect("a file");
        let root = folder.path().join("www").display().to_string();
        let common = ["serve", "http", "--host", "127.0.0.1", "--root", &root];
        let arguments = [&common, arguments].concat();
        let server = match wrapper {
            [] => Server::of(netkit(&arguments)),
            wrapper => Server::through(wrapper, &arguments),
        };
        Self { server, folder }
    }

    /// The path of a file that is served.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("www").join(name)
    }

    /// A folder beside that which is served.
    pub(super) fn beside(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.server.ipv4())
    }

    /// A connection, with deadlines.
    pub(super) fn connect(&self) -> TcpStream {
        connect(self.server.ipv4())
    }

    /// The answer to a GET of `target` with these header lines.
    #[track_caller]
    pub(super) fn get(&self, target: &str, headers: &str) -> Reply {
        self.one(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes())
    }

    /// The only answer to these bytes and the end of them.
    #[track_caller]
    pub(super) fn one(&self, request: &[u8]) -> Reply {
        let mut replies = self.all(request);
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// All answers to these bytes and the end of them.
    #[track_caller]
    pub(super) fn all(&self, request: &[u8]) -> Vec<Reply> {
        let stream = self.connect();
        // What the server does not want to read any more, it does not take.
        drop((&stream).write_all(request));
        drop(stream.shutdown(Shutdown::Write));
        let without_body = request.starts_with(b"HEAD ");
        let mut replies = Vec::new();
        let mut reader = BufReader::new(&stream);
        while let Some(reply) = Reply::read(&mut reader, without_body) {
            replies.push(reply);
        }
        replies
    }
}

impl Reply {
    /// Reads an answer; nothing at the end of the connection.
    #[track_caller]
    pub(super) fn read(reader: &mut impl BufRead, without_body: bool) -> Option<Self> {
        let mut line = String::new();
        if reader.read_line(&mut line).expect("an answer or the end") == 0 {
            return None;
        }
        let status = line.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5));
        let status = status.and_then(|it| it.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            let line = line.strip_suffix("\r\n").expect("a whole line");
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "", "a header");
                break;
            };
            if name != "date" {
                headers.push((name.to_lowercase(), value.to_owned()));
            }
        }
        let mut reply = Self {
            status,
            headers,
            body: Vec::new(),
        };
        if !without_body && status != 304 {
            let length = reply.header("content-length").parse().expect("a length");
            reply.body.resize(length, 0);
            reader.read_exact(&mut reply.body).expect("a whole body");
        }
        Some(reply)
    }

    /// The value of a header, empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

//! The shared document: what is shown is kept, whatever happens, and everybody is shown the same.

mod crash;
mod crowd;
mod disk;
mod hostile;
mod interop;
mod probing;
mod serving;
mod slow;
mod terminal;

use crate::support::client::connect;
use crate::support::process::netkit_through;
use crate::support::server::Server;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with a document.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { folder }
    }

    fn with(text: &str) -> Self {
        let site = Self::new();
        fs::write(site.file(), text).expect("cannot write the document");
        site
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("text")
    }

    /// What the document's file holds.
    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("cannot read the document")
    }

    fn serve(&self, more: &[&str]) -> Server {
        self.serve_through(&["env"], more)
    }

    fn serve_through(&self, wrapper: &[&str], more: &[&str]) -> Server {
        let file = self.file();
        let file = file.to_str().expect("a path in UTF-8");
        let own = ["serve", "document", "--port", "0", "-v", "--file", file];
        Server::of(netkit_through(wrapper, &[&own, more].concat()))
    }
}

/// A client that speaks in frames.
struct Client {
    stream: TcpStream,
}

impl Client {
    #[track_caller]
    fn connect(server: &Server) -> Self {
        let stream = connect(server.address());
        Self { stream }
    }

    fn try_say(&mut self, text: &str) -> io::Result<()> {
        let frame = format!("{:<10}{text}", text.len());
        self.stream.write_all(frame.as_bytes())
    }

    #[track_caller]
    fn say(&mut self, text: &str) {
        self.try_say(text).expect("cannot send a frame");
    }

    fn try_hear(&mut self) -> io::Result<String> {
        let mut header = [0; 10];
        self.stream.read_exact(&mut header)?;
        let header = String::from_utf8_lossy(&header).into_owned();
        let length = header.trim_end_matches(' ').parse().expect("a length");
        let mut text = vec![0; length];
        self.stream.read_exact(&mut text)?;
        Ok(String::from_utf8(text).expect("UTF-8"))
    }

    /// The next frame.
    #[track_caller]
    fn hear(&mut self) -> String {
        self.try_hear().expect("no frame came")
    }

    /// Hears frames until together they are so long.
    #[track_caller]
    fn hear_bytes(&mut self, count: usize) -> String {
        let mut heard = String::new();
        while heard.len() < count {
            heard += &self.hear();
        }
        heard
    }
}

//! Every form of a report, read back by somebody else's reader.

/// JUnit, TAP, CSV, metrics and annotations, each by a reader of its own.
mod forms;

/// Reports in files: whole or not at all, and known before the run.
mod files;

/// The page, in a real browser.
mod page;

/// The bar on a terminal.
mod progress;

use crate::support::PATIENCE;
use crate::support::process::{Output, finish, netkit, run};
use crate::support::server::Server;

/// Checks of an open port, of a closed one, and of one that is not as expected.
struct Checks {
    _server: Server,
    _held: socket2::Socket,
    targets: [String; 3],
}

impl Checks {
    fn new() -> Self {
        let server = Server::echo(&[]);
        let (held, closed) = crate::support::peer::refusing();
        Self {
            targets: [
                format!("127.0.0.1:{}", server.port()),
                format!("{closed}=closed"),
                closed.to_string(),
            ],
            _server: server,
            _held: held,
        }
    }

    /// `netkit check ARGUMENTS` of all three.
    fn run(&self, arguments: &[&str]) -> Output {
        let targets: Vec<&str> = self.targets.iter().map(String::as_str).collect();
        run(&[&["check"], arguments, &targets].concat(), b"").expect_code(1)
    }
}

/// What another program makes of `text` on its standard input.
#[track_caller]
fn read_by(program: &str, arguments: &[&str], text: &str) -> String {
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    finish(command, text.as_bytes(), PATIENCE)
        .expect_code(0)
        .stdout
}

/// A check of a server that answers with `answer`, which is not what is expected.
fn check_of_hostile(format: &str, answer: &str) -> Output {
    let answer = answer.as_bytes().to_vec();
    let address = crate::support::peer::answering(move |_| answer);
    let target = address.to_string();
    let arguments = [
        "check",
        "-o",
        format,
        "--send",
        "x\\n",
        "--expect",
        "never",
        "--timeout",
        "1s",
    ];
    finish(
        netkit(&[&arguments[..], &[&target]].concat()),
        b"",
        PATIENCE,
    )
    .expect_code(1)
}

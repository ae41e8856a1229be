//! TLS: what was agreed, with whose certificate, and every way in which that fails, in words.

/// Certificates: good, expired, for somebody else, by a stranger, incomplete, pinned.
mod certificates;

/// Handshakes that fail, stall or are no handshakes.
mod handshakes;

/// Protocols that begin in plain text.
mod starttls;

use crate::check::records::{Checked, check};
use crate::support::PATIENCE;
use crate::support::certificates::Certificates;
use crate::support::process::Process;
use std::process::Command;

/// A TLS server in Python with the certificate of that name; `more` is its VERSION and PREAMBLE.
struct TlsServer {
    process: Process,
    port: String,
}

impl TlsServer {
    fn start(certificates: &Certificates, name: &str, more: &[&str]) -> Self {
        let mut command = Command::new("python3");
        command.args(["-u", "-c", include_str!("tls/server.py")]);
        command.arg(certificates.path(&format!("{name}.pem")));
        command
            .arg(certificates.path(&format!("{name}.key")))
            .args(more);
        let process = Process::start(command);
        let line = process.stdout.wait_for_line("listening", PATIENCE);
        let port = line.split(' ').nth(1).expect("a port").to_owned();
        Self { process, port }
    }

    /// Checks it as `localhost`.
    fn check(&self, arguments: &[&str]) -> Checked {
        let target = format!("tls://localhost:{}", self.port);
        check(&[&["-4", &target], arguments].concat())
    }
}

/// The reason of the only result, which must be of this state.
#[track_caller]
fn reason(checked: &Checked, state: &str) -> String {
    let result = checked.only();
    assert_eq!(result["state"], state, "{checked:?}");
    result["reason"].as_str().expect("a reason").to_owned()
}

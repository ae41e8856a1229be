//! strace on a running server: counts its system calls, or makes some of them fail.

use super::process::{Process, send_signal};
use super::{PATIENCE, becomes_true};
use std::process::Command;
use std::time::Duration;
use tempfile::NamedTempFile;

/// A tracer at work; dropping it lets the server run on untraced.
pub(crate) struct Tracer {
    traced: u32,
    process: Process,
    log: NamedTempFile,
}

impl Tracer {
    /// Attaches to the process with strace's own `options` and waits until it has.
    pub(crate) fn attach(id: u32, options: &[&str]) -> Self {
        let log = NamedTempFile::new().expect("cannot make a temporary file");
        let mut command = Command::new("strace");
        command
            .args(["-f", "-s", "32", "-o"])
            .arg(log.path())
            .args(["-p", &id.to_string()])
            .args(options);
        let process = Process::start(command);
        process.stderr.wait_for_line("attached", PATIENCE);
        Self {
            traced: id,
            process,
            log,
        }
    }

    /// Attaches and spoils system calls, in strace's own words, for example
    /// `accept4:error=EMFILE:when=1`. Numbers count from now on.
    pub(crate) fn inject(id: u32, what: &str) -> Self {
        Self::attach(id, &["-e", &format!("inject={what}")])
    }

    /// The same for the system calls on one socket only, given by its inode.
    pub(crate) fn inject_on_socket(id: u32, inode: u64, what: &str) -> Self {
        let path = format!("socket:[{inode}]");
        Self::attach(id, &["-P", &path, "-e", &format!("inject={what}")])
    }

    /// The traced calls so far, one a line.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = std::fs::read(self.log.path()).expect("cannot read the tracer's log");
        String::from_utf8_lossy(&text)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// How many calls have been spoilt so far.
    pub(crate) fn injected(&self) -> usize {
        self.calls()
            .iter()
            .filter(|line| line.contains("(INJECTED)"))
            .count()
    }

    /// Waits until at least `count` calls have been spoilt, so a test cannot pass by missing them.
    #[track_caller]
    pub(crate) fn wait_for_injected(&self, count: usize) {
        let done = becomes_true(PATIENCE, || self.injected() >= count);
        assert!(
            done,
            "{} calls spoilt, not {count}:\n{}",
            self.injected(),
            self.calls().join("\n")
        );
    }

    /// Detaches and returns all traced calls.
    pub(crate) fn detach(mut self) -> Vec<String> {
        self.end();
        self.calls()
    }

    /// Detaches while the server is stopped. Between the two halves of a spoilt call, the call's
    /// number is a wrong one: detaching there would leave the server with a failure (ENOSYS) that
    /// nobody asked for.
    fn end(&mut self) {
        let traced = self.traced;
        let lives = || std::path::Path::new(&format!("/proc/{traced}")).exists();
        if lives() {
            send_signal(traced, "STOP");
        }
        let stopped = becomes_true(PATIENCE, || {
            let calls = self.calls();
            self.process.exits(Duration::ZERO).is_some()
                || calls.iter().any(|line| line.contains("stopped by SIGSTOP"))
        });
        if self.process.exits(Duration::ZERO).is_none() {
            send_signal(self.process.id(), "TERM");
        }
        let ended = self.process.exits(PATIENCE);
        if lives() {
            send_signal(traced, "CONT");
        }
        assert!(stopped, "the traced server did not stop");
        assert!(ended.is_some(), "strace did not detach");
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

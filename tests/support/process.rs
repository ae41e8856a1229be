//! Programs under test and programs that help testing: started, watched, ended by their number.

use super::PATIENCE;
use super::text::Text;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Set by `cargo test`; the loader would look through it in vain, and a user has none of it.
const LOADER_PATH: &str = "LD_LIBRARY_PATH";

/// The built netkit with `arguments`, not yet started.
pub(crate) fn netkit<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netkit"));
    command.args(arguments).env_remove(LOADER_PATH);
    command
}

/// The built netkit started by another program: `wrapper` is its name and first arguments.
pub(crate) fn netkit_through(wrapper: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(wrapper[0]);
    command
        .args(&wrapper[1..])
        .arg(env!("CARGO_BIN_EXE_netkit"))
        .args(arguments)
        .env_remove(LOADER_PATH);
    command
}

/// What a finished program left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// All that it wrote to its standard output.
    pub(crate) stdout: String,
    /// All that it wrote to its standard error.
    pub(crate) stderr: String,
}

impl Output {
    /// Fails the test, showing everything, unless the exit status is `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// Fails the test, showing everything, unless the standard error contains one of `words`.
    #[track_caller]
    pub(crate) fn expect_stderr_with_any(self, words: &[&str]) -> Self {
        let said = self.stderr.to_lowercase();
        assert!(
            words.iter().any(|word| said.contains(word)),
            "none of {words:?} in {self:#?}"
        );
        self
    }
}

/// Runs netkit to its end with `input` on its standard input.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S], input: &[u8]) -> Output {
    finish(netkit(arguments), input, PATIENCE)
}

/// Runs a program to its end with `input` on its standard input; one that takes longer than
/// `within` is killed and fails the test.
pub(crate) fn finish(command: Command, input: &[u8], within: Duration) -> Output {
    let mut process = Process::start(command);
    let mut stdin = process.take_stdin();
    let input = input.to_vec();
    // A program that ends without reading its input is the program's own affair.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    process.end(within)
}

/// A running program; killed when dropped.
pub(crate) struct Process {
    child: Child,
    described: String,
    /// Its standard output so far.
    pub(crate) stdout: Text,
    /// Its standard error so far.
    pub(crate) stderr: Text,
}

impl Process {
    /// Starts `command` with all three standard streams as pipes.
    pub(crate) fn start(mut command: Command) -> Self {
        let described = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {described}: {error}"));
        let stdout = Text::read_from(child.stdout.take().expect("standard output is a pipe"));
        let stderr = Text::read_from(child.stderr.take().expect("standard error is a pipe"));
        Self {
            child,
            described,
            stdout,
            stderr,
        }
    }

    /// The write end of its standard input; dropping it is the end of input.
    pub(crate) fn take_stdin(&mut self) -> std::process::ChildStdin {
        self.child
            .stdin
            .take()
            .expect("standard input not yet taken")
    }

    /// What it leaves behind, waiting at most `within` for its end.
    #[track_caller]
    pub(crate) fn end(&mut self, within: Duration) -> Output {
        let status = self.wait_for_exit(within);
        let (stdout, _) = self.stdout.wait_for_end(PATIENCE);
        let (stderr, _) = self.stderr.wait_for_end(PATIENCE);
        Output {
            status,
            stdout,
            stderr,
        }
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, waiting at most `within`; then it is killed and the test fails.
    #[track_caller]
    pub(crate) fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        if let Some(status) = self.exits(within) {
            return status;
        }
        drop(self.child.kill());
        panic!(
            "{} still runs after {within:?}\nstdout:\n{}\nstderr:\n{}",
            self.described,
            self.stdout.so_far(),
            self.stderr.so_far()
        );
    }

    /// How it ended, or nothing when it still runs after `within`.
    pub(crate) fn exits(&mut self, within: Duration) -> Option<ExitStatus> {
        let reaped = self.child.try_wait().expect("cannot wait for a child");
        if reaped.is_some() {
            return reaped;
        }
        let deadline = Instant::now() + within;
        self.wait_for_end_of_process(within);
        loop {
            let reaped = self.child.try_wait().expect("cannot wait for a child");
            // One that is traced has ended before its parent may know: its tracer is first.
            if reaped.is_some() || Instant::now() >= deadline {
                return reaped;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it has ended, `within` at most: its descriptor is readable then (`pidfd_open(2)`).
    fn wait_for_end_of_process(&self, within: Duration) {
        let process = Pid::from_child(&self.child);
        let ended = pidfd_open(process, PidfdFlags::empty()).expect("a child not yet reaped");
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).expect("no test waits for years");
            match poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&left)) {
                Err(Errno::INTR) => {}
                waited => {
                    waited.expect("cannot wait for a child");
                    return;
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Failing here means that it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends the signal called `name` (`TERM`, `STOP`, …) to one process.
pub(crate) fn send_signal(id: u32, name: &str) {
    // The shell's own `kill` is there even where the program of that name is not installed.
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("cannot start `sh`");
    assert!(status.success(), "cannot send {name} to process {id}");
}

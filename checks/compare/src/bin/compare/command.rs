//! One run of a tool: how long it takes, and its peak of memory.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netkit_compare::watch;
use nix::sys::ptrace;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// A tool and what it is told.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    /// Its name in tables.
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    /// The whole task is this many times what it is told.
    times: u32,
}

/// What a run cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From before its start until after its end.
    pub(crate) elapsed: Duration,
    /// User and system time: what others on the machine disturb least.
    pub(crate) cpu: Duration,
}

impl Tool {
    /// A tool with words for arguments.
    pub(crate) fn new(name: &'static str, program: PathBuf, arguments: &str) -> Self {
        Self {
            name,
            program,
            arguments: arguments.split_whitespace().map(String::from).collect(),
            times: 1,
        }
    }

    /// Several runs, as a shell starts them.
    pub(crate) fn script(name: &'static str, script: &str) -> Self {
        let mut tool = Self::new(name, PathBuf::from("sh"), "-c");
        tool.arguments.push(script.to_owned());
        tool
    }

    /// A tool that does only a part of the task, which is `times` as much: all
    /// of it would take hours.
    pub(crate) fn sample(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Whether it does all of the task.
    pub(crate) fn is_whole(&self) -> bool {
        self.times == 1
    }

    /// Its name in tables, with the part of the task that it does.
    pub(crate) fn label(&self) -> String {
        match self.times {
            1 => self.name.to_owned(),
            times => format!("{}, {times} × a sample", self.name),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs it once and tells the cost of the whole task. What it finds is its
    /// own affair.
    pub(crate) fn time(&self) -> Result<Cost, Box<dyn Error>> {
        let mut command = self.command();
        let (before, start) = (cpu_of_children()?, Instant::now());
        command.status()?;
        Ok(Cost {
            elapsed: start.elapsed() * self.times,
            cpu: cpu_of_children()?.saturating_sub(before) * self.times,
        })
    }

    /// Whether it says that all is well; then it has done the task.
    pub(crate) fn succeeds(&self) -> bool {
        self.command().status().is_ok_and(|status| status.success())
    }

    /// What it says.
    pub(crate) fn output(&self) -> io::Result<String> {
        let mut command = self.command();
        let output = command.stdout(Stdio::piped()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The most resident bytes that it has at any time.
    ///
    /// The kernel's own count for ended children includes what they were before
    /// `exec`, so the process is stopped when it ends, and read then.
    pub(crate) fn peak(&self) -> Result<u64, Box<dyn Error>> {
        let mut shell = Command::new("sh");
        let mut child = shell
            .args(["-c", "read -r go; exec \"$0\" \"$@\" </dev/null"])
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = Pid::from_raw(child.id().cast_signed());
        ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACEEXIT)?;
        child
            .stdin
            .take()
            .ok_or("no standard input")?
            .write_all(b"go\n")?;
        let mut peak = 0;
        loop {
            match waitpid(pid, None)? {
                WaitStatus::PtraceEvent(..) => {
                    peak = watch::peak_bytes(pid.as_raw());
                    ptrace::cont(pid, None)?;
                }
                WaitStatus::Stopped(_, signal) => ptrace::cont(pid, signal)?,
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return Ok(peak),
                _ => {}
            }
        }
    }
}

/// CPU time of all that have ended and been waited for.
pub(crate) fn cpu_of_children() -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let microseconds = |time: TimeVal| u64::try_from(time.num_microseconds());
    let both = microseconds(usage.user_time())? + microseconds(usage.system_time())?;
    Ok(Duration::from_micros(both))
}

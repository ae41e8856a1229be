//! Programs as the other end of a stream of bytes.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::{Command, ExitStatus, Stdio};
use std::task::{Context, Poll};

use futures_io::AsyncWrite;
use mio::unix::pipe::{Receiver, Sender};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::owned::Owned;
use super::stream::{Finish, Stream};
use crate::reactor::{Direction, Watched, spawn};

/// A program that was started, with pipes to its standard input and from its
/// standard output; standard error is ours.
///
/// A drop closes the pipes, asks the program to end (SIGTERM) and leaves nothing
/// behind of it once it has.
pub struct Child {
    /// Its standard input; closing it is the end of it.
    pub input: ChildInput,
    /// Its standard output.
    pub output: ChildOutput,
    process: Option<Process>,
}

/// The standard input of a program. What it does not care to read is thrown
/// away: it may still have something to say.
pub struct ChildInput(Option<Stream<Sender>>);

/// The standard output of a program.
pub type ChildOutput = Stream<Receiver>;

struct Process {
    child: std::process::Child,
    /// Readable once the program has ended (`pidfd_open(2)`).
    end: Watched<Owned<OwnedFd>>,
}

impl Child {
    /// Starts `command`.
    ///
    /// # Errors
    /// There is no such program, it may not be run, or out of descriptors.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (input, output) = (Sender::from(input), Receiver::from(output));
        input.set_nonblocking(true)?;
        output.set_nonblocking(true)?;
        let end = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        Ok(Self {
            input: ChildInput(Some(Stream::watch(input)?)),
            output: Stream::watch(output)?,
            process: Some(Process {
                child,
                end: Watched::new(Owned(end))?,
            }),
        })
    }

    /// Ends its standard input, and waits for its end. A drop asks it to end.
    ///
    /// # Errors
    /// Never, in practice: it is our child.
    pub async fn wait(mut self) -> io::Result<ExitStatus> {
        drop(self.input.0.take());
        match &mut self.process {
            Some(process) => {
                let status = process.wait().await;
                self.process = None;
                status
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Process {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let child = &mut self.child;
        let wait = |_: &mut Owned<OwnedFd>| match child.try_wait()? {
            Some(status) => Ok(status),
            None => Err(io::ErrorKind::WouldBlock.into()),
        };
        self.end.operate_mut(Direction::Read, wait).await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        if matches!(process.child.try_wait(), Ok(None)) {
            // It can only fail if it has ended meanwhile.
            let _ = kill_process(Pid::from_child(&process.child), Signal::TERM);
            spawn(async move { process.wait().await }).detach();
        }
    }
}

impl Finish for Sender {
    /// Nothing: a pipe ends when it is closed.
    fn finish(&self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncWrite for ChildInput {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(pipe) = &self.0 else {
            return Poll::Ready(Ok(bytes.len()));
        };
        match Pin::new(&mut &*pipe).poll_write(context, bytes) {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.0 = None;
                Poll::Ready(Ok(bytes.len()))
            }
            outcome => outcome,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

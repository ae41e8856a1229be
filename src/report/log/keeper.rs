//! The log of a server, which a reader of standard error that has stopped reading
//! must not hold up.

use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::{AsyncWriteExt, future};

use crate::net::{Inherited, stderr};
use crate::reactor::timeout;

/// Bytes of the log that wait for a reader; lines beyond are lost, and counted.
const MOST: usize = 1 << 20;

/// How long the last lines may take when a server ends.
const LAST: Duration = Duration::from_secs(1);

/// Every line of the log passes here.
static WAITING: Mutex<Waiting> = Mutex::new(Waiting {
    is_kept: false,
    lines: Vec::new(),
    lost: 0,
    waker: None,
});

struct Waiting {
    /// A [`LogKeeper`] writes them; else each is written at once.
    is_kept: bool,
    lines: Vec<u8>,
    lost: u64,
    waker: Option<Waker>,
}

/// Where the log's lines are written to, each with one call.
pub(super) struct Lines;

/// Writes the log while a server runs. Dropping it lets lines be written at once
/// again; those that wait are lost.
pub struct LogKeeper {
    output: Inherited,
    /// Lines on their way; the rest of them.
    lines: Vec<u8>,
}

impl LogKeeper {
    /// Takes the log over.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn start() -> io::Result<Self> {
        let keeper = Self {
            output: stderr()?,
            lines: Vec::new(),
        };
        waiting().is_kept = true;
        Ok(keeper)
    }

    /// Runs `work`, and gives its last lines a moment.
    pub async fn beside<T>(mut self, work: impl Future<Output = T>) -> T {
        let keeping = async {
            loop {
                self.write().await;
            }
        };
        let outcome = future::or(work, keeping).await;
        let emptied = async {
            while !self.lines.is_empty() || !waiting().lines.is_empty() {
                self.write().await;
            }
        };
        let _ = timeout(LAST, emptied).await;
        outcome
    }

    /// Writes some of what waits, once something does. A drop loses nothing.
    async fn write(&mut self) {
        if self.lines.is_empty() {
            self.lines = poll_fn(|context| waiting().poll_take(context)).await;
        }
        match self.output.write(&self.lines).await {
            Ok(written) => drop(self.lines.drain(..written)),
            // Nobody is left who could be told.
            Err(_) => self.lines.clear(),
        }
    }
}

impl Drop for LogKeeper {
    fn drop(&mut self) {
        let mut waiting = waiting();
        waiting.is_kept = false;
        waiting.lines.clear();
    }
}

impl Waiting {
    fn poll_take(&mut self, context: &Context<'_>) -> Poll<Vec<u8>> {
        if self.lines.is_empty() {
            self.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let mut lines = std::mem::take(&mut self.lines);
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            let line = format!("netkit: {lost} lines of the log were lost, as nobody read them\n");
            lines.extend_from_slice(line.as_bytes());
        }
        Poll::Ready(lines)
    }

    fn add(&mut self, line: &[u8]) {
        if self.lines.len() + line.len() > MOST {
            self.lost += 1;
            return;
        }
        self.lines.extend_from_slice(line);
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = waiting();
        match waiting.is_kept {
            true => waiting.add(line),
            false => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn waiting() -> MutexGuard<'static, Waiting> {
    // Bytes are as good after a panic as before.
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

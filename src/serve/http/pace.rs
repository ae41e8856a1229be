//! How long a client may take, and its stream with that time kept.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use crate::finding::End;
use crate::reactor::{Sleep, now, sleep};
use crate::serve::Client;

/// A head must have come within this time, however it dribbles.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// For so long nothing may move while an answer is sent or none is asked for;
/// `--idle-timeout` sets another time, and shortens that for a head if it is
/// shorter.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// What a connection waits for, and until when.
pub(super) struct Pace {
    head: Duration,
    idle: Duration,
    phase: Cell<Phase>,
    deadline: Cell<Instant>,
    ended: Cell<bool>,
    sending: Cell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The rest of a head is to come: a deadline.
    Head,
    /// An answer is under way: it must go on.
    Answer,
    /// All that was asked for is answered, and perhaps not all of it sent.
    Between,
}

impl Pace {
    /// The pace of a client that has just connected.
    pub(super) fn new(idle: Option<Duration>) -> Self {
        let idle = idle.unwrap_or(IDLE_TIME);
        let head = HEAD_TIME.min(idle);
        Self {
            head,
            idle,
            phase: Cell::new(Phase::Head),
            deadline: Cell::new(now() + head),
            ended: Cell::new(false),
            sending: Cell::new(false),
        }
    }

    /// A whole head has come.
    pub(super) fn asked(&self) {
        self.enter(Phase::Answer);
    }

    /// hyper has all of the answer.
    pub(super) fn answered(&self) {
        self.enter(Phase::Between);
    }

    /// Whether the client has finished its direction.
    pub(super) fn ended(&self) -> bool {
        self.ended.get()
    }

    /// Whether a part of an answer is with the kernel, and the rest is not.
    pub(super) fn is_sending(&self) -> bool {
        self.sending.get()
    }

    /// Waits until the client has taken too long, and says for what.
    pub(super) fn expired(&self) -> impl Future<Output = End> {
        let mut armed: Option<(Instant, Sleep)> = None;
        poll_fn(move |context| {
            loop {
                let deadline = self.deadline.get();
                // A deadline mostly moves on, which is looked at when the timer
                // has come, not at every byte.
                drop(armed.take_if(|(until, _)| *until > deadline));
                let left = || deadline.saturating_duration_since(now());
                let (_, timer) = armed.get_or_insert_with(|| (deadline, sleep(left())));
                ready!(Pin::new(timer).poll(context));
                armed = None;
                if self.deadline.get() <= now() {
                    return Poll::Ready(match self.phase.get() {
                        Phase::Head => End::Deadline,
                        Phase::Answer | Phase::Between => End::Idle,
                    });
                }
            }
        })
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        let time = match phase {
            Phase::Head => self.head,
            Phase::Answer | Phase::Between => self.idle,
        };
        self.deadline.set(now() + time);
    }

    fn note_read(&self, count: usize) {
        match self.phase.get() {
            _ if count == 0 => self.ended.set(true),
            Phase::Between => self.enter(Phase::Head),
            Phase::Head | Phase::Answer => {}
        }
    }

    fn note_written(&self) {
        self.sending.set(true);
        match self.phase.get() {
            Phase::Head => {}
            phase => self.enter(phase),
        }
    }

    /// All that hyper had is with the kernel.
    fn note_flushed(&self) {
        // Of an answer under way, more is to come.
        if self.phase.get() != Phase::Answer {
            self.sending.set(false);
        }
    }
}

/// A client's stream: its bytes are counted, and its pace is kept.
pub(super) struct Paced<'a> {
    client: &'a Client,
    pace: Rc<Pace>,
}

impl<'a> Paced<'a> {
    pub(super) fn new(client: &'a Client, pace: Rc<Pace>) -> Self {
        Self { client, pace }
    }

    fn note_written(&self, written: io::Result<usize>) -> io::Result<usize> {
        let count = written?;
        self.client.sent(count);
        self.client.promise(true);
        self.pace.note_written();
        Ok(count)
    }
}

impl AsyncRead for Paced<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut stream = &self.client.stream;
        let count = ready!(Pin::new(&mut stream).poll_read(context, buffer))?;
        if count > 0 {
            self.client.received(count);
        }
        self.pace.note_read(count);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Paced<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut stream = &self.client.stream;
        let written = ready!(Pin::new(&mut stream).poll_write(context, bytes));
        Poll::Ready(self.note_written(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut stream = &self.client.stream;
        let written = ready!(Pin::new(&mut stream).poll_write_vectored(context, pieces));
        Poll::Ready(self.note_written(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = &self.client.stream;
        ready!(Pin::new(&mut stream).poll_flush(context))?;
        self.pace.note_flushed();
        self.client.promise(self.pace.is_sending());
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = &self.client.stream;
        Pin::new(&mut stream).poll_close(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::run_fast_forward;

    /// What expires, and after how many seconds in steps of 5, when one thing
    /// `happens` every 5 seconds from the beginning on.
    fn expires(happens: &'static [fn(&Pace)]) -> (End, u64) {
        let waiting = async {
            let (pace, start) = (Pace::new(None), now());
            let happening = async {
                for event in happens {
                    event(&pace);
                    sleep(Duration::from_secs(5)).await;
                }
                std::future::pending().await
            };
            let end = futures_lite::future::or(pace.expired(), happening).await;
            // A busy machine may be late.
            (
                end,
                now().saturating_duration_since(start).as_secs() / 5 * 5,
            )
        };
        run_fast_forward(waiting).unwrap()
    }

    #[test]
    fn a_head_has_a_deadline_and_all_else_must_move() {
        assert_eq!(expires(&[]), (End::Deadline, 10));
        assert_eq!(
            expires(&[|_| (), |it| it.note_read(1)]),
            (End::Deadline, 10)
        );
        assert_eq!(expires(&[Pace::asked]), (End::Idle, 60));
        assert_eq!(expires(&[Pace::asked, Pace::note_written]), (End::Idle, 65));
        assert_eq!(expires(&[Pace::answered]), (End::Idle, 60));
        assert_eq!(
            expires(&[Pace::answered, Pace::note_written]),
            (End::Idle, 65)
        );
        // The second head's deadline is before that of the idle time.
        assert_eq!(
            expires(&[Pace::answered, |it| it.note_read(1)]),
            (End::Deadline, 15)
        );
    }

    #[test]
    fn an_answer_is_on_its_way_until_all_of_it_is_with_the_kernel() {
        let pace = Pace::new(None);
        pace.asked();
        pace.note_written();
        pace.note_flushed();
        assert!(pace.is_sending(), "the head is");
        pace.answered();
        pace.note_read(1);
        assert!(
            pace.is_sending(),
            "the next head comes before the last piece is"
        );
        pace.note_written();
        pace.note_flushed();
        assert!(!pace.is_sending());
    }
}

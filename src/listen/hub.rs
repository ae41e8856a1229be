//! Clients of one listener that share what is said: each has a queue of what is
//! to be sent to it, and whoever says something waits for room in all of them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::ready;

use crate::net::Inherited;
use crate::reactor::{Limit, sleep};

/// Bytes that may wait for a client before whoever says more has to wait.
const QUEUED: usize = 1 << 20;

/// How long a client may take nothing while others wait for that.
const STUCK: Duration = Duration::from_secs(2);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Who is there, and standard output.
pub(super) struct Hub {
    members: RefCell<BTreeMap<u64, Rc<Member>>>,
    next: Cell<u64>,
    /// Nothing more comes for anybody.
    is_over: Cell<bool>,
    output: RefCell<Option<Inherited>>,
    /// Whoever writes to it writes all of a piece.
    turn: Limit,
}

/// A client. Dropping it takes it out.
pub(super) struct Membership {
    hub: Rc<Hub>,
    number: u64,
    member: Rc<Member>,
}

#[derive(Default)]
struct Member {
    queue: RefCell<VecDeque<Rc<[u8]>>>,
    /// Bytes of the first piece that are taken already.
    taken: Cell<usize>,
    queued: Cell<usize>,
    /// All bytes that were ever taken.
    total: Cell<u64>,
    is_over: Cell<bool>,
    is_gone: Cell<bool>,
    reader: Cell<Option<Waker>>,
    writers: RefCell<Vec<Waker>>,
}

impl Hub {
    /// One with standard output, if what clients say goes there.
    pub(super) fn new(output: Option<Inherited>) -> Rc<Self> {
        Rc::new(Self {
            members: RefCell::default(),
            next: Cell::new(1),
            is_over: Cell::new(false),
            output: RefCell::new(output),
            turn: Limit::new(1),
        })
    }

    /// Takes a client in.
    pub(super) fn join(self: &Rc<Self>) -> Membership {
        let number = self.next.replace(self.next.get() + 1);
        let member = Rc::<Member>::default();
        member.is_over.set(self.is_over.get());
        let mut members = self.members.borrow_mut();
        members.insert(number, Rc::clone(&member));
        drop(members);
        Membership {
            hub: Rc::clone(self),
            number,
            member,
        }
    }

    /// Gives `piece` to every client but the one that said it, once there is room.
    pub(super) async fn post(&self, from: Option<u64>, piece: &Rc<[u8]>) {
        let others = self.others(from);
        for member in others {
            member.push(piece).await;
        }
    }

    fn others(&self, from: Option<u64>) -> Vec<Rc<Member>> {
        let members = self.members.borrow();
        let others = members.iter().filter(|(number, _)| Some(**number) != from);
        others.map(|(_, member)| Rc::clone(member)).collect()
    }

    /// Writes `piece` to standard output, whole.
    pub(super) async fn print(&self, piece: &[u8]) -> io::Result<()> {
        let _turn = self.turn.acquire().await;
        let mut rest = piece;
        while !rest.is_empty() {
            let written = poll_fn(|context| match &mut *self.output.borrow_mut() {
                Some(output) => Pin::new(output).poll_write(context, rest),
                None => Poll::Ready(Ok(rest.len())),
            });
            rest = &rest[written.await?..];
        }
        Ok(())
    }

    /// Nothing more comes for anybody: each is sent what waits, and its end.
    pub(super) fn end(&self) {
        self.is_over.set(true);
        for member in self.members.borrow().values() {
            member.end();
        }
    }
}

impl Membership {
    /// Its number, from 1 on.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Where what it says goes: each piece to `deliver`. Once it has finished, it is
    /// sent what waits for it, and its end: whether it still listens, nothing tells.
    pub(super) fn outbox<F: FnMut(&[u8]) -> Delivery>(&self, deliver: F) -> Outbox<F> {
        Outbox {
            deliver,
            underway: None,
            member: Rc::clone(&self.member),
        }
    }

    /// What is to be sent to it.
    pub(super) fn inbox(&self) -> impl AsyncRead + Unpin + use<> {
        Inbox(Rc::clone(&self.member))
    }

    /// Waits until it has taken nothing for too long, and others wait for it.
    pub(super) async fn stuck(&self) {
        let mut before = self.member.total.get();
        let mut quiet = Duration::ZERO;
        while quiet < STUCK {
            sleep(LOOK).await;
            let now = self.member.total.get();
            let holds_up = !self.member.writers.borrow().is_empty();
            quiet = match holds_up && now == before {
                true => quiet + LOOK,
                false => Duration::ZERO,
            };
            before = now;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.members.borrow_mut().remove(&self.number);
        self.member.is_gone.set(true);
        let writers = self.member.writers.take();
        writers.into_iter().for_each(Waker::wake);
    }
}

impl Member {
    /// Nothing more comes for it.
    fn end(&self) {
        self.is_over.set(true);
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    async fn push(&self, piece: &Rc<[u8]>) {
        poll_fn(|context| {
            if self.is_gone.get() || self.queued.get() < QUEUED {
                return Poll::Ready(());
            }
            self.writers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
        if !self.is_gone.get() && !piece.is_empty() {
            self.queued.set(self.queued.get() + piece.len());
            self.queue.borrow_mut().push_back(Rc::clone(piece));
            self.reader.take().into_iter().for_each(Waker::wake);
        }
    }
}

/// The reading end of a client's queue.
struct Inbox(Rc<Member>);

impl AsyncRead for Inbox {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let member = &self.0;
        let mut queue = member.queue.borrow_mut();
        let Some(piece) = queue.front() else {
            if member.is_over.get() {
                return Poll::Ready(Ok(0));
            }
            member.reader.set(Some(context.waker().clone()));
            return Poll::Pending;
        };
        let rest = &piece[member.taken.get()..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        match count == rest.len() {
            true => {
                queue.pop_front();
                member.taken.set(0);
            }
            false => member.taken.set(member.taken.get() + count),
        }
        drop(queue);
        member.queued.set(member.queued.get() - count);
        member.total.set(member.total.get() + count as u64);
        let writers = member.writers.take();
        writers.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }
}

/// Where what a client says goes: each piece to a function, one after another.
pub(super) struct Outbox<F> {
    deliver: F,
    underway: Option<(Delivery, usize)>,
    member: Rc<Member>,
}

/// A piece on its way.
pub(super) type Delivery = Pin<Box<dyn Future<Output = io::Result<()>>>>;

impl<F: FnMut(&[u8]) -> Delivery + Unpin> AsyncWrite for Outbox<F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let (delivery, length) = match &mut this.underway {
            Some(underway) => underway,
            none => none.insert(((this.deliver)(bytes), bytes.len())),
        };
        let outcome = ready!(delivery.as_mut().poll(context));
        let length = *length;
        this.underway = None;
        Poll::Ready(outcome.map(|()| length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.member.end();
        Poll::Ready(Ok(()))
    }
}

//! document: one text that clients add to, and that each of them sees grow in the
//! same order.
//!
//! An update is on the disk before anybody is told of it: a server that is killed
//! at any moment has, when it is started again, all that any client was shown. It
//! is no editor: text is added at the end, and what is there stays.

mod attendance;
mod ledger;
mod mark;
mod room;

use std::cell::RefCell;
use std::future::poll_fn;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::{Poll, Waker};

use anyhow::Context;

use super::{Client, Confinement, Kind, WhenFull};
use crate::protocol::document::{LARGEST, PORT};
use crate::reactor::{blocking, spawn};
use crate::units::parse_size;

use ledger::{Ledger, Opened};
use room::{Limits, Room};

/// The service's name.
const NAME: &str = "document";

/// Its name in logs.
const TARGET: &str = "serve::document";

/// Clients at once, unless another number is asked for.
const PLACES: u32 = 10;

/// Bytes of frames that wait for the disk together; meanwhile nothing more is read.
const LARGEST_GROUP: usize = 4 << 20;

/// Bytes that may wait for a client, past which it is lost: it does not read.
const LARGEST_QUEUE: usize = 8 << 20;

/// Options of `netkit serve document`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = PORT)]
    pub port: u16,
    /// Keep the text in FILE; how much of it is committed stands in FILE.committed
    #[arg(long, value_name = "FILE", default_value = "temp.txt")]
    pub file: PathBuf,
    /// Close a client that sends a longer update; 4MiB at most
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = parse_update_size)]
    pub max_update: usize,
    /// Take no more updates than make a text so long; it is held in memory
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_document_size)]
    pub max_document: usize,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// The document and everybody who has it open.
struct Document {
    room: RefCell<Room>,
    /// Out while it waits for the disk.
    ledger: RefCell<Option<Ledger>>,
    /// Something was said.
    said: Signal,
    /// Something was committed, or could not be; somebody has finished.
    changed: Signal,
    largest_update: u64,
}

/// Wakes all who wait for it.
#[derive(Default)]
struct Signal(RefCell<Vec<Waker>>);

/// Serves until SIGTERM or SIGINT; calls `announce` with a line for each socket
/// once it accepts.
///
/// # Errors
/// The file cannot be had, no address could be bound, or the port file not be
/// written.
pub async fn serve(options: &Options, announce: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let opened = Ledger::open(&options.file, options.max_document);
    let Opened {
        ledger,
        text,
        notes,
    } = opened.with_context(|| format!("cannot serve `{}`", options.file.display()))?;
    for note in notes {
        log::warn!(target: TARGET, "{note}");
    }
    let document = Rc::new(Document::new(ledger, text, options));
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port,
        is_local: true,
        // Its files are open already.
        confinement: Some(Confinement::default()),
    };
    let mut shared = options.server.clone();
    shared.max_connections.get_or_insert(PLACES);
    shared.when_full = WhenFull::Close;
    let attended = Rc::clone(&document);
    let committing = spawn(Rc::clone(&document).commit());
    let handle = async move |client: &Client| attendance::attend(&attended, client).await;
    let announce = &mut |line: &str| {
        document.keep();
        announce(line);
    };
    let outcome = super::run(kind, &shared, announce, handle).await;
    drop(committing);
    document.close();
    outcome
}

impl Document {
    fn new(ledger: Ledger, text: Vec<u8>, options: &Options) -> Self {
        let limits = Limits {
            document: options.max_document,
            group: LARGEST_GROUP,
            queue: LARGEST_QUEUE,
        };
        Self {
            room: Room::new(text, limits).into(),
            ledger: Some(ledger).into(),
            said: Signal::default(),
            changed: Signal::default(),
            largest_update: options.max_update as u64,
        }
    }

    /// Writes what is said, a group at a time, and lets it be told: for ever.
    async fn commit(self: Rc<Self>) {
        loop {
            let text = self.when(&self.said, Room::next_group).await;
            // There is room again.
            self.changed.notify();
            let Some(mut ledger) = self.ledger.take() else {
                return;
            };
            let appending = blocking(move || {
                let outcome = ledger.append(&text);
                (ledger, text, outcome)
            });
            let (ledger, text, outcome) = appending.await;
            self.ledger.replace(Some(ledger));
            match outcome {
                Ok(()) => self.room.borrow_mut().committed(&text),
                Err(error) => {
                    log::error!(target: TARGET, "cannot write the document: {error}");
                    let why = format!("it could not be written: {error}");
                    self.room.borrow_mut().failed(&why);
                }
            }
            self.changed.notify();
        }
    }

    /// What `find` finds in the room, looking again after each `signal`.
    async fn when<T>(&self, signal: &Signal, mut find: impl FnMut(&mut Room) -> Option<T>) -> T {
        poll_fn(|context| {
            if let Some(found) = find(&mut self.room.borrow_mut()) {
                return Poll::Ready(found);
            }
            signal.add(context.waker());
            Poll::Pending
        })
        .await
    }

    /// From now on it is served: the files that were made for it stay.
    fn keep(&self) {
        if let Some(ledger) = &mut *self.ledger.borrow_mut() {
            ledger.keep();
        }
    }

    /// Notes that it ended in order; a disk that is still waited for is not.
    fn close(&self) {
        if let Some(ledger) = self.ledger.take()
            && let Err(error) = ledger.close()
        {
            log::warn!(target: TARGET, "cannot note that the document ended in order: {error}");
        }
    }
}

impl Signal {
    fn notify(&self) {
        self.0.take().into_iter().for_each(Waker::wake);
    }

    fn add(&self, waker: &Waker) {
        let mut waiting = self.0.borrow_mut();
        if !waiting.iter().any(|it| it.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

fn parse_update_size(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        size @ 1..=LARGEST_GROUP => Ok(size),
        _ => Err("an update has at least 1 byte and at most 4MiB".into()),
    }
}

fn parse_document_size(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        size if size as u64 <= LARGEST => Ok(size),
        _ => Err(format!(
            "a frame can tell of {LARGEST} bytes at most, and a client gets the document in one"
        )),
    }
}

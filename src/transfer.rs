//! What `connect` and `listen` do with a connection: standard input goes to the
//! peer, what comes goes to standard output or a file, and the end is told
//! truthfully.

pub mod exec;
mod receipt;
mod stamps;
mod trace;

use std::cell::RefCell;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future;
use futures_lite::io::AssertAsync;

use crate::files::Draft;
use crate::finding::{Connection, End, Exit, Record};
use crate::net::{Child, Inherited, stdin, stdout};
use crate::reactor::{now, sleep};
use crate::stream::{AfterInput, AfterPeer, Crlf, Cut, Flow, Input, Local, Peer, Tap, Terms, pump};
use crate::units::{Latency, limit, parse_positive_duration};
use exec::{Ends, Program};
use receipt::Receipt;
use stamps::Stamps;
use trace::{Trace, Way};

/// After how long without an answer a series of datagrams is over, once all are
/// sent.
const QUIET: Duration = Duration::from_secs(1);

/// How often a watcher is told how much has moved.
const TICK: Duration = Duration::from_millis(100);

/// Options of everything that moves bytes.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(next_help_heading = "Transfer")]
pub struct Options {
    /// Send standard input and leave: what comes is thrown away
    #[arg(long, conflicts_with = "recv_only")]
    pub send_only: bool,
    /// Receive, and never read standard input
    #[arg(long)]
    pub recv_only: bool,
    /// Send line ends as CRLF
    #[arg(long, short = 'C')]
    pub crlf: bool,
    /// Give up when nothing has moved either way for this long
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration)]
    pub idle_timeout: Option<Duration>,
    /// Write what comes to FILE, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "send_only")]
    pub output: Option<PathBuf>,
    /// What is expected.
    #[command(flatten)]
    pub receipt: receipt::Options,
    /// Show what passes on standard error, in hexadecimal and as text
    #[arg(long)]
    pub hex: bool,
    /// Add the same to FILE
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Put the time in front of each line that comes
    #[arg(long, conflicts_with = "send_only")]
    pub timestamps: bool,
}

/// One connection's transfer.
pub struct Transfer<'a> {
    options: &'a Options,
    /// Who the other end is.
    peer: String,
    ends: Ends,
    /// The other end never says that it has finished.
    is_endless: bool,
    started: Instant,
    flow: Flow,
}

/// Who watches a transfer.
#[derive(Clone, Copy)]
pub struct Observer<'a> {
    /// Gets what it came to.
    pub tell: &'a dyn Fn(Record),
    /// Gets how many bytes are to move, if that is known.
    pub expect: &'a dyn Fn(u64),
    /// Gets how many more have moved, every now and then.
    pub advance: &'a dyn Fn(u64),
}

/// What failed on this side: it says nothing of the peer.
#[derive(Debug)]
pub struct OwnFault(String);

impl fmt::Display for OwnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OwnFault {}

impl OwnFault {
    fn writing(name: &str, error: &io::Error) -> Self {
        Self(format!("cannot write {name}: {error}"))
    }
}

/// How a transfer was over.
enum Over {
    /// By itself; with a program, that ended so.
    Ended(Result<End, Cut>, Option<ExitStatus>),
    /// From outside, to leave with this status.
    Interrupted(Exit),
}

impl Over {
    fn end(&self) -> End {
        match self {
            Self::Interrupted(_) => End::Local,
            Self::Ended(Ok(end), _) => *end,
            Self::Ended(Err(Cut::Peer(error)), _) if is_own_fault(error) => End::Local,
            Self::Ended(Err(cut), _) => cut.end(),
        }
    }
}

/// What shows both directions of a connection.
type Traces = Vec<Rc<RefCell<Trace>>>;

impl<'a> Transfer<'a> {
    /// The transfer over a connection to `peer`.
    #[must_use]
    pub fn new(options: &'a Options, peer: String, ends: Ends, is_endless: bool) -> Self {
        Self {
            options,
            peer,
            ends,
            is_endless,
            started: now(),
            flow: Flow::default(),
        }
    }

    /// Moves bytes between `peer` and `program`, or standard input and output,
    /// until the end, or until `interrupted` says with which status to leave.
    ///
    /// # Errors
    /// The end was not a good one, or what came is not what was expected: in
    /// words.
    pub async fn run(
        self,
        peer: Peer<'_>,
        program: Option<&Program>,
        observer: Observer<'_>,
        interrupted: impl Future<Output = io::Result<Exit>>,
    ) -> anyhow::Result<Exit> {
        let mut receipt = Receipt::new(&self.options.receipt);
        let draft = self.options.output.as_deref().map(Draft::begin).transpose();
        let mut draft = draft.map_err(|error| self.unwritable(&error))?;
        let moving = async {
            match program {
                None => {
                    let draft = draft.as_mut();
                    self.exchange(peer, &mut receipt, draft, observer).await
                }
                Some(program) => Ok(self.talk(peer, program.start(&self.ends)?).await),
            }
        };
        let stopped = async { Ok(Over::Interrupted(interrupted.await?)) };
        let over = future::or(future::or(moving, stopped), self.watch(observer)).await?;
        let end = over.end();
        let received = self.flow.received.get();
        let verdict = match over {
            Over::Interrupted(exit) => Ok(exit),
            Over::Ended(outcome, status) => self.judge(outcome, status).and_then(|exit| {
                receipt.judge(&self.options.receipt, received)?;
                Ok(exit)
            }),
        };
        let connection = self.record(end, verdict.as_ref().err());
        let summary = sentence(&connection);
        let record = Record::Connection(connection);
        log::info!(record:serde = record; "{summary}");
        (observer.tell)(record);
        if let (Ok(Exit::Good), Some(draft)) = (&verdict, draft) {
            draft.finish().map_err(|error| self.unwritable(&error))?;
        }
        verdict
    }

    /// Between standard input and output.
    async fn exchange(
        &self,
        peer: Peer<'_>,
        receipt: &mut Receipt,
        draft: Option<&mut Draft>,
        observer: Observer<'_>,
    ) -> anyhow::Result<Over> {
        let traces = self.traces()?;
        let mut input = stdin()?;
        if let Some(bytes) = self.expected(&input) {
            (observer.expect)(bytes);
        }
        let mut look = Vec::<Box<dyn FnMut(&[u8]) -> io::Result<()> + Unpin + '_>>::new();
        for trace in &traces {
            look.push(Box::new(|bytes| trace.borrow_mut().add(Way::In, bytes)));
        }
        if receipt.looks() {
            look.push(Box::new(|bytes| {
                receipt.add(bytes);
                Ok(())
            }));
        }
        let peer = match look.is_empty() {
            true => peer,
            false => peer.reading(|reader| {
                Tap::new(reader, move |bytes: &[u8]| {
                    look.iter_mut().try_for_each(|look| look(bytes))
                })
            }),
        };
        let local = Local {
            input: self.input(&mut input, &traces),
            output: self.output(draft)?,
        };
        let outcome = pump(local, peer, &self.terms(), &self.flow).await;
        Ok(Over::Ended(outcome, None))
    }

    /// How many bytes are to move, where that is known.
    fn expected(&self, input: &Inherited) -> Option<u64> {
        let coming = self.options.receipt.expect_bytes;
        let file = input
            .as_regular_file()
            .filter(|_| !self.options.recv_only && coming.is_none());
        let length = file.and_then(|it| it.metadata().ok()).map(|it| it.len());
        coming.or(length)
    }

    /// Tells every now and then how much has moved; never ends.
    async fn watch<T>(&self, observer: Observer<'_>) -> T {
        let mut told = 0;
        loop {
            sleep(TICK).await;
            let moved = match self.options.receipt.expect_bytes {
                Some(_) => self.flow.received.get(),
                None => self.flow.sent.get(),
            };
            (observer.advance)(moved - told);
            told = moved;
        }
    }

    fn terms(&self) -> Terms {
        let Options {
            send_only,
            recv_only,
            ..
        } = *self.options;
        Terms {
            after_input: match (self.is_endless, recv_only, send_only) {
                (_, true, _) => AfterInput::Stay,
                (true, _, true) => AfterInput::Leave,
                (true, ..) => AfterInput::FinishUntilQuiet(QUIET),
                _ => AfterInput::Finish,
            },
            // A person would have to press a key to learn that nobody listens.
            after_peer: match io::stdin().is_terminal() {
                true => AfterPeer::Leave,
                false => AfterPeer::Stay,
            },
            idle: self.options.idle_timeout,
        }
    }

    fn traces(&self) -> anyhow::Result<Traces> {
        let mut traces = Vec::new();
        if self.options.hex {
            traces.push(Trace::new(Box::new(io::stderr()), "standard error".into()));
        }
        if let Some(path) = &self.options.trace {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let name = format!("`{}`", path.display());
            let file = file.map_err(|error| OwnFault::writing(&name, &error))?;
            traces.push(Trace::new(Box::new(file), name));
        }
        let traces = traces.into_iter().map(|it| Rc::new(RefCell::new(it)));
        Ok(traces.collect())
    }

    fn input<'i>(&self, input: &'i mut Inherited, traces: &Traces) -> Option<Input<'i>> {
        if self.options.recv_only {
            return None;
        }
        if !self.options.crlf && traces.is_empty() {
            return Some(Input::Standard(input));
        }
        let bytes: Box<dyn AsyncRead + Unpin> = match self.options.crlf {
            true => Box::new(Crlf::new(input)),
            false => Box::new(input),
        };
        let traces = traces.clone();
        let look = move |bytes: &[u8]| {
            let mut traces = traces.iter();
            traces.try_for_each(|it| it.borrow_mut().add(Way::Out, bytes))
        };
        Some(Input::Bytes(Box::new(Tap::new(bytes, look))))
    }

    fn output<'o>(
        &self,
        draft: Option<&'o mut Draft>,
    ) -> io::Result<Option<Box<dyn AsyncWrite + Unpin + 'o>>> {
        if self.options.send_only {
            return Ok(None);
        }
        let output: Box<dyn AsyncWrite + Unpin> = match draft {
            // A disk keeps nobody waiting for somebody else.
            Some(draft) => Box::new(AssertAsync::new(draft)),
            None => Box::new(stdout()?),
        };
        Ok(Some(match self.options.timestamps {
            true => Box::new(Stamps::new(output)),
            false => output,
        }))
    }

    /// Between a program and `peer`.
    async fn talk(&self, peer: Peer<'_>, mut child: Child) -> Over {
        let local = Local {
            input: Some(Input::Bytes(Box::new(&child.output))),
            output: Some(Box::new(&mut child.input)),
        };
        let terms = Terms {
            idle: self.options.idle_timeout,
            ..Terms::default()
        };
        let outcome = pump(local, peer, &terms, &self.flow).await;
        let status = match outcome {
            Ok(End::Fin) => child.wait().await.ok(),
            _ => None,
        };
        Over::Ended(outcome, status)
    }

    /// What it came to, and what speaks against it.
    fn record(&self, end: End, error: Option<&anyhow::Error>) -> Connection {
        Connection {
            peer: self.peer.clone(),
            local: self.ends.local.map(|it| it.to_string()),
            story: error.map(|it| format!("{it:#}")),
            received_bytes: self.flow.received.get(),
            sent_bytes: self.flow.sent.get(),
            duration: now().saturating_duration_since(self.started),
            end,
        }
    }

    /// The exit status of what it came to, with a program that ended so.
    fn judge(&self, outcome: Result<End, Cut>, status: Option<ExitStatus>) -> anyhow::Result<Exit> {
        let moved = format!(
            "after {} bytes received and {} bytes sent",
            self.flow.received.get(),
            self.flow.sent.get()
        );
        let peer = &self.peer;
        if let Some(status) = status.filter(|it| !it.success()) {
            bail!("the program ended with {status}, {moved}");
        }
        match outcome {
            Ok(End::Idle) => {
                let idle = limit(self.options.idle_timeout.unwrap_or_default());
                bail!("nothing moved for {idle} (--idle-timeout), {moved}")
            }
            Ok(_) => Ok(Exit::Good),
            // Whoever closed our output has seen enough.
            Err(Cut::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Good),
            Err(Cut::Output(error)) => Err(self.unwritable(&error).into()),
            // A trace that cannot be written is met where what it shows is read.
            Err(Cut::Input(error) | Cut::Peer(error)) if is_own_fault(&error) => {
                bail!(OwnFault(error.to_string()))
            }
            Err(Cut::Input(error)) => {
                bail!(OwnFault(format!("cannot read standard input: {error}")))
            }
            Err(Cut::Peer(error)) => match error.kind() {
                io::ErrorKind::ConnectionReset => bail!("{peer} reset the connection {moved}"),
                io::ErrorKind::ConnectionRefused => {
                    bail!("{peer} refused what was sent: nothing listens there")
                }
                io::ErrorKind::UnexpectedEof => bail!(
                    "{peer} closed the connection without ending TLS, {moved}: what came may be \
                     cut short"
                ),
                io::ErrorKind::BrokenPipe => {
                    bail!("{peer} closed the connection before it had taken everything, {moved}")
                }
                _ => Err(error).with_context(|| format!("the connection to {peer} broke {moved}")),
            },
        }
    }

    fn unwritable(&self, error: &io::Error) -> OwnFault {
        match &self.options.output {
            Some(path) => OwnFault::writing(&format!("`{}`", path.display()), error),
            None => OwnFault::writing("standard output", error),
        }
    }
}

fn is_own_fault(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|it| it.downcast_ref::<OwnFault>().is_some())
}

/// The line that says what a connection came to.
fn sentence(connection: &Connection) -> String {
    let time = Latency(connection.duration);
    format!(
        "{} closed: {} bytes received, {} bytes sent, {time}, {}",
        connection.peer,
        connection.received_bytes,
        connection.sent_bytes,
        connection.end.as_str()
    )
}

//! `netkit probe document`: what is typed goes to everybody, and what the others
//! say is shown.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_lite::future;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::input::{Input, Row};
use super::trouble::Trouble;
use super::wire::Wire;
use crate::finding::{Exit, Phases, Record, Reply};
use crate::net::{Families, dial};
use crate::probe::attempts;
use crate::probe::copies::Place;
use crate::protocol::document::encode;
use crate::reactor::{now, signals, timeout};
use crate::units::{self, parse_positive_duration, parse_size};

/// Options of `netkit probe document`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Options {
    /// The server: `HOST[:PORT]`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
    /// How long the connection may take, and after the end of the input the server, to take it all
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// Print the document as it is, and end
    #[arg(long)]
    pub history: bool,
    /// With --history: a server that says nothing for so long has an empty document
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_positive_duration, requires = "history")]
    pub silence: Duration,
    /// Show updates after the end of the input too, until the server closes
    #[arg(long, conflicts_with = "history")]
    pub follow: bool,
    /// Send each line without its end
    #[arg(long, short = 'n', conflicts_with = "history")]
    pub no_newline: bool,
    /// Take no frame that is longer: it is held in memory
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    pub max_bytes: usize,
    /// Exit with the kind of failure instead of 1: 10 refused, 11 timeout, 14 cut, 15 protocol
    #[arg(long)]
    pub exit_detail: bool,
}

/// Where a person looks.
pub trait Console {
    /// Whether there is one.
    fn is_for_people(&self) -> bool;

    /// Text as it came from the network.
    fn text(&self, text: &str);

    /// What moves the cursor, as it is.
    fn draw(&self, sequence: &str);

    /// Something beside it.
    fn note(&self, line: &str);
}

/// A connection to a server.
struct Session<'a> {
    options: &'a Options,
    server: &'a Place,
    console: &'a dyn Console,
    tell: &'a dyn Fn(Record),
    row: &'a Row,
    wire: Wire,
    address: SocketAddr,
    started: Instant,
    phases: Phases,
}

/// What happens first.
enum Event {
    /// The server ended, or broke.
    Received(Result<(), Trouble>),
    /// The input ended, or cannot be sent.
    Sent(anyhow::Result<()>),
}

/// Sends lines and shows updates until the input has ended and the server has taken
/// all of it; `tell` gets a reply for each frame, and for a failure.
///
/// # Errors
/// No address answered, or the server closed before, was too slow, or sent what is
/// no frame.
pub async fn probe(
    options: &Options,
    server: &Place,
    console: &dyn Console,
    tell: &dyn Fn(Record),
) -> anyhow::Result<Exit> {
    let ending = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
    let mut interrupts = signals(&ending).context("cannot wait for signals")?;
    let interrupted = async { Ok(Exit::by_signal(interrupts.next().await?)) };
    let row = Row::default();
    let work = async {
        let session = Session::open(options, server, console, tell, &row).await?;
        let outcome = match options.history {
            true => session.history().await,
            false => session.converse().await,
        };
        outcome.inspect_err(|error| session.fail(format!("{error:#}")))?;
        Ok(Exit::Good)
    };
    let outcome = future::or(work, interrupted).await;
    row.leave(console);
    outcome
}

impl<'a> Session<'a> {
    async fn open(
        options: &'a Options,
        server: &'a Place,
        console: &'a dyn Console,
        tell: &'a dyn Fn(Record),
        row: &'a Row,
    ) -> anyhow::Result<Self> {
        let started = now();
        let dialed = dial(&server.host, server.port, options.families, options.timeout).await;
        let dialed = dialed.inspect_err(|error| {
            console.note("Connection failed. Please check the server and try again.");
            tell(Record::from(Reply {
                protocol: "document".into(),
                target: server.name.clone(),
                reason: Some(error.to_string()),
                ..Reply::default()
            }));
        })?;
        if log::log_enabled!(log::Level::Info) {
            let tried = attempts(&server.name, &dialed.attempts, Some(dialed.address));
            tried.into_iter().for_each(tell);
        }
        Ok(Self {
            options,
            server,
            console,
            tell,
            row,
            wire: Wire::new(dialed.stream, options.timeout),
            address: dialed.address,
            started,
            phases: Phases {
                resolve: dialed.resolved.took,
                connect: dialed.connect,
                ..Phases::default()
            },
        })
    }

    /// The document, and nothing after it.
    async fn history(&self) -> anyhow::Result<()> {
        let text = match self.wire.comes_within(self.options.silence).await? {
            true => self.wire.first(self.options.max_bytes as u64).await?,
            false => String::new(),
        };
        self.console.text(&text);
        self.reply("document", text);
        Ok(())
    }

    /// Both ways, until the input has ended.
    async fn converse(&self) -> anyhow::Result<()> {
        let input = Input::open(self.console, self.row)?;
        let most = self.options.max_bytes as u64;
        let mut receiving = pin!(self.wire.receive(most, |text| self.show(text)));
        let received = async { Event::Received(receiving.as_mut().await) };
        let sent = async { Event::Sent(self.send(input).await) };
        match future::or(received, sent).await {
            Event::Received(outcome) => {
                outcome?;
                return Err(self.wire.closed().into());
            }
            Event::Sent(outcome) => outcome?,
        }
        if self.options.follow {
            receiving.await?;
            return Err(self.wire.closed().into());
        }
        // A server that closes in order now has taken everything.
        self.wire.finish()?;
        let limit = self.options.timeout;
        let ended = timeout(limit, receiving).await;
        Ok(ended.unwrap_or_else(|_| {
            Err(Trouble::late(format!(
                "the server did not close within {} after the end of the input",
                units::limit(limit)
            )))
        })?)
    }

    async fn send(&self, mut input: Input<'_>) -> anyhow::Result<()> {
        let mut pace = self.wire.pace();
        while let Some(line) = input.next().await? {
            let text = match self.options.no_newline {
                true => line.strip_suffix('\n').unwrap_or(&line),
                false => &line,
            };
            if let Some(frame) = encode(text).filter(|_| !text.is_empty()) {
                self.wire.send(&frame, &mut pace).await?;
            }
        }
        Ok(())
    }

    fn show(&self, text: String) {
        // An end of a line is one more than a person wants to see.
        let shown = text.strip_suffix('\n').unwrap_or(&text);
        let line = format!("Document updated: {shown}\n");
        self.row.above(self.console, || self.console.text(&line));
        self.reply("update", text);
    }

    fn reply(&self, kind: &str, text: String) {
        (self.tell)(Record::from(Reply {
            kind: kind.into(),
            ok: true,
            sizes_bytes: vec![text.len() as u64],
            text: Some(text),
            ..self.until_now()
        }));
    }

    fn fail(&self, reason: String) {
        (self.tell)(Record::from(Reply {
            reason: Some(reason),
            ..self.until_now()
        }));
    }

    fn until_now(&self) -> Reply {
        Reply {
            protocol: "document".into(),
            target: self.server.name.clone(),
            address: Some(self.address),
            phases: Phases {
                total: Some(now().saturating_duration_since(self.started)),
                ..self.phases
            },
            ..Reply::default()
        }
    }
}

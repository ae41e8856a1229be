//! `netkit probe document`: what is typed goes to everybody, and what the others
//! say is shown.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_lite::{AsyncWriteExt, future};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::input::{Input, Row};
use crate::finding::{Exit, Phases, Record, Reply};
use crate::net::{DialError, Families, TcpStream, dial};
use crate::probe::attempts;
use crate::probe::copies::Place;
use crate::protocol::document::{Reader, encode};
use crate::reactor::{Buffer, now, signals, timeout};
use crate::units::{self, parse_positive_duration, parse_size};

/// Options of `netkit probe document`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
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
    stream: TcpStream,
    address: SocketAddr,
    started: Instant,
    phases: Phases,
}

/// What happens first.
enum Event {
    /// The server ended, or broke.
    Received(anyhow::Result<()>),
    /// The input ended, or cannot be sent.
    Sent(anyhow::Result<()>),
}

/// Sends lines and shows updates until the input has ended and the server has taken
/// all of it; `tell` gets a reply for each frame.
///
/// # Errors
/// No address answered, or the server closed before, or sent what is no frame.
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
        match options.history {
            true => session.history().await?,
            false => session.converse().await?,
        }
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
            tell(Record::from(failed(server, error)));
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
            stream: dialed.stream,
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
        let silence = timeout(self.options.silence, self.stream.arrival()).await;
        let text = match silence {
            Ok(arrival) => {
                arrival.map_err(lost)?;
                self.first_frame().await?
            }
            Err(_) => String::new(),
        };
        self.console.text(&text);
        self.reply("document", text);
        Ok(())
    }

    async fn first_frame(&self) -> anyhow::Result<String> {
        let mut reader = Reader::new(self.options.max_bytes as u64);
        let limit = self.options.timeout;
        loop {
            let mut text = None;
            let reading = self.read(&mut reader, |frame| {
                text.get_or_insert(frame);
            });
            let Ok(read) = timeout(limit, reading).await else {
                bail!("nothing more came within {}", units::limit(limit));
            };
            if !read? {
                bail!("the server closed the connection at once (hint: it may have no place left)");
            }
            if let Some(text) = text {
                return Ok(text);
            }
        }
    }

    /// Both ways, until the input has ended.
    async fn converse(&self) -> anyhow::Result<()> {
        let input = Input::open(self.console, self.row)?;
        let mut receiving = pin!(self.receive());
        let received = async { Event::Received(receiving.as_mut().await) };
        let sent = async { Event::Sent(self.send(input).await) };
        match future::or(received, sent).await {
            Event::Received(outcome) => {
                outcome?;
                bail!("the server closed the connection")
            }
            Event::Sent(outcome) => outcome?,
        }
        if self.options.follow {
            receiving.await?;
            bail!("the server closed the connection");
        }
        // A server that closes in order now has taken everything.
        self.stream.shutdown(Shutdown::Write).map_err(lost)?;
        let limit = self.options.timeout;
        timeout(limit, receiving).await.unwrap_or_else(|_| {
            bail!(
                "the server did not close within {} after the end of the input",
                units::limit(limit)
            )
        })
    }

    async fn send(&self, mut input: Input<'_>) -> anyhow::Result<()> {
        while let Some(line) = input.next().await? {
            let text = match self.options.no_newline {
                true => line.strip_suffix('\n').unwrap_or(&line),
                false => &line,
            };
            let frame = encode(text).filter(|_| !text.is_empty());
            let mut stream = &self.stream;
            stream
                .write_all(&frame.unwrap_or_default())
                .await
                .map_err(lost)?;
        }
        Ok(())
    }

    /// Shows what comes until the server closes, between two frames.
    async fn receive(&self) -> anyhow::Result<()> {
        let mut reader = Reader::new(self.options.max_bytes as u64);
        while self.read(&mut reader, |text| self.show(text)).await? {}
        Ok(())
    }

    /// Reads once, and takes each frame that is whole by then; false at the end of
    /// the stream.
    async fn read(
        &self,
        reader: &mut Reader,
        mut take: impl FnMut(String),
    ) -> anyhow::Result<bool> {
        loop {
            self.stream.readable().await;
            let mut buffer = Buffer::take();
            let mut bytes = match self.stream.try_read(&mut buffer) {
                Ok(0) => {
                    return match reader.missing() {
                        Some(missing) => bail!("the server closed the connection {missing}"),
                        None => Ok(false),
                    };
                }
                Ok(count) => &buffer[..count],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(lost(error)),
            };
            while let Some(text) = reader
                .take(&mut bytes)
                .context("the server sent what is no frame")?
            {
                take(text);
            }
            return Ok(true);
        }
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
            protocol: "document".into(),
            target: self.server.name.clone(),
            address: Some(self.address),
            kind: kind.into(),
            ok: true,
            sizes_bytes: vec![text.len() as u64],
            text: Some(text),
            phases: Phases {
                total: Some(now().saturating_duration_since(self.started)),
                ..self.phases
            },
            ..Reply::default()
        }));
    }
}

fn failed(server: &Place, error: &DialError) -> Reply {
    Reply {
        protocol: "document".into(),
        target: server.name.clone(),
        reason: Some(error.to_string()),
        ..Reply::default()
    }
}

fn lost(error: io::Error) -> anyhow::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    match error.kind() {
        ConnectionReset => {
            anyhow::anyhow!("the server reset the connection: it did not take everything")
        }
        BrokenPipe | NotConnected => anyhow::anyhow!("the server closed the connection"),
        _ => anyhow::Error::new(error).context("the connection broke"),
    }
}

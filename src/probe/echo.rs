//! Asks an echo server: says which address answered and how fast, and verifies
//! every byte that comes back.

mod scheme;
mod series;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use futures_io::AsyncRead;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::lines::Lines;
use super::{Target, attempts};
use crate::finding::{Exit, Latency, Phases, Record, Reply, State};
use crate::net::{host_with_port, stdin};
use crate::reactor::{signals, sleep};
use crate::units::{self, parse_duration, parse_positive_duration, parse_size};

use series::Series;
use tcp::Tcp;
use udp::Udp;

pub use scheme::ECHO;

/// A longer line is sent in pieces of this size; nothing of it is lost.
const LONGEST_LINE: usize = 64 * 1024;

/// The largest message of a series: it is held in memory.
const LARGEST: usize = 64 << 20;

/// The largest UDP payload over IPv4 (RFC 768).
const LARGEST_DATAGRAM: usize = 65_507;

/// From this interval on every round trip is shown as it happens.
const READABLE_PACE: Duration = Duration::from_millis(100);

/// Options of `netkit echo`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The server as `HOST[:PORT]`, instead of --host and --port
    #[arg(value_name = "TARGET", conflicts_with_all = ["host", "port"])]
    pub server: Option<String>,
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// Port of the server
    #[arg(long, short, value_name = "PORT", default_value_t = 12345)]
    pub port: u16,
    /// Speak UDP instead of TCP
    #[arg(long, short = 'u')]
    pub udp: bool,
    /// Measure a series of N messages instead of sending lines
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Time between two messages of the series; 0 sends the next at once
    #[arg(long, short, value_name = "TIME", default_value = "1s", value_parser = parse_duration, requires = "count")]
    pub interval: Duration,
    /// Size of each message of the series
    #[arg(long, value_name = "SIZE", default_value = "64", value_parser = parse_size, requires = "count")]
    pub size: usize,
    /// How long to wait for the connection, and for each echo
    #[arg(long, short, value_name = "TIME", default_value = "3s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
}

/// Runs the client until its input or its series ends; `tell` gets every
/// address tried, every echo, and what a series came to.
///
/// # Errors
/// No address answered, or the server closed, reset, answered wrongly or not
/// in time: in words.
pub async fn probe(options: &Options, tell: &dyn Fn(Record)) -> anyhow::Result<Exit> {
    let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let mut series = Series::new()?;
    let mut answered = None;
    let work = async {
        let mut link = Link::open(options, tell).await?;
        answered = Some(link.address());
        match options.count {
            Some(count) => measure(&mut link, options, count, &mut series, tell).await?,
            None => exchange_lines(&mut link, stdin()?, options, tell).await?,
        }
        link.finish().await.map(|()| Exit::Good)
    };
    let interrupted = async { Ok(Exit::by_signal(interrupts.next().await?)) };
    let outcome = future::or(work, interrupted).await;
    if let (Some(_), Some(address)) = (options.count, answered) {
        let summary = series.summary(options.target_name(), address);
        tell(Record::Latency(summary));
    }
    match (outcome, series.lost()) {
        (Ok(Exit::Good), lost @ 1..) => anyhow::bail!("{lost} messages were lost"),
        (outcome, _) => outcome,
    }
}

/// An open way to the server.
enum Link {
    Tcp(Tcp),
    Udp(Udp),
}

/// What became of one message.
enum Outcome {
    /// It came back whole after this time.
    Echoed(Duration),
    /// It did not come back in time, and others still may.
    Lost,
}

impl Link {
    async fn open(options: &Options, tell: &dyn Fn(Record)) -> anyhow::Result<Self> {
        match options.udp {
            false => Tcp::open(options, tell).await.map(Self::Tcp),
            true => Udp::open(options).await.map(Self::Udp),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Tcp(tcp) => tcp.address,
            Self::Udp(udp) => udp.address(),
        }
    }

    /// How the way to the server was opened.
    fn phases(&self) -> Phases {
        match self {
            Self::Tcp(tcp) => tcp.phases,
            Self::Udp(_) => Phases::default(),
        }
    }

    async fn exchange(&mut self, message: &[u8]) -> anyhow::Result<Outcome> {
        match self {
            Self::Tcp(tcp) => tcp.exchange(message).await.map(Outcome::Echoed),
            Self::Udp(udp) => udp.exchange(message).await,
        }
    }

    /// Tells what became of addresses since this was asked last. A datagram's
    /// shows only once one was sent.
    fn tell_tried(&mut self, options: &Options, tell: &dyn Fn(Record)) {
        if let Self::Udp(udp) = self {
            let tried = udp.take_tried();
            let answered = tried.iter().find(|it| it.state == State::Open);
            let winner = answered.map(|it| it.address);
            for record in attempts(&options.target_name(), &tried, winner) {
                tell(record);
            }
        }
    }

    /// Ends with what the server does unasked, such as closing.
    async fn watch<T>(&self) -> anyhow::Result<T> {
        match self {
            Self::Tcp(tcp) => tcp.watch().await,
            // A datagram that nobody waits for is dropped, as by any socket.
            Self::Udp(_) => std::future::pending().await,
        }
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.finish().await,
            Self::Udp(_) => Ok(()),
        }
    }
}

impl Options {
    /// Whether what is asked for can be done at all.
    ///
    /// # Errors
    /// Messages that are too large, or that no byte of a stream would show.
    pub fn validate(&self) -> anyhow::Result<()> {
        let (least, most) = match self.udp {
            true => (0, LARGEST_DATAGRAM),
            false => (1, LARGEST),
        };
        let size = self.size;
        anyhow::ensure!(
            (least..=most).contains(&size),
            "cannot send messages of {size} bytes: at least {least} and at most {most} bytes"
        );
        Ok(())
    }

    fn target_name(&self) -> String {
        host_with_port(&self.target.host, self.port)
    }
}

/// Sends each line and shows its echo, until `exit` or the end of the input.
async fn exchange_lines(
    link: &mut Link,
    input: impl AsyncRead + Unpin,
    options: &Options,
    tell: &dyn Fn(Record),
) -> anyhow::Result<()> {
    let longest = match options.udp {
        true => LARGEST_DATAGRAM,
        false => LONGEST_LINE,
    };
    let mut input = Lines::new(input, longest);
    let mut lost = 0_u64;
    loop {
        let typed = async { input.next().await.context("cannot read the input") };
        let Some(piece) = future::or(typed, link.watch()).await? else {
            break;
        };
        let message = piece.bytes;
        if piece.starts_line && message.trim_ascii() == b"exit" {
            break;
        }
        let outcome = link.exchange(&message).await;
        link.tell_tried(options, tell);
        match outcome? {
            Outcome::Echoed(time) => tell(reply(link, options, &message, time)),
            Outcome::Lost => {
                lost += 1;
                tell(no_reply(link, options));
            }
        }
    }
    anyhow::ensure!(lost == 0, "{lost} lines were lost");
    Ok(())
}

/// Sends `count` numbered messages at the pace asked for.
async fn measure(
    link: &mut Link,
    options: &Options,
    count: u64,
    series: &mut Series,
    tell: &dyn Fn(Record),
) -> anyhow::Result<()> {
    for number in 0..count {
        let pause = sleep(options.interval);
        let message = crate::protocol::echo::payload(number, options.size);
        let outcome = link.exchange(&message).await;
        link.tell_tried(options, tell);
        match outcome {
            Ok(Outcome::Echoed(time)) => {
                series.receive(time);
                if options.interval >= READABLE_PACE {
                    tell(reply(link, options, &[], time));
                }
            }
            Ok(Outcome::Lost) => {
                series.lose();
                log::info!("message {number} was lost");
            }
            Err(error) => {
                series.lose();
                return Err(error);
            }
        }
        if number + 1 < count {
            let paced = async {
                pause.await;
                Ok(())
            };
            future::or(paced, link.watch()).await?;
        }
    }
    Ok(())
}

fn reply(link: &Link, options: &Options, message: &[u8], time: Duration) -> Record {
    let size = match message {
        [] => options.size,
        _ => message.len(),
    };
    let shown = match message {
        [] => format!("{size} bytes from {}", link.address()),
        _ => String::from_utf8_lossy(message.trim_ascii_end()).into_owned(),
    };
    Record::from(Reply {
        ok: true,
        sizes_bytes: vec![size as u64],
        shown: Some(shown),
        phases: Phases {
            total: Some(time),
            ..link.phases()
        },
        ..empty_reply(link, options)
    })
}

/// A datagram that did not come back in time.
fn no_reply(link: &Link, options: &Options) -> Record {
    let limit = units::limit(options.timeout);
    Record::from(Reply {
        reason: Some(format!("no echo within {limit}")),
        phases: Phases {
            total: Some(options.timeout),
            ..link.phases()
        },
        ..empty_reply(link, options)
    })
}

fn empty_reply(link: &Link, options: &Options) -> Reply {
    Reply {
        protocol: "echo".into(),
        target: options.target_name(),
        address: Some(link.address()),
        kind: "echo".into(),
        ..Reply::default()
    }
}

impl Series {
    fn summary(&self, target: String, address: SocketAddr) -> Latency {
        Latency {
            target,
            address: Some(address),
            ..self.latency()
        }
    }
}

//! Asks an echo server: says which address answered and how fast, and verifies
//! every byte that comes back.

mod lines;
mod series;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use futures_io::AsyncRead;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Target, attempts};
use crate::finding::{Exit, Latency, Phases, Record, Reply, State};
use crate::net::{host_with_port, stdin};
use crate::reactor::{signals, sleep};
use crate::units::{parse_duration, parse_size};

use lines::Lines;
use series::Series;
use tcp::Tcp;
use udp::Udp;

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
    #[arg(long, short, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub interval: Duration,
    /// Size of each message of the series
    #[arg(long, value_name = "SIZE", default_value = "64", value_parser = parse_size)]
    pub size: usize,
    /// How long to wait for the connection, and for each echo
    #[arg(long, short, value_name = "TIME", default_value = "3s", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// Runs the client until its input or its series ends; `tell` gets every
/// address tried, every echo, and what a series came to.
///
/// # Errors
/// No address answered, or the server closed, reset, answered wrongly or not
/// in time: in words.
pub async fn probe(options: &Options, tell: &dyn Fn(Record)) -> anyhow::Result<Exit> {
    let mut link = Link::open(options, tell).await?;
    if let Some(count) = options.count {
        return measure(&mut link, options, count, tell).await;
    }
    exchange_lines(&mut link, stdin(), options, tell).await?;
    Ok(Exit::Good)
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
    let longest = if options.udp {
        LARGEST_DATAGRAM
    } else {
        LONGEST_LINE
    };
    let mut input = Lines::new(input, longest);
    loop {
        let typed = async { input.next().await.context("cannot read the input") };
        let Some(message) = future::or(typed, link.watch()).await? else {
            break;
        };
        if message.trim_ascii() == b"exit" {
            break;
        }
        let outcome = link.exchange(&message).await;
        link.tell_tried(options, tell);
        match outcome? {
            Outcome::Echoed(time) => tell(reply(link, options, &message, time)),
            Outcome::Lost => anyhow::bail!("no echo within {}", humantime(options.timeout)),
        }
    }
    link.finish().await
}

/// Sends `count` numbered messages at the pace asked for. A signal ends it
/// early, with what was measured so far.
async fn measure(
    link: &mut Link,
    options: &Options,
    count: u64,
    tell: &dyn Fn(Record),
) -> anyhow::Result<Exit> {
    let mut series = Series::new()?;
    let mut interrupts = signals(&[SIGINT, SIGTERM])?;
    let all = async {
        run_series(link, options, count, &mut series, tell).await?;
        Ok(None)
    };
    let interrupted = async { Ok(Some(interrupts.next().await?)) };
    let outcome: anyhow::Result<_> = future::or(all, interrupted).await;
    tell(Record::Latency(
        series.summary(options.target_name(), link.address()),
    ));
    match (outcome?, series.lost()) {
        (Some(SIGTERM), _) => Ok(Exit::Terminated),
        (Some(_), _) => Ok(Exit::Interrupted),
        (None, 0) => link.finish().await.map(|()| Exit::Good),
        (None, lost) => anyhow::bail!("{lost} of {count} messages were lost"),
    }
}

async fn run_series(
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
            pause.await;
        }
    }
    Ok(())
}

fn reply(link: &Link, options: &Options, message: &[u8], time: Duration) -> Record {
    let size = if message.is_empty() {
        options.size
    } else {
        message.len()
    };
    let shown = match message {
        [] => format!("{size} bytes from {}", link.address()),
        _ => String::from_utf8_lossy(message.trim_ascii_end()).into_owned(),
    };
    Record::Reply(Reply {
        protocol: "echo".into(),
        target: options.target_name(),
        address: Some(link.address()),
        kind: "echo".into(),
        ok: true,
        sizes_bytes: vec![size as u64],
        shown: Some(shown),
        phases: Phases {
            total: Some(time),
            ..Phases::default()
        },
        ..Reply::default()
    })
}

fn humantime(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
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

//! `netkit connect`: netcat's client, with a truthful end.

mod open;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::finding::Exit;
use crate::net::proxy::Proxy;
use crate::net::{DialError, Families};
use crate::probe::attempts;
use crate::protocol::proxy::header::Version;
use crate::reactor::{signals, sleep};
use crate::transfer::{self, Observer, Transfer, exec};
use crate::units::{parse_duration, parse_positive_duration};

use open::Link;
pub use open::Place;

/// Options of `netkit connect`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Whom to connect to
    #[arg(
        value_name = "TARGET",
        help = "Whom to connect to: HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:///PATH or \
                unix://@NAME"
    )]
    pub target: String,
    /// The port, where TARGET is a host alone
    #[arg(value_name = "PORT")]
    pub port: Option<String>,
    /// Speak UDP
    #[arg(long, short = 'u')]
    pub udp: bool,
    /// Which families to use.
    #[command(flatten)]
    pub families: Families,
    /// How long it may take to be connected, name and TLS included
    #[arg(long, short = 't', value_name = "TIME", value_parser = parse_positive_duration, default_value = "10s")]
    pub timeout: Duration,
    /// Try N times more
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retry: u32,
    /// How long to wait between two tries
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub interval: Duration,
    /// Connect from this address
    #[arg(long, value_name = "ADDRESS")]
    pub source: Option<IpAddr>,
    /// Connect from this port
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub source_port: u16,
    /// Go through a proxy
    #[arg(
        long,
        value_name = "URL",
        help = "Go through a proxy: socks5://, socks4://, socks4a:// or http://, then \
                [USER:PASSWORD@]HOST[:PORT]"
    )]
    pub proxy: Option<String>,
    /// The same, understood.
    #[arg(skip)]
    pub way: Option<Proxy>,
    /// Say first who connects, as a proxy does for its clients: in text or in binary
    #[arg(long, value_name = "v1|v2", value_parser = parse_version)]
    pub proxy_protocol: Option<Version>,
    /// How to move bytes.
    #[command(flatten)]
    pub transfer: transfer::Options,
    /// What to run.
    #[command(flatten)]
    pub program: exec::Options,
    /// What TLS is to be.
    #[command(flatten)]
    pub tls: Security,
}

/// Options of TLS.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Security {
    /// Ask for this name instead of the target's, and expect its certificate
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// Trust these certificates (PEM) and no others; a leaf among them is trusted as it is
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
}

/// Connects to `place` and moves bytes until the end.
///
/// # Errors
/// No connection, or one that ended badly: in words.
pub async fn connect(
    place: &Place,
    options: &Options,
    observer: Observer<'_>,
) -> anyhow::Result<Exit> {
    let program = options.program.program()?;
    let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let mut interrupted = async || interrupts.next().await.map(Exit::by_signal);
    let opened = async { opened(place, options, observer).await.map(Ok) };
    let stopped = async { Ok(Err(interrupted().await?)) };
    let mut link = match future::or(opened, stopped).await? {
        Ok(link) => link,
        Err(exit) => return Ok(exit),
    };
    log::info!("connected to {}", link.name);
    let transfer = Transfer::new(
        &options.transfer,
        link.name.clone(),
        link.ends,
        link.is_endless(),
    );
    let stopped = interrupted();
    transfer
        .run(link.peer(), program.as_ref(), observer, stopped)
        .await
}

/// The connection, tried as often as is asked for.
async fn opened(place: &Place, options: &Options, observer: Observer<'_>) -> anyhow::Result<Link> {
    let mut tries = options.retry;
    loop {
        match open::open(place, options).await {
            Ok(link) => return Ok(link),
            Err(error) if tries == 0 => {
                if let Some(dial) = error.downcast_ref::<DialError>() {
                    let records = attempts(&options.target, dial.attempts(), None);
                    records.into_iter().for_each(observer.tell);
                }
                return Err(error);
            }
            Err(error) => {
                log::info!("{error:#}: trying again, {tries} times at most");
                tries -= 1;
                sleep(options.interval).await;
            }
        }
    }
}

/// A version of the PROXY protocol.
fn parse_version(text: &str) -> Result<Version, String> {
    match text {
        "v1" => Ok(Version::V1),
        "v2" => Ok(Version::V2),
        _ => Err("expected v1 or v2".into()),
    }
}

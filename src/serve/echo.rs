//! echo: whatever bytes arrive go back, in order (RFC 862).
//!
//! When the client half-closes, what it has sent is echoed to the end and the
//! connection is closed. While a client does not read, nothing more is taken
//! from it; nobody else notices.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::AsyncWriteExt;

use super::{Client, Kind, Running, Server, Stop, tell};
use crate::finding::End;
use crate::net::{UdpSocket, bind_udp};
use crate::reactor::{Buffer, TaskGroup, sleep, within};

/// The service's name.
const NAME: &str = "echo";

/// Its name in logs.
const TARGET: &str = "serve::echo";

/// The most that a UDP header can announce (RFC 768).
const LONGEST_DATAGRAM: usize = 65_535;

/// After a datagram could not be received: what lasts must not spin.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Options of `netkit serve echo`, also called `netkit echo-server`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = 12345)]
    pub port: u16,
    /// Serve UDP instead of TCP
    #[arg(long, short = 'u', conflicts_with_all = ["max_connections", "idle_timeout"])]
    pub udp: bool,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// Serves until SIGTERM or SIGINT; calls `announce` with a line for each
/// socket once it accepts.
///
/// # Errors
/// No address could be bound, or the port file not be written.
pub async fn serve(options: &Options, announce: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    if !options.udp {
        let kind = Kind {
            name: NAME,
            target: TARGET,
            scheme: None,
            port: options.port,
            is_local: false,
            confinement: None,
        };
        return super::run(kind, &options.server, announce, echo).await;
    }
    let mut stop = Stop::catch()?;
    let starting = start_udp(options.port, &options.server);
    let Some((_tasks, addresses)) = stop.or_done(starting).await? else {
        return Ok(());
    };
    tell(NAME, None, "udp", &addresses, &options.server, announce)?;
    stop.wait().await?;
    Ok(())
}

/// Starts the service over TCP and says where.
///
/// # Errors
/// No address could be bound.
pub async fn start(
    port: u16,
    options: &super::Options,
) -> anyhow::Result<(Running, Vec<SocketAddr>)> {
    let server = Server::bind(TARGET, port, options).await?;
    let addresses = server.addresses()?;
    Ok((server.start(echo), addresses))
}

/// Starts the service over UDP and says where; dropping the group ends it.
///
/// # Errors
/// No address could be bound.
pub async fn start_udp(
    port: u16,
    options: &super::Options,
) -> anyhow::Result<(TaskGroup, Vec<SocketAddr>)> {
    let bound = bind_udp(options.host.as_deref(), port, options.families).await?;
    for note in &bound.notes {
        log::warn!(target: TARGET, "{note}");
    }
    let mut addresses = Vec::new();
    let tasks = TaskGroup::new();
    for socket in bound.sockets {
        addresses.push(socket.local_addr()?);
        tasks.spawn(echo_datagrams(socket));
    }
    Ok((tasks, addresses))
}

/// One client, until its end.
async fn echo(client: &Client) -> io::Result<End> {
    let (stream, idle) = (&client.stream, client.idle_timeout());
    loop {
        if within(idle, stream.readable()).await.is_err() {
            return Ok(End::Idle);
        }
        let mut buffer = Buffer::take();
        let count = match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(End::Fin),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        client.received(count);
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let Ok(written) = within(idle, (&mut &*stream).write(rest)).await else {
                return Ok(End::Idle);
            };
            let written = written?;
            client.sent(written);
            rest = &rest[written..];
        }
    }
}

/// Every datagram goes back to its sender, from the address it was sent to.
async fn echo_datagrams(socket: UdpSocket) {
    // Its own: a small buffer of the loop would cut a datagram short.
    let mut buffer = vec![0; LONGEST_DATAGRAM];
    loop {
        let (count, envelope) = match socket.receive_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                log::warn!(target: TARGET, "cannot receive: {error}");
                sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let peer = envelope.peer_name();
        log::debug!(target: TARGET, "{peer} received {count} bytes");
        match socket.answer(&buffer[..count], &envelope).await {
            Ok(count) => log::debug!(target: TARGET, "{peer} sent {count} bytes"),
            Err(error) => log::info!(target: TARGET, "cannot answer {peer}: {error}"),
        }
    }
}

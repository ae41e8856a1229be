//! echo over TCP.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use super::Options;
use crate::finding::{Phases, Record};
use crate::net::{TcpStream, dial};
use crate::probe::attempts;
use crate::protocol::echo::Verifier;
use crate::reactor::{Buffer, now, timeout};
use crate::units;

/// A connection to the server.
pub(super) struct Tcp {
    stream: TcpStream,
    pub(super) address: SocketAddr,
    /// How long it took to get here.
    pub(super) phases: Phases,
    limit: Duration,
}

impl Tcp {
    /// Connects, and tells what became of every address.
    pub(super) async fn open(options: &Options, tell: &dyn Fn(Record)) -> anyhow::Result<Self> {
        let target = &options.target;
        let name = options.target_name();
        let dialed = dial(&target.host, options.port, target.families, options.timeout).await;
        let (tried, winner) = match &dialed {
            Ok(dialed) => (dialed.attempts.as_slice(), Some(dialed.address)),
            Err(error) => (error.attempts(), None),
        };
        for record in attempts(&name, tried, winner) {
            tell(record);
        }
        let dialed = dialed?;
        Ok(Self {
            phases: Phases {
                resolve: dialed.resolved.took,
                connect: dialed.connect,
                ..Phases::default()
            },
            stream: dialed.stream,
            address: dialed.address,
            limit: options.timeout,
        })
    }

    /// Sends `message` and waits for all of it to come back.
    pub(super) async fn exchange(&mut self, message: &[u8]) -> anyhow::Result<Duration> {
        let started = now();
        let mut verifier = Verifier::new(message);
        let (mut reader, mut writer) = (&self.stream, &self.stream);
        let send = async { writer.write_all(message).await.map_err(lost) };
        let receive = async {
            let mut buffer = Buffer::take();
            while !verifier.is_complete() {
                match reader.read(&mut buffer).await.map_err(lost)? {
                    0 => bail!("the server closed the connection"),
                    count => verifier
                        .take(&buffer[..count])
                        .context("the server answered wrongly")?,
                }
            }
            Ok(())
        };
        // Both at once: a long message comes back before all of it is sent.
        let both = future::try_zip(send, receive);
        let outcome = timeout(self.limit, both).await;
        let (matched, all) = (verifier.matched(), message.len());
        match outcome {
            Ok(Ok(_)) => Ok(now().saturating_duration_since(started)),
            Ok(Err(error)) => Err(error.context(format!("{matched} of {all} bytes came back"))),
            Err(_) => bail!(
                "no echo within {}: {matched} of {all} bytes came back",
                units::limit(self.limit)
            ),
        }
    }

    /// Ends with what the server does unasked: it closes, resets or speaks.
    pub(super) async fn watch<T>(&self) -> anyhow::Result<T> {
        loop {
            self.stream.readable().await;
            let mut buffer = [0; 1];
            match self.stream.try_read(&mut buffer) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(_) => return Err(unasked(buffer)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }

    /// Ends our direction and expects the server to end its own, with nothing
    /// left to say.
    pub(super) async fn finish(&mut self) -> anyhow::Result<()> {
        // A server that is gone already says so below.
        let _ = self.stream.shutdown(Shutdown::Write);
        let mut buffer = [0; 1];
        match timeout(self.limit, (&self.stream).read(&mut buffer)).await {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(_)) => Err(unasked(buffer)),
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => bail!(
                "the server did not close within {} after our end of stream",
                units::limit(self.limit)
            ),
        }
    }
}

fn unasked(bytes: [u8; 1]) -> anyhow::Error {
    let shown = bytes.escape_ascii();
    anyhow::anyhow!("the server answered wrongly: more came than was sent: `{shown}`")
}

fn lost(error: io::Error) -> anyhow::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    match error.kind() {
        ConnectionReset => anyhow::anyhow!("the server reset the connection"),
        BrokenPipe => anyhow::anyhow!("the server closed the connection"),
        _ => anyhow::Error::new(error).context("the connection broke"),
    }
}

//! TLS for clients, if it is asked for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use futures_lite::io::split;

use crate::net::{Identity, TcpStream};
use crate::reactor::timeout;
use crate::stream::Peer;
use crate::units;

/// How long a client may take to agree on TLS.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Options of TLS.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Options {
    /// Speak TLS, with a new certificate unless --cert names one
    #[arg(long)]
    pub tls: bool,
    /// The certificate to show, with those that vouch for it (PEM)
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub cert: Option<PathBuf>,
    /// Its private key (PEM) [default: that in the file of the certificate]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

impl Options {
    /// The identity to show, and what to tell a person of it.
    ///
    /// # Errors
    /// It cannot be read or made: in words.
    pub(super) fn identity(&self) -> anyhow::Result<Option<(Identity, String)>> {
        let identity = match (&self.cert, &self.key) {
            _ if !self.tls => return Ok(None),
            (Some(cert), key) => Identity::read(cert, key.as_ref().unwrap_or(cert)),
            (None, _) => Identity::self_signed("localhost"),
        };
        let identity = identity.map_err(anyhow::Error::msg)?;
        let whose = match self.cert {
            Some(_) => "certificate",
            None => "certificate, made for this run and vouched for by nobody,",
        };
        let line = format!("{whose} SHA-256 {}", identity.fingerprint());
        Ok(Some((identity, line)))
    }
}

/// The client of a connection, over TLS where there is an identity.
///
/// # Errors
/// TLS was not agreed: in words.
pub(super) async fn peer<'a>(
    stream: &'a TcpStream,
    identity: Option<&Identity>,
) -> anyhow::Result<Peer<'a>> {
    let Some(identity) = identity else {
        return Ok(Peer::tcp(stream));
    };
    match timeout(HANDSHAKE_TIME, identity.accept(stream)).await {
        Ok(Ok(secured)) => {
            let (reader, writer) = split(secured);
            Ok(Peer::of(reader, writer))
        }
        Ok(Err(error)) => {
            let hint = error.hint.map(|it| format!(" (hint: {it})"));
            Err(anyhow!("{}{}", error.reason, hint.unwrap_or_default()))
        }
        Err(_) => {
            let limit = units::limit(HANDSHAKE_TIME);
            bail!("the TLS handshake was not finished within {limit}")
        }
    }
}

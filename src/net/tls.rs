//! TLS over any stream of bytes (RFC 8446, RFC 5246), with the certificate told
//! also when it is not trusted.
//!
//! The handshake is finished whatever the certificate says; what is wrong with
//! it is then told in words beside what was learned. Nothing of ours is sent
//! after the handshake unless the caller goes on.

mod certificate;
mod server;
mod trust;
mod words;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::rustls::client::ResolvesClientCert;
use futures_rustls::rustls::pki_types::ServerName;
use futures_rustls::rustls::sign::CertifiedKey;
use futures_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, SignatureScheme, crypto,
};

use crate::finding::TlsEvidence;
use trust::Witness;

pub use server::{Identity, ServerStream};
pub use trust::{Trust, read_certificates};

/// A stream of bytes over TLS.
pub type TlsStream<S> = futures_rustls::client::TlsStream<S>;

/// A stream after the handshake, and what was learned in it.
pub struct Secured<S> {
    /// The stream.
    pub stream: TlsStream<S>,
    /// What was agreed, with whose certificate.
    pub evidence: TlsEvidence,
    /// What is wrong with the certificate; nothing if it is trusted.
    pub objection: Option<Objection>,
    /// Whether the server asked for a certificate of ours and has not said yet
    /// that it goes without: over TLS 1.3 it refuses only after the handshake
    /// (RFC 8446 section 4.4.2.4), and reads fail then; see [`refusal`].
    pub may_refuse: bool,
}

/// Why a certificate is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// In words.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// A handshake that did not end well.
#[derive(Debug)]
pub struct HandshakeError {
    /// In words.
    pub reason: String,
    /// What to look at next.
    pub hint: Option<&'static str>,
    /// Whether the connection was reset.
    pub reset: bool,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for HandshakeError {}

/// The name that a certificate must be for: a host name or an IP address.
///
/// # Errors
/// It is neither.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    // A zone says which way leads there, not who it is; a final dot neither.
    let bare = host.split_once('%').map_or(host, |(address, _)| address);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| format!("`{host}` is no name that a certificate could be for"))
}

/// Agrees on TLS over `stream` as a client that asks for `name`.
///
/// A drop gives it up and closes the stream.
///
/// # Errors
/// The handshake failed: in words. A certificate that is not trusted is no
/// error, but an [`Objection`].
pub async fn secure<S>(
    stream: S,
    name: ServerName<'static>,
    trust: &Arc<Trust>,
) -> Result<Secured<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let witness = Arc::new(Witness::new(Arc::clone(trust)));
    let anonymous = Arc::new(Anonymous::default());
    let config = config(&witness, &anonymous).map_err(|error| words::of_rustls(&error))?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name.clone(), stream).await;
    let stream = stream.map_err(|error| words::of_handshake(&error))?;
    let (_, connection) = stream.get_ref();
    let is_1_3 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let evidence = evidence(connection);
    let objection = witness.objection(&name, &evidence);
    Ok(Secured {
        stream,
        evidence,
        objection,
        may_refuse: is_1_3 && anonymous.was_asked(),
    })
}

/// What a read that failed right after the handshake says of it.
#[must_use]
pub fn refusal(error: &io::Error) -> HandshakeError {
    words::of_handshake(error)
}

/// A client without a certificate, which remembers whether it was asked for one.
#[derive(Debug, Default)]
struct Anonymous(AtomicBool);

impl Anonymous {
    fn was_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Anonymous {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    /// Else it would not be asked to resolve any.
    fn has_certs(&self) -> bool {
        true
    }
}

fn config(
    witness: &Arc<Witness>,
    anonymous: &Arc<Anonymous>,
) -> Result<ClientConfig, futures_rustls::rustls::Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(witness) as _);
    Ok(builder.with_client_cert_resolver(Arc::clone(anonymous) as _))
}

fn evidence(connection: &ClientConnection) -> TlsEvidence {
    let version = connection.protocol_version();
    let cipher = connection.negotiated_cipher_suite();
    let certificates = connection.peer_certificates().unwrap_or_default();
    TlsEvidence {
        version: version
            .and_then(|it| it.as_str())
            .unwrap_or_default()
            .replace("TLSv1_", "TLSv1."),
        cipher: cipher
            .and_then(|it| it.suite().as_str())
            .unwrap_or_default()
            .replace("TLS13_", "TLS_"),
        ..certificate::evidence(certificates)
    }
}

/// Whether an I/O error means that the peer reset the connection.
fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

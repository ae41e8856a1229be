//! The other side of TLS: a certificate of ours, and clients that accept it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use futures_rustls::rustls::{Error, ServerConfig, crypto};
use sha2::{Digest, Sha256};

use super::{HandshakeError, read_certificates, words};
use crate::units::hexadecimal;

/// A server's stream over TLS.
pub type ServerStream<S> = futures_rustls::server::TlsStream<S>;

/// A certificate with its key, for a server.
pub struct Identity {
    acceptor: TlsAcceptor,
    fingerprint: String,
}

impl Identity {
    /// The certificates and the key of two PEM files, which may be one.
    ///
    /// # Errors
    /// One cannot be read, or the key is another certificate's: in words.
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, String> {
        let chain = read_certificates(certificates)?;
        let read = PrivateKeyDer::from_pem_file(key);
        let private = read.map_err(|error| {
            let name = key.display();
            format!("cannot read a private key from `{name}`: {error}")
        })?;
        Self::new(chain, private).map_err(|error| {
            let (certificates, key) = (certificates.display(), key.display());
            format!("cannot use `{certificates}` with the key `{key}`: {error}")
        })
    }

    /// A new certificate that nobody but itself vouches for, with a key that is
    /// gone with the process.
    ///
    /// # Errors
    /// No randomness, in words.
    pub fn self_signed(name: &str) -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]);
        let made = made.map_err(|error| format!("cannot make a certificate: {error}"))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let chain = vec![made.cert.der().clone()];
        Self::new(chain, key.into()).map_err(|error| error.to_string())
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Error> {
        let fingerprint = chain.first().map(|it| hexadecimal(&Sha256::digest(it)));
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint: fingerprint.unwrap_or_default(),
        })
    }

    /// The certificate's SHA-256, hexadecimal, for a client to compare.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Agrees on TLS with a client. A drop gives it up and closes the stream.
    ///
    /// # Errors
    /// The client speaks no TLS, or does not trust the certificate: in words.
    pub async fn accept<S>(&self, stream: S) -> Result<ServerStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted: io::Result<_> = self.acceptor.accept(stream).await;
        accepted.map_err(|error| words::of_handshake(&error))
    }
}

//! Whom to trust, and what a certificate that is not trusted lacks.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use futures_rustls::rustls::client::WebPkiServerVerifier;
use futures_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use futures_rustls::rustls::crypto::{self, CryptoProvider};
use futures_rustls::rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use futures_rustls::rustls::server::ParsedCertificate;
use futures_rustls::rustls::{
    DigitallySignedStruct, Error, RootCertStore, SignatureScheme, client,
};

use super::{Objection, certificate, words};
use crate::finding::TlsEvidence;

/// Whom to trust.
#[derive(Debug)]
pub enum Trust {
    /// The authorities that this system trusts.
    System,
    /// These authorities alone, and these certificates themselves.
    Only(Vec<CertificateDer<'static>>),
    /// Anybody.
    Anybody,
}

/// Reads the certificates of a PEM file (RFC 7468).
///
/// # Errors
/// It cannot be read, is no PEM, or holds no certificate: names the file.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> =
        read.map_err(|error| format!("cannot read certificates from `{name}`: {error}"))?;
    let usable = certificates
        .iter()
        .all(|it| certificate::validity(it).is_some());
    match (certificates.is_empty(), usable) {
        (true, _) => Err(format!("`{name}` holds no certificate in PEM")),
        (_, false) => Err(format!("`{name}` holds something that is no certificate")),
        _ => Ok(certificates),
    }
}

/// Sees the certificates of one handshake and remembers what is wrong with them.
#[derive(Debug)]
pub(super) struct Witness {
    trust: Arc<Trust>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug)]
struct Seen {
    certificates: Vec<CertificateDer<'static>>,
    problem: Option<Error>,
}

impl Witness {
    pub(super) fn new(trust: Arc<Trust>) -> Self {
        Self {
            trust,
            provider: Arc::new(crypto::ring::default_provider()),
            seen: Mutex::default(),
        }
    }

    /// What is wrong with the certificate, in words.
    pub(super) fn objection(
        &self,
        name: &ServerName<'_>,
        evidence: &TlsEvidence,
    ) -> Option<Objection> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.as_ref()?;
        let problem = seen.problem.as_ref()?;
        Some(words::of_certificate(
            problem,
            name,
            &seen.certificates,
            evidence,
        ))
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let roots = match &*self.trust {
            Trust::Anybody => return Ok(()),
            Trust::Only(certificates) if certificates.contains(leaf) => {
                return verify_pinned(leaf, name, now);
            }
            Trust::Only(certificates) => Arc::new(store(certificates.iter().cloned())),
            Trust::System => Arc::clone(&SYSTEM),
        };
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| Error::General(format!("no authority to trust: {error}")))?;
        let judged = verifier.verify_server_cert(leaf, others, name, ocsp, now);
        judged.map(|_| ())
    }
}

/// A certificate that is trusted as it is: its name and its dates still count.
fn verify_pinned(
    leaf: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    use futures_rustls::rustls::CertificateError::{BadEncoding, Expired, NotValidYet};
    let (from, until) = certificate::validity(leaf).ok_or(BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > until {
        return Err(Expired.into());
    }
    if now < from {
        return Err(NotValidYet.into());
    }
    client::verify_server_name(&ParsedCertificate::try_from(leaf)?, name)
}

/// The authorities of this system, read when the first certificate is verified;
/// where it has none, Mozilla's list.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = store(found.certs);
    if roots.is_empty() {
        log::info!("this system trusts no authority that it tells of: using Mozilla's list");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(roots)
});

fn store(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // What no chain could be built on is no authority.
    let _ = roots.add_parsable_certificates(certificates);
    roots
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let problem = self.verify(leaf, others, name, ocsp, now).err();
        let certificates = std::iter::once(leaf).chain(others);
        let seen = Seen {
            certificates: certificates.map(|it| it.clone().into_owned()).collect(),
            problem,
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        // The caller judges; the handshake goes on so that it knows all.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

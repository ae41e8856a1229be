//! What went wrong with TLS, in words.

use std::io;

use futures_rustls::rustls::pki_types::{CertificateDer, ServerName};
use futures_rustls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible,
};

use super::{HandshakeError, Objection, certificate, is_reset};
use crate::finding::TlsEvidence;

const DAY: i64 = 24 * 60 * 60;

/// Names of a certificate that a sentence holds.
const NAMES_IN_WORDS: usize = 4;

/// Why the handshake over a stream failed.
pub(super) fn of_handshake(error: &io::Error) -> HandshakeError {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match inner {
        Some(error) => of_rustls(error),
        None if is_reset(error) => HandshakeError {
            reason: "the connection was reset in the TLS handshake".into(),
            hint: Some("is there a TLS server, and does it want a client certificate?"),
            reset: true,
        },
        None if error.kind() == io::ErrorKind::UnexpectedEof => failed(
            "the connection was closed in the TLS handshake",
            Some("is there a TLS server?"),
        ),
        None => failed(&format!("the TLS handshake failed: {error}"), None),
    }
}

/// Why TLS was not agreed.
pub(super) fn of_rustls(error: &Error) -> HandshakeError {
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => failed(
            "it did not answer in TLS",
            Some("a plain-text port? see what it says with `netkit probe raw`"),
        ),
        Error::PeerIncompatible(why) => of_incompatible(why),
        Error::AlertReceived(alert) => of_alert(*alert),
        _ => failed(&format!("the TLS handshake failed: {error}"), None),
    }
}

fn of_incompatible(why: &PeerIncompatible) -> HandshakeError {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => failed(
            "the server speaks only TLS older than 1.2",
            Some("TLS 1.0 and 1.1 are deprecated by RFC 8996"),
        ),
        _ => failed(&format!("nothing to agree on: {why:?}"), None),
    }
}

fn of_alert(alert: AlertDescription) -> HandshakeError {
    let (reason, hint) = match alert {
        AlertDescription::ProtocolVersion => (
            "the server speaks no version of TLS that is still safe (1.2 or 1.3)",
            Some("TLS 1.0 and 1.1 are deprecated by RFC 8996"),
        ),
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => (
            "the server found nothing to agree on (alert handshake_failure)",
            Some(
                "no cipher in common, no certificate for that name, or a client certificate is wanted",
            ),
        ),
        AlertDescription::UnrecognisedName => (
            "the server knows no such name (alert unrecognized_name)",
            Some("ask for another one with --sni"),
        ),
        AlertDescription::CertificateRequired => ("the server wants a client certificate", None),
        other => {
            let reason = format!("the server refused TLS (alert {other:?})");
            return failed(&reason, None);
        }
    };
    failed(reason, hint)
}

fn failed(reason: &str, hint: Option<&'static str>) -> HandshakeError {
    HandshakeError {
        reason: reason.into(),
        hint,
        reset: false,
    }
}

/// What is wrong with a certificate.
pub(super) fn of_certificate(
    problem: &Error,
    name: &ServerName<'_>,
    certificates: &[CertificateDer<'_>],
    evidence: &TlsEvidence,
) -> Objection {
    use CertificateError as Wrong;
    let now = certificate::seconds_now();
    let validity = certificates.first().and_then(certificate::validity);
    let (from, until) = validity.unwrap_or_default();
    let plain = |reason: String| Objection { reason, hint: None };
    let Error::InvalidCertificate(wrong) = problem else {
        return plain(format!("the certificate cannot be verified: {problem}"));
    };
    match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } if until < now => plain(format!(
            "the certificate expired on {} ({} ago)",
            day(until),
            days(now - until)
        )),
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            plain("a certificate above the server's has expired".into())
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => Objection {
            reason: format!("the certificate is not valid before {}", day(from)),
            hint: Some("is this machine's clock right?"),
        },
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => plain(format!(
            "the certificate is for {}, not for {}",
            known(&evidence.san),
            name.to_str()
        )),
        Wrong::UnknownIssuer => unknown_issuer(certificates, evidence),
        Wrong::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            unknown_issuer(certificates, evidence)
        }
        // An authority may by chance have the name of one that signed itself.
        Wrong::BadSignature
        | Wrong::UnsupportedSignatureAlgorithmContext { .. }
        | Wrong::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            if certificates
                .first()
                .is_some_and(certificate::is_self_issued) =>
        {
            unknown_issuer(certificates, evidence)
        }
        Wrong::Revoked => plain("the certificate was revoked".into()),
        Wrong::BadSignature => plain("the certificate's signature is wrong".into()),
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => {
            plain("the certificate is for another purpose than a server's".into())
        }
        other => plain(format!("the certificate is not valid: {other}")),
    }
}

/// Nobody who is trusted vouches for it: because it vouches for itself, because
/// something between is missing, or because the authority is a stranger.
fn unknown_issuer(certificates: &[CertificateDer<'_>], evidence: &TlsEvidence) -> Objection {
    let (leaf, others) = certificates
        .split_first()
        .map_or((None, certificates), |(leaf, rest)| (Some(leaf), rest));
    let issuer = &evidence.issuer;
    if leaf.is_some_and(certificate::is_self_issued) {
        return Objection {
            reason: format!("unknown issuer: `{issuer}` signed itself"),
            hint: Some("to trust just this certificate, give it with --ca"),
        };
    }
    if leaf.is_some_and(|leaf| !certificate::has_issuer_in(leaf, others)) {
        return Objection {
            reason: format!("unknown issuer `{issuer}`, whose certificate the server did not send"),
            hint: Some(
                "the server's chain is incomplete, or give an authority of your own with --ca",
            ),
        };
    }
    Objection {
        reason: format!("unknown issuer `{issuer}`"),
        hint: Some("give an authority of your own with --ca"),
    }
}

fn known(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(NAMES_IN_WORDS)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() {
        0 => "no name at all".into(),
        1..=NAMES_IN_WORDS => shown,
        all => format!("{shown} and {} more", all - NAMES_IN_WORDS),
    }
}

fn day(seconds: i64) -> String {
    let mut moment = certificate::time(seconds);
    moment.truncate("2026-01-31".len());
    moment
}

fn days(seconds: i64) -> String {
    match seconds.div_euclid(DAY) {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

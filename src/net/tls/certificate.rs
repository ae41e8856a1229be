//! What a certificate says of itself (RFC 5280), for people: bounded, and with
//! nothing in it that could steer a terminal.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use crate::finding::TlsEvidence;

/// Names of a certificate that are kept; others have thousands.
const MOST_NAMES: usize = 100;

/// Characters of a name that are kept.
const LONGEST_NAME: usize = 256;

const DAY: i64 = 24 * 60 * 60;

/// What there is to say of the certificates that a server sent, the leaf first.
pub(super) fn evidence(certificates: &[CertificateDer<'_>]) -> TlsEvidence {
    let Some(leaf) = certificates.first().and_then(parse) else {
        return TlsEvidence::default();
    };
    let not_after = leaf.validity().not_after.timestamp();
    let chain = certificates.iter().filter_map(parse);
    TlsEvidence {
        subject: name(leaf.subject()),
        issuer: name(leaf.issuer()),
        san: names(&leaf),
        not_after: time(not_after),
        days_left: (not_after - seconds_now()).div_euclid(DAY),
        chain: chain
            .map(|it| name(it.subject()))
            .take(MOST_NAMES)
            .collect(),
        ..TlsEvidence::default()
    }
}

/// Whether it issued itself.
pub(super) fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    parse(certificate).is_some_and(|it| it.issuer().as_raw() == it.subject().as_raw())
}

/// Whether one of `others` has the name of its issuer.
pub(super) fn has_issuer_in(
    certificate: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> bool {
    let Some(certificate) = parse(certificate) else {
        return false;
    };
    let issuer = certificate.issuer().as_raw();
    let others = others.iter().filter_map(parse);
    others.into_iter().any(|it| it.subject().as_raw() == issuer)
}

/// From when and until when it is valid, in seconds since 1970.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let certificate = parse(certificate)?;
    let validity = certificate.validity();
    Some((
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    ))
}

/// A moment as RFC 3339, UTC, to the second.
pub(super) fn time(seconds: i64) -> String {
    let since = u64::try_from(seconds).unwrap_or_default();
    // The last second that the format can show.
    let since = since.min(253_402_300_799);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(since)).to_string()
}

/// Seconds since 1970.
pub(super) fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let parsed = X509Certificate::from_der(certificate);
    parsed.ok().map(|(_, certificate)| certificate)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let all = extension.map(|it| it.value.general_names.as_slice());
    let all = all.unwrap_or_default().iter().take(MOST_NAMES);
    all.filter_map(|it| match it {
        GeneralName::DNSName(name) => Some(shown(name)),
        GeneralName::IPAddress(bytes) => ip(bytes),
        GeneralName::URI(uri) => Some(shown(uri)),
        GeneralName::RFC822Name(mail) => Some(shown(mail)),
        _ => None,
    })
    .collect()
}

fn ip(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|it| std::net::Ipv4Addr::from(it).to_string());
    let v6 = || <[u8; 16]>::try_from(bytes).map(|it| std::net::Ipv6Addr::from(it).to_string());
    v4.or_else(|_| v6()).ok()
}

fn name(name: &X509Name<'_>) -> String {
    shown(&name.to_string())
}

/// Without control characters, and not longer than anybody reads.
fn shown(text: &str) -> String {
    let kept = text.chars().take(LONGEST_NAME);
    kept.flat_map(|it| match it.is_control() {
        true => it.escape_default().collect::<Vec<_>>(),
        false => vec![it],
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn garbage_is_no_certificate(bytes: Vec<u8>) {
            let garbage = [CertificateDer::from(bytes)];
            prop_assert_eq!(evidence(&garbage), TlsEvidence::default());
        }

        #[test]
        fn a_broken_certificate_panics_nobody(at: prop::sample::Index, change in 1_u8..) {
            let key = rcgen::generate_simple_self_signed(vec!["a.test".into()]).unwrap();
            let mut bytes = key.cert.der().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            evidence(&[CertificateDer::from(bytes)]);
        }
    }

    #[test]
    fn many_and_long_names_are_cut() {
        let long = format!("{}.test", "a".repeat(60));
        let names: Vec<String> = (0..1000).map(|it| format!("{it}.{long}")).collect();
        let key = rcgen::generate_simple_self_signed(names).unwrap();
        assert_eq!(evidence(&[key.cert.der().clone()]).san.len(), MOST_NAMES);
        assert_eq!(shown(&"x".repeat(1000)).len(), LONGEST_NAME);
        assert_eq!(shown("a\x1b[31m"), "a\\u{1b}[31m");
    }

    #[test]
    fn moments_without_end_are_shown() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(i64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(time(-1), "1970-01-01T00:00:00Z");
    }
}

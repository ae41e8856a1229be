//! Authorities and certificates of every kind, made for one test.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Who signs, and can be trusted.
pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// A folder of certificates and keys in PEM, gone with the test.
pub(crate) struct Certificates {
    folder: TempDir,
    /// The authority in `ca.pem`.
    pub(crate) authority: Authority,
}

/// From the first day of a year until the first of another.
pub(crate) type Years = (i32, i32);

/// Valid now.
pub(crate) const VALID: Years = (2000, 2100);

impl Certificates {
    /// A folder with an authority of its own in `ca.pem`.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let authority = authority("known authority");
        fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file");
        Self { folder, authority }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the folder, by name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The authority's file.
    pub(crate) fn ca(&self) -> String {
        self.path("ca.pem").to_str().expect("a path").to_owned()
    }

    /// Writes `NAME.pem` (the chain) and `NAME.key`, for this host, by the known authority.
    pub(crate) fn make(&self, name: &str, host: &str, years: Years) {
        self.make_by(&self.authority, name, host, years, &[]);
    }

    /// The same by any authority, with further certificates in the chain.
    pub(crate) fn make_by(
        &self,
        issuer: &Authority,
        name: &str,
        host: &str,
        years: Years,
        others: &[String],
    ) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(host, years).signed_by(&key, issuer);
        let certificate = certificate.expect("a certificate");
        self.write(name, &(certificate.pem() + &others.concat()), &key);
    }

    /// Writes one that signed itself; with `is_ca` as openssl makes it by default.
    pub(crate) fn make_self_signed(&self, name: &str, host: &str, is_ca: bool) {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(host, VALID);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write(name, &certificate.pem(), &key);
    }

    fn write(&self, name: &str, chain: &str, key: &KeyPair) {
        fs::write(self.path(&format!("{name}.pem")), chain).expect("a file");
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("a file");
    }
}

/// A new authority.
pub(crate) fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(authority_params(name), key).expect("an authority")
}

/// An authority that another one vouches for.
pub(crate) fn authority_below(above: &Authority, name: &str) -> Authority {
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::signed_by(authority_params(name), key, above).expect("an authority")
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn params(host: &str, (from, until): Years) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.subject_alt_names = vec![match host.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(host.try_into().expect("a name")),
    }];
    params.distinguished_name.push(DnType::CommonName, host);
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    params
}

//! What the protocols above a connection answered.

use serde::Serialize;

/// What TLS agreed on, and with whose certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TlsEvidence {
    /// Protocol version, such as `TLSv1.3`.
    pub version: String,
    /// Cipher suite, by its name in the IANA registry.
    pub cipher: String,
    /// The leaf certificate's subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Its subject alternative names.
    pub san: Vec<String>,
    /// When it expires, RFC 3339 UTC.
    pub not_after: String,
    /// Whole days until then; negative once expired.
    pub days_left: i64,
    /// The subjects of all certificates that the server sent, the leaf first.
    pub chain: Vec<String>,
}

/// What HTTP answered. Times are microseconds since the start, with curl's
/// names (curl(1), `--write-out`); what did not happen is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HttpEvidence {
    /// Status code.
    pub status: u16,
    /// Protocol version, such as `HTTP/1.1`.
    pub version: String,
    /// Where a redirect points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The body's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Bytes of the body that were read.
    pub body_bytes: u64,
    /// Redirects that were followed, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<String>,
    /// The name was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namelookup_us: Option<u64>,
    /// The connection was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// TLS was agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appconnect_us: Option<u64>,
    /// The request was about to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretransfer_us: Option<u64>,
    /// The first byte of the answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starttransfer_us: Option<u64>,
    /// Everything had come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_us: Option<u64>,
}

/// What a name server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DnsEvidence {
    /// The name asked for.
    pub name: String,
    /// The record type asked for, such as `AAAA`.
    pub question: String,
    /// The answer's code by name (RFC 1035 section 4.1.1), such as `NXDOMAIN`.
    pub rcode: String,
    /// The records of the answer section, in the presentation format.
    pub records: Vec<String>,
    /// `udp` or `tcp`: which of them the answer came by.
    pub transport: String,
}

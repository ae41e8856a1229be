//! TLS: what was agreed, with whose certificate, and for how long.

use std::path::PathBuf;

/// Options of every check over TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Settings {
    /// Ask for this name instead of the target's, and expect its certificate
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// Trust these certificates (PEM) and no others; a leaf among them is trusted as it is
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Fail when the certificate is valid for fewer than N days more
    #[arg(long, value_name = "N")]
    pub min_days: Option<u32>,
    /// Begin in plain text and change to TLS as this protocol does
    #[arg(long, value_name = "PROTOCOL", value_enum)]
    pub starttls: Option<Starttls>,
    /// Take any certificate; it is shown all the same
    #[arg(long)]
    pub insecure: bool,
}

/// Protocols that begin in plain text and change to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Starttls {
    /// RFC 3207
    Smtp,
    /// RFC 9051 section 6.2.1
    Imap,
    /// RFC 2595
    Pop3,
    /// RFC 4511 section 4.14
    Ldap,
    /// The `SSLRequest` of its frontend/backend protocol
    Postgres,
    /// The SSL Connection Request of its client/server protocol
    Mysql,
    /// RFC 6120 section 5
    Xmpp,
    /// RFC 4217
    Ftp,
}

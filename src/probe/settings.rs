//! What to ask and what to expect, in words that several protocols share: the
//! options of `check` and `probe` that a plan can give for each check.

use super::{http, script, tls, udp};

/// What is asked of a target, beyond what its protocol's name says.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// The conversation.
    #[command(flatten)]
    pub script: script::Script,
    /// Datagrams.
    #[command(flatten)]
    pub udp: udp::Settings,
    /// TLS.
    #[command(flatten)]
    pub tls: tls::Settings,
    /// HTTP.
    #[command(flatten)]
    pub http: http::Settings,
}

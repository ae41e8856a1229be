//! Datagrams: answered, refused by ICMP, or silence, which proves nothing.

/// Options of every check over UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "UDP")]
pub struct Settings {
    /// The datagram: `echo`, `dns`, `ntp` or `hex:…` [default: by the port, else empty]
    #[arg(long, value_name = "PAYLOAD")]
    pub payload: Option<String>,
}

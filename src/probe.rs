//! Speaking a protocol and showing what came.
//!
//! One file a protocol; here is what they share. A probe never serves.

pub mod echo;

use std::net::SocketAddr;

use crate::finding::{Attempt, Record};
use crate::net::{Attempted, Families};

/// Where a probe speaks to.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Target {
    /// Name or address of the server
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub host: String,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
}

/// What became of the addresses of a name, as records.
fn attempts(target: &str, tried: &[Attempted], winner: Option<SocketAddr>) -> Vec<Record> {
    let record = |attempted: &Attempted| {
        Record::Attempt(Attempt {
            target: target.into(),
            address: attempted.address,
            family: attempted.address.into(),
            state: attempted.state,
            evidence: attempted.evidence.clone(),
            connect: Some(attempted.took),
            winner: winner == Some(attempted.address),
        })
    };
    tried.iter().map(record).collect()
}

//! http: the files beneath a directory, over HTTP/1.1 (RFC 9110, RFC 9112).
//!
//! hyper reads the requests and writes the answers; which file is meant, what
//! of it is wanted and how long a client may take is decided here. There is no
//! TLS, and nothing is ever written to the disk.

mod account;
mod answer;
mod body;
mod connection;
mod listing;
mod pace;
mod part;
mod site;
mod tally;
mod types;

use std::path::PathBuf;
use std::rc::Rc;

use super::{Client, Confinement, Kind, open_root};
use site::Site;

/// Its name in logs.
const TARGET: &str = "serve::http";

/// Options of `netkit serve http`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Serve the files beneath DIR, also those whose names begin with a dot
    #[arg(long, value_name = "DIR", default_value = "www")]
    pub root: PathBuf,
    /// Tell all counts at `/.netkit/metrics`, for Prometheus
    #[arg(long)]
    pub metrics: bool,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// Serves until SIGTERM or SIGINT; calls `announce` with a line for each
/// socket, its URL at the end, once it accepts.
///
/// # Errors
/// The root is no directory that can be looked into, no address could be bound,
/// or the port file not be written.
pub async fn serve(options: &Options, announce: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let root = open_root(&options.root)?;
    if !root.follows_links() {
        log::warn!(target: TARGET, "no link is followed: this system cannot tell whether it leads out of the root");
    }
    let site = Rc::new(Site::new(root, options.metrics));
    let served = Rc::clone(&site);
    let kind = Kind {
        name: "http",
        target: TARGET,
        scheme: Some("http"),
        port: options.port,
        is_local: false,
        confinement: Some(Confinement {
            read: vec![site.root().directory()],
            ..Confinement::default()
        }),
    };
    let attend = async move |client: &Client| connection::attend(&served, client).await;
    super::run(kind, &options.server, announce, attend).await
}

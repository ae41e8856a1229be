//! peer: the replica of the file service, which serves its copy of a file.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Client, Confinement, Kind, NoRequest, Running, Server};
use crate::files::{Found, Missing, RegularFile, Root};
use crate::finding::End;
use crate::protocol::input::Input;
use crate::protocol::peer::{PORT, Reply, Request};
use crate::protocol::raw::escape_head;

/// The service's name.
const NAME: &str = "peer";

/// Its name in logs.
const TARGET: &str = "serve::peer";

/// Bytes of a path that a log line shows.
pub(super) const SHOWN: usize = 200;

/// Where the original keeps its files.
pub(super) const USUAL_ROOT: &str = "~/file_storage";

/// Options of `netkit serve peer`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Port to listen on; 0 picks one that is free on both families
    #[arg(long, short, value_name = "PORT", default_value_t = PORT)]
    pub port: u16,
    /// Serve the files beneath DIR
    #[arg(long, value_name = "DIR", default_value = USUAL_ROOT)]
    pub root: PathBuf,
    /// What all servers share.
    #[command(flatten)]
    pub server: super::Options,
}

/// Serves until SIGTERM or SIGINT; calls `announce` with a line for each
/// socket once it accepts.
///
/// # Errors
/// There is no root, no address could be bound, or the port file not be written.
pub async fn serve(options: &Options, announce: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let root = Rc::new(super::open_root(&options.root)?);
    let served = Rc::clone(&root);
    let kind = Kind {
        name: NAME,
        target: TARGET,
        scheme: None,
        port: options.port,
        is_local: false,
        confinement: Some(Confinement {
            read: vec![root.directory()],
            ..Confinement::default()
        }),
    };
    let handle = async move |client: &Client| answer(&served, client).await;
    super::run(kind, &options.server, announce, handle).await
}

/// Starts the service on the files of `root` and says where.
///
/// # Errors
/// There is no root, or no address could be bound.
pub async fn start(
    port: u16,
    root: &Path,
    options: &super::Options,
) -> anyhow::Result<(Running, Vec<SocketAddr>)> {
    let root = super::open_root(root)?;
    let server = Server::bind(TARGET, port, options).await?;
    let addresses = server.addresses()?;
    let handle = async move |client: &Client| answer(&root, client).await;
    Ok((server.start(handle), addresses))
}

/// One client: one request, one answer.
async fn answer(root: &Root, client: &Client) -> io::Result<End> {
    let mut input = Input::default();
    let request = match client.request(&mut input, Request::decode).await? {
        Ok(request) => request,
        Err(NoRequest::Malformed(wrong)) => {
            client.note(&format!("{wrong} → sent NOTFOUND"));
            client.send(&Reply::NotFound.encode()).await?;
            client.linger().await;
            return Ok(End::Local);
        }
        Err(NoRequest::Ended(End::Deadline)) if !input.is_empty() => {
            client.note("no whole request in time → sent NOTFOUND");
            client.send(&Reply::NotFound.encode()).await?;
            return Ok(End::Deadline);
        }
        Err(NoRequest::Ended(end)) => return Ok(end),
    };
    let asked = format!("GET {}", escape_head(request.path.as_bytes(), SHOWN));
    match find(root, &request.path) {
        Ok(file) => {
            client.note(&format!("{asked} → sent FOUND"));
            let head = Reply::Found(file.length).encode();
            client.send_head(&head, file.length).await?;
            client.send_file(&file.file, file.length).await?;
            client.part(&input, file.length).await;
        }
        // Nobody may take that for a file that is not there.
        Err(failure @ (Missing::Denied(_) | Missing::Failed(_))) => {
            log::warn!(target: TARGET, "{asked}: {failure}");
            client.note(&format!("{asked} ({failure}) → reset"));
            client.stream.reset_on_close();
            return Ok(End::Local);
        }
        Err(missing) => {
            client.note(&format!("{asked} ({missing}) → sent NOTFOUND"));
            client.send(&Reply::NotFound.encode()).await?;
            client.part(&input, 0).await;
        }
    }
    Ok(End::Fin)
}

/// The regular file at `path`; a directory is none.
pub(super) fn find(root: &Root, path: &str) -> Result<RegularFile, Missing> {
    match root.find(path.as_bytes())? {
        Found::File(file) => Ok(file),
        Found::Directory(_) => Err(Missing::Special),
    }
}

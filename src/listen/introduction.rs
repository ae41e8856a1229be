//! Clients that are introduced by their proxy, if that is asked for (haproxy's
//! `proxy-protocol.txt`).

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_lite::AsyncReadExt;

use super::Options;
use crate::net::TcpStream;
use crate::protocol::proxy::Reading;
use crate::protocol::proxy::header::Header;
use crate::reactor::timeout;
use crate::transfer::exec::Ends;
use crate::units;

/// How long the introduction may take.
const INTRODUCTION_TIME: Duration = Duration::from_secs(10);

/// Bytes of it that are read in one go.
const READ_AT_ONCE: usize = 256;

/// Between whom a connection with `peer` is: as its header says where one is
/// expected and says so. Not a byte is read that does not belong to the header.
///
/// # Errors
/// There is no header: what came instead, in words.
pub(super) async fn ends(
    stream: &TcpStream,
    peer: SocketAddr,
    options: &Options,
) -> anyhow::Result<Ends> {
    let ends = Ends {
        peer: Some(peer),
        local: stream.local_addr().ok(),
    };
    if !options.proxy_protocol {
        return Ok(ends);
    }
    match timeout(INTRODUCTION_TIME, read(stream)).await {
        Ok(Ok(Header::Tcp(client, server))) => Ok(Ends {
            peer: Some(client),
            local: Some(server),
        }),
        Ok(Ok(Header::Unknown)) => Ok(ends),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let limit = units::limit(INTRODUCTION_TIME);
            bail!("no whole header of the PROXY protocol within {limit}")
        }
    }
}

async fn read(mut stream: &TcpStream) -> anyhow::Result<Header> {
    let (mut came, mut buffer) = (Vec::new(), [0; READ_AT_ONCE]);
    loop {
        let missing = match Header::decode(&came)? {
            Reading::Whole(header) => return Ok(header),
            Reading::Missing(missing) => missing.min(READ_AT_ONCE),
        };
        let count = stream.read(&mut buffer[..missing]).await;
        let count = count.context("no header of the PROXY protocol")?;
        ensure!(
            count > 0,
            "the end came within the header of the PROXY protocol"
        );
        came.extend_from_slice(&buffer[..count]);
    }
}

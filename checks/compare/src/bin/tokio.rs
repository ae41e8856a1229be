//! The usual way: tokio on one thread, a 16 KiB buffer for each connection.

use std::error::Error;
use std::io;

use netkit_compare::address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BUFFER: usize = 16 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let address = address::from_arguments()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let listener = std::net::TcpListener::bind(address)?;
    rustix::net::listen(&listener, 1024)?;
    listener.set_nonblocking(true)?;
    address::announce(&listener)?;
    runtime.block_on(serve(listener))?;
    Ok(())
}

async fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection's failure is its own.
        tokio::spawn(async move { echo(stream).await.ok() });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

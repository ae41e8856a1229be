//! An independent load for echo and file servers. Every byte that comes back is
//! compared with the one that was sent or is in the file; the result is one line
//! of JSON.

mod answer;
mod churn;
mod dial;
mod fetch;
mod get;
mod idle;
mod options;
mod round_trips;
mod slow;
mod stream;
mod tally;
mod whole;
mod window;

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpStream};

use options::{Mode, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_arguments()?;
    let outcome = match options.mode {
        Mode::RoundTrips => round_trips::run(&options)?,
        Mode::Stream => stream::run(&options)?,
        Mode::Whole => whole::run(&options)?,
        Mode::Churn => churn::run(&options)?,
        Mode::Idle => idle::hold(&options)?,
        Mode::ActiveAmongIdle => idle::active(&options)?,
        Mode::Get => get::run(&options)?,
        Mode::Fetch => fetch::run(&options)?,
        Mode::Slow => slow::run(&options)?,
    };
    #[allow(clippy::print_stdout)]
    {
        println!("{outcome}");
    }
    Ok(())
}

/// A connection that neither waits nor delays.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

//! One file, from the first packet to the server's end of the connection.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use netkit_compare::pattern::LONGEST;
use serde_json::Value;

use crate::answer::{Answer, Question};
use crate::options::Options;
use crate::tally::Tally;
use crate::window::Reading;

/// How long a server may send nothing before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the load. All of it is measured: a server may read a whole file before
/// it sends the first byte.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    let question = Question::new(options);
    let mut tally = Tally::default();
    let (before, start) = (Reading::now(options.watch), Instant::now());
    fetch(TcpStream::connect(options.address)?, &question)?;
    tally.operation(start, Instant::now());
    tally.compared(options.size, true);
    Ok(tally.outcome("fetch", before.until_now(options.watch)))
}

/// Asks, and reads until the end.
pub(crate) fn fetch(mut stream: TcpStream, question: &Question) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&question.request)?;
    finish(stream, question, Answer::default())
}

/// Reads the rest of an answer.
pub(crate) fn finish(
    mut stream: TcpStream,
    question: &Question,
    mut answer: Answer,
) -> io::Result<()> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 && answer.is_whole(question) {
            return Ok(());
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.take(question, &buffer[..count])?;
    }
}

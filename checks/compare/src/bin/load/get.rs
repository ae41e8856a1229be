//! Connect, one file, until the server closes; so many at once.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use netkit_compare::epoll::{BOTH, Epoll};
use serde_json::Value;

use crate::answer::{Answer, Question};
use crate::dial::{dial, is_pending};
use crate::options::Options;
use crate::tally::Tally;
use crate::window::{Phase, Window};

/// A server that fails so often is not measured but broken.
const MOST_FAILURES: u64 = 1000;

/// The files are small.
const BUFFER: usize = 16 * 1024;

struct Slot {
    stream: TcpStream,
    started: Instant,
    asked: bool,
    answer: Answer,
}

struct Load {
    epoll: Epoll,
    address: SocketAddr,
    question: Question,
    buffer: Vec<u8>,
    begun: usize,
    slots: Vec<Option<Slot>>,
    tally: Tally,
}

/// Runs the load.
pub(crate) fn run(options: &Options) -> Result<Value, Box<dyn Error>> {
    let mut load = Load {
        epoll: Epoll::new()?,
        address: options.address,
        question: Question::new(options),
        buffer: vec![0; BUFFER],
        begun: 0,
        slots: (0..options.connections).map(|_| None).collect(),
        tally: Tally::default(),
    };
    for place in 0..options.connections {
        load.begin(place)?;
    }
    let mut window = Window::new(options);
    loop {
        match window.phase() {
            Phase::Opened => load.tally.open(),
            Phase::Over(span) => return Ok(load.tally.outcome("get", span)),
            Phase::WarmUp | Phase::Open => {}
        }
        load.epoll.wait_until(window.next_change())?;
        for index in 0..load.epoll.count() {
            let (place, _) = load.epoll.event(index);
            load.advance(place)?;
        }
        if load.tally.errors + load.tally.mismatches > MOST_FAILURES {
            return Err(format!("cannot go on: {MOST_FAILURES} connections failed").into());
        }
    }
}

impl Load {
    /// A new connection in the place of what was there; its first event is that
    /// it is there.
    fn begin(&mut self, place: usize) -> io::Result<()> {
        self.slots[place] = None;
        let stream = dial(self.address, self.begun)?;
        self.epoll.add(&stream, place, BOTH)?;
        self.slots[place] = Some(Slot {
            stream,
            started: Instant::now(),
            asked: false,
            answer: Answer::default(),
        });
        self.begun += 1;
        Ok(())
    }

    fn advance(&mut self, place: usize) -> io::Result<()> {
        let Some(slot) = &mut self.slots[place] else {
            return Ok(());
        };
        match slot.exchange(&self.question, &mut self.buffer, &mut self.tally) {
            Ok(()) => self.tally.operation(slot.started, Instant::now()),
            Err(error) if is_pending(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.tally.compared(0, false);
            }
            Err(_) => self.tally.errors += 1,
        }
        self.begin(place)
    }
}

impl Slot {
    /// Asks, and reads until the whole file has come and the server has closed.
    fn exchange(
        &mut self,
        question: &Question,
        buffer: &mut [u8],
        tally: &mut Tally,
    ) -> io::Result<()> {
        if !self.asked {
            let count = self.stream.write(&question.request)?;
            if count < question.request.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.asked = true;
        }
        loop {
            let count = self.stream.read(buffer)?;
            if count == 0 {
                let whole = self.answer.is_whole(question);
                return whole
                    .then_some(())
                    .ok_or(io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.take(question, &buffer[..count])?;
            tally.compared(count, true);
        }
    }
}

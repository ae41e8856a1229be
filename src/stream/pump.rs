//! Both directions between this process's ends and a peer, each on its own.
//!
//! Bytes that were read are written before more are read, so nothing piles up:
//! a direction that is stuck holds one buffer, and the other goes on.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{self, Seek, SeekFrom};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncWriteExt, future};

use crate::finding::End;
use crate::net::{Inherited, TcpStream};
use crate::reactor::{Buffer, now, sleep, timeout};

/// Our side of a pump.
pub struct Local<'a> {
    /// What is sent; nothing: our direction has ended from the beginning, as after
    /// an empty input.
    pub input: Option<Input<'a>>,
    /// What takes what comes; nothing: it is read and thrown away.
    pub output: Option<Box<dyn AsyncWrite + Unpin + 'a>>,
}

/// What is sent.
pub enum Input<'a> {
    /// Standard input: where it is a file and the peer a TCP connection, without a
    /// copy through this process.
    Standard(&'a mut Inherited),
    /// Any bytes.
    Bytes(Box<dyn AsyncRead + Unpin + 'a>),
}

/// The far side of a pump.
pub struct Peer<'a> {
    reader: Box<dyn AsyncRead + Unpin + 'a>,
    writer: Box<dyn AsyncWrite + Unpin + 'a>,
    /// Where files can be sent from the disk.
    tcp: Option<&'a TcpStream>,
    /// Bytes of the longest datagram, where those are sent.
    datagram: Option<usize>,
}

/// What the pump does at the ends of its two directions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// When the input has ended.
    pub after_input: AfterInput,
    /// When the peer has finished.
    pub after_peer: AfterPeer,
    /// After how long without a byte either way to give up.
    pub idle: Option<Duration>,
}

/// When the input has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterInput {
    /// End our direction, and wait for the peer's end.
    #[default]
    Finish,
    /// The same, and leave after so long.
    FinishWithin(Duration),
    /// The same, and leave once nothing has moved for so long: datagrams have no end.
    FinishUntilQuiet(Duration),
    /// Wait for the peer's end, with our direction open.
    Stay,
    /// Leave at once.
    Leave,
}

/// When the peer has finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterPeer {
    /// Go on sending until the input ends, or the peer takes no more.
    #[default]
    Stay,
    /// Leave at once.
    Leave,
}

/// What has moved so far.
#[derive(Debug)]
pub struct Flow {
    /// Bytes given to the kernel for the peer.
    pub sent: Cell<u64>,
    /// Bytes taken from the peer.
    pub received: Cell<u64>,
    last: Cell<Instant>,
}

/// What cut a pump short.
#[derive(Debug)]
pub enum Cut {
    /// The input cannot be read.
    Input(io::Error),
    /// The output cannot be written.
    Output(io::Error),
    /// The connection broke, or the peer did not take all of the input.
    Peer(io::Error),
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            sent: Cell::new(0),
            received: Cell::new(0),
            last: Cell::new(now()),
        }
    }
}

impl Flow {
    fn count(&self, counter: &Cell<u64>, bytes: usize) {
        counter.set(counter.get() + bytes as u64);
        self.last.set(now());
    }

    /// Waits until nothing has moved for so long.
    async fn quiet(&self, limit: Duration) {
        loop {
            let left = limit.saturating_sub(now().saturating_duration_since(self.last.get()));
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

impl AfterInput {
    /// Whether our direction ends with the input.
    fn finishes(self) -> bool {
        !matches!(self, Self::Stay | Self::Leave)
    }
}

impl Cut {
    /// How the connection ended for that.
    #[must_use]
    pub fn end(&self) -> End {
        match self {
            Self::Input(_) | Self::Output(_) => End::Local,
            Self::Peer(error) if error.kind() == io::ErrorKind::BrokenPipe => End::ShortWrite,
            Self::Peer(_) => End::Rst,
        }
    }
}

impl<'a> Peer<'a> {
    /// A TCP connection.
    #[must_use]
    pub fn tcp(stream: &'a TcpStream) -> Self {
        Self {
            tcp: Some(stream),
            ..Self::of(stream, stream)
        }
    }

    /// Any two halves.
    #[must_use]
    pub fn of(reader: impl AsyncRead + Unpin + 'a, writer: impl AsyncWrite + Unpin + 'a) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            tcp: None,
            datagram: None,
        }
    }

    /// The same, of datagrams: each write is one, of so many bytes at most, and none
    /// that comes is the last.
    #[must_use]
    pub fn of_datagrams(self, longest: usize) -> Self {
        Self {
            datagram: Some(longest),
            ..self
        }
    }

    /// The same, with what is read passing through `wrap`.
    #[must_use]
    pub fn reading<R: AsyncRead + Unpin + 'a>(
        self,
        wrap: impl FnOnce(Box<dyn AsyncRead + Unpin + 'a>) -> R,
    ) -> Self {
        Self {
            reader: Box::new(wrap(self.reader)),
            ..self
        }
    }
}

/// Moves bytes both ways until both directions have ended, or `terms` say that
/// it is over; `flow` counts them meanwhile.
///
/// A drop loses what was read and not yet written: a buffer for each direction
/// at most.
///
/// # Errors
/// Whatever cut it short. What a broken connection still held has been written
/// to the output by then.
pub async fn pump(
    local: Local<'_>,
    peer: Peer<'_>,
    terms: &Terms,
    flow: &Flow,
) -> Result<End, Cut> {
    let most = peer.datagram.unwrap_or(usize::MAX);
    let moving = async {
        let mut receiving = pin!(receive(peer.reader, local.output, flow));
        let mut writer = peer.writer;
        let sending = async {
            match (local.input, peer.tcp) {
                (Some(Input::Standard(input)), Some(tcp)) if input.as_regular_file().is_some() => {
                    send_file(input, tcp, flow).await?;
                }
                (Some(Input::Standard(input)), _) => {
                    send(input, &mut writer, most, flow).await?;
                }
                (Some(Input::Bytes(input)), _) => {
                    send(input, &mut writer, most, flow).await?;
                }
                (None, _) => {}
            }
            if terms.after_input.finishes() {
                // A peer that is gone already is told by what is read from it.
                let _ = writer.close().await;
            }
            Ok(())
        };
        let mut sending = pin!(sending);
        match first(receiving.as_mut(), sending.as_mut()).await {
            First::Received(Ok(())) => match terms.after_peer {
                AfterPeer::Leave => Ok(End::Fin),
                AfterPeer::Stay => sending.await.map(|()| End::Fin),
            },
            First::Sent(Ok(())) => match terms.after_input {
                AfterInput::Finish | AfterInput::Stay => receiving.await.map(|()| End::Fin),
                AfterInput::FinishWithin(limit) => match timeout(limit, receiving).await {
                    Ok(outcome) => outcome.map(|()| End::Fin),
                    Err(_) => Ok(End::Local),
                },
                AfterInput::FinishUntilQuiet(limit) => {
                    let ended = async { receiving.await.map(|()| End::Fin) };
                    let quiet = async {
                        flow.quiet(limit).await;
                        Ok(End::Local)
                    };
                    future::or(ended, quiet).await
                }
                AfterInput::Leave => Ok(End::Local),
            },
            // What came before the end is still there to be read; datagrams have none.
            First::Sent(Err(Cut::Peer(error))) if peer.datagram.is_none() => {
                match receiving.await {
                    Err(cut @ Cut::Output(_)) => Err(cut),
                    _ => Err(Cut::Peer(error)),
                }
            }
            First::Received(Err(cut)) | First::Sent(Err(cut)) => Err(cut),
        }
    };
    let Some(limit) = terms.idle else {
        return moving.await;
    };
    let idle = async {
        flow.quiet(limit).await;
        Ok(End::Idle)
    };
    future::or(moving, idle).await
}

enum First {
    Received(Result<(), Cut>),
    Sent(Result<(), Cut>),
}

async fn first(
    receiving: Pin<&mut impl Future<Output = Result<(), Cut>>>,
    sending: Pin<&mut impl Future<Output = Result<(), Cut>>>,
) -> First {
    let received = async { First::Received(receiving.await) };
    let sent = async { First::Sent(sending.await) };
    future::or(received, sent).await
}

/// From the peer to the output, until the peer has finished.
async fn receive(
    mut reader: Box<dyn AsyncRead + Unpin + '_>,
    mut output: Option<Box<dyn AsyncWrite + Unpin + '_>>,
    flow: &Flow,
) -> Result<(), Cut> {
    loop {
        let (buffer, count) = read_some(&mut reader, usize::MAX)
            .await
            .map_err(Cut::Peer)?;
        flow.count(&flow.received, count);
        match &mut output {
            Some(output) if count == 0 => return output.close().await.map_err(Cut::Output),
            Some(output) => {
                let writing = output.write_all(&buffer[..count]);
                writing.await.map_err(Cut::Output)?;
            }
            None if count == 0 => return Ok(()),
            None => {}
        }
    }
}

/// From the input to the peer, until the input has ended.
async fn send(
    mut input: impl AsyncRead + Unpin,
    writer: &mut (impl AsyncWrite + Unpin),
    most: usize,
    flow: &Flow,
) -> Result<(), Cut> {
    loop {
        let (buffer, count) = read_some(&mut input, most).await.map_err(Cut::Input)?;
        if count == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let written = writer.write(rest).await.map_err(Cut::Peer)?;
            flow.count(&flow.sent, written);
            rest = &rest[written..];
        }
        writer.flush().await.map_err(Cut::Peer)?;
    }
}

/// The same without a copy through this process, for a file: it stands after
/// what was sent in the end.
async fn send_file(input: &Inherited, tcp: &TcpStream, flow: &Flow) -> Result<(), Cut> {
    let Some(mut file) = input.as_regular_file() else {
        return Ok(());
    };
    let mut offset = file.stream_position().map_err(Cut::Input)?;
    let outcome = loop {
        match tcp.send_file(file, &mut offset, u64::MAX).await {
            Ok(0) => break Ok(()),
            Ok(sent) => flow.count(&flow.sent, sent),
            Err(error) => break Err(Cut::Peer(error)),
        }
    };
    file.seek(SeekFrom::Start(offset)).map_err(Cut::Input)?;
    outcome
}

/// A buffer with what came, which is taken from the loop only once something
/// has; 0 bytes are the end.
async fn read_some(
    reader: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<(Buffer, usize)> {
    poll_fn(|context| {
        let mut buffer = Buffer::take();
        let room = buffer.len().min(most);
        let reading = Pin::new(&mut *reader).poll_read(context, &mut buffer[..room]);
        match reading {
            Poll::Pending => Poll::Pending,
            Poll::Ready(outcome) => Poll::Ready(outcome.map(|count| (buffer, count))),
        }
    })
    .await
}

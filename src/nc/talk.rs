//! What passes over a connection: the terms of the pump, by netcat's flags.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::rc::Rc;

use futures_io::AsyncRead;

use super::console::{Failure, Outcome, reason};
use super::limited::Limited;
use super::paced::Paced;
use super::settings::{Compat, Quit, Settings, Task, With};
use super::telnet;
use crate::finding::End;
use crate::net::{Inherited, Socket, stdin, stdout};
use crate::reactor::{blocking, sleep};
use crate::stream::{AfterInput, AfterPeer, Crlf, Cut, Flow, Input, Local, Peer, Tap, Terms, pump};
use crate::units::limit;

/// The longest datagram that is made of standard input, and the most that `-W`
/// counts as one read of a stream, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// Who is at the other end, for messages.
pub(super) enum Whom {
    /// One that was connected to: it may finish first.
    Server(String),
    /// One that connected: all is over when it finishes.
    Client(String),
}

/// What is to become of the rest, after a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next may come.
    GoOn,
    /// `-q`: the input has ended, and its time has passed. Or whoever read our
    /// output is gone.
    Leave,
}

/// This side of one conversation after another.
pub(super) struct Talker<'a> {
    settings: &'a Settings,
    /// Standard input: what one leaves of it is for the next.
    input: Option<Inherited>,
    /// With `-q`, as it is over then.
    input_ended: Rc<Cell<bool>>,
}

impl<'a> Talker<'a> {
    /// # Errors
    /// Out of descriptors.
    pub(super) fn new(settings: &'a Settings) -> Outcome<Self> {
        let talks = !matches!(settings.task, Task::Scan | Task::PassSocket);
        let input = match settings.talk.with {
            With::Both if talks => Some(stdin().map_err(|error| Failure::system("stdin", &error))?),
            With::Both | With::OutputAlone | With::Program(_) => None,
        };
        Ok(Self {
            settings,
            input,
            input_ended: Rc::default(),
        })
    }

    /// Talks with `whom` until the end.
    ///
    /// # Errors
    /// The end was not a good one.
    pub(super) async fn talk(&mut self, socket: &Socket, whom: &Whom) -> Outcome<Then> {
        if let With::Program(words) = &self.settings.talk.with {
            return hand_over(socket, words, whom).await;
        }
        let strict = self.settings.compat == Compat::Obsd;
        let terms = self.terms(whom);
        match self.pump(socket, whom, &terms).await {
            Ok(Ok(End::Local)) => Ok(Then::Leave),
            Ok(Ok(End::Idle)) if self.settings.compat == Compat::Ncat => {
                let limit = limit(self.settings.talk.idle.unwrap_or_default());
                Err(Failure::Told(format!("idle timeout expired ({limit})")))
            }
            Ok(Ok(_)) => Ok(match self.settings.talk.quit {
                Quit::Within(limit) if strict => {
                    sleep(limit).await;
                    Then::Leave
                }
                Quit::Within(_) if self.input_ended.get() => Then::Leave,
                _ => Then::GoOn,
            }),
            Ok(Err(cut)) => judge(&cut, whom, strict),
            Err(error) => Err(Failure::system("stdout", &error)),
        }
    }

    /// Shows the datagrams of whoever sends some, and answers nobody.
    ///
    /// # Errors
    /// They cannot be received or shown.
    pub(super) async fn hear_all(&mut self, socket: &Socket) -> Outcome<Then> {
        let output = stdout().map_err(|error| Failure::system("stdout", &error))?;
        let local = Local {
            input: None,
            output: Some(Box::new(output)),
        };
        let terms = Terms {
            after_input: AfterInput::Stay,
            ..Terms::default()
        };
        let heard = pump(local, Peer::of(socket, socket), &terms, &Flow::default()).await;
        match heard {
            Ok(_) => Ok(Then::GoOn),
            Err(cut) => judge(&cut, &Whom::Client("the network".into()), false),
        }
    }

    async fn pump(
        &mut self,
        socket: &Socket,
        whom: &Whom,
        terms: &Terms,
    ) -> io::Result<Result<End, Cut>> {
        let settings = self.settings;
        let output = stdout()?;
        let stream = match settings.is_tcp() {
            true => Some(socket.to_tcp()?),
            false => None,
        };
        let mut peer = match &stream {
            Some(stream) => Peer::tcp(stream),
            None => Peer::of(socket, socket),
        };
        let most = match settings.transport.is_datagrams() {
            // A datagram is read whole.
            true => usize::MAX,
            false => READ_BYTES,
        };
        if settings.transport.is_datagrams() {
            peer = peer.of_datagrams(READ_BYTES);
        }
        if let Some(reads) = settings.talk.reads {
            peer = peer.reading(|reader| Limited::new(reader, reads, most));
        }
        let mut input = self.input(whom);
        if settings.talk.telnet {
            let stays = terms.after_input == AfterInput::Stay;
            let refusals = telnet::Refusals::default();
            peer = peer.reading(|reader| telnet::Listening::new(reader, refusals.clone()));
            let speaking = telnet::Speaking::new(input, refusals, stays);
            input = Some(Input::Bytes(Box::new(speaking)));
        }
        let local = Local {
            input,
            output: Some(Box::new(output)),
        };
        Ok(pump(local, peer, terms, &Flow::default()).await)
    }

    /// Standard input as the flags want it.
    fn input(&mut self, whom: &Whom) -> Option<Input<'_>> {
        let talk = &self.settings.talk;
        let input = self.input.as_mut()?;
        let ends = matches!((talk.quit, whom), (Quit::Within(_), Whom::Client(_)));
        if !talk.crlf && !ends && self.settings.pause.is_none() {
            return Some(Input::Standard(input));
        }
        let mut reader: Box<dyn AsyncRead + Unpin> = Box::new(input);
        if talk.crlf {
            reader = Box::new(Crlf::new(reader));
        }
        if let Some(pause) = self.settings.pause {
            reader = Box::new(Paced::new(reader, pause));
        }
        if ends {
            let ended = Rc::clone(&self.input_ended);
            reader = Box::new(Tap::new(reader, move |bytes: &[u8]| {
                ended.set(bytes.is_empty());
                Ok(())
            }));
        }
        Some(Input::Bytes(reader))
    }

    fn terms(&self, whom: &Whom) -> Terms {
        let talk = &self.settings.talk;
        let datagrams = self.settings.transport.is_datagrams();
        let after_input = match talk.quit {
            _ if talk.with == With::OutputAlone => AfterInput::Stay,
            Quit::Leave => AfterInput::Leave,
            Quit::Within(limit) if datagrams && limit.is_zero() => AfterInput::Leave,
            Quit::Within(limit) if datagrams => AfterInput::FinishWithin(limit),
            Quit::Stay | Quit::Finish if datagrams => AfterInput::Stay,
            Quit::Within(limit) if !limit.is_zero() && self.settings.compat != Compat::Obsd => {
                AfterInput::FinishWithin(limit)
            }
            Quit::Finish | Quit::Within(_) => AfterInput::Finish,
            Quit::Stay => AfterInput::Stay,
        };
        let after_peer = match (whom, talk.reads) {
            (Whom::Server(_), None) => AfterPeer::Stay,
            _ => AfterPeer::Leave,
        };
        Terms {
            after_input,
            after_peer,
            idle: talk.idle,
        }
    }
}

/// What a conversation that was cut short comes to.
fn judge(cut: &Cut, whom: &Whom, strict: bool) -> Outcome<Then> {
    let (Whom::Server(name) | Whom::Client(name)) = whom;
    match cut {
        // Whoever closed our output has seen enough.
        Cut::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Then::Leave),
        _ if strict => Ok(Then::GoOn),
        Cut::Output(error) => Err(Failure::system("cannot write standard output", error)),
        Cut::Input(error) => Err(Failure::system("cannot read standard input", error)),
        Cut::Peer(error) => {
            let how = match cut.end() {
                End::ShortWrite => "closed the connection before it had taken everything",
                _ => "broke the connection",
            };
            Err(Failure::Told(format!("{name} {how}: {}", reason(error))))
        }
    }
}

/// Lets a program talk in our place: of a client it takes over this process.
async fn hand_over(socket: &Socket, words: &[String], whom: &Whom) -> Outcome<Then> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::told("no program to run"));
    };
    let failed = |error| Failure::system(&format!("cannot run `{program}`"), &error);
    let mut command = Command::new(program);
    command.args(arguments);
    let end = || -> io::Result<Stdio> { Ok(socket.as_fd().try_clone_to_owned()?.into()) };
    // What programs are used to.
    socket.set_blocking().map_err(failed)?;
    command.stdin(end().map_err(failed)?);
    command.stdout(end().map_err(failed)?);
    if let Whom::Server(_) = whom {
        return Err(failed(command.exec()));
    }
    let mut child = command.spawn().map_err(failed)?;
    // Else the connection would stay open here when the program closes it.
    drop(command);
    let status = blocking(move || child.wait()).await.map_err(failed)?;
    match status.success() {
        true => Ok(Then::GoOn),
        false => Err(Failure::Told(format!("`{program}`: {status}"))),
    }
}

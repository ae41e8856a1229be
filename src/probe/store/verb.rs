//! `netkit probe store`: a login and one command.

mod options;
mod source;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::credentials::{Credentials, NoCredentials};
use super::session::{Received, Session};
use super::trouble::Trouble;
use crate::files::Draft;
use crate::finding::{Exit, Record, Reply, State};
use crate::net::{TcpStream, dial};
use crate::probe::copies::{Broken, Patience, Place, Screen};
use crate::protocol::shard;
use crate::protocol::store::Command;
use crate::protocol::store::reply::{Health, Mended, NO_FILES, Shard, numbers};
use crate::reactor::{now, signals};

use source::NoSource;

pub use options::{Action, Options, Work};

/// What came of it.
#[derive(Default)]
struct Outcome {
    kind: &'static str,
    sizes: Vec<u64>,
    sha256: Vec<String>,
    lines: Vec<String>,
    /// What is not as it should be, although there is an answer.
    amiss: Option<String>,
}

/// Logs in and does one thing; `screen` gets what a person reads, `warn` what is
/// amiss, `tell` the reply. SIGINT and SIGTERM end it, and leave no file.
///
/// # Errors
/// No address answered, nobody may log in so, or the store did not do it.
pub async fn probe(
    options: &Options,
    work: &Work,
    server: &Place,
    screen: &dyn Screen,
    warn: &dyn Fn(&str),
    tell: &dyn Fn(Record),
) -> anyhow::Result<Exit> {
    let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let interrupted = async { Ok(Exit::by_signal(interrupts.next().await?)) };
    let probe = Probe {
        options,
        work,
        server,
        screen,
        warn,
    };
    future::or(probe.run(tell), interrupted).await
}

struct Probe<'a> {
    options: &'a Options,
    work: &'a Work,
    server: &'a Place,
    screen: &'a dyn Screen,
    warn: &'a dyn Fn(&str),
}

impl Probe<'_> {
    async fn run(&self, tell: &dyn Fn(Record)) -> anyhow::Result<Exit> {
        // What is asked wrongly is said before anybody types a password.
        let source = match self.work {
            Work::Put(path, _) => Some(source::open(path)?),
            _ => None,
        };
        let who = match self.options.source.find(self.warn).await {
            Ok(who) => who,
            Err(none) => return Err(none.into()),
        };
        let started = now();
        let mut reply = Reply {
            protocol: super::NAME.into(),
            target: self.server.name.clone(),
            ..Reply::default()
        };
        let done = self.act(&who, source, &mut reply).await;
        reply.phases.total = Some(now().saturating_duration_since(started));
        let exit = match &done {
            Ok(outcome) => {
                reply.kind = outcome.kind.into();
                reply.ok = outcome.amiss.is_none();
                reply.reason.clone_from(&outcome.amiss);
                reply.sizes_bytes.clone_from(&outcome.sizes);
                reply.sha256.clone_from(&outcome.sha256);
                reply.lines.clone_from(&outcome.lines);
                if let Some(amiss) = &outcome.amiss {
                    (self.warn)(amiss);
                }
                match (reply.ok, self.options.exit_detail) {
                    (true, _) => Exit::Good,
                    (false, true) => Exit::Protocol,
                    (false, false) => Exit::Bad,
                }
            }
            Err(error) => {
                reply.reason = Some(format!("{error:#}"));
                Exit::Bad
            }
        };
        tell(Record::from(reply));
        done.map(|_| exit)
    }

    async fn act(
        &self,
        who: &Credentials,
        source: Option<(File, u64)>,
        reply: &mut Reply,
    ) -> anyhow::Result<Outcome> {
        let options = self.options;
        let Place { host, port, name } = self.server;
        let dialed = dial(host, *port, options.families, options.timeout).await;
        let dialed = dialed.inspect_err(|error| {
            let last = error.attempts().last();
            let state = last.map_or(State::Unresolved, |it| it.state);
            reply.kind = state.as_str().into();
        })?;
        reply.kind = State::Mismatch.as_str().into();
        reply.address = Some(dialed.address);
        reply.phases.resolve = dialed.resolved.took;
        reply.phases.connect = dialed.connect;
        let patience = Patience {
            head: options.answer_timeout,
            progress: options.timeout,
        };
        let asked = now();
        let mut session = Session::over(dialed.stream, patience);
        let entered = session.enter(who, options.create).await;
        entered.with_context(|| format!("cannot log in to {name}"))?;
        reply.phases.first_byte = Some(now().saturating_duration_since(asked));
        match (self.work, source) {
            (Work::Put(path, to), Some(source)) => self.put(session, path, source, to).await,
            (Work::Other(command), _) => self.command(session, command).await,
            (Work::Login | Work::Put(..), _) => {
                self.screen.line(&format!("logged in as {}", who.user));
                Ok(Outcome {
                    kind: "S",
                    ..Outcome::default()
                })
            }
        }
    }

    fn warn_of(&self, warnings: &[String]) {
        for warning in warnings {
            (self.warn)(warning);
        }
    }

    async fn put(
        &self,
        mut session: Session<TcpStream>,
        path: &Path,
        (mut file, size): (File, u64),
        to: &shard::Place,
    ) -> anyhow::Result<Outcome> {
        let shown = path.display();
        let command = Command::Store(to.clone(), size);
        self.screen.expect(size);
        let advance = |count| self.screen.advance(count);
        let stored = session.put(&command, &mut file, &advance).await;
        let warnings = stored.with_context(|| format!("cannot store `{shown}` as `{to}`"))?;
        self.warn_of(&warnings);
        self.screen.line(&format!("stored {to} ({size} bytes)"));
        Ok(Outcome {
            kind: command.name(),
            sizes: vec![size],
            lines: warnings,
            ..Outcome::default()
        })
    }

    async fn command(
        &self,
        mut session: Session<TcpStream>,
        command: &Command,
    ) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome {
            kind: command.name(),
            ..Outcome::default()
        };
        match command {
            Command::Retrieve(place) => {
                let got = self.get(session, command).await;
                let got = got.with_context(|| format!("cannot fetch `{place}`"))?;
                self.warn_of(&got.warnings);
                outcome.sizes = vec![got.size];
                outcome.sha256 = vec![got.sha256];
                outcome.lines = got.warnings;
            }
            Command::Delete(place) => {
                let removed = session.remove(command).await;
                let warnings = removed.with_context(|| format!("cannot remove `{place}`"))?;
                self.warn_of(&warnings);
                self.screen.line(&format!("removed {place}"));
                outcome.lines = warnings;
            }
            Command::List => {
                outcome.lines = session.list().await.context("cannot list the files")?;
                if outcome.lines.is_empty() {
                    self.screen.line(NO_FILES);
                }
                outcome.lines.iter().for_each(|it| self.screen.line(it));
            }
            Command::Status => outcome.amiss = self.status(session, &mut outcome.lines).await?,
            Command::Repair => outcome.amiss = self.repair(session, &mut outcome.lines).await?,
            Command::Store(..) | Command::LogOut => {}
        }
        Ok(outcome)
    }

    async fn get(
        &self,
        mut session: Session<TcpStream>,
        command: &Command,
    ) -> Result<Received, Trouble> {
        let expect = |size| {
            // What is shown is its own progress.
            if self.options.output.is_some() {
                self.screen.expect(size);
            }
        };
        let Some(path) = &self.options.output else {
            let mut show = |bytes: &[u8]| {
                self.screen.bytes(bytes);
                Ok(())
            };
            return session.get(command, &expect, &mut show).await;
        };
        let mut draft = Draft::begin(path).map_err(Broken::Kept)?;
        let mut keep = |bytes: &[u8]| {
            self.screen.advance(bytes.len() as u64);
            draft.write_all(bytes)
        };
        let got = session.get(command, &expect, &mut keep).await?;
        draft.finish().map_err(Broken::Kept)?;
        self.screen.line(&format!("written to {}", path.display()));
        Ok(got)
    }

    /// Shows each shard server; what is amiss with any.
    async fn status(
        &self,
        mut session: Session<TcpStream>,
        lines: &mut Vec<String>,
    ) -> anyhow::Result<Option<String>> {
        let mut wrong = Vec::new();
        let mut take = |line: &str| {
            let Some(shard) = Shard::decode(line) else {
                return false;
            };
            let Shard {
                server,
                address,
                is_up,
                held,
                missing,
            } = &shard;
            let state = if *is_up { "up" } else { "down" };
            let text = format!(
                "{server}  {address:24} {state:5} {held:>8} blocks held {missing:>8} missing or bad"
            );
            self.screen.line(&text);
            lines.push(line.into());
            if !is_up || *missing > 0 {
                wrong.push(*server);
            }
            true
        };
        let told = session.lines(&Command::Status, &mut take).await;
        told.context("cannot show the shard servers")?;
        Ok(match wrong.is_empty() {
            true => None,
            false => Some(format!(
                "shard servers {} lack blocks (hint: `repair`, once all are up)",
                numbers(&wrong)
            )),
        })
    }

    /// Shows each file as it is repaired; what could not be.
    async fn repair(
        &self,
        mut session: Session<TcpStream>,
        lines: &mut Vec<String>,
    ) -> anyhow::Result<Option<String>> {
        let mut left = 0;
        let mut take = |line: &str| {
            let Some(mended) = Mended::decode(line) else {
                return false;
            };
            self.screen.line(&sentence(&mended));
            lines.push(line.into());
            left += usize::from(matches!(mended.state, Health::Behind | Health::Lost));
            true
        };
        let told = session.lines(&Command::Repair, &mut take).await;
        told.context("cannot repair")?;
        Ok(match left {
            0 => None,
            left => Some(format!("{left} files are not as they should be")),
        })
    }
}

/// What became of a file, for a person.
fn sentence(mended: &Mended) -> String {
    let Mended {
        state,
        rebuilt,
        missing,
        file,
    } = mended;
    let (rebuilt, missing) = (numbers(rebuilt), numbers(missing));
    let about = match state {
        Health::Whole => String::new(),
        Health::Rebuilt => format!("   (on shard servers {rebuilt})"),
        Health::Behind => format!("   (rebuilt on {rebuilt}, still missing on {missing})"),
        Health::Lost => format!("   (missing or bad on {missing})"),
    };
    format!("{:8} {file}{about}", state.as_str())
}

/// Whether nothing was sent, as it was asked wrongly.
#[must_use]
pub fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<NoCredentials>() || error.is::<NoSource>()
}

//! `netkit probe peer` and `netkit probe coordinator`: fetches a file and shows
//! it, keeps it, or compares it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::answer::{Answer, Keep, Nothing, Service};
use super::keeping::{Difference, Drafts, Shown};
use super::{Copies, Patience};
use crate::finding::{Exit, Phases, Record, Reply};
use crate::net::{Dialed, Families, dial};
use crate::probe::attempts;
use crate::protocol::peer::Request;
use crate::reactor::{now, signals};
use crate::units::parse_positive_duration;

/// Options of `netkit probe peer` and `netkit probe coordinator`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The server: `HOST[:PORT]`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The file to ask for
    #[arg(value_name = "PATH")]
    pub path: String,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
    /// How long the connection and each 64 KiB of the answer may take
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// How long the answer may take to begin: a coordinator compares both copies before
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_positive_duration)]
    pub answer_timeout: Duration,
    /// Write the copy to FILE, whole or not at all; of two, to FILE.server1 and FILE.server2
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show how two copies differ, line by line, instead of the copies
    #[arg(long, conflicts_with = "output")]
    pub diff: bool,
    /// Fail when two copies differ
    #[arg(long)]
    pub require_match: bool,
    /// Ask this peer for the file too, and fail when it has another one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "diff")]
    pub compare: Option<String>,
}

/// Where a person looks.
pub trait Screen {
    /// A line of its own.
    fn line(&self, text: &str);

    /// Some bytes of a file.
    fn bytes(&self, bytes: &[u8]);

    /// So many bytes are to come, for a progress bar.
    fn expect(&self, bytes: u64);

    /// So many came.
    fn advance(&self, bytes: u64);
}

/// A server of the file service, by name and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// As it is shown.
    pub name: String,
}

/// A file that is to be fetched.
pub struct FileProbe {
    /// Who is asked.
    pub service: &'static Service,
    /// What is asked.
    pub request: Request,
    /// Where.
    pub server: Place,
    /// Whom else to ask: a peer.
    pub compared: Option<(&'static Service, Place)>,
    /// How.
    pub options: Options,
    /// Whether copies are shown to a person.
    pub shows: bool,
}

impl FileProbe {
    /// Fetches the file; `screen` gets what a person reads, `tell` the addresses
    /// tried and the reply. SIGINT and SIGTERM end it, and leave no file.
    ///
    /// # Errors
    /// No address answered, the answer is not whole, or cannot be kept.
    pub async fn run(&self, screen: &dyn Screen, tell: &dyn Fn(Record)) -> anyhow::Result<Exit> {
        let mut interrupts = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals")?;
        let interrupted = async { Ok(Exit::by_signal(interrupts.next().await?)) };
        future::or(self.fetch(screen, tell), interrupted).await
    }

    async fn fetch(&self, screen: &dyn Screen, tell: &dyn Fn(Record)) -> anyhow::Result<Exit> {
        let mut drafts = self
            .options
            .output
            .as_deref()
            .map(|it| Drafts::new(it, screen));
        let mut difference = self.options.diff.then(Difference::default);
        let mut shown = Shown::new(screen);
        let mut nothing = Nothing;
        let keep: &mut dyn Keep = match (&mut drafts, &mut difference) {
            (Some(drafts), _) => drafts,
            (None, Some(difference)) => difference,
            (None, None) if self.shows && self.compared.is_none() => &mut shown,
            (None, None) => &mut nothing,
        };
        let asked = self.ask(self.service, &self.server, keep, tell).await;
        let (answer, reply) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                self.tell_failure(self.service, &self.server, &error, tell);
                return Err(error);
            }
        };
        if let Some(drafts) = drafts {
            for path in drafts.finish()? {
                screen.line(&format!("written to {}", path.display()));
            }
        }
        let mut verdict = self.judge(&answer);
        if answer.head.lengths.is_empty() {
            screen.line(answer.head.kind);
        }
        match (difference, answer.head.lengths.len()) {
            (Some(difference), 2) => screen.bytes(difference.finish()?.as_bytes()),
            (Some(_), 1) => screen.line("there is only one copy, or both are the same"),
            _ => {}
        }
        if let Some((peer, place)) = &self.compared {
            let same = self.compare(&answer, peer, place, screen, tell).await?;
            verdict = verdict.and(same);
        }
        tell(Record::from(Reply {
            ok: verdict.is_ok(),
            reason: verdict.as_ref().err().cloned(),
            ..reply
        }));
        Ok(match verdict {
            Ok(()) => Exit::Good,
            Err(_) => Exit::Bad,
        })
    }

    /// What the answer alone comes to.
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        match answer.head.copies {
            Err(reason) => Err(reason.into()),
            Ok(Copies::None) => Err("the file was not found".into()),
            Ok(Copies::Both) if self.options.require_match => Err("the copies differ".into()),
            Ok(Copies::One | Copies::Both) => Ok(()),
        }
    }

    /// Whether a peer has the file, and each copy of the answer is the same.
    async fn compare(
        &self,
        answer: &Answer,
        peer: &Service,
        place: &Place,
        screen: &dyn Screen,
        tell: &dyn Fn(Record),
    ) -> anyhow::Result<Result<(), String>> {
        let asked = self.ask(peer, place, &mut Nothing, tell).await;
        let (other, reply) = asked.inspect_err(|error| {
            self.tell_failure(peer, place, error, tell);
        })?;
        for (name, sums) in [
            (&self.server.name, &answer.sha256),
            (&place.name, &other.sha256),
        ] {
            if sums.is_empty() {
                screen.line(&format!("{name}  has no such file"));
            }
            for sum in sums {
                screen.line(&format!("{name}  {sum}"));
            }
        }
        let verdict = match (answer.sha256.as_slice(), other.sha256.last()) {
            ([], None) => Err("neither has the file".into()),
            ([], Some(_)) => Err(format!("only {} has the file", place.name)),
            (_, None) => Err(format!("{} has no such file", place.name)),
            (ours, Some(theirs)) if ours.iter().all(|it| it == theirs) => Ok(()),
            ([_], _) => Err(format!("{} has another copy", place.name)),
            _ => Err("the copies differ".into()),
        };
        tell(Record::from(Reply {
            ok: verdict.is_ok(),
            ..reply
        }));
        screen.line(match &verdict {
            Ok(()) => "the copies are the same",
            Err(reason) => reason,
        });
        Ok(verdict)
    }

    /// Keeps for programs why a server gave no answer; a person is told anyway.
    fn tell_failure(
        &self,
        service: &Service,
        place: &Place,
        error: &anyhow::Error,
        tell: &dyn Fn(Record),
    ) {
        if !self.shows {
            tell(Record::from(Reply {
                protocol: service.name.into(),
                target: place.name.clone(),
                reason: Some(format!("{error:#}")),
                ..Reply::default()
            }));
        }
    }

    /// Asks one server and receives all of its answer.
    async fn ask(
        &self,
        service: &Service,
        place: &Place,
        keep: &mut dyn Keep,
        tell: &dyn Fn(Record),
    ) -> anyhow::Result<(Answer, Reply)> {
        let Options {
            families,
            timeout,
            answer_timeout,
            ..
        } = &self.options;
        let patience = Patience {
            head: *answer_timeout,
            progress: *timeout,
        };
        let started = now();
        let dialed: Dialed = dial(&place.host, place.port, *families, *timeout).await?;
        for record in attempts(&place.name, &dialed.attempts, Some(dialed.address)) {
            if log::log_enabled!(log::Level::Info) {
                tell(record);
            }
        }
        let asked = now();
        let answer = service.receive(dialed.stream, &self.request, patience, keep);
        let answer = answer.await.with_context(|| {
            let path = &self.request.path;
            format!(
                "cannot get `{path}` from {} ({})",
                place.name, dialed.address
            )
        })?;
        let reply = Reply {
            protocol: service.name.into(),
            target: place.name.clone(),
            address: Some(dialed.address),
            kind: answer.head.kind.into(),
            sizes_bytes: answer.head.lengths.clone(),
            sha256: answer.sha256.clone(),
            phases: Phases {
                resolve: dialed.resolved.took,
                connect: dialed.connect,
                first_byte: Some(answer.answered.saturating_duration_since(asked)),
                total: Some(now().saturating_duration_since(started)),
                ..Phases::default()
            },
            ..Reply::default()
        };
        Ok((answer, reply))
    }
}

//! `netkit probe cluster`: what a member knows of its cluster, and any file of
//! it.

mod fetch;
mod trouble;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::exchange::{list, who};
use super::{leader_line, member_line};
use crate::finding::{ClusterMember, Exit, Record, Reply};
use crate::net::{Families, TcpStream, dial};
use crate::probe::attempts;
use crate::probe::copies::{Place, Screen};
use crate::protocol::cluster::{Member, PORT, View, can_be_listed, split_address};
use crate::reactor::{now, signals, sleep};
use crate::units::{self, parse_positive_duration};

pub use trouble::Trouble;

/// How long is paused between two attempts, with `--wait`.
const PAUSE: Duration = Duration::from_millis(200);

/// Options of `netkit probe cluster`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// A member: `HOST[:PORT]`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// What to ask it
    #[arg(value_name = "WANTED", value_enum)]
    pub wanted: Wanted,
    /// The file to get
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Which families to try.
    #[command(flatten)]
    pub families: Families,
    /// How long a connection, an answer, and each 64 KiB of a file may take
    #[arg(long, short, value_name = "TIME", default_value = "5s", value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// Try again for this long, until a leader is known and answers
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration)]
    pub wait: Option<Duration>,
    /// Write the file to FILE, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Exit with the kind of failure instead of 1: 10 refused, 11 timeout, 14 cut, 15 protocol, 17 not found
    #[arg(long)]
    pub exit_detail: bool,
}

/// What is wanted of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Wanted {
    /// Who leads, and where
    Leader,
    /// Everybody, and who is up
    Members,
    /// The files of each that is up
    Files,
    /// A file, whoever has it
    Get,
}

/// A question to a cluster.
pub struct ClusterProbe {
    options: Options,
    server: Place,
    name: String,
}

impl ClusterProbe {
    /// The question that the options are, to a member.
    ///
    /// # Errors
    /// They make no sense together.
    pub fn prepare(options: Options, server: Place) -> anyhow::Result<Self> {
        let name = match (options.wanted, options.name.clone()) {
            (Wanted::Get, None) => bail!("get which file? (hint: `get NAME`)"),
            (Wanted::Get, Some(name)) if !can_be_listed(&name) => {
                bail!(
                    "`{name}` cannot be a file of a cluster: one that members can list by its name"
                )
            }
            (Wanted::Get, Some(name)) => name,
            (_, Some(name)) => bail!("`{name}` has no place here: only `get` takes a name"),
            (_, None) if options.output.is_some() => bail!("--output is for `get`"),
            (_, None) => String::new(),
        };
        Ok(Self {
            options,
            server,
            name,
        })
    }

    /// Asks, with `--wait` again and again; `screen` gets what a person reads,
    /// `note` what is to be said beside it, `tell` the addresses tried and the
    /// reply. SIGINT and SIGTERM end it, and leave no file.
    ///
    /// # Errors
    /// There is no good answer: says why, and with which status to exit.
    pub async fn run(
        &self,
        screen: &dyn Screen,
        note: &dyn Fn(&str),
        tell: &dyn Fn(Record),
    ) -> Result<Exit, Trouble> {
        let caught = signals(&[SIGINT, SIGTERM]).context("cannot wait for signals");
        let mut interrupts = caught.map_err(Trouble::own)?;
        let interrupted = async {
            let number = interrupts.next().await;
            let number = number.context("cannot wait for signals");
            number.map(Exit::by_signal).map_err(Trouble::own)
        };
        let work = async {
            let outcome = self.attempt(screen, note, tell).await;
            outcome.map_err(|trouble| match self.options.exit_detail {
                true => trouble,
                false => trouble.coarse(),
            })
        };
        future::or(work, interrupted).await
    }

    async fn attempt(
        &self,
        screen: &dyn Screen,
        note: &dyn Fn(&str),
        tell: &dyn Fn(Record),
    ) -> Result<Exit, Trouble> {
        let deadline = self.options.wait.map(|it| now() + it);
        loop {
            let mut reply = Reply {
                protocol: "cluster".into(),
                target: self.server.name.clone(),
                ..Reply::default()
            };
            let started = now();
            let asked = self.ask(&mut reply, screen, note, tell).await;
            let trouble = match asked {
                Ok(()) => None,
                Err(trouble) => match deadline {
                    Some(deadline) if trouble.may_pass && now() + PAUSE < deadline => {
                        sleep(PAUSE).await;
                        continue;
                    }
                    Some(_) if trouble.may_pass => Some(trouble.past(self.options.wait)),
                    _ => Some(trouble),
                },
            };
            reply.phases.total = Some(now().saturating_duration_since(started));
            reply.ok = trouble.is_none();
            reply.reason = trouble.as_ref().map(|it| format!("{:#}", it.error));
            tell(Record::from(reply));
            return trouble.map_or(Ok(Exit::Good), Err);
        }
    }

    async fn ask(
        &self,
        reply: &mut Reply,
        screen: &dyn Screen,
        note: &dyn Fn(&str),
        tell: &dyn Fn(Record),
    ) -> Result<(), Trouble> {
        if self.options.wanted == Wanted::Get {
            return self.get(reply, screen, note, tell).await;
        }
        let view = self.view(reply, tell).await?;
        reply.members = view.members.iter().map(|it| record(&view, it)).collect();
        match self.options.wanted {
            Wanted::Leader => {
                reply.kind = "LEADER".into();
                let leader = view.leader.as_ref().ok_or_else(Trouble::no_leader)?;
                screen.line(&leader_line(leader));
            }
            Wanted::Members => {
                reply.kind = "END".into();
                if view.leader.is_none() && self.options.wait.is_some() {
                    return Err(Trouble::no_leader());
                }
                let lines = view.leader.iter().map(leader_line);
                let lines = lines.chain(view.members.iter().map(member_line));
                lines.for_each(|it| screen.line(&it));
            }
            Wanted::Files | Wanted::Get => self.files(&view, reply, screen, note).await?,
        }
        Ok(())
    }

    /// How the server sees the cluster.
    async fn view(&self, reply: &mut Reply, tell: &dyn Fn(Record)) -> Result<View, Trouble> {
        let Place { host, port, name } = &self.server;
        let limit = self.options.timeout;
        let dialed = dial(host, *port, self.options.families, limit).await;
        let dialed = dialed.map_err(Trouble::unreachable)?;
        for record in attempts(name, &dialed.attempts, Some(dialed.address)) {
            if log::log_enabled!(log::Level::Info) {
                tell(record);
            }
        }
        reply.address = Some(dialed.address);
        reply.phases.resolve = dialed.resolved.took;
        reply.phases.connect = dialed.connect;
        let asked = now();
        let viewed = who(dialed.stream, limit).await;
        reply.phases.first_byte = Some(now().saturating_duration_since(asked));
        let context = || format!("cannot ask {name} who leads");
        viewed.map_err(|broken| Trouble::broken(broken, &context()))
    }

    /// Each file of each member that is up.
    async fn files(
        &self,
        view: &View,
        reply: &mut Reply,
        screen: &dyn Screen,
        note: &dyn Fn(&str),
    ) -> Result<(), Trouble> {
        reply.kind = "END".into();
        let mut silent = BTreeMap::new();
        for member in &view.members {
            if !member.is_up {
                note(&format!(
                    "member {} is down: its files are missing",
                    member.id
                ));
                continue;
            }
            match self.files_of(member).await {
                Ok(names) => {
                    for name in &names {
                        screen.line(&format!("{} {name}", member.id));
                    }
                    let listed = reply.members.iter_mut().find(|it| it.id == member.id);
                    if let Some(listed) = listed {
                        listed.files = Some(names);
                    }
                }
                Err(trouble) => {
                    silent.insert(member.id, trouble);
                }
            }
        }
        match silent.pop_first() {
            Some((_, trouble)) => Err(trouble),
            None => Ok(()),
        }
    }

    async fn files_of(&self, member: &Member) -> Result<Vec<String>, Trouble> {
        let stream = self.reach(&member.address).await?;
        let names = list(stream, self.options.timeout).await;
        let context = || format!("cannot list the files of member {}", member.id);
        let names = names.map_err(|broken| Trouble::broken(broken, &context()))?;
        Ok(names.into_iter().collect())
    }

    /// Connects to where a member is said to be.
    async fn reach(&self, address: &str) -> Result<TcpStream, Trouble> {
        let Options {
            families, timeout, ..
        } = self.options;
        let (host, port) = split_address(address)
            .ok_or_else(|| Trouble::own(anyhow!("`{address}` is no address")))?;
        let dialed = dial(host, port.unwrap_or(PORT), families, timeout).await;
        Ok(dialed.map_err(Trouble::unreachable)?.stream)
    }

    /// Connects to the server itself.
    async fn reach_server(&self) -> Result<TcpStream, Trouble> {
        let Place { host, port, .. } = &self.server;
        let Options {
            families, timeout, ..
        } = self.options;
        let dialed = dial(host, *port, families, timeout).await;
        Ok(dialed.map_err(Trouble::unreachable)?.stream)
    }
}

impl Trouble {
    fn no_leader() -> Self {
        Self {
            error: anyhow!("no leader is known (hint: --wait 10s waits for one)"),
            exit: Exit::Protocol,
            may_pass: true,
        }
    }

    /// The same, after all the time that it may take.
    fn past(self, wait: Option<Duration>) -> Self {
        let wait = units::limit(wait.unwrap_or_default());
        Self {
            error: self
                .error
                .context(format!("it did not come right within {wait}")),
            exit: Exit::Deadline,
            may_pass: false,
        }
    }
}

fn record(view: &View, member: &Member) -> ClusterMember {
    let leader = view.leader.as_ref().map(|(id, _)| *id);
    ClusterMember {
        id: member.id,
        address: member.address.clone(),
        up: member.is_up,
        leader: leader == Some(member.id),
        files: None,
    }
}

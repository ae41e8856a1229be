//! cluster: who leads, who is there, what files there are, and any of them.

pub mod exchange;
mod verb;

use std::pin::Pin;
use std::rc::Rc;

use super::expectations::Expectations;
use super::link::Link;
use super::{Ask, At, Question, Scheme, Transport};
use crate::finding::{Finding, State};
use crate::protocol::cluster::{Member, PORT, Request, View};
use crate::protocol::input::Input;
use crate::reactor::{Buffer, now};
use crate::units;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

pub use verb::{ClusterProbe, Options, Trouble, Wanted};

/// `cluster://`: a member that knows who leads, and members that must be up.
pub const CLUSTER: Scheme = Scheme {
    name: "cluster",
    transport: Transport::Tcp,
    default_port: Some(PORT),
    takes_path: false,
    options: |_| &[],
    prepare,
};

/// What is expected of a view.
struct Viewed(Expectations);

fn prepare(_: Option<&str>, settings: &super::Settings) -> Result<Question, String> {
    let expected = Expectations::of(&settings.script, "cluster")?;
    Ok(Some(Rc::new(Viewed(expected))))
}

impl Ask for Viewed {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async { self.fetch(at).await.unwrap_or_else(|finding| finding) })
    }

    fn sentence(&self) -> String {
        let known = String::from("knows who leads its cluster");
        let lines = self.0.words("a line");
        units::enumerate(std::iter::once(known).chain(lines).collect())
    }
}

impl Viewed {
    async fn fetch(&self, at: &At<'_>) -> Result<Finding, Finding> {
        let mut link = Link::open(at).await?;
        let asked = now();
        let mut view = View::default();
        let viewing = receive(&mut link.stream, &mut view);
        let limit = link.limit;
        let viewed = super::link::until(link.deadline, viewing).await;
        let took = now().saturating_duration_since(asked);
        let mut finding = link.into_finding();
        let viewed = viewed.unwrap_or_else(|| {
            let limit = units::limit(limit);
            Err(format!("no whole answer to WHO came within {limit}"))
        });
        viewed.map_err(|reason| finding.clone().but(State::Mismatch, reason))?;
        finding.phases.first_byte = Some(took);
        let lines = lines(&view);
        let up = view.members.iter().filter(|it| it.is_up).count();
        let Some((id, address)) = view.leader else {
            return Err(finding.but(State::Mismatch, "it does not know who leads"));
        };
        let count = view.members.len();
        finding.seen = Some(format!("leader {id} {address}, {up} of {count} members up"));
        match self.0.judge(&lines) {
            Ok(()) => Ok(finding),
            Err(reason) => Err(finding.but(State::Mismatch, format!("of its view, {reason}"))),
        }
    }
}

async fn receive(stream: &mut Box<dyn super::link::Bytes>, view: &mut View) -> Result<(), String> {
    let broke = |error| format!("the connection broke: {error}");
    let request = Request::Who.encode();
    stream.write_all(&request).await.map_err(broke)?;
    let mut input = Input::default();
    while view.decode(&mut input).map_err(|wrong| wrong.0)?.is_none() {
        let mut buffer = Buffer::take();
        let count = stream.read(&mut buffer).await.map_err(broke)?;
        input.add(&buffer[..count]);
    }
    Ok(())
}

/// A view in lines, as a person reads it.
fn lines(view: &View) -> Vec<String> {
    let leader = view.leader.iter().map(leader_line);
    leader.chain(view.members.iter().map(member_line)).collect()
}

fn leader_line((id, address): &(u32, String)) -> String {
    format!("leader {id} {address}")
}

fn member_line(Member { id, address, is_up }: &Member) -> String {
    let state = if *is_up { "up" } else { "down" };
    format!("member {id} {address} {state}")
}

//! What a member does by itself: announces itself to the others, says that it
//! leads, and as the leader collects what files everybody has.

use std::rc::Rc;
use std::time::Duration;

use futures_lite::future;

use super::TARGET;
use super::election::{Input, Output};
use super::member::Member;
use crate::probe::cluster::exchange::ask;
use crate::protocol::cluster::{Reply, Request};
use crate::reactor::{TaskGroup, now, sleep, timeout};
use crate::units;

/// Heartbeats from one collection of the lists to the next, where nothing
/// changes.
const COLLECTED_EVERY: u32 = 5;

/// After a change the lists are collected a part of a heartbeat later: changes
/// come in swarms.
const COLLECTED_AFTER: u32 = 3;

/// Beats until it is dropped. Of announcements one a member is under way at
/// most, for a heartbeat at most; of each other word, the same.
pub(super) async fn beat(member: Rc<Member>) -> anyhow::Result<()> {
    let announcing = TaskGroup::new();
    let telling = TaskGroup::new();
    let collecting = TaskGroup::new();
    collecting.spawn(collect(Rc::clone(&member)));
    member.learn(Input::Time);
    loop {
        while let Some(output) = next_output(&member) {
            match output {
                Output::Announce(to) => announcing.spawn(announce(Rc::clone(&member), to)),
                Output::Tell(to) if telling.len() < super::MOST_MEMBERS => {
                    telling.spawn(tell(Rc::clone(&member), to));
                }
                // It finds out by itself.
                Output::Tell(_) => {}
                other => note(&member, other),
            }
        }
        let deadline = member.election.borrow().deadline();
        let waiting = async {
            match deadline {
                Some(at) => sleep(at.saturating_duration_since(now())).await,
                None => future::pending().await,
            }
            true
        };
        let told = async {
            member.news.wait().await;
            false
        };
        if future::or(waiting, told).await {
            member.learn(Input::Time);
        }
    }
}

fn next_output(member: &Member) -> Option<Output> {
    member.election.borrow_mut().next_output()
}

/// Says what has changed, and draws the consequences.
fn note(member: &Member, output: Output) {
    let name = |id: u32| {
        let place = member.places.all.get(&id);
        place.map_or("nowhere", |it| it.name.as_str())
    };
    match output {
        Output::Turned { member: id, is_up } => {
            let state = if is_up { "up" } else { "down" };
            log::info!(target: TARGET, "member {id} ({}) is {state}", name(id));
            if !is_up {
                member.lists.borrow_mut().remove(&id);
                member.framed.borrow_mut().remove(&id);
            }
        }
        Output::Leads(Some(id)) if id == member.places.own => {
            log::info!(target: TARGET, "member {id} leads: it is this one");
        }
        Output::Leads(Some(id)) => {
            log::info!(target: TARGET, "member {id} ({}) leads", name(id));
            member.lists.borrow_mut().clear();
        }
        Output::Leads(None) => log::info!(target: TARGET, "it is not known who leads"),
        Output::Stranger { member: id, says } => {
            let place = name(id);
            log::warn!(target: TARGET, "at {place} should be member {id}, and is {says} (hint: have all the same --members?)");
        }
        Output::Announce(_) | Output::Tell(_) => {}
    }
    member.changes.tell();
}

/// Announces this member to another one and learns what came of it.
async fn announce(member: Rc<Member>, to: u32) {
    let limit = member.heartbeat;
    let announcing = async {
        let stream = match member.reach(to, limit).await {
            Ok(stream) => stream,
            Err(unreached) => return Err((unreached.is_refused, unreached.reason)),
        };
        let request = Request::Announce(member.places.own);
        match ask(stream, &request, limit).await {
            Ok(Reply::Identity(says)) => Ok(says),
            Ok(Reply::Forbidden) => {
                if member.denied_by.borrow_mut().insert(to) {
                    let own = member.places.own;
                    log::warn!(target: TARGET, "member {to} does not take this one for member {own} (hint: have all the same --members?)");
                }
                Err((false, "it does not take us for a member".to_owned()))
            }
            Ok(other) => Err((false, format!("it answered {other:?}"))),
            Err(broken) => Err((false, broken.to_string())),
        }
    };
    let late = || Err((false, format!("no answer within {}", units::limit(limit))));
    let outcome = timeout(limit, announcing).await.unwrap_or_else(|_| late());
    member.learn(match outcome {
        Ok(says) => {
            member.denied_by.borrow_mut().remove(&to);
            Input::Answered { member: to, says }
        }
        Err((is_refused, reason)) => {
            log::debug!(target: TARGET, "member {to} did not answer: {reason}");
            Input::Failed {
                member: to,
                is_refused,
            }
        }
    });
}

/// Says to a member that this one leads; whether it hears it or not.
async fn tell(member: Rc<Member>, to: u32) {
    let limit = member.heartbeat;
    let telling = async {
        if let Ok(stream) = member.reach(to, limit).await {
            let request = Request::Leader(member.places.own);
            let told = ask(stream, &request, limit).await;
            log::debug!(target: TARGET, "said to member {to} that this one leads: {told:?}");
        }
    };
    let _ = timeout(limit, telling).await;
}

/// Collects everybody's lists, as long as this member leads.
async fn collect(member: Rc<Member>) {
    let pause: Duration = member.heartbeat.saturating_mul(COLLECTED_EVERY);
    loop {
        let waiting = sleep(pause);
        future::or(waiting, member.changes.wait()).await;
        sleep(member.heartbeat / COLLECTED_AFTER).await;
        if member.leads() {
            member.collect_lists(now()).await;
        }
    }
}

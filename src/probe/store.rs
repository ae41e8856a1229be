//! store: the client of a store of coded files, and a check that there is one.

mod credentials;
mod session;
mod trouble;
mod verb;

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::rc::Rc;

use super::expectations::misplaced_step;
use super::link::Link;
use super::{Ask, At, Question, Scheme, Settings, Transport};
use crate::finding::{Finding, State};
use crate::protocol::store::PORT;
use crate::reactor::now;

pub use credentials::{Credentials, NoCredentials, Source};
pub use session::Session;
pub use trouble::Trouble;
pub use verb::{Action, Options, Work, is_usage, probe};

/// Its name, as in `NAME://`.
const NAME: &str = "store";

/// `store://`: a server that asks who is there, once it is greeted.
pub const STORE: Scheme = Scheme {
    name: NAME,
    transport: Transport::Tcp,
    default_port: Some(PORT),
    takes_path: false,
    options: |_| &[],
    prepare,
};

fn prepare(_: Option<&str>, settings: &Settings) -> Result<Question, String> {
    match settings.script.steps.first() {
        Some(step) => Err(misplaced_step(step, NAME)),
        None => Ok(Some(Rc::new(Greeting))),
    }
}

/// Greets, and is asked for a login.
struct Greeting;

impl Ask for Greeting {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async { greet(at).await.unwrap_or_else(|finding| finding) })
    }

    fn sentence(&self) -> String {
        "asks for a login".into()
    }
}

async fn greet(at: &At<'_>) -> Result<Finding, Finding> {
    let (stream, link) = Link::open(at).await?.take_stream();
    let asked = now();
    let mut session = Session::over(stream, at.limit.into());
    let greeted = link.within(session.greet()).await;
    let greeted = greeted.unwrap_or(Err(Trouble::late(at.limit)));
    let answered = now();
    let mut finding = link.into_finding();
    match greeted {
        Ok(()) => {
            finding.phases.first_byte = Some(answered.saturating_duration_since(asked));
            finding.seen = Some("it asks for a login".into());
            Ok(finding)
        }
        Err(trouble) => {
            let state = match trouble.is_reset() {
                true => State::Reset,
                false => State::Mismatch,
            };
            Err(finding.but(state, trouble.to_string()))
        }
    }
}

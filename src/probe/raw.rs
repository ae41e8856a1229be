//! Bytes without a protocol: plain connections, and conversations over them.

use std::pin::Pin;
use std::rc::Rc;

use super::link::Link;
use super::script::Script;
use super::{Ask, At, Question, Scheme, Settings, Transport};
use crate::finding::Finding;

/// `tcp://`: a connection, and a conversation if one is asked for.
pub const TCP: Scheme = Scheme {
    name: "tcp",
    transport: Transport::Tcp,
    default_port: None,
    takes_path: false,
    options: |_| &[],
    prepare: prepare_tcp,
};

/// `unix://`: the same over a Unix socket.
pub const UNIX: Scheme = Scheme {
    name: "unix",
    transport: Transport::Unix,
    default_port: None,
    takes_path: false,
    options: |_| &[],
    prepare: |_, settings| Conversing::prepare(settings).map(Some),
};

/// Without a conversation nothing is asked: the engine's fast path connects.
fn prepare_tcp(_path: Option<&str>, settings: &Settings) -> Result<Question, String> {
    let asked = Conversing::prepare(settings)?;
    Ok((!settings.script.steps.is_empty()).then_some(asked))
}

/// To be connected, and no more.
pub(super) fn connect() -> Rc<dyn Ask> {
    Rc::new(Conversing(Script::default()))
}

/// Connects, and has the conversation.
struct Conversing(Script);

impl Conversing {
    fn prepare(settings: &Settings) -> Result<Rc<dyn Ask>, String> {
        settings.script.validate()?;
        Ok(Rc::new(Self(settings.script.clone())))
    }

    async fn ask(&self, at: &At<'_>) -> Finding {
        match Link::open(at).await {
            Ok(link) => self.0.finish(link, at).await,
            Err(finding) => finding,
        }
    }
}

impl Ask for Conversing {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(self.ask(at))
    }

    fn sentence(&self) -> String {
        self.0.sentence("accepts a connection".into())
    }
}

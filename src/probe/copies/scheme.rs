//! `peer://` and `coordinator://`: is the file there, and is it what it should
//! be?

use std::io;
use std::pin::Pin;
use std::rc::Rc;

use super::answer::{Answer, Nothing, Service};
use super::settings::{Found, Shortfall};
use super::{Broken, Settings};
use crate::finding::{Finding, Lack, State};
use crate::probe::link::Link;
use crate::probe::{Ask, At, Question};
use crate::protocol::peer::Request;
use crate::reactor::now;

/// A file, and what is expected of it.
struct File {
    service: &'static Service,
    request: Request,
    expected: Settings,
}

/// Understands what is asked of a service.
///
/// # Errors
/// Names what makes no sense.
pub(in crate::probe) fn prepare(
    service: &'static Service,
    path: Option<&str>,
    settings: &crate::probe::Settings,
) -> Result<Question, String> {
    let path = path.and_then(|it| it.strip_prefix('/')).unwrap_or_default();
    let name = service.name;
    if path.is_empty() {
        return Err(format!("it names no file (hint: {name}://HOST/file1.txt)"));
    }
    settings.copies.validate(&settings.script, name)?;
    Ok(Some(Rc::new(File {
        service,
        request: Request::for_path(path)?,
        expected: settings.copies.clone(),
    })))
}

impl Ask for File {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async { self.fetch(at).await.unwrap_or_else(|finding| finding) })
    }

    fn sentence(&self) -> String {
        self.expected.sentence(&self.request.path)
    }
}

impl File {
    async fn fetch(&self, at: &At<'_>) -> Result<Finding, Finding> {
        let (stream, link) = Link::open(at).await?.take_stream();
        let asked = now();
        let mut nothing = Nothing;
        let receiving = self
            .service
            .receive(stream, &self.request, at.limit.into(), &mut nothing);
        let received = link.within(receiving).await;
        let received = received.unwrap_or(Err(Broken::Late(at.limit)));
        let mut finding = link.into_finding();
        let answer = match received {
            Ok(answer) => answer,
            Err(broken) => {
                let lack = matches!(broken, Broken::Short { .. }).then_some(Lack::Rest);
                let finding = finding.but(state_of(&broken), broken.to_string());
                return Err(finding.lacking(lack));
            }
        };
        finding.phases.first_byte = Some(answer.answered.saturating_duration_since(asked));
        finding.seen = Some(answer.head.kind.into());
        match self.judge(&answer) {
            Ok(()) => Ok(finding),
            Err((reason, lack)) => Err(finding.but(State::Mismatch, reason).lacking(lack)),
        }
    }

    fn judge(&self, answer: &Answer) -> Result<(), Shortfall> {
        let copies = answer.head.copies.map_err(|it| (it.into(), None))?;
        self.expected.judge(&Found {
            copies,
            sha256: &answer.sha256,
        })
    }
}

/// What a broken answer says of its server.
fn state_of(broken: &Broken) -> State {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    match broken {
        Broken::Lost(error) if matches!(error.kind(), BrokenPipe | ConnectionReset) => State::Reset,
        Broken::Lost(_) | Broken::Kept(_) => State::Unknown,
        Broken::Malformed(_) | Broken::Short { .. } | Broken::Late(_) => State::Mismatch,
    }
}

//! listing: what a server's directory holds, and how two servers differ.

mod drift;
mod verb;

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_io::AsyncRead;
use futures_lite::AsyncReadExt;

use super::expectations::Expectations;
use super::link::{Link, until};
use super::{Ask, At, Question, Scheme, Transport};
use crate::finding::{Finding, State};
use crate::protocol::input::Input;
use crate::protocol::listing::{Entry, Line, PORT, encode_name};
use crate::reactor::{Buffer, now, timeout};
use crate::units;

pub use verb::{Options, probe};

/// After the end of a list, how long more than it may come.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// The most lines of a list that are read.
pub const MOST_ENTRIES: usize = 1_000_000;

/// `listing://`: a whole list, and names that it must hold.
pub const LISTING: Scheme = Scheme {
    name: "listing",
    transport: Transport::Tcp,
    default_port: Some(PORT),
    takes_path: false,
    options: |_| &[],
    prepare,
};

/// A whole list.
#[derive(Debug, Default)]
pub struct List {
    /// By name, none twice.
    pub entries: Vec<Entry>,
    /// What is missing from it.
    pub warnings: Vec<String>,
}

/// Why there is no whole list.
#[derive(Debug)]
pub struct Cut(String);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cut {}

/// Receives lines until the end, after which nothing may follow; `take` gets
/// each entry and each warning as it comes.
///
/// # Errors
/// The end does not come until `deadline`, or what comes is no list, or `take`
/// does not want more: in words.
pub async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    deadline: Instant,
    take: &mut dyn FnMut(Line) -> Result<(), String>,
) -> Result<(), Cut> {
    let mut input = Input::default();
    let mut count: u64 = 0;
    let receiving = async {
        loop {
            match Line::decode(&mut input).map_err(|wrong| wrong.0)? {
                Some(Line::End(said)) if said == count => return Ok(()),
                Some(Line::End(said)) => {
                    return Err(format!(
                        "the list has {count} names, and its END says {said}"
                    ));
                }
                Some(line) => {
                    count += u64::from(matches!(line, Line::Entry(_)));
                    take(line)?;
                }
                None => {
                    let mut buffer = Buffer::take();
                    let read = stream.read(&mut buffer).await;
                    let read = read.map_err(|error| format!("the connection broke: {error}"))?;
                    input.add(&buffer[..read]);
                }
            }
        }
    };
    let received = until(deadline, receiving).await;
    received
        .unwrap_or_else(|| Err("the list did not end in time".into()))
        .map_err(Cut)?;
    match !input.is_empty() || follows(stream).await {
        true => Err(Cut("more came after the END of the list".into())),
        false => Ok(()),
    }
}

/// Whether anything comes after all that was announced.
async fn follows(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    let read = timeout(AFTERWARDS, stream.read(&mut byte)).await;
    matches!(read, Ok(Ok(1..)))
}

impl List {
    /// Receives one.
    ///
    /// # Errors
    /// As of [`receive`]; also more than [`MOST_ENTRIES`].
    pub async fn receive(
        stream: &mut (impl AsyncRead + Unpin),
        deadline: Instant,
    ) -> Result<Self, Cut> {
        let mut list = Self::default();
        let mut take = |line: Line| {
            match line {
                Line::Entry(_) if list.entries.len() == MOST_ENTRIES => {
                    return Err(format!("more than {MOST_ENTRIES} names"));
                }
                Line::Entry(entry) => list.entries.push(entry),
                Line::Warning(text) => list.warnings.push(text),
                Line::End(_) => {}
            }
            Ok(())
        };
        receive(stream, deadline, &mut take).await?;
        list.entries.sort();
        list.entries.dedup();
        Ok(list)
    }
}

/// What is expected of a list.
struct Listed(Expectations);

fn prepare(_: Option<&str>, settings: &super::Settings) -> Result<Question, String> {
    let expected = Expectations::of(&settings.script, "listing")?;
    Ok(Some(Rc::new(Listed(expected))))
}

impl Ask for Listed {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async { self.fetch(at).await.unwrap_or_else(|finding| finding) })
    }

    fn sentence(&self) -> String {
        let whole = String::from("lists its directory to the end");
        let names = self.0.words("a name");
        units::enumerate(std::iter::once(whole).chain(names).collect())
    }
}

impl Listed {
    async fn fetch(&self, at: &At<'_>) -> Result<Finding, Finding> {
        let mut link = Link::open(at).await?;
        let asked = now();
        let received = List::receive(&mut link.stream, link.deadline).await;
        let took: Duration = now().saturating_duration_since(asked);
        let mut finding = link.into_finding();
        let list = match received {
            Ok(list) => list,
            Err(cut) => return Err(finding.but(State::Mismatch, cut.to_string())),
        };
        finding.phases.first_byte = Some(took);
        let names: Vec<String> = list
            .entries
            .iter()
            .map(|it| encode_name(&it.name))
            .collect();
        finding.seen = Some(format!("{} names", names.len()));
        if let Some(warning) = list.warnings.first() {
            return Err(finding.but(State::Mismatch, format!("it warns: {warning}")));
        }
        match self.0.judge(&names) {
            Ok(()) => Ok(finding),
            Err(reason) => Err(finding.but(State::Mismatch, format!("of the names, {reason}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::run_fast_forward;

    /// What is wrong with these pieces, each of which comes by itself.
    fn wrong(first: &'static [u8], second: &'static [u8]) -> Option<String> {
        let receiving = async {
            let mut stream = first.chain(second);
            let deadline = now() + Duration::from_secs(1);
            receive(&mut stream, deadline, &mut |_| Ok(())).await
        };
        let received = run_fast_forward(receiving).unwrap();
        received.err().map(|it| it.to_string())
    }

    #[test]
    fn nothing_may_follow_the_end() {
        assert_eq!(wrong(b"END 0\n", b""), None);
        assert_eq!(wrong(b"WARN a\nEN", b"D 0\n"), None);
        let more = Some("more came after the END of the list".into());
        assert_eq!(wrong(b"END 0\n", b"x"), more);
        assert_eq!(wrong(b"END 0\nx", b""), more);
    }
}

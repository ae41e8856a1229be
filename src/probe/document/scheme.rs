//! `document://`: a frame with text, or silence, which is an empty document.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_io::AsyncRead;
use futures_lite::AsyncReadExt;

use crate::finding::{Finding, Lack, State};
use crate::probe::expectations::Expectations;
use crate::probe::link::Link;
use crate::probe::{Ask, At, Question, Scheme, Settings, Transport};
use crate::protocol::document::{HEADER_BYTES, PORT, decode_header};
use crate::reactor::{now, timeout};
use crate::units;

/// `document://`: a frame with text, or silence.
pub const DOCUMENT: Scheme = Scheme {
    name: "document",
    transport: Transport::Tcp,
    default_port: Some(PORT),
    takes_path: false,
    options: |_| &[],
    prepare,
};

/// How long a server may say nothing before its document counts as empty.
pub(super) const SILENCE: Duration = Duration::from_secs(1);

/// So much of a document is looked at.
const LOOKED_AT: usize = 1 << 20;

/// What is expected of a document.
struct Shared(Expectations);

/// What a server says first.
#[derive(Debug, PartialEq, Eq)]
enum Beginning {
    /// A frame of so many bytes, and the text in it, as far as it was looked at.
    Frame(u64, String),
    Silence,
}

fn prepare(_: Option<&str>, settings: &Settings) -> Result<Question, String> {
    let expected = Expectations::of(&settings.script, "document")?;
    Ok(Some(Rc::new(Shared(expected))))
}

impl Ask for Shared {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async { self.look(at).await.unwrap_or_else(|finding| finding) })
    }

    fn sentence(&self) -> String {
        let frame = String::from("sends its text in a frame, or nothing");
        let words = self.0.words("a text");
        units::enumerate(std::iter::once(frame).chain(words).collect())
    }
}

impl Shared {
    async fn look(&self, at: &At<'_>) -> Result<Finding, Finding> {
        let mut link = Link::open(at).await?;
        let asked = now();
        let left = link.deadline.saturating_duration_since(asked);
        // The verdict on silence comes before the attempt is given up.
        let silence = SILENCE.min(left / 2);
        let outcome = timeout(left, begin(&mut link.stream, silence)).await;
        let took = now().saturating_duration_since(asked);
        let mut finding = link.into_finding();
        let beginning = match outcome {
            Ok(Ok(beginning)) => beginning,
            Ok(Err(wrong)) => return Err(wrong.judge(finding)),
            Err(_) => {
                let limit = units::limit(at.limit);
                let reason = format!("its frame did not end within {limit}");
                let finding = finding.but(State::Mismatch, reason);
                return Err(finding.lacking(Some(Lack::Rest)));
            }
        };
        let text = match beginning {
            Beginning::Frame(length, text) => {
                finding.phases.first_byte = Some(took);
                finding.seen = Some(format!("a document of {length} bytes"));
                text
            }
            Beginning::Silence => {
                finding.seen = Some("an empty document".into());
                String::new()
            }
        };
        match self.0.judge(&[text]) {
            Ok(()) => Ok(finding),
            Err(reason) => Err(finding.but(State::Mismatch, format!("of the text, {reason}"))),
        }
    }
}

/// Why what came is no beginning.
#[derive(Debug)]
enum Wrong {
    Malformed(String),
    /// It closed when so many bytes of a frame had come.
    Closed(usize),
    Broken(io::Error),
}

impl Wrong {
    fn judge(self, finding: Finding) -> Finding {
        match self {
            Self::Malformed(reason) => finding.but(State::Mismatch, reason),
            Self::Closed(0) => finding
                .but(State::Mismatch, "it closed the connection at once")
                .hinting("it may have no place left"),
            Self::Closed(came) => finding
                .but(
                    State::Mismatch,
                    format!("it closed within a frame, after {came} bytes"),
                )
                .lacking(Some(Lack::Rest)),
            Self::Broken(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                finding.but(State::Reset, "the connection was reset")
            }
            Self::Broken(error) => finding.but(State::Unknown, error.to_string()),
        }
    }
}

/// Receives a frame as far as it is looked at, if one begins within `silence`.
async fn begin(
    stream: &mut (impl AsyncRead + Unpin),
    silence: Duration,
) -> Result<Beginning, Wrong> {
    let mut came = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if let Some(header) = came.first_chunk::<HEADER_BYTES>() {
            let length = decode_header(header).map_err(|wrong| Wrong::Malformed(wrong.0))?;
            let wanted = usize::try_from(length).unwrap_or(LOOKED_AT).min(LOOKED_AT);
            if let Some(body) = came[HEADER_BYTES..].get(..wanted) {
                return Ok(Beginning::Frame(length, text(body, length)?));
            }
        }
        let reading = stream.read(&mut buffer);
        let read = match came.is_empty() {
            true => match timeout(silence, reading).await {
                Ok(read) => read,
                Err(_) => return Ok(Beginning::Silence),
            },
            false => reading.await,
        };
        match read.map_err(Wrong::Broken)? {
            0 => return Err(Wrong::Closed(came.len())),
            count => came.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The text that this is; a character at the end may be cut if more follows.
fn text(body: &[u8], length: u64) -> Result<String, Wrong> {
    let is_cut = (body.len() as u64) < length;
    match str::from_utf8(body) {
        Ok(text) => Ok(text.into()),
        Err(error) if is_cut && error.error_len().is_none() => {
            Ok(String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned())
        }
        Err(error) => {
            let at = error.valid_up_to();
            let reason = format!("its frame is no UTF-8 text (at byte {at})");
            Err(Wrong::Malformed(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::run_fast_forward;

    /// What these bytes begin, after which the stream stays open or ends.
    fn beginning(bytes: &'static [u8], ends: bool) -> Result<Beginning, String> {
        let looking = async {
            let mut open = futures_lite::io::Cursor::new(bytes).chain(Rest);
            let mut ended = bytes;
            let outcome = match ends {
                true => begin(&mut ended, SILENCE).await,
                false => begin(&mut open, SILENCE).await,
            };
            outcome.map_err(|wrong| {
                let finding = wrong.judge(Finding::new(State::Open));
                finding.evidence.reason.unwrap_or_default().into_owned()
            })
        };
        run_fast_forward(looking).unwrap()
    }

    /// A stream on which nothing comes.
    struct Rest;

    impl AsyncRead for Rest {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut [u8],
        ) -> std::task::Poll<io::Result<usize>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn a_frame_or_silence_is_good() {
        assert_eq!(beginning(b"", false), Ok(Beginning::Silence));
        let frame = Beginning::Frame(5, "hello".into());
        assert_eq!(beginning(b"5         hello", false), Ok(frame));
        assert_eq!(
            beginning(b"0         ", false),
            Ok(Beginning::Frame(0, String::new()))
        );
    }

    #[test]
    fn anything_else_is_not() {
        for (bytes, reason) in [
            (&b""[..], "it closed the connection at once"),
            (b"5      ", "it closed within a frame, after 7 bytes"),
            (
                b"5         hell",
                "it closed within a frame, after 14 bytes",
            ),
            (b"SSH-2.0-OpenSSH", "`SSH-2.0-Op` is no header of a frame"),
            (
                b"2         \xc3\x28",
                "its frame is no UTF-8 text (at byte 0)",
            ),
            (b"1         \xc3", "its frame is no UTF-8 text (at byte 0)"),
        ] {
            assert_eq!(beginning(bytes, true), Err(reason.into()));
        }
    }

    #[test]
    fn no_more_than_the_limit_is_looked_at() {
        let mut body = vec![b'x'; LOOKED_AT - 1];
        body.push(0xc3);
        let cut = text(&body, 2 * LOOKED_AT as u64).unwrap();
        assert_eq!(cut.len(), LOOKED_AT - 1);
        assert!(text(&body, LOOKED_AT as u64).is_err());
    }
}

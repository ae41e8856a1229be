//! `echo://`: one numbered payload there and back, then both ends in order.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::finding::{Finding, State};
use crate::probe::excerpt::excerpt;
use crate::probe::link::{Bytes, Link};
use crate::probe::{Ask, At, Event, Question, Scheme, Settings, Transport};
use crate::protocol::echo::{Verifier, payload};
use crate::reactor::{now, timeout};
use crate::units;

/// `echo://`: what is sent comes back.
pub const ECHO: Scheme = Scheme {
    name: "echo",
    transport: Transport::Tcp,
    default_port: Some(12345),
    takes_path: false,
    options: |_| &[],
    prepare,
};

/// Bytes of the payload.
const PAYLOAD_BYTES: usize = 64;

/// Its number: not 0, so that no server of zeros passes.
const NUMBER: u64 = 0x6e65_746b_6974_2121;

/// The question whether an address echoes.
struct Echoes;

fn prepare(_path: Option<&str>, settings: &Settings) -> Result<Question, String> {
    if !settings.script.steps.is_empty() {
        return Err("echo has a conversation of its own (hint: `tcp://` takes yours)".into());
    }
    Ok(Some(Rc::new(Echoes)))
}

impl Ask for Echoes {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async {
            match Link::open(at).await {
                Ok(link) => converse(link, at).await,
                Err(finding) => finding,
            }
        })
    }

    fn sentence(&self) -> String {
        format!("sends {PAYLOAD_BYTES} bytes back as they are, then closes")
    }
}

async fn converse(mut link: Link, at: &At<'_>) -> Finding {
    let asked = now();
    let left = link.deadline.saturating_duration_since(asked);
    let sent = payload(NUMBER, PAYLOAD_BYTES);
    let mut came = Vec::new();
    let exchange = exchange(&mut link.stream, &sent, &mut came, at);
    let outcome = timeout(left, exchange).await;
    let finding = link.into_finding();
    let (state, reason) = match outcome {
        Ok(Ok(answered)) => {
            let mut finding = finding;
            finding.phases.first_byte = Some(answered.saturating_duration_since(asked));
            return finding;
        }
        Ok(Err(failure)) => failure,
        Err(_) => (State::Mismatch, late(came.len(), at.limit)),
    };
    Finding {
        seen: (!came.is_empty()).then(|| excerpt(&came)),
        ..finding.but(state, reason)
    }
}

/// Sends the payload, expects it back in `came` and then the end, and says when
/// the first byte came.
async fn exchange(
    stream: &mut Box<dyn Bytes>,
    sent: &[u8],
    came: &mut Vec<u8>,
    at: &At<'_>,
) -> Result<Instant, (State, String)> {
    let lost = |error: io::Error| lost(&error);
    stream.write_all(sent).await.map_err(lost)?;
    (at.observe)(Event::Sent(sent));
    let mut verifier = Verifier::new(sent);
    let mut answered = None;
    let mut buffer = [0; 2 * PAYLOAD_BYTES];
    loop {
        let count = stream.read(&mut buffer).await.map_err(lost)?;
        let piece = &buffer[..count];
        if piece.is_empty() {
            break;
        }
        (at.observe)(Event::Received(piece));
        answered.get_or_insert_with(now);
        came.extend_from_slice(piece);
        verifier
            .take(piece)
            .map_err(|wrong| (State::Mismatch, format!("it answered wrongly: {wrong}")))?;
        if verifier.is_complete() {
            stream.close().await.map_err(lost)?;
        }
    }
    let answered = answered.filter(|_| verifier.is_complete());
    answered.ok_or_else(|| {
        let matched = verifier.matched();
        let reason = format!("it closed after {matched} of {PAYLOAD_BYTES} bytes came back");
        (State::Mismatch, reason)
    })
}

fn late(came: usize, limit: Duration) -> String {
    let limit = units::limit(limit);
    match came {
        PAYLOAD_BYTES => {
            format!("it did not close within {limit} after our end of the stream")
        }
        _ => format!("no echo within {limit}: {came} of {PAYLOAD_BYTES} bytes came back"),
    }
}

fn lost(error: &io::Error) -> (State, String) {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    match error.kind() {
        BrokenPipe | ConnectionReset => (State::Reset, "the connection was reset".into()),
        _ => (State::Unknown, error.to_string()),
    }
}

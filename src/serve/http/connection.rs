//! One client: its requests in turn, until either side has enough.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures_lite::future;
use httpdate::fmt_http_date;
use hyper::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use super::TARGET;
use super::pace::{Pace, Paced};
use super::site::Site;
use crate::finding::End;
use crate::net::Wire;
use crate::reactor::{Buffer, timeout};
use crate::serve::Client;

/// The longest head of a request in bytes, its target and all headers; hyper
/// takes 100 headers at most. No more than this of an answer is read ahead of
/// what the kernel takes either, but for the piece that exceeds it.
const HEAD_BYTES: usize = 16 * 1024;

/// What a client may still send while the last answer is on its way: closing
/// with unread bytes would reset the connection and destroy the answer.
const LINGER_BYTES: usize = 16 << 20;

/// For how long it may.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Answers a client until its end.
pub(super) async fn attend(site: &Site, client: &Client) -> io::Result<End> {
    let _open = site.tally.open();
    let pace = Rc::new(Pace::new(client.idle_timeout()));
    // Nothing of hyper's is held for a client that has not asked yet.
    let arrival = async { Ok(client.stream.arrival().await) };
    match future::or(arrival, async { Err(interruption(&pace, client).await) }).await {
        Ok(outcome) => outcome?,
        Err(Interruption::Late(end)) => return Ok(end),
        Err(Interruption::Stop) => return Ok(End::Local),
    }
    Box::pin(converse(site, client, &pace)).await
}

enum Interruption {
    /// The client took too long.
    Late(End),
    /// The server is to end.
    Stop,
}

async fn interruption(pace: &Pace, client: &Client) -> Interruption {
    let late = async { Interruption::Late(pace.expired().await) };
    let stop = async {
        client.stopping().await;
        Interruption::Stop
    };
    future::or(late, stop).await
}

async fn converse(site: &Site, client: &Client, pace: &Rc<Pace>) -> io::Result<End> {
    let answer =
        service_fn(async |request| Ok::<_, Infallible>(site.answer(request, client, pace).await));
    let mut http = http1::Builder::new();
    // Deadlines are kept here, and a client that has finished its direction
    // still gets what it has asked for.
    http.header_read_timeout(None).half_close(true);
    http.max_buf_size(HEAD_BYTES);
    let stream = Wire::new(Paced::new(client, Rc::clone(pace)));
    let mut connection = pin!(http.serve_connection(stream, answer));
    let run = async { Ok(connection.as_mut().await) };
    let interrupted = async { Err(interruption(pace, client).await) };
    let outcome = match future::or(run, interrupted).await {
        Err(Interruption::Stop) => {
            // What is asked for already is answered.
            connection.as_mut().graceful_shutdown();
            let run = async { Ok(connection.as_mut().await) };
            let late = async { Err(Interruption::Late(pace.expired().await)) };
            future::or(run, late).await
        }
        outcome => outcome,
    };
    let end = match outcome {
        // An answer that is still on its way would be mixed up with this one.
        Err(Interruption::Late(End::Deadline)) if !pace.is_sending() => {
            refuse_late(site, client).await?
        }
        Err(Interruption::Late(end)) => return Ok(end),
        Ok(Err(error)) if error.is_user() => {
            log::warn!(target: TARGET, "{} is cut off: {}", client.peer(), innermost(&error));
            return Ok(End::Local);
        }
        Ok(Err(error)) => broken(&error, site, client)?,
        _ if pace.ended() => return Ok(End::Fin),
        _ => End::Local,
    };
    linger(client).await;
    Ok(end)
}

/// Answers who has begun a head and not finished it (RFC 9110, section 15.5.9),
/// which hyper would leave without an answer.
async fn refuse_late(site: &Site, client: &Client) -> io::Result<End> {
    let (status, peer) = (StatusCode::REQUEST_TIMEOUT, client.peer());
    let date = fmt_http_date(SystemTime::now());
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\nDate: {date}\r\n\r\n"
    );
    site.tally.count_status(status.as_u16());
    log::info!(target: TARGET, "{peer} did not finish its request in time: {status}");
    client.send(head.as_bytes()).await?;
    Ok(End::Deadline)
}

/// What a connection came to that did not end well.
fn broken(error: &hyper::Error, site: &Site, client: &Client) -> io::Result<End> {
    let peer = client.peer();
    if error.is_parse() {
        // hyper has answered by itself.
        let status = if error.is_parse_too_large() { 431 } else { 400 };
        site.tally.count_status(status);
        log::info!(target: TARGET, "{peer} sent no request that can be read: {status}: {}", innermost(error));
        return Ok(End::Local);
    }
    if error.is_incomplete_message() {
        return Ok(End::Fin);
    }
    let kind = innermost(error)
        .downcast_ref::<io::Error>()
        .map(io::Error::kind);
    Err(kind.unwrap_or(io::ErrorKind::Other).into())
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

/// Finishes our direction, and reads on for a while without looking at it.
async fn linger(client: &Client) {
    // It may be gone, which the next read tells.
    let _ = client.stream.shutdown(Shutdown::Write);
    let reading = async {
        let mut room = LINGER_BYTES;
        loop {
            client.stream.readable().await;
            let mut buffer = Buffer::take();
            match client.stream.try_read(&mut buffer) {
                Ok(count) if count > 0 && count <= room => room -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => break,
            }
        }
    };
    let _ = timeout(LINGER_TIME, reading).await;
}

//! From a request to its answer: what is asked for properly, and what stands
//! there.

use std::rc::Rc;

use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::account::Account;
use super::answer::{Answer, Asked, HTML, METRICS, Told};
use super::body::{Body, Content};
use super::pace::Pace;
use super::tally::Tally;
use super::{TARGET, listing};
use crate::files::{Found, Missing, Root};
use crate::protocol::http::path::Path;
use crate::protocol::raw::escape;
use crate::reactor::{Limit, blocking, now};
use crate::serve::{Client, is_exhausted};

/// The longest target of a request, in bytes (RFC 9110, section 4.1, asks for
/// 8000 at least).
const TARGET_BYTES: usize = 8 * 1024;

/// Pages (listings, metrics) that may be on their way at once: each is whole in
/// memory, up to a few MiB.
const MOST_PAGES: usize = 32;

/// What the directory `/` holds when it is asked for.
const INDEX: &[u8] = b"index.html";

/// Where the counts are.
const METRICS_PATH: &[u8] = b".netkit/metrics";

/// The files that are served, and what was served of them.
pub(super) struct Site {
    root: Root,
    metrics: bool,
    pages: Limit,
    pub(super) tally: Tally,
}

impl Site {
    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    pub(super) fn new(root: Root, metrics: bool) -> Self {
        Self {
            root,
            metrics,
            pages: Limit::new(MOST_PAGES),
            tally: Tally::default(),
        }
    }

    /// Answers a request and counts it, both before the first byte is sent. Its
    /// body is not looked at.
    pub(super) async fn answer<B>(
        &self,
        request: Request<B>,
        client: &Client,
        pace: &Rc<Pace>,
    ) -> Response<Body> {
        let started = now();
        pace.asked();
        let mut answer = match asked_properly(&request) {
            Ok(path) => self.look_up(path, &request).await,
            Err(refusal) => refusal,
        };
        if request.method() == Method::HEAD {
            answer.content = Content::Nothing;
        }
        self.tally.count_status(answer.status.as_u16());
        self.tally.count_bytes(answer.content.length());
        self.count_file(&answer, client);
        let account = Account::open(&request, &answer, client.peer(), started);
        let body = Body::new(answer.content, Rc::clone(pace), account);
        let mut response = Response::new(body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }

    async fn look_up<B>(&self, path: Path, request: &Request<B>) -> Answer {
        if self.metrics && path.names == METRICS_PATH {
            return match self.pages.try_acquire() {
                Some(permit) => Answer::page(self.tally.metrics(), permit, METRICS, path.names),
                None => too_many_pages(),
            };
        }
        let asked = Asked::of(request.method(), request.headers());
        match self.root.find(&path.names) {
            Ok(Found::File(_)) if path.directory => {
                Answer::refusal(StatusCode::NOT_FOUND, "it is a file, not a directory")
            }
            Ok(Found::File(file)) => Answer::file(file, &path.names, &asked),
            Ok(Found::Directory(_)) if !path.directory => {
                let query = request.uri().query();
                let query = query.map(|it| format!("?{it}")).unwrap_or_default();
                Answer::moved(&(path.as_directory() + &query))
            }
            Ok(Found::Directory(directory)) => self.directory(directory, path, &asked).await,
            Err(missing) => refuse(&missing),
        }
    }

    async fn directory(&self, directory: Root, path: Path, asked: &Asked<'_>) -> Answer {
        match directory.find(INDEX) {
            Ok(Found::File(file)) => {
                let mut name = path.names;
                if !name.is_empty() {
                    name.push(b'/');
                }
                name.extend_from_slice(INDEX);
                return Answer::file(file, &name, asked);
            }
            Ok(Found::Directory(_)) | Err(Missing::Absent(_)) => {}
            Err(missing) => return refuse(&missing),
        }
        let Some(permit) = self.pages.try_acquire() else {
            return too_many_pages();
        };
        let mut name = path.names;
        let (page, names) = blocking(move || (listing::page(&directory, &name), name)).await;
        name = names;
        if !name.is_empty() {
            name.push(b'/');
        }
        match page {
            Ok(page) => Answer::page(page, permit, HTML, name),
            Err(error) => refuse(&Missing::from(error)),
        }
    }

    /// Counts a request for what exists, and says how many there were.
    fn count_file(&self, answer: &Answer, client: &Client) {
        if let Told::Asked(name) = &answer.told {
            let (name, peer) = (shown(name), client.peer());
            let count = self.tally.count_file(&name);
            log::info!(target: TARGET, "/{name}|{}|{}|{count}", peer.ip(), peer.port());
        }
    }
}

/// The path that is asked for, if the request is one for a file.
fn asked_properly<B>(request: &Request<B>) -> Result<Path, Answer> {
    let bad = |why: &str| Answer::refusal(StatusCode::BAD_REQUEST, why);
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        // hyper hides whether there was a Content-Length too, and then both sides
        // may disagree on where the request ends (RFC 9112, section 6.1). A GET with
        // a body may be rejected anyway (RFC 9110, section 9.3.1).
        let answer = bad("it has a Transfer-Encoding, and no body is expected");
        let close = HeaderValue::from_static("close");
        return Err(answer.with(header::CONNECTION, close));
    }
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        let why = "only GET and HEAD are answered";
        let allowed = HeaderValue::from_static("GET, HEAD");
        let answer = Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, why);
        return Err(answer.with(header::ALLOW, allowed));
    }
    let hosts: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
    match hosts[..] {
        [] if request.version() == Version::HTTP_11 => return Err(bad("there is no Host")),
        [] => {}
        [host] if is_host(host) => {}
        [_] => return Err(bad("the Host is none")),
        _ => return Err(bad("there is more than one Host")),
    }
    let target = request.uri();
    let path = target.path();
    if path.len() + target.query().map_or(0, str::len) > TARGET_BYTES {
        let why = format!("the target is longer than {TARGET_BYTES} bytes");
        return Err(Answer::refusal(StatusCode::URI_TOO_LONG, why));
    }
    Path::decode(path).map_err(|error| Answer::refusal(StatusCode::BAD_REQUEST, error))
}

/// Whether it may be a host with a port or without (RFC 3986, section 3.2.2).
fn is_host(value: &HeaderValue) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%[]".contains(byte);
    value.as_bytes().iter().all(allowed)
}

fn refuse(missing: &Missing) -> Answer {
    let status = match missing {
        Missing::Absent(_) | Missing::Outside(_) | Missing::Special => StatusCode::NOT_FOUND,
        Missing::Denied(_) => StatusCode::FORBIDDEN,
        Missing::Failed(error) if is_exhausted(error) => StatusCode::SERVICE_UNAVAILABLE,
        Missing::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Answer::refusal(status, missing)
}

fn too_many_pages() -> Answer {
    let why = format!("{MOST_PAGES} pages are on their way, which is as many as may be");
    let later = HeaderValue::from_static("1");
    let answer = Answer::refusal(StatusCode::SERVICE_UNAVAILABLE, why);
    answer.with(header::RETRY_AFTER, later)
}

/// A name on one line of a log.
fn shown(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => escape(name),
    }
}

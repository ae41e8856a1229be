//! A request and, where that is asked for, the redirects that it leads to.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode, header};

use super::exchange::{Answer, exchange};
use super::request::Request;
use super::url::Url;
use crate::finding::{Finding, HttpEvidence, State};
use crate::net::{Families, dial};
use crate::probe::excerpt::excerpt;
use crate::probe::link::Link;
use crate::probe::{At, Event, Place};
use crate::reactor::now;

/// So many redirects are followed.
const MOST_REDIRECTS: usize = 10;

/// A request on its way.
pub(super) struct Visit<'a> {
    request: &'a Request,
    at: &'a At<'a>,
    started: Instant,
    /// Where the first request goes.
    home: Url,
    /// What was found of the checked address: other servers say nothing of it.
    found: Finding,
    http: HttpEvidence,
}

/// Asks at the place of `at`, and wherever it sends on to.
pub(super) async fn visit(request: &Request, at: &At<'_>) -> Finding {
    let home = Url {
        secure: request.secure,
        host: at.host.into(),
        port: at.place.port().unwrap_or_default(),
        path: request.path.clone(),
    };
    let mut visit = Visit {
        request,
        at,
        started: now(),
        home,
        found: Finding::new(State::Open),
        http: HttpEvidence {
            namelookup_us: at.resolve.map(micros),
            ..HttpEvidence::default()
        },
    };
    let outcome = visit.go().await;
    visit.finish(outcome)
}

impl Visit<'_> {
    /// The last answer, or why there is none.
    async fn go(&mut self) -> Result<Answer, Finding> {
        let (mut url, mut method) = (self.home.clone(), self.request.method.clone());
        loop {
            let answer = self.ask(&url, &method).await?;
            let redirect = self.http.location.as_deref();
            let Some(location) = redirect.filter(|_| self.request.follow) else {
                return Ok(answer);
            };
            let next = next_url(&url, location, self.http.followed.len());
            let next = next.map_err(|reason| {
                let found = self.found.clone();
                found.but(State::Mismatch, format!("redirect not followed: {reason}"))
            })?;
            method = next_method(method, answer.status);
            url = next;
            (self.at.observe)(Event::Done(&format!("redirected to {url}")));
            self.http.followed.push(url.to_string());
        }
    }

    /// One request, over a connection of its own.
    async fn ask(&mut self, url: &Url, method: &Method) -> Result<Answer, Finding> {
        let request = self.request.to(url, method, &self.home);
        let request = request.map_err(|it| Finding::new(State::Unknown).but(State::Unknown, it))?;
        let link = self.open(url).await;
        let link = link.map_err(|failed| self.lost(url, failed))?;
        let opened = self.since_start(now());
        let tls = link.finding.phases.tls.map(micros);
        self.http.connect_us = Some(opened.saturating_sub(tls.unwrap_or_default()));
        self.http.appconnect_us = tls.map(|_| opened);
        if self.http.followed.is_empty() {
            self.found = link.finding.clone();
        }
        let wanted = self.request.wanted();
        let answer = exchange(link, request, wanted, self.at.observe).await;
        let answer = answer.map_err(|failed| self.lost(url, failed))?;
        self.note(&answer);
        Ok(answer)
    }

    /// A connection to the server of `url`: the checked address where it is
    /// the same host, and any address of another one.
    async fn open(&self, url: &Url) -> Result<Link, Finding> {
        let limit = self.at.limit.saturating_sub(self.elapsed());
        let host = url.host.as_str();
        let link = match self.at.place {
            Place::Ip(_) if !url.is_same_host(&self.home) => {
                let began = now();
                let dialed = dial(host, url.port, Families::default(), limit).await;
                let dialed = dialed.map_err(|error| {
                    Finding::new(State::Mismatch).but(State::Mismatch, error.to_string())
                })?;
                let mut finding = Finding::new(State::Open);
                finding.phases.connect = dialed.connect;
                Link::new(Box::new(dialed.stream), finding, began, limit)
            }
            Place::Ip(address) => {
                let mut address = *address;
                address.set_port(url.port);
                let place = Place::Ip(address);
                let at = At {
                    place: &place,
                    host,
                    limit,
                    ..*self.at
                };
                Link::open(&at).await?
            }
            Place::Unix(_) => Link::open(self.at).await?,
        };
        let link = Link {
            limit: self.at.limit,
            ..link
        };
        self.secured(link, url).await
    }

    /// The link, with TLS where the URL asks for it.
    async fn secured(&self, link: Link, url: &Url) -> Result<Link, Finding> {
        match &self.request.security {
            Some(security) if url.secure => {
                let host = url.host.as_str();
                let at = At { host, ..*self.at };
                link.secure(security, &at).await
            }
            _ => Ok(link),
        }
    }

    /// What a failure at `url` says of the checked address: at another one, only
    /// that it leads there in vain, or that netkit could not tell.
    fn lost(&self, url: &Url, failed: Finding) -> Finding {
        if self.http.followed.is_empty() {
            return failed;
        }
        let state = match failed.state {
            State::Unknown => State::Unknown,
            _ => State::Mismatch,
        };
        let reason = failed.evidence.reason.as_deref().unwrap_or_default();
        let reason = format!("redirected to `{url}`: {reason}");
        let mut found = self.found.clone().but(state, reason);
        found.evidence.errno = failed.evidence.errno;
        found.seen = failed.seen;
        found
    }

    fn note(&mut self, answer: &Answer) {
        let text = |name| {
            let value = answer.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let is_redirect = matches!(answer.status.as_u16(), 301..=303 | 307 | 308);
        self.http.status = answer.status.as_u16();
        self.http.version = format!("{:?}", answer.version);
        self.http.location = text(header::LOCATION).filter(|_| is_redirect);
        self.http.content_type = text(header::CONTENT_TYPE);
        self.http.body_bytes = answer.body.count as u64;
        self.http.pretransfer_us = Some(self.since_start(answer.asked));
        self.http.starttransfer_us = Some(self.since_start(answer.answered));
        self.found.phases.first_byte = Some(answer.answered - answer.asked);
    }

    /// The verdict on all of it.
    fn finish(mut self, outcome: Result<Answer, Finding>) -> Finding {
        let total = self.elapsed();
        self.http.total_us = Some(self.since_start(now()));
        let judged = outcome.map(|answer| (self.request.judge(&answer), answer.body.start));
        let mut finding = match judged {
            Ok((Ok(()), _)) => self.found,
            Ok((Err(wrong), body)) => Finding {
                seen: (!body.is_empty()).then(|| excerpt(&body)),
                ..wrong.of(self.found)
            },
            Err(finding) => finding,
        };
        finding.phases.total = Some(total);
        // Without any answer there is nothing to say of HTTP.
        let answered = self.http.status > 0;
        finding.http = answered.then(|| Box::new(self.http));
        finding
    }

    fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.started)
    }

    fn since_start(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.started);
        micros(since + self.at.resolve.unwrap_or_default())
    }
}

/// Where a redirect leads, if it may be followed after so many.
fn next_url(from: &Url, location: &str, followed: usize) -> Result<Url, String> {
    let next = from.join(location)?;
    if followed >= MOST_REDIRECTS {
        return Err(format!("there are more than {MOST_REDIRECTS}"));
    }
    if from.secure && !next.secure {
        return Err(format!("it leads from https to `{next}`"));
    }
    Ok(next)
}

/// As browsers do it (RFC 9110 sections 15.4.2 to 15.4.4).
fn next_method(method: Method, status: StatusCode) -> Method {
    match (status.as_u16(), &method) {
        (303, &Method::HEAD) => method,
        (303, _) | (301 | 302, &Method::POST) => Method::GET,
        _ => method,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_https_or_on_for_ever() {
        let secure = Url {
            secure: true,
            host: "web".into(),
            port: 443,
            path: "/".into(),
        };
        assert!(next_url(&secure, "https://other/", 9).is_ok());
        assert!(next_url(&secure, "/x", 10).is_err());
        let error = next_url(&secure, "http://web/", 0).unwrap_err();
        assert_eq!(error, "it leads from https to `http://web/`");
    }

    #[test]
    fn a_redirect_may_change_the_method() {
        let next = |method, status| next_method(method, StatusCode::from_u16(status).unwrap());
        assert_eq!(next(Method::POST, 301), Method::GET);
        assert_eq!(next(Method::PUT, 303), Method::GET);
        assert_eq!(next(Method::HEAD, 303), Method::HEAD);
        assert_eq!(next(Method::POST, 307), Method::POST);
    }
}

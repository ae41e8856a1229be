//! What is asked of a server, and what is expected of its answer.

use http_body_util::Empty;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use regex_lite::Regex;

use super::exchange::{Answer, Asked, Wanted};
use super::status::Statuses;
use super::url::{Url, check_path};
use crate::finding::{Finding, State};
use crate::probe::Settings;
use crate::probe::excerpt::excerpt;
use crate::probe::expectations::{Expectations, regex};
use crate::probe::tls::Security;
use crate::units::enumerate;

/// So much of a body is held against the expectations.
const JUDGED_BYTES: usize = 1 << 20;

/// So much of a body is read where nothing is expected of it.
const READ_BYTES: usize = 64 << 20;

/// So much of it is kept, to be shown.
const SHOWN_BYTES: usize = 1024;

/// Headers that the server meant may see, and no other.
const PRIVATE: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::HOST,
];

/// What servers say of a request that came to their TLS port in plain text:
/// nginx, Go, Apache.
const WANTS_TLS: [&str; 3] = [
    "plain HTTP request was sent to HTTPS port",
    "HTTP request to an HTTPS server",
    "plain HTTP to an SSL-enabled server port",
];

/// A request to any address, and what is expected of the answer.
pub(super) struct Request {
    pub(super) secure: bool,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) follow: bool,
    headers: HeaderMap,
    statuses: Statuses,
    expected_headers: Vec<(HeaderName, Regex)>,
    expectations: Expectations,
    /// What TLS is to be, where it may come to that.
    pub(super) security: Option<Security>,
}

/// What is wrong with an answer.
pub(super) struct Wrong {
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) hint: Option<&'static str>,
}

impl Request {
    /// Understands what is asked.
    ///
    /// # Errors
    /// Names the setting that makes no sense, in a sentence.
    pub(super) fn prepare(
        secure: bool,
        path: Option<&str>,
        settings: &Settings,
    ) -> Result<Self, String> {
        let path = path.unwrap_or("/");
        check_path(path)?;
        let http = &settings.http;
        Ok(Self {
            secure,
            method: read_method(http.method.as_deref())?,
            path: path.into(),
            follow: http.follow,
            headers: read_headers(&http.header)?,
            statuses: Statuses::parse(http.status.as_deref())?,
            expected_headers: read_expected(&http.expect_header)?,
            expectations: Expectations::of(&settings.script, "http")?,
            security: (secure || http.follow)
                .then(|| Security::prepare(&settings.tls))
                .transpose()?,
        })
    }

    /// The request for `url`; `home` is where the first one went.
    ///
    /// # Errors
    /// hyper refuses it: in words.
    pub(super) fn to(&self, url: &Url, method: &Method, home: &Url) -> Result<Asked, String> {
        let mut headers = self.headers.clone();
        if !url.is_same_origin(home) {
            for name in PRIVATE {
                headers.remove(name);
            }
        }
        let host = HeaderValue::from_str(&url.authority());
        let host = host.map_err(|_| format!("`{}` cannot be a host's name", url.host))?;
        let agent = HeaderValue::from_static(concat!("netkit/", env!("CARGO_PKG_VERSION")));
        headers.entry(header::HOST).or_insert(host);
        headers.entry(header::USER_AGENT).or_insert(agent);
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        let request = hyper::Request::builder().method(method).uri(&url.path);
        let mut request = request
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// How much of a body is wanted.
    pub(super) fn wanted(&self) -> Wanted {
        match self.expectations.is_empty() {
            true => Wanted {
                read: READ_BYTES,
                kept: SHOWN_BYTES,
            },
            false => Wanted {
                read: JUDGED_BYTES,
                kept: JUDGED_BYTES,
            },
        }
    }

    /// What a good answer is, as the rest of a sentence.
    pub(super) fn sentence(&self) -> String {
        let (method, path, statuses) = (&self.method, &self.path, &self.statuses);
        let redirects = match self.follow {
            true => ", after redirects if there are any,",
            false => "",
        };
        let first = format!("answers `{method} {path}`{redirects} with {statuses}");
        let headers = self.expected_headers.iter();
        let headers =
            headers.map(|(name, value)| format!("a header `{name}` that matches {value}"));
        let body = self.expectations.words("a body");
        let tls = self.security.iter().filter(|_| self.secure);
        let tls = tls.map(Security::sentence);
        let parts = tls.chain([first]).chain(headers).chain(body);
        enumerate(parts.collect())
    }

    /// Holds an answer against all that is expected.
    pub(super) fn judge(&self, answer: &Answer) -> Result<(), Wrong> {
        let body = String::from_utf8_lossy(&answer.body.start);
        if !self.statuses.contain(answer.status.as_u16()) {
            let refuses_plain_text = !self.secure && WANTS_TLS.iter().any(|it| body.contains(it));
            return Err(Wrong {
                state: State::Mismatch,
                reason: format!("{}, expected {}", named(answer.status), self.statuses),
                hint: refuses_plain_text.then_some("it expects TLS: ask it with `https://`"),
            });
        }
        self.judge_headers(&answer.headers).map_err(Wrong::from)?;
        if let Some((state, reason)) = &answer.body.failure {
            return Err(Wrong {
                state: *state,
                reason: reason.clone(),
                hint: None,
            });
        }
        let judged = self.expectations.judge(&[body]);
        if answer.body.start.len() < JUDGED_BYTES {
            return judged.map_err(|reason| Wrong::from(format!("of the body, {reason}")));
        }
        judged
            .map_err(|reason| Wrong::from(format!("of the first 1 MiB of the body, {reason}")))?;
        match self.expectations.rejects() {
            // What was not looked at may hold it.
            true => Err(Wrong::from(String::from(
                "the body has 1 MiB or more: --reject cannot look at all of it",
            ))),
            false => Ok(()),
        }
    }

    fn judge_headers(&self, headers: &HeaderMap) -> Result<(), String> {
        for (name, expected) in &self.expected_headers {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|it| String::from_utf8_lossy(it.as_bytes()))
                .collect();
            if values.is_empty() {
                return Err(format!("it sent no header `{name}`"));
            }
            if !values.iter().any(|it| expected.is_match(it)) {
                let shown = excerpt(values.join(", ").as_bytes());
                return Err(format!(
                    "the header `{name}` is `{shown}`, which `{expected}` does not match"
                ));
            }
        }
        Ok(())
    }
}

impl Wrong {
    /// What was found, with this against it.
    pub(super) fn of(self, found: Finding) -> Finding {
        let finding = found.but(self.state, self.reason);
        match self.hint {
            Some(hint) => finding.hinting(hint),
            None => finding,
        }
    }
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self {
            state: State::Mismatch,
            reason,
            hint: None,
        }
    }
}

/// A status with its usual name.
fn named(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

fn read_method(text: Option<&str>) -> Result<Method, String> {
    let Some(text) = text else {
        return Ok(Method::GET);
    };
    let method = Method::from_bytes(text.as_bytes());
    let method = method.map_err(|_| format!("`{text}` is not a method such as HEAD"))?;
    let upper = text.to_ascii_uppercase();
    if upper != text {
        return Err(format!(
            "`{text}` is not a method (hint: they are in capitals, as `{upper}`)"
        ));
    }
    match method {
        Method::CONNECT => Err("`CONNECT` is for proxies, not for a path".into()),
        method => Ok(method),
    }
}

fn read_headers(texts: &[String]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for text in texts {
        let (name, value) = split_header(text)?;
        if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name) {
            return Err(format!("`{text}` announces a body, and netkit sends none"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value = value.map_err(|_| format!("`{}` cannot be sent", text.escape_debug()))?;
        headers
            .try_append(name, value)
            .map_err(|_| format!("{} headers are too many", texts.len()))?;
    }
    Ok(headers)
}

fn read_expected(texts: &[String]) -> Result<Vec<(HeaderName, Regex)>, String> {
    let expected = texts.iter().map(|text| {
        let (name, value) = split_header(text)?;
        Ok((name, regex(value)?))
    });
    expected.collect()
}

fn split_header(text: &str) -> Result<(HeaderName, &str), String> {
    let wrong = || format!("`{}` is not `NAME: VALUE`", text.escape_debug());
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    Ok((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::http;
    use crate::probe::script::{Script, Step};

    #[track_caller]
    fn culprit(settings: http::Settings) -> String {
        let settings = Settings {
            http: settings,
            ..Settings::default()
        };
        Request::prepare(false, None, &settings).err().unwrap()
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let usual = http::Settings::default;
        for (method, error) in [
            ("G T", "`G T` is not a method such as HEAD"),
            (
                "head",
                "`head` is not a method (hint: they are in capitals, as `HEAD`)",
            ),
            ("CONNECT", "`CONNECT` is for proxies, not for a path"),
        ] {
            let method = Some(method.to_owned());
            assert_eq!(culprit(http::Settings { method, ..usual() }), error);
        }
        for (text, error) in [
            ("Accept", "`Accept` is not `NAME: VALUE`"),
            ("A b: c", "`A b: c` is not `NAME: VALUE`"),
            ("A: b\nc", "`A: b\\nc` cannot be sent"),
            (
                "content-length: 3",
                "`content-length: 3` announces a body, and netkit sends none",
            ),
        ] {
            let header = vec![text.to_owned()];
            assert_eq!(culprit(http::Settings { header, ..usual() }), error);
        }
        let expect_header = vec!["Server: (".to_owned()];
        let error = culprit(http::Settings {
            expect_header,
            ..usual()
        });
        assert!(
            error.starts_with("`(` is not a regular expression"),
            "{error}"
        );
        let status = Some("ok".to_owned());
        let error = culprit(http::Settings { status, ..usual() });
        assert!(error.starts_with("`ok` is no status"), "{error}");
    }

    #[test]
    fn a_path_and_a_conversation_that_make_no_sense_are_named() {
        let error = Request::prepare(false, Some("/a b"), &Settings::default());
        assert!(
            error
                .err()
                .unwrap()
                .starts_with("` ` cannot stand in a path")
        );
        let settings = Settings {
            script: Script {
                steps: vec![Step::Read(crate::probe::script::Amount::Bytes(3))],
            },
            ..Settings::default()
        };
        let error = Request::prepare(false, None, &settings).err().unwrap();
        assert!(
            error.starts_with("`--read` has no place in http"),
            "{error}"
        );
    }

    #[test]
    fn what_is_private_stays_with_the_first_server() {
        let settings = Settings {
            http: http::Settings {
                header: vec!["Authorization: secret".into(), "X-Mine: 1".into()],
                ..http::Settings::default()
            },
            ..Settings::default()
        };
        let request = Request::prepare(false, None, &settings).unwrap();
        let home = Url {
            secure: false,
            host: "web".into(),
            port: 80,
            path: "/".into(),
        };
        for (location, sent) in [
            ("/x", true),
            ("http://other/", false),
            ("https://web/", false),
        ] {
            let url = home.join(location).unwrap();
            let asked = request.to(&url, &Method::GET, &home).unwrap();
            let headers = asked.headers();
            assert_eq!(headers.contains_key("authorization"), sent, "{location}");
            assert_eq!(headers["x-mine"], "1", "{location}");
        }
    }
}

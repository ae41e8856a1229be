//! Answers: a file or the part of it that is wanted, a page, or why there is
//! neither.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::fmt_http_date;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use super::body::Content;
use super::part::Part;
use super::types;
use crate::files::RegularFile;
use crate::protocol::http::conditions::{Conditions, Validators, Verdict};
use crate::protocol::http::range::Range;
use crate::reactor::Permit;

/// In every answer.
const SERVER: HeaderValue = HeaderValue::from_static(concat!("netkit/", env!("CARGO_PKG_VERSION")));

/// A listing runs nothing and loads nothing, whatever the names in it.
const LISTING_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

/// A page of text or HTML; Prometheus' format, version 0.0.4.
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
pub(super) const METRICS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What is answered to a request.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// What the log says of it, beside the status.
    pub(super) told: Told,
}

/// What the log says of an answer.
pub(super) enum Told {
    /// That this, which exists, was asked for once more: its path without the
    /// first slash.
    Asked(Vec<u8>),
    /// These words.
    Why(String),
}

impl Answer {
    fn new(status: StatusCode, content: Content, told: Told) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::SERVER, SERVER);
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        Self {
            status,
            headers,
            content,
            told,
        }
    }

    /// That it is not answered otherwise, and why.
    pub(super) fn refusal(status: StatusCode, why: impl Display) -> Self {
        let text = format!("{status}: {why}\n");
        Self::new(status, Content::Text(text), Told::Why(why.to_string()))
            .with(header::CONTENT_TYPE, TEXT)
            .with_length()
    }

    /// That it is elsewhere on this host: `location` is an encoded path.
    pub(super) fn moved(location: &str) -> Self {
        let answer = Self::refusal(StatusCode::MOVED_PERMANENTLY, "it is a directory");
        match HeaderValue::try_from(location) {
            Ok(location) => answer.with(header::LOCATION, location),
            Err(error) => Self::refusal(StatusCode::INTERNAL_SERVER_ERROR, error),
        }
    }

    /// A page that was made for this client.
    pub(super) fn page(page: String, permit: Permit, kind: HeaderValue, name: Vec<u8>) -> Self {
        let content = Content::Page(page, permit);
        Self::new(StatusCode::OK, content, Told::Asked(name))
            .with(header::CONTENT_TYPE, kind)
            .with(header::CONTENT_SECURITY_POLICY, LISTING_POLICY)
            .with_length()
    }

    /// The file called `name`, or what of it is wanted.
    pub(super) fn file(found: RegularFile, name: &[u8], asked: &Asked<'_>) -> Self {
        let tag = entity_tag(&found);
        let validators = Validators {
            tag: &tag,
            modified: http_date(found.modified),
        };
        let tried = |status, content| {
            Self::new(status, content, Told::Asked(name.to_owned())).with_validators(&validators)
        };
        match asked.conditions().judge(&validators) {
            Verdict::Met => {}
            Verdict::NotModified => return tried(StatusCode::NOT_MODIFIED, Content::Nothing),
            Verdict::Failed => {
                let why = "it is not the content that was meant";
                return Self::refusal(StatusCode::PRECONDITION_FAILED, why)
                    .with_validators(&validators);
            }
        }
        let length = found.length;
        let part = |first, length| Content::Part(Part::new(found.file, first, length));
        let answer = match asked.range(&validators, length) {
            Range::Whole => tried(StatusCode::OK, part(0, length)),
            Range::Part { first, last } => {
                let range = format!("bytes {first}-{last}/{length}");
                tried(StatusCode::PARTIAL_CONTENT, part(first, last - first + 1))
                    .with_text(header::CONTENT_RANGE, &range)
            }
            Range::Unsatisfiable => {
                let why = format!("it has {length} bytes");
                return Self::refusal(StatusCode::RANGE_NOT_SATISFIABLE, why)
                    .with_text(header::CONTENT_RANGE, &format!("bytes */{length}"));
            }
        };
        answer
            .with(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))
            .with_text(header::CONTENT_TYPE, &content_type(name))
            .with_length()
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a value that is known to be printable ASCII.
    fn with_text(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn with_validators(self, validators: &Validators<'_>) -> Self {
        let answer = self.with_text(header::ETAG, validators.tag);
        match validators.modified {
            Some(date) => answer.with_text(header::LAST_MODIFIED, &fmt_http_date(date)),
            None => answer,
        }
    }

    /// Said here and not by hyper, so that HEAD has it as GET does.
    fn with_length(self) -> Self {
        let length = HeaderValue::from(self.content.length());
        self.with(header::CONTENT_LENGTH, length)
    }
}

/// What of a request decides how a file is answered.
pub(super) struct Asked<'a> {
    method: &'a Method,
    range: Option<Cow<'a, [u8]>>,
    /// In the order of the fields of [`Conditions`].
    conditions: [Option<Cow<'a, [u8]>>; 5],
}

impl<'a> Asked<'a> {
    pub(super) fn of(method: &'a Method, headers: &'a HeaderMap) -> Self {
        let names = [
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_MODIFIED_SINCE,
            header::IF_UNMODIFIED_SINCE,
            header::IF_RANGE,
        ];
        Self {
            method,
            range: field(headers, &header::RANGE),
            conditions: names.map(|name| field(headers, &name)),
        }
    }

    fn conditions(&self) -> Conditions<'_> {
        let [matches, none_match, modified_since, unmodified_since, range] =
            self.conditions.each_ref().map(|it| it.as_deref());
        Conditions {
            matches,
            none_match,
            modified_since,
            unmodified_since,
            range,
        }
    }

    /// Only GET knows of ranges (RFC 9110, section 14.2).
    fn range(&self, validators: &Validators<'_>, length: u64) -> Range {
        let allowed = || self.conditions().allow_part(validators, SystemTime::now());
        match &self.range {
            Some(value) if *self.method == Method::GET && allowed() => Range::parse(value, length),
            _ => Range::Whole,
        }
    }
}

/// A header's value; of several lines with commas between (RFC 9110, section 5.2).
fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = values.next()?;
    Some(values.fold(Cow::Borrowed(first), |joined, value| {
        Cow::Owned([&joined, value].join(&b", "[..]))
    }))
}

/// The moment as a date of HTTP can tell it: in whole seconds, and not in the
/// future (RFC 9110, section 8.8.2.1).
pub(super) fn http_date(moment: SystemTime) -> Option<SystemTime> {
    let moment = moment.min(SystemTime::now());
    let seconds = moment.duration_since(UNIX_EPOCH).ok()?.as_secs();
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Another file, another time of change or another length is another tag.
fn entity_tag(file: &RegularFile) -> String {
    let (sign, distance) = match file.modified.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    let RegularFile { inode, length, .. } = file;
    format!("\"{inode:x}-{sign}{:x}-{length:x}\"", distance.as_nanos())
}

/// By the extension; text is taken to be UTF-8.
fn content_type(name: &[u8]) -> String {
    let extension = Path::new(OsStr::from_bytes(name)).extension();
    let kind = extension
        .and_then(OsStr::to_str)
        .and_then(types::of_extension);
    match kind.unwrap_or("application/octet-stream") {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        kind => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_the_extension() {
        for (name, expected) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a/b.TXT", "text/plain; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.png", "image/png"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a", "application/octet-stream"),
            (".txt", "application/octet-stream"),
            ("a.txt/b", "application/octet-stream"),
        ] {
            assert_eq!(content_type(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(content_type(b"\xff.txt"), "text/plain; charset=utf-8");
    }

    #[test]
    fn dates_are_such_that_http_can_tell_them() {
        assert_eq!(http_date(UNIX_EPOCH - Duration::from_secs(1)), None);
        let moment = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(http_date(moment), Some(UNIX_EPOCH + Duration::from_secs(1)));
        let future = SystemTime::now() + Duration::from_secs(1 << 40);
        assert!(http_date(future).is_some_and(|it| it <= SystemTime::now()));
    }

    #[test]
    fn several_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"a\""));
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"b\""));
        let joined = field(&headers, &header::IF_MATCH);
        assert_eq!(joined.as_deref(), Some(&b"\"a\", \"b\""[..]));
        assert_eq!(field(&headers, &header::RANGE), None);
    }
}

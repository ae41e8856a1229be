//! Whether a request is to be answered at all, given what the client has
//! (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use httpdate::parse_http_date;

/// What tells one content of a file from another.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// Its strong entity tag, with the quotes.
    pub tag: &'a str,
    /// When it was last changed, in whole seconds; nothing if no date of HTTP
    /// can tell it.
    pub modified: Option<SystemTime>,
}

/// The conditions of a request: the values of the headers of these names, those
/// of several lines with commas between them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions<'a> {
    /// `If-Match`.
    pub matches: Option<&'a [u8]>,
    /// `If-None-Match`.
    pub none_match: Option<&'a [u8]>,
    /// `If-Modified-Since`.
    pub modified_since: Option<&'a [u8]>,
    /// `If-Unmodified-Since`.
    pub unmodified_since: Option<&'a [u8]>,
    /// `If-Range`.
    pub range: Option<&'a [u8]>,
}

/// What follows from them for a GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered as if there were none.
    Met,
    /// The client has this content already: 304.
    NotModified,
    /// It wants another content than this: 412.
    Failed,
}

impl Conditions<'_> {
    /// Judges them in the order of RFC 9110, section 13.2.2.
    #[must_use]
    pub fn judge(&self, file: &Validators<'_>) -> Verdict {
        let later = |date: Option<&[u8]>| {
            let date = date.and_then(date_of)?;
            Some(file.modified? > date)
        };
        let met = match self.matches {
            Some(list) => has_tag(list, file.tag, Comparison::Strong),
            None => later(self.unmodified_since) != Some(true),
        };
        if !met {
            return Verdict::Failed;
        }
        let new = match self.none_match {
            Some(list) => !has_tag(list, file.tag, Comparison::Weak),
            None => later(self.modified_since) != Some(false),
        };
        if new {
            Verdict::Met
        } else {
            Verdict::NotModified
        }
    }

    /// Whether a range may be answered with a part: the client's own part is
    /// one of this content (section 13.1.5).
    ///
    /// A date tells that only once the second that it names is over.
    #[must_use]
    pub fn allow_part(&self, file: &Validators<'_>, now: SystemTime) -> bool {
        let Some(value) = self.range else {
            return true;
        };
        if let Some(date) = date_of(value) {
            let age = now.duration_since(date);
            let over = age.is_ok_and(|age| age >= Duration::from_secs(1));
            return over && file.modified == Some(date);
        }
        value.trim_ascii() == file.tag.as_bytes()
    }
}

/// How tags are compared (section 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of entity tags has `tag`, or is `*`; what is malformed ends it.
fn has_tag(list: &[u8], tag: &str, comparison: Comparison) -> bool {
    let wanted = tag.as_bytes().strip_prefix(b"\"");
    let wanted = wanted.and_then(|it| it.strip_suffix(b"\""));
    let mut rest = list.trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        let Some(start) = rest
            .iter()
            .position(|it| !matches!(it, b' ' | b'\t' | b','))
        else {
            return false;
        };
        let Some((_, at)) = rest.split_at_checked(start) else {
            return false;
        };
        let strong = at.strip_prefix(b"W/").unwrap_or(at);
        let weak = strong.len() != at.len();
        let Some(inner) = strong.strip_prefix(b"\"") else {
            return false;
        };
        let mut parts = inner.splitn(2, |it| *it == b'"');
        let (Some(opaque), Some(after)) = (parts.next(), parts.next()) else {
            return false;
        };
        let same = wanted == Some(opaque);
        if same && !(weak && comparison == Comparison::Strong) {
            return true;
        }
        rest = after;
    }
}

fn date_of(value: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(value).ok()?;
    parse_http_date(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAG: &str = "\"a-1\"";
    const BEFORE: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";

    fn file() -> Validators<'static> {
        Validators {
            tag: TAG,
            modified: date_of(THEN),
        }
    }

    fn judge(conditions: Conditions<'_>) -> Verdict {
        conditions.judge(&file())
    }

    #[test]
    fn none_match_takes_lists_and_weak_tags() {
        for (list, expected) in [
            (&b"\"a-1\""[..], Verdict::NotModified),
            (b"W/\"a-1\"", Verdict::NotModified),
            (b"\"x\", W/\"y\" ,\"a-1\"", Verdict::NotModified),
            (b" * ", Verdict::NotModified),
            (b"\"x,\\\",\"a-1\"", Verdict::NotModified),
            (b"\"x\"", Verdict::Met),
            (b"\"a-1", Verdict::Met),
            (b"a-1", Verdict::Met),
            (b"\"\"", Verdict::Met),
            (b"", Verdict::Met),
            (b",,", Verdict::Met),
            (b"w/\"a-1\"", Verdict::Met),
            (b"\"A-1\"", Verdict::Met),
        ] {
            let conditions = Conditions {
                none_match: Some(list),
                // Not looked at beside a tag.
                modified_since: Some(BEFORE),
                ..Conditions::default()
            };
            assert_eq!(judge(conditions), expected, "{}", list.escape_ascii());
        }
    }

    #[test]
    fn a_match_is_strong() {
        for (list, expected) in [
            (&b"\"a-1\""[..], Verdict::Met),
            (b"\"x\",\"a-1\"", Verdict::Met),
            (b"*", Verdict::Met),
            (b"W/\"a-1\"", Verdict::Failed),
            (b"\"x\"", Verdict::Failed),
            (b"", Verdict::Failed),
        ] {
            let conditions = Conditions {
                matches: Some(list),
                unmodified_since: Some(BEFORE),
                ..Conditions::default()
            };
            assert_eq!(judge(conditions), expected, "{}", list.escape_ascii());
        }
    }

    #[test]
    fn dates_are_compared_in_seconds() {
        let since = |date| Conditions {
            modified_since: Some(date),
            ..Conditions::default()
        };
        assert_eq!(judge(since(BEFORE)), Verdict::Met);
        assert_eq!(judge(since(THEN)), Verdict::NotModified);
        assert_eq!(judge(since(AFTER)), Verdict::NotModified);
        assert_eq!(judge(since(b"yesterday")), Verdict::Met);
        assert_eq!(
            judge(since(b"Sunday, 06-Nov-94 08:49:37 GMT")),
            Verdict::NotModified
        );
        assert_eq!(
            judge(since(b"Sun Nov  6 08:49:37 1994")),
            Verdict::NotModified
        );
        let unless = |date| Conditions {
            unmodified_since: Some(date),
            ..Conditions::default()
        };
        assert_eq!(judge(unless(BEFORE)), Verdict::Failed);
        assert_eq!(judge(unless(THEN)), Verdict::Met);
        assert_eq!(judge(unless(b"\xff")), Verdict::Met);
        let undated = Validators {
            modified: None,
            ..file()
        };
        assert_eq!(since(AFTER).judge(&undated), Verdict::Met);
        assert_eq!(unless(BEFORE).judge(&undated), Verdict::Met);
    }

    #[test]
    fn a_match_is_judged_before_all_else() {
        let conditions = Conditions {
            matches: Some(b"\"x\""),
            none_match: Some(b"*"),
            ..Conditions::default()
        };
        assert_eq!(judge(conditions), Verdict::Failed);
        let conditions = Conditions {
            matches: Some(b"*"),
            none_match: Some(b"*"),
            ..Conditions::default()
        };
        assert_eq!(judge(conditions), Verdict::NotModified);
    }

    #[test]
    fn a_part_is_of_the_same_content() {
        let allows = |value: &[u8], now: &[u8]| {
            let conditions = Conditions {
                range: Some(value),
                ..Conditions::default()
            };
            conditions.allow_part(&file(), date_of(now).unwrap())
        };
        assert!(allows(b"\"a-1\"", THEN));
        assert!(!allows(b"W/\"a-1\"", AFTER));
        assert!(!allows(b"\"x\"", AFTER));
        assert!(!allows(b"*", AFTER));
        assert!(allows(THEN, AFTER));
        assert!(!allows(THEN, THEN));
        assert!(!allows(BEFORE, AFTER));
        assert!(!allows(AFTER, AFTER));
        let none = Conditions::default();
        assert!(none.allow_part(&file(), SystemTime::UNIX_EPOCH));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), list in "[\"W/,* a1-]{0,20}") {
            for value in [bytes.as_slice(), list.as_bytes()] {
                let conditions = Conditions {
                    matches: Some(value),
                    none_match: Some(value),
                    modified_since: Some(value),
                    unmodified_since: Some(value),
                    range: Some(value),
                };
                let _ = conditions.judge(&file());
                let _ = conditions.allow_part(&file(), SystemTime::UNIX_EPOCH);
            }
        }
    }
}

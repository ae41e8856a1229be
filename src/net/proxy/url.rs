//! Which proxy, as a user writes it: `KIND://[USER[:PASSWORD]@]HOST[:PORT]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::ops::Range;
use std::str::FromStr;

use percent_encoding::percent_decode;

use super::{Proxy, ProxyKind};
use crate::protocol::proxy::Credentials;
use crate::protocol::proxy::http::Version;

/// Every word for a kind, with its usual port.
const KINDS: [(&str, ProxyKind, u16); 5] = [
    ("socks5", ProxyKind::Socks5, 1080),
    ("socks5h", ProxyKind::Socks5, 1080),
    ("socks4", ProxyKind::Socks4, 1080),
    ("socks4a", ProxyKind::Socks4a, 1080),
    ("http", ProxyKind::Http(Version::Http11), 3128),
];

/// What is shown in place of user and password.
const HIDDEN: &str = "***";

/// A proxy that cannot be understood. User and password are not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUrlError {
    shown: String,
    culprit: Range<usize>,
    reason: String,
}

/// Where a text is wrong, in bytes, and why.
type Wrong = (Range<usize>, String);

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    /// Reads `KIND://[USER[:PASSWORD]@]HOST[:PORT]`, where KIND is `socks5` (or
    /// `socks5h`), `socks4`, `socks4a` or `http`. What precedes the last `@` is
    /// user and password, in which `%XX` stands for a byte.
    ///
    /// # Errors
    /// Points at the first character that is wrong and says what was expected.
    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        read(text).map_err(|wrong| ProxyUrlError::new(text, wrong))
    }
}

fn read(text: &str) -> Result<Proxy, Wrong> {
    let scheme = scheme(text);
    let kind = KINDS.iter().find(|(name, ..)| scheme == Some(*name));
    let Some(&(name, kind, usual_port)) = kind else {
        let expected = "expected socks5://, socks4://, socks4a:// or http://";
        return Err((0..scheme.map_or(0, str::len), expected.into()));
    };
    let secret = secret(text);
    let start = match &secret {
        Some(secret) => secret.end + "@".len(),
        None => name.len() + "://".len(),
    };
    let credentials = secret
        .as_ref()
        .map(|it| read_credentials(&text[it.clone()]));
    let place = &text[start..];
    let (host, port) = read_place(place.strip_suffix('/').unwrap_or(place))
        .map_err(|(culprit, reason)| (culprit.start + start..culprit.end + start, reason))?;
    let proxy = Proxy {
        kind,
        host,
        port: port.unwrap_or(usual_port),
        credentials: credentials
            .transpose()
            .map_err(|reason| (secret.clone().unwrap_or_default(), reason))?,
    };
    match proxy.check() {
        Ok(()) => Ok(proxy),
        Err(unsendable) => Err((secret.unwrap_or_default(), unsendable.0)),
    }
}

/// The word before `://`.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_word = scheme.bytes().all(|it| it.is_ascii_alphanumeric());
    Some(scheme).filter(|_| is_word)
}

/// Where user and password stand.
fn secret(text: &str) -> Option<Range<usize>> {
    let start = scheme(text).map_or(0, |it| it.len() + "://".len());
    let end = text[start..].rfind('@')? + start;
    Some(start..end)
}

fn read_credentials(text: &str) -> Result<Credentials, String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |part: &str| {
        let is_escape = |it: &str| {
            let digits = it.as_bytes().get(..2).unwrap_or_default();
            digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
        };
        match part.split('%').skip(1).all(is_escape) {
            true => Ok(percent_decode(part.as_bytes()).collect()),
            false => Err("expected two hexadecimal digits after each `%`"),
        }
    };
    Ok(Credentials {
        user: decode(user)?,
        password: decode(password)?,
    })
}

/// A host without brackets, and the port if there is one.
fn read_place(text: &str) -> Result<(String, Option<u16>), Wrong> {
    const BRACKETS: &str = "expected an IPv6 address in brackets: `[ADDRESS]:PORT`";
    let colon = text.find(':').unwrap_or(text.len());
    let (host, follows) = match text.strip_prefix('[') {
        Some(inside) => {
            let (host, follows) = inside.split_once(']').unwrap_or((inside, ""));
            // A zone may say which way leads there.
            let address = host.split('%').next().unwrap_or_default();
            if address.parse::<Ipv6Addr>().is_err() || !inside.contains(']') {
                return Err((0..text.len() - follows.len(), BRACKETS.into()));
            }
            (host, follows)
        }
        None if text[colon..].matches(':').count() > 1 => {
            return Err((0..text.len(), BRACKETS.into()));
        }
        None => {
            let (host, follows) = text.split_at(colon);
            check_name(host)?;
            (host, follows)
        }
    };
    let port = read_port(follows).map_err(|(skipped, reason)| {
        let start = text.len() - follows.len() + skipped;
        (start..text.len(), reason.into())
    })?;
    Ok((host.into(), port))
}

fn check_name(host: &str) -> Result<(), Wrong> {
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
    if let Some((at, wrong)) = host.char_indices().find(|(_, it)| !is_of_name(*it)) {
        let expected = "expected letters, digits, `.`, `-` or `_` in the host";
        return Err((at..at + wrong.len_utf8(), expected.into()));
    }
    match host {
        "" => Err((0..0, "expected a host".into())),
        _ => Ok(()),
    }
}

/// `:PORT`, or nothing; where it is wrong, after how many bytes.
fn read_port(text: &str) -> Result<Option<u16>, (usize, &'static str)> {
    let Some(digits) = text.strip_prefix(':') else {
        return match text {
            "" => Ok(None),
            _ => Err((0, "expected `:PORT` or the end")),
        };
    };
    let is_plain = digits.bytes().all(|it| it.is_ascii_digit());
    let port = digits.parse::<NonZeroU16>().ok().filter(|_| is_plain);
    let port = port.ok_or((":".len(), "expected a port from 1 to 65535"))?;
    Ok(Some(port.get()))
}

impl ProxyUrlError {
    fn new(text: &str, (culprit, reason): Wrong) -> Self {
        let Some(secret) = secret(text) else {
            return Self {
                shown: text.into(),
                culprit,
                reason,
            };
        };
        let hidden_end = secret.start + HIDDEN.len();
        // What stands behind the secret has moved.
        let shown_at = |at: usize| match at {
            at if at >= secret.end => at - secret.end + hidden_end,
            at => at.min(secret.start),
        };
        Self {
            shown: format!("{}{HIDDEN}{}", &text[..secret.start], &text[secret.end..]),
            culprit: shown_at(culprit.start)..shown_at(culprit.end),
            reason,
        }
    }
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            shown,
            culprit,
            reason,
        } = self;
        let text = shown.escape_debug();
        let columns = |range: Range<usize>| shown[range].escape_debug().count();
        let before = columns(0..culprit.start);
        let carets = columns(culprit.clone()).max(1);
        writeln!(f, "wrong proxy `{text}`: {reason}")?;
        writeln!(f, "  {text}")?;
        write!(f, "  {:before$}{:^>carets$}", "", "")
    }
}

impl std::error::Error for ProxyUrlError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str, credentials: Option<(&str, &str)>) {
        let proxy: Proxy = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(proxy.to_string(), shown);
        let credentials = credentials.map(|(user, password)| Credentials {
            user: user.into(),
            password: password.into(),
        });
        assert_eq!(proxy.credentials, credentials);
    }

    #[test]
    fn proxies_have_a_kind_a_place_and_maybe_a_user() {
        check("socks5://proxy", "socks5://proxy:1080", None);
        check("socks5h://[::1]", "socks5://[::1]:1080", None);
        check("socks4://127.0.0.1:9", "socks4://127.0.0.1:9", None);
        check("socks4a://me@p", "socks4a://p:1080", Some(("me", "")));
        check("http://proxy/", "http://proxy:3128", None);
        check(
            "http://a%20b:c%3a%2F@[fe80::1%eth0]:80",
            "http://[fe80::1%eth0]:80",
            Some(("a b", "c:/")),
        );
        check(
            "socks5://me:p@ss:w/rd@proxy:1",
            "socks5://proxy:1",
            Some(("me", "p@ss:w/rd")),
        );
    }

    #[track_caller]
    fn check_wrong(text: &str, reason: &str, shown: &str, carets: &str) {
        let error = text.parse::<Proxy>().unwrap_err().to_string();
        let mut lines = error.lines();
        let first = format!("wrong proxy `{shown}`: {reason}");
        assert_eq!(lines.next(), Some(first.as_str()));
        assert_eq!(lines.next(), Some(format!("  {shown}").as_str()));
        assert_eq!(lines.next(), Some(format!("  {carets}").as_str()));
    }

    #[test]
    fn errors_point_at_the_culprit_and_hide_user_and_password() {
        let kinds = "expected socks5://, socks4://, socks4a:// or http://";
        check_wrong("proxy:1080", kinds, "proxy:1080", "^");
        check_wrong("ftp://proxy", kinds, "ftp://proxy", "^^^");
        check_wrong("me:secret@proxy", kinds, "***@proxy", "^");
        check_wrong("me:a://b@proxy", kinds, "***@proxy", "^");
        let shown = "socks5://***@proxy:0";
        let port = "expected a port from 1 to 65535";
        check_wrong(
            "socks5://me:secret@proxy:0",
            port,
            shown,
            "                   ^",
        );
        check_wrong("http://p:+1", port, "http://p:+1", "         ^^");
        check_wrong("http://", "expected a host", "http://", "       ^");
        let name = "expected letters, digits, `.`, `-` or `_` in the host";
        check_wrong("http://a b", name, "http://a b", "        ^");
        check_wrong("http://p/x", name, "http://p/x", "        ^");
        let brackets = "expected an IPv6 address in brackets: `[ADDRESS]:PORT`";
        check_wrong("http://::1", brackets, "http://::1", "       ^^^");
        check_wrong("http://[::1", brackets, "http://[::1", "       ^^^^");
        check_wrong("http://[x]:1", brackets, "http://[x]:1", "       ^^^");
        let end = "expected `:PORT` or the end";
        check_wrong("http://[::1]x", end, "http://[::1]x", "            ^");
    }

    #[test]
    fn what_a_kind_cannot_carry_is_said() {
        let carets = "         ^^^";
        let shown = "socks4://***@p";
        let reason = "SOCKS4 has no passwords (hint: socks5://)";
        check_wrong("socks4://me:secret@p", reason, shown, carets);
        let reason = "the user cannot hold a colon with HTTP";
        check_wrong("http://a%3ab:c@p", reason, "http://***@p", "       ^^^");
        let reason = "expected two hexadecimal digits after each `%`";
        check_wrong("socks5://me:100%@p", reason, "socks5://***@p", carets);
        let long = format!("socks5://me:{:x<256}@p", "");
        let reason = "a password has at most 255 bytes with SOCKS5";
        check_wrong(&long, reason, "socks5://***@p", carets);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_shown_as_it_reads_back(
            text in "((socks[45]|http)://)?([a-z:%0-9]{0,4}@)?[a-z0-9:\\[\\].%/@]{0,12}",
        ) {
            match text.parse::<Proxy>() {
                Ok(proxy) => {
                    let again: Proxy = proxy.to_string().parse().unwrap();
                    prop_assert_eq!((again.host, again.port), (proxy.host, proxy.port));
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }

        #[test]
        fn no_password_is_shown(text: String, password in "[A-Z]{8}") {
            let text = format!("{text}:{password}@{text}");
            let shown = match text.parse::<Proxy>() {
                Ok(proxy) => format!("{proxy} {proxy:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(&password), "{}", shown);
        }
    }
}

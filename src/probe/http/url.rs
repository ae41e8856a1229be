//! Where a request goes, and where a redirect leads (RFC 3986, RFC 9110).

use std::fmt;
use std::net::Ipv6Addr;

use hyper::Uri;

use crate::net::host_with_port;

/// An address of the web, without a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Whether it is `https`.
    pub(super) secure: bool,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query, with the first `/`.
    pub(super) path: String,
}

impl Url {
    /// Where `location` leads from here (RFC 9110 section 10.2.2).
    ///
    /// # Errors
    /// It is none that netkit could follow: in a sentence.
    pub(super) fn join(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        if let Some(rest) = location.strip_prefix("//") {
            return self.at_authority(self.secure, rest);
        }
        if let Some((scheme, rest)) = location.split_once("://")
            && scheme.bytes().all(|it| it.is_ascii_alphanumeric())
        {
            return match scheme.to_ascii_lowercase().as_str() {
                "http" => self.at_authority(false, rest),
                "https" => self.at_authority(true, rest),
                _ => Err(format!("`{scheme}` is neither http nor https")),
            };
        }
        let (base, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let path = match location.chars().next() {
            None => join_query(base, query),
            Some('/') => location.to_owned(),
            Some('?') => format!("{base}{location}"),
            Some(_) => {
                let folder = base.rfind('/').map_or("/", |it| &base[..=it]);
                format!("{folder}{location}")
            }
        };
        self.at_path(&path)
    }

    /// Whether both are served by one server.
    pub(super) fn is_same_origin(&self, other: &Self) -> bool {
        (self.secure, self.port) == (other.secure, other.port) && self.is_same_host(other)
    }

    /// Whether both name one host.
    pub(super) fn is_same_host(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }

    /// `HOST`, with brackets and the port where they are needed, as the header
    /// of that name has it (RFC 9110 section 7.2).
    pub(super) fn authority(&self) -> String {
        // A zone means something on this host alone (RFC 6874 section 1).
        let host = self.host.split('%').next().unwrap_or_default();
        match (self.port == usual_port(self.secure), host.contains(':')) {
            (true, true) => format!("[{host}]"),
            (true, false) => host.into(),
            (false, _) => host_with_port(host, self.port),
        }
    }

    fn at_authority(&self, secure: bool, rest: &str) -> Result<Self, String> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let wrong = || format!("`{authority}` is not HOST[:PORT]");
        let uri: Uri = authority.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|it| !it.is_empty()).ok_or_else(wrong)?;
        let port = match authority.strip_prefix(host).ok_or_else(wrong)? {
            "" | ":" => usual_port(secure),
            _ => uri.port_u16().filter(|it| *it > 0).ok_or_else(wrong)?,
        };
        let host = match host.strip_prefix('[') {
            // hyper takes anything in brackets.
            Some(rest) => rest
                .strip_suffix(']')
                .filter(|it| it.parse::<Ipv6Addr>().is_ok())
                .ok_or_else(wrong)?,
            None => host,
        };
        let url = Self {
            secure,
            host: host.into(),
            port,
            ..self.clone()
        };
        match path.starts_with('/') {
            true => url.at_path(path),
            false => url.at_path(&format!("/{path}")),
        }
    }

    fn at_path(&self, path: &str) -> Result<Self, String> {
        check_path(path)?;
        Ok(Self {
            path: without_dots(path),
            ..self.clone()
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.secure {
            true => "https",
            false => "http",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Whether a path with its query can be sent as it is.
///
/// # Errors
/// Names the first character that cannot stand there, and says what to write
/// instead.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    // What RFC 3986 allows beside letters and digits, and the brackets that it
    // does not, but that everybody sends.
    const ALLOWED: &str = "-._~!$&'()*+,;=:@/?%[]";
    let wrong = |it: &char| !it.is_ascii_alphanumeric() && !ALLOWED.contains(*it);
    let Some(culprit) = path.chars().find(wrong) else {
        return Ok(());
    };
    let mut bytes = [0; 4];
    let bytes = culprit.encode_utf8(&mut bytes).bytes();
    let encoded: Vec<_> = bytes.map(|it| format!("%{it:02X}")).collect();
    let encoded = encoded.concat();
    let culprit = culprit.escape_debug();
    Err(format!(
        "`{culprit}` cannot stand in a path (hint: write it as `{encoded}`)"
    ))
}

fn usual_port(secure: bool) -> u16 {
    match secure {
        true => 443,
        false => 80,
    }
}

fn join_query(path: &str, query: &str) -> String {
    match query {
        "" => path.into(),
        _ => format!("{path}?{query}"),
    }
}

/// The path without `.` and `..` (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let end = path.find('?').unwrap_or(path.len());
    let (path, query) = path.split_at(end);
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            _ => {
                kept.push(part);
                continue;
            }
        }
        // What a dot ends is a folder.
        if last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(host: &str, port: u16, path: &str) -> Url {
        Url {
            secure: false,
            host: host.into(),
            port,
            path: path.into(),
        }
    }

    #[track_caller]
    fn leads(location: &str, to: &str) {
        let base = url("web", 8080, "/a/b/c?q=1");
        assert_eq!(base.join(location).unwrap().to_string(), to, "{location}");
    }

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        leads("http://other/", "http://other/");
        leads("HTTPS://other:443", "https://other/");
        leads("http://other:8080?x", "http://other:8080/?x");
        leads("//other/x", "http://other/x");
        leads("http://[::1]:81/x", "http://[::1]:81/x");
        leads("/x?y=http://z", "http://web:8080/x?y=http://z");
        leads("x", "http://web:8080/a/b/x");
        leads("../x/./y/..", "http://web:8080/a/x/");
        leads("../../../../x", "http://web:8080/x");
        leads("?z", "http://web:8080/a/b/c?z");
        leads("#part", "http://web:8080/a/b/c?q=1");
        leads("", "http://web:8080/a/b/c?q=1");
        leads("x:y", "http://web:8080/a/b/x:y");
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let base = url("web", 80, "/");
        for (location, culprit) in [
            ("ftp://x/", "`ftp`"),
            ("http://user@x/", "`user@x`"),
            ("http:///x", "``"),
            ("http://x:0/", "`x:0`"),
            ("http://x:99999/", "`x:99999`"),
            ("/a b", "` `"),
            ("/ü", "`ü`"),
            ("/a\r\nb", "`\\r`"),
        ] {
            let error = base.join(location).unwrap_err();
            assert!(error.starts_with(culprit), "{location}: {error}");
        }
        let error = check_path("/ü").unwrap_err();
        assert!(error.ends_with("(hint: write it as `%C3%BC`)"), "{error}");
    }

    #[test]
    fn the_host_header_has_what_is_needed() {
        assert_eq!(url("web", 80, "/").authority(), "web");
        assert_eq!(url("web", 81, "/").authority(), "web:81");
        assert_eq!(url("::1", 80, "/").authority(), "[::1]");
        assert_eq!(url("fe80::1%eth0", 81, "/").authority(), "[fe80::1]:81");
    }

    proptest! {
        #[test]
        fn any_location_leads_somewhere_or_is_an_error(location: String) {
            let base = url("web", 80, "/a/b");
            if let Ok(url) = base.join(&location) {
                prop_assert!(url.path.starts_with('/') && check_path(&url.path).is_ok());
            }
        }

        #[test]
        fn so_does_whatever_looks_like_one(location in "((https?:)?//)?[a-z0-9:@\\[\\]]{0,8}[/.?#%a]{0,9}") {
            let base = url("web", 80, "/a/b?c");
            if let Ok(url) = base.join(&location) {
                prop_assert!(!url.host.is_empty() && url.path.starts_with('/'));
            }
        }
    }
}

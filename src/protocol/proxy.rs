//! What proxies are asked, what they answer, and the header that tells a server
//! who is behind one.
//!
//! An answer says how many bytes of it are missing, so that nobody has to read
//! more than belongs to it: what the target sends right after it stays where it
//! is.

pub mod header;
pub mod http;
pub mod socks4;
pub mod socks5;

use std::fmt;
use std::net::IpAddr;

/// The longest name of a host, in bytes: SOCKS5 counts it in one byte.
const LONGEST_NAME: usize = 255;

/// Whom a proxy is to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its host.
    pub host: Host,
    /// Its port.
    pub port: u16,
}

/// A host, as the proxy is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name: the proxy resolves it.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Who asks; nothing of it is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: Vec<u8>,
    /// The password, which may be empty.
    pub password: Vec<u8>,
}

/// What was read so far, understood or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// So many bytes more belong to it at least; never 0.
    Missing(usize),
    /// It is whole, and this is what it says.
    Whole(T),
}

/// What cannot be asked of this kind of proxy: why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsendable(pub String);

/// Why there is no way through a proxy that has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A SOCKS4 reply other than 90.
    Socks4(u8),
    /// A SOCKS5 reply other than 0 (RFC 1928 section 6).
    Socks5(u8),
    /// Every way to say who asks, of those that were offered.
    Methods,
    /// The user or the password.
    Credentials,
    /// A status other than 2xx, with its line: escaped, cut after 200 bytes.
    Http(u16, String),
    /// The answer is none: what was expected.
    Malformed(&'static str),
    /// The answer is longer than this, in bytes.
    TooLong(usize),
}

impl Target {
    /// A target by name or address, without brackets.
    ///
    /// # Errors
    /// The host is neither: a name has letters, digits, `.`, `-` and `_`, 255 bytes
    /// at most, and the zone of an address means nothing elsewhere.
    pub fn new(host: &str, port: u16) -> Result<Self, Unsendable> {
        if let Ok(address) = host.parse() {
            let host = Host::Address(address);
            return Ok(Self { host, port });
        }
        let is_of_name = |it: u8| it.is_ascii_alphanumeric() || b".-_".contains(&it);
        let shown = || super::raw::escape_head(host.as_bytes(), LONGEST_NAME);
        if host.contains(':') && host.contains('%') {
            let reason = format!("the zone of `{}` means nothing to a proxy", shown());
            return Err(Unsendable(reason));
        }
        if host.is_empty() || host.len() > LONGEST_NAME || !host.bytes().all(is_of_name) {
            let reason = format!("`{}` is no name of a host", shown());
            return Err(Unsendable(reason));
        }
        let host = Host::Name(host.into());
        Ok(Self { host, port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{port}"),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}:{port}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{port}"),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsendable {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socks4(code) => socks4::describe(*code).fmt(f),
            Self::Socks5(code) => socks5::describe(*code).fmt(f),
            Self::Methods => f.write_str("it takes none of the ways to log in that were offered"),
            Self::Credentials => f.write_str("it does not take this user and password"),
            Self::Http(_, line) => write!(f, "it answered `{line}`"),
            Self::Malformed(expected) => write!(f, "its answer is none (expected {expected})"),
            Self::TooLong(most) => write!(f, "its answer is longer than {most} bytes"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Whether `length` bytes are there, or how many are missing.
fn need(bytes: &[u8], length: usize) -> Reading<()> {
    match length.saturating_sub(bytes.len()) {
        0 => Reading::Whole(()),
        missing => Reading::Missing(missing),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// Holds that `whole` is understood as `said`, and that each beginning of it asks for more,
    /// but for no byte that follows.
    #[track_caller]
    pub(super) fn check_reading<T, E>(
        whole: &[u8],
        read: impl Fn(&[u8]) -> Result<Reading<T>, E>,
        said: T,
    ) where
        T: Debug + PartialEq,
        E: Debug + PartialEq,
    {
        for length in 0..whole.len() {
            let Ok(Reading::Missing(missing)) = read(&whole[..length]) else {
                panic!("{length} bytes are not the whole of {whole:02x?}");
            };
            assert!(missing > 0, "{length} bytes of {whole:02x?}");
            assert!(length + missing <= whole.len(), "{length} of {whole:02x?}");
        }
        assert_eq!(read(whole), Ok(Reading::Whole(said)));
    }

    #[test]
    fn a_target_is_a_name_or_an_address() {
        let shown = |host| Target::new(host, 80).map(|it| it.to_string());
        assert_eq!(shown("www.example.org"), Ok("www.example.org:80".into()));
        assert_eq!(shown("127.0.0.1"), Ok("127.0.0.1:80".into()));
        assert_eq!(shown("::1"), Ok("[::1]:80".into()));
        let said = |host: &str| Target::new(host, 80).unwrap_err().0;
        assert_eq!(
            said("fe80::1%eth0"),
            "the zone of `fe80::1%eth0` means nothing to a proxy"
        );
        // What would be a header of its own to an HTTP proxy.
        assert_eq!(said("a\r\nb: c"), "`a\\r\\nb: c` is no name of a host");
        assert_eq!(said(""), "`` is no name of a host");
        assert_eq!(said("grün"), "`gr\\xc3\\xbcn` is no name of a host");
        assert!(shown(&"x".repeat(255)).is_ok());
        assert!(said(&"x".repeat(256)).ends_with("x…` is no name of a host"));
    }

    #[test]
    fn credentials_are_never_shown() {
        let credentials = Credentials {
            user: b"somebody".into(),
            password: b"secret".into(),
        };
        assert_eq!(format!("{credentials:?}"), "Credentials");
    }
}

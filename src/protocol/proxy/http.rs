//! HTTP's `CONNECT` (RFC 9110 section 9.3.6), with user and password as Basic
//! (RFC 7617).

use super::{Credentials, Reading, Refusal, Target, Unsendable};

/// The longest head of an answer, in bytes.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// What every answer begins with.
const BEGINNING: &[u8] = b"HTTP/1.";

/// Bytes of the shortest answer: `HTTP/1.1 200`, and two line ends.
const SHORTEST_HEAD: usize = 14;

/// Bytes of a status line that are quoted.
const QUOTED: usize = 200;

/// How the request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `HTTP/1.0`, without `Host`: for proxies that know no better.
    Http10,
    /// `HTTP/1.1`.
    Http11,
}

/// Asks for a connection to `target`.
///
/// # Errors
/// The user holds a colon, or one of both a control character (RFC 7617
/// section 2).
pub fn request(
    target: &Target,
    credentials: Option<&Credentials>,
    version: Version,
) -> Result<Vec<u8>, Unsendable> {
    let mut request = match version {
        Version::Http10 => format!("CONNECT {target} HTTP/1.0\r\n"),
        Version::Http11 => format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"),
    };
    if let Some(Credentials { user, password }) = credentials {
        if user.contains(&b':') {
            let reason = "the user cannot hold a colon with HTTP";
            return Err(Unsendable(reason.into()));
        }
        if user.iter().chain(password).any(u8::is_ascii_control) {
            let reason = "user and password cannot hold control characters with HTTP";
            return Err(Unsendable(reason.into()));
        }
        let joined = [user.as_slice(), password].join(&b':');
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&base64(&joined));
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    Ok(request.into_bytes())
}

/// The head of the answer, to which nothing may have been read that it did not
/// ask for.
///
/// # Errors
/// It is a refusal, none, or too long. A refusal is known by its first line.
pub fn answer(head: &[u8]) -> Result<Reading<()>, Refusal> {
    let known = head.len().min(BEGINNING.len());
    if head.get(..known) != BEGINNING.get(..known) {
        return Err(Refusal::Malformed("a line such as `HTTP/1.1 200 OK`"));
    }
    if head.ends_with(b"\n") {
        judge(head)?;
    }
    let is_whole = head.ends_with(b"\n\n") || head.ends_with(b"\n\r\n");
    match SHORTEST_HEAD.saturating_sub(head.len()) {
        _ if is_whole => Ok(Reading::Whole(())),
        _ if head.len() >= LONGEST_HEAD => Err(Refusal::TooLong(LONGEST_HEAD)),
        0 => Ok(Reading::Missing(1)),
        missing => Ok(Reading::Missing(missing)),
    }
}

/// What the first line says.
fn judge(head: &[u8]) -> Result<(), Refusal> {
    let line = head.split(|it| *it == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|it| *it == b' ');
    match words.nth(1).and_then(read_status) {
        Some(200..=299) => Ok(()),
        Some(status) => {
            let quoted = super::super::raw::escape_head(line, QUOTED);
            Err(Refusal::Http(status, quoted))
        }
        None => Err(Refusal::Malformed("a line such as `HTTP/1.1 200 OK`")),
    }
}

/// Three digits.
fn read_status(word: &[u8]) -> Option<u16> {
    let is_status = word.len() == 3 && word.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(word).ok().filter(|_| is_status)?;
    text.parse().ok()
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().unwrap_or(0);
        let group = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        for (at, bits) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from(group.rotate_right(bits) & 63).unwrap_or(0);
            // Two digits tell one byte, and so on.
            let digit = DIGITS.get(digit).filter(|_| at <= chunk.len());
            text.push(digit.map_or('=', |it| char::from(*it)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_reading;
    use super::*;

    fn asked(host: &str, credentials: Option<(&str, &str)>, version: Version) -> String {
        let credentials = credentials.map(|(user, password)| Credentials {
            user: user.into(),
            password: password.into(),
        });
        let target = Target::new(host, 443).unwrap();
        match request(&target, credentials.as_ref(), version) {
            Ok(request) => String::from_utf8(request).unwrap(),
            Err(Unsendable(reason)) => reason,
        }
    }

    #[test]
    fn requests_name_target_and_user() {
        assert_eq!(
            asked("::1", Some(("Aladdin", "open sesame")), Version::Http11),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
        assert_eq!(
            asked("web", None, Version::Http10),
            "CONNECT web:443 HTTP/1.0\r\n\r\n"
        );
        let colon = asked("web", Some(("a:b", "")), Version::Http11);
        assert_eq!(colon, "the user cannot hold a colon with HTTP");
        let control = asked("web", Some(("a", "b\n")), Version::Http11);
        assert!(control.ends_with("cannot hold control characters with HTTP"));
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(b"\xfb\xff\x00"), "+/8A");
    }

    #[test]
    fn heads_are_read_to_their_last_byte() {
        for head in [
            "HTTP/1.1 200\n\n",
            "HTTP/1.0 200 Connection established\r\n\r\n",
            "HTTP/1.1 204 \r\nProxy-agent: x\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\n\r\n",
        ] {
            check_reading(head.as_bytes(), answer, ());
        }
    }

    #[test]
    fn a_refusal_is_known_by_its_first_line() {
        let refused = |line: &str| answer(format!("{line}\r\n").as_bytes());
        for (status, line) in [
            (403, "HTTP/1.0 403 Forbidden"),
            (407, "HTTP/1.1 407 Proxy Authentication Required"),
            (100, "HTTP/1.1 100 Continue"),
            (502, "HTTP/1.1 502"),
        ] {
            assert_eq!(refused(line), Err(Refusal::Http(status, line.into())));
        }
        let Err(Refusal::Http(403, line)) = refused(&format!("HTTP/1.1 403 \x1b{:0200}", 0)) else {
            panic!("a refusal");
        };
        assert!(line.starts_with(r"HTTP/1.1 403 \x1b0") && line.ends_with("0…"));
        for wrong in [
            "HTTP/1.1",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1  200 OK",
        ] {
            assert!(
                matches!(refused(wrong), Err(Refusal::Malformed(_))),
                "{wrong}"
            );
        }
        // What is no answer is known at once, without a line end.
        for wrong in ["S", "HTTP/2", "\x05", "http/1.1"] {
            let read = answer(wrong.as_bytes());
            assert!(matches!(read, Err(Refusal::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn a_head_has_a_limit() {
        let start = "HTTP/1.1 200 OK\r\nX: ";
        let width = LONGEST_HEAD - 4;
        let mut head = format!("{start:x<width$}\r\n\r\n");
        assert_eq!(head.len(), LONGEST_HEAD);
        assert_eq!(answer(head.as_bytes()), Ok(Reading::Whole(())));
        head.truncate(LONGEST_HEAD - 1);
        assert_eq!(answer(head.as_bytes()), Ok(Reading::Missing(1)));
        head.push('x');
        assert_eq!(answer(head.as_bytes()), Err(Refusal::TooLong(LONGEST_HEAD)));
    }
}

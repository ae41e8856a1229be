//! SOCKS5 (RFC 1928), without logging in or with user and password (RFC 1929).

use std::net::IpAddr;

use super::{Credentials, Host, Reading, Refusal, Target, Unsendable, need};

/// The longest user and the longest password, in bytes (RFC 1929 section 2).
const LONGEST_CREDENTIAL: u8 = 255;

/// A way to say who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// None.
    Nobody,
    /// User and password.
    Password,
}

/// Begins, and offers to log in or only to go without.
#[must_use]
pub fn greeting(can_log_in: bool) -> &'static [u8] {
    match can_log_in {
        true => &[5, 2, 0, 2],
        false => &[5, 1, 0],
    }
}

/// The proxy's choice of what [`greeting`] offered.
///
/// # Errors
/// It chose none, or this is no answer of SOCKS5.
pub fn method(bytes: &[u8], can_log_in: bool) -> Result<Reading<Method>, Refusal> {
    match *bytes {
        [] => Ok(Reading::Missing(2)),
        [5] => Ok(Reading::Missing(1)),
        [5, 0, ..] => Ok(Reading::Whole(Method::Nobody)),
        [5, 2, ..] if can_log_in => Ok(Reading::Whole(Method::Password)),
        [5, 0xff, ..] => Err(Refusal::Methods),
        [5, ..] => Err(Refusal::Malformed("a method that was offered")),
        _ => Err(Refusal::Malformed("a choice of SOCKS5")),
    }
}

/// Logs in.
///
/// # Errors
/// The user or the password is too long.
pub fn authentication(credentials: &Credentials) -> Result<Vec<u8>, Unsendable> {
    let mut request = vec![1];
    for (what, bytes) in [
        ("user", &credentials.user),
        ("password", &credentials.password),
    ] {
        let length = u8::try_from(bytes.len()).map_err(|_| {
            Unsendable(format!(
                "a {what} has at most {LONGEST_CREDENTIAL} bytes with SOCKS5"
            ))
        })?;
        request.push(length);
        request.extend(bytes);
    }
    Ok(request)
}

/// Whether the proxy takes user and password.
///
/// # Errors
/// It does not.
pub fn authenticated(bytes: &[u8]) -> Result<Reading<()>, Refusal> {
    match *bytes {
        // Some say version 5 here instead of 1: the status alone decides.
        [] | [_] | [_, 0, ..] => Ok(need(bytes, 2)),
        _ => Err(Refusal::Credentials),
    }
}

/// Asks for a connection to `target`.
#[must_use]
pub fn request(target: &Target) -> Vec<u8> {
    let mut request = vec![5, 1, 0];
    match &target.host {
        Host::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Host::Name(name) => {
            // No target has a longer name than 255 bytes.
            let name = name.as_bytes().iter().take(usize::from(u8::MAX));
            request.push(3);
            request.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            request.extend(name);
        }
    }
    request.extend(target.port.to_be_bytes());
    request
}

/// The reply to the request, with the address from which the proxy connects.
///
/// # Errors
/// It is a refusal, or none.
pub fn reply(bytes: &[u8]) -> Result<Reading<()>, Refusal> {
    let length = match *bytes {
        [] | [5] | [5, 0] | [5, 0, _] | [5, 0, _, 3] => 5,
        [5, 0, _, 1, ..] => 10,
        [5, 0, _, 4, ..] => 22,
        [5, 0, _, 3, name, ..] => usize::from(name).saturating_add(7),
        [5, 0, ..] => return Err(Refusal::Malformed("an address")),
        [5, code, ..] => return Err(Refusal::Socks5(code)),
        _ => return Err(Refusal::Malformed("a reply of SOCKS5")),
    };
    Ok(need(bytes, length))
}

/// A reply that is a refusal, in words (RFC 1928 section 6).
pub(super) fn describe(code: u8) -> String {
    let words = match code {
        1 => "general failure",
        2 => "its rules do not allow the connection",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "it knows no connections",
        8 => "it does not know this kind of address",
        _ => "a code that means nothing",
    };
    format!("it says: {words} (SOCKS5 reply {code})")
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_reading;
    use super::*;

    fn asked(host: &str) -> Vec<u8> {
        request(&Target::new(host, 0x1234).unwrap())
    }

    #[test]
    fn names_and_addresses_are_asked_for() {
        assert_eq!(asked("web"), b"\x05\x01\0\x03\x03web\x12\x34");
        assert_eq!(asked("127.0.0.1"), b"\x05\x01\0\x01\x7f\0\0\x01\x12\x34");
        let v6 = asked("2001:db8::1");
        assert_eq!(v6[..6], *b"\x05\x01\0\x04\x20\x01");
        assert_eq!(v6.len(), 22);
        assert_eq!(asked(&"x".repeat(255)).len(), 262);
    }

    #[test]
    fn the_choice_is_one_of_those_offered() {
        check_reading(b"\x05\0", |it| method(it, false), Method::Nobody);
        check_reading(b"\x05\x02", |it| method(it, true), Method::Password);
        assert_eq!(method(b"\x05\xff", true), Err(Refusal::Methods));
        for (wrong, expected) in [
            (&b"\x05\x02"[..], "a method that was offered"),
            (b"\x05\x01", "a method that was offered"),
            (b"HT", "a choice of SOCKS5"),
            (b"\x04", "a choice of SOCKS5"),
        ] {
            assert_eq!(method(wrong, false), Err(Refusal::Malformed(expected)));
        }
    }

    #[test]
    fn user_and_password_are_sent_with_their_lengths() {
        let credentials = |user: usize, password: usize| Credentials {
            user: vec![b'u'; user],
            password: vec![b'p'; password],
        };
        let sent = authentication(&credentials(2, 3));
        assert_eq!(sent.unwrap(), b"\x01\x02uu\x03ppp");
        assert!(authentication(&credentials(255, 255)).is_ok());
        let said = |user, password| authentication(&credentials(user, password)).unwrap_err().0;
        assert_eq!(said(256, 0), "a user has at most 255 bytes with SOCKS5");
        assert_eq!(said(0, 256), "a password has at most 255 bytes with SOCKS5");
        check_reading(b"\x01\0", authenticated, ());
        assert_eq!(authenticated(b"\x01\x01"), Err(Refusal::Credentials));
    }

    #[test]
    fn replies_are_read_to_their_last_byte() {
        check_reading(b"\x05\0\0\x01\x7f\0\0\x01\x12\x34", reply, ());
        check_reading(b"\x05\0\0\x03\0\x12\x34", reply, ());
        check_reading(b"\x05\0\0\x03\x03web\x12\x34", reply, ());
        let v6 = [&b"\x05\0\0\x04"[..], &[0; 18]].concat();
        check_reading(&v6, reply, ());
        let longest = [&b"\x05\0\0\x03\xff"[..], &[b'x'; 257]].concat();
        check_reading(&longest, reply, ());
        for code in 1..=255 {
            assert_eq!(reply(&[5, code]), Err(Refusal::Socks5(code)));
        }
        assert_eq!(describe(5), "it says: connection refused (SOCKS5 reply 5)");
        let malformed = |bytes| matches!(reply(bytes), Err(Refusal::Malformed(_)));
        assert!(malformed(b"HTTP/1.1") && malformed(b"\x05\0\0\x02"));
    }
}

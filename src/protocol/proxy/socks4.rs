//! SOCKS4, which knows IPv4 addresses, and 4A, which knows names too
//! (openssh's `SOCKS4.protocol` and `SOCKS4A.protocol`).

use std::net::IpAddr;

use super::{Credentials, Host, Reading, Refusal, Target, Unsendable, need};

/// Bytes of a reply.
const REPLY_BYTES: usize = 8;

/// An address that nobody has: the name follows.
const NAME_FOLLOWS: [u8; 4] = [0, 0, 0, 1];

/// The longest user, in bytes: nobody has set a limit, and SOCKS5 has this one.
const LONGEST_USER: usize = 255;

/// Asks for a connection to `target`; a name makes it 4A.
///
/// # Errors
/// The target is an IPv6 address, the user is too long or holds a zero byte, or
/// there is a password.
pub fn request(target: &Target, credentials: Option<&Credentials>) -> Result<Vec<u8>, Unsendable> {
    let user = user(credentials)?;
    let (address, name) = match &target.host {
        Host::Address(IpAddr::V4(address)) => (address.octets(), None),
        Host::Address(IpAddr::V6(_)) => {
            let reason = "SOCKS4 knows no IPv6 addresses (hint: socks5://)";
            return Err(Unsendable(reason.into()));
        }
        Host::Name(name) => (NAME_FOLLOWS, Some(name)),
    };
    let mut request = vec![4, 1];
    request.extend(target.port.to_be_bytes());
    request.extend(address);
    request.extend(user);
    request.push(0);
    if let Some(name) = name {
        request.extend(name.as_bytes());
        request.push(0);
    }
    Ok(request)
}

fn user(credentials: Option<&Credentials>) -> Result<&[u8], Unsendable> {
    let Some(Credentials { user, password }) = credentials else {
        return Ok(&[]);
    };
    let wrong = match () {
        () if !password.is_empty() => "SOCKS4 has no passwords (hint: socks5://)",
        () if user.contains(&0) => "a user cannot hold a zero byte",
        () if user.len() > LONGEST_USER => "a user has at most 255 bytes",
        () => return Ok(user),
    };
    Err(Unsendable(wrong.into()))
}

/// The reply to the request.
///
/// # Errors
/// It is a refusal, or none.
pub fn reply(bytes: &[u8]) -> Result<Reading<()>, Refusal> {
    match *bytes {
        [] | [0] | [0, 90, ..] => Ok(need(bytes, REPLY_BYTES)),
        [0, code, ..] => Err(Refusal::Socks4(code)),
        _ => Err(Refusal::Malformed("a reply of SOCKS4")),
    }
}

/// A reply that is a refusal, in words.
pub(super) fn describe(code: u8) -> String {
    let words = match code {
        91 => "rejected or failed",
        92 => "it cannot reach identd on this host",
        93 => "identd on this host names another user",
        _ => "a code that means nothing",
    };
    format!("it says: {words} (SOCKS4 reply {code})")
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_reading;
    use super::*;

    fn target(host: &str) -> Target {
        Target::new(host, 0x1234).unwrap()
    }

    fn credentials(user: &[u8], password: &[u8]) -> Credentials {
        Credentials {
            user: user.into(),
            password: password.into(),
        }
    }

    #[test]
    fn addresses_and_names_are_asked_for() {
        let request = |host, credentials| request(&target(host), credentials).unwrap();
        assert_eq!(
            request("127.0.0.1", None),
            b"\x04\x01\x12\x34\x7f\0\0\x01\0"
        );
        let me = credentials(b"me", b"");
        assert_eq!(
            request("web", Some(&me)),
            b"\x04\x01\x12\x34\0\0\0\x01me\0web\0"
        );
    }

    #[test]
    fn what_it_cannot_carry_is_said() {
        let said = |host, user: &[u8], password: &[u8]| {
            let credentials = credentials(user, password);
            request(&target(host), Some(&credentials)).unwrap_err().0
        };
        assert!(said("::1", b"", b"").contains("no IPv6 addresses"));
        assert!(said("web", b"me", b"secret").contains("no passwords"));
        assert!(said("web", b"m\0e", b"").contains("a zero byte"));
        assert!(said("web", &[b'x'; 256], b"").contains("255 bytes"));
    }

    #[test]
    fn replies_are_read_to_their_last_byte() {
        check_reading(b"\0\x5a\0\0\0\0\0\0", reply, ());
        for code in [0, 89, 91, 92, 93, 255] {
            assert_eq!(reply(&[0, code]), Err(Refusal::Socks4(code)));
        }
        assert!(describe(91).starts_with("it says: rejected or failed"));
        assert!(describe(92).ends_with("(SOCKS4 reply 92)"));
        let malformed = Err(Refusal::Malformed("a reply of SOCKS4"));
        for wrong in [&b"SSH-2.0-"[..], b"\x05\x00", b"HTTP/1.1"] {
            assert_eq!(reply(wrong), malformed);
        }
    }
}

//! The bytes that protocols exchange before they change to TLS.

use std::fmt;

/// `SSLRequest` of the `PostgreSQL` frontend/backend protocol: length 8, code
/// 80877103.
pub const POSTGRES_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// An LDAP `ExtendedRequest` for `StartTLS`, message 1 (RFC 4511 section 4.14).
pub const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// A `MySQL` SSL Connection Request: protocol 4.1 over TLS, packets of 16 MiB at
/// most, UTF-8.
pub const MYSQL_REQUEST: [u8; 36] = {
    let mut packet = [0; 36];
    // 32 bytes follow, and the greeting was packet 0.
    packet[0] = 32;
    packet[3] = 1;
    // CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION.
    packet[4] = 0x01;
    packet[5] = 0x8a;
    packet[11] = 1;
    packet[12] = 33;
    packet
};

/// Bytes that are not of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is not of the protocol")
    }
}

impl std::error::Error for Malformed {}

/// One line of an SMTP or FTP reply: its code, and whether more lines follow
/// (RFC 5321 section 4.2, RFC 959 section 4.2).
///
/// # Errors
/// It does not begin with three digits, then a space, a hyphen or the end.
pub fn reply(line: &str) -> Result<(u16, bool), Malformed> {
    let digits = line
        .get(..3)
        .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
    let code = digits.and_then(|it| it.parse().ok()).ok_or(Malformed)?;
    match line.as_bytes().get(3) {
        None | Some(b' ') => Ok((code, false)),
        Some(b'-') => Ok((code, true)),
        Some(_) => Err(Malformed),
    }
}

/// How many bytes an LDAP message has in all, once its first bytes tell (BER,
/// X.690 section 8.1.3); nothing while they do not.
///
/// # Errors
/// It is no sequence, or one of more than 64 KiB.
pub fn ldap_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    match *bytes {
        [] | [0x30] | [0x30, 0x81 | 0x82] | [0x30, 0x82, _] => Ok(None),
        [0x30, short @ 0..=0x7f, ..] => Ok(Some(usize::from(short).saturating_add(2))),
        [0x30, 0x81, length, ..] => Ok(Some(usize::from(length).saturating_add(3))),
        [0x30, 0x82, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            Ok(Some(length.saturating_add(4)))
        }
        _ => Err(Malformed),
    }
}

/// The result code of an LDAP `ExtendedResponse` (RFC 4511 section 4.1.9); 0 is
/// success.
///
/// # Errors
/// It is no response of that kind.
pub fn ldap_result(message: &[u8]) -> Result<u8, Malformed> {
    let body = contents(message, 0x30)?.0;
    let (_, response) = contents(body, 0x02)?;
    let (response, _) = contents(response, 0x78)?;
    match contents(response, 0x0a)?.0 {
        [code] => Ok(*code),
        _ => Err(Malformed),
    }
}

/// The contents of an element with this tag, and what follows it.
fn contents(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), Malformed> {
    let (&found, rest) = bytes.split_first().ok_or(Malformed)?;
    if found != tag {
        return Err(Malformed);
    }
    let (length, rest) = match *rest {
        [short @ 0..=0x7f, ref rest @ ..] => (usize::from(short), rest),
        [0x81, length, ref rest @ ..] => (usize::from(length), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return Err(Malformed),
    };
    rest.split_at_checked(length).ok_or(Malformed)
}

/// Whether a `MySQL` server that greets so can change to TLS: its capability
/// `CLIENT_SSL`. The greeting comes without its packet header.
///
/// # Errors
/// It is no greeting of protocol 10.
pub fn mysql_offers_tls(greeting: &[u8]) -> Result<bool, Malformed> {
    const CLIENT_SSL: u16 = 0x0800;
    let rest = greeting.strip_prefix(&[10]).ok_or(Malformed)?;
    let end = rest.iter().position(|it| *it == 0).ok_or(Malformed)?;
    // The version's end, the thread, the first part of the salt, a filler.
    let after = end.saturating_add(1 + 4 + 8 + 1);
    let capabilities = rest.get(after..).and_then(|it| it.first_chunk::<2>());
    let capabilities = capabilities
        .copied()
        .map(u16::from_le_bytes)
        .ok_or(Malformed)?;
    Ok(capabilities & CLIENT_SSL != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_of_one_and_of_many_lines() {
        assert_eq!(reply("220 ready"), Ok((220, false)));
        assert_eq!(reply("250-SIZE"), Ok((250, true)));
        assert_eq!(reply("250"), Ok((250, false)));
        for wrong in ["", "22", "22x", "2200", "+OK", "２２０"] {
            assert_eq!(reply(wrong), Err(Malformed), "{wrong}");
        }
    }

    #[test]
    fn ldap_messages_tell_their_length_and_result() {
        let good = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(ldap_length(good), Ok(Some(good.len())));
        assert_eq!(ldap_result(good), Ok(0));
        let refused = b"\x30\x81\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00";
        assert_eq!(ldap_length(refused), Ok(Some(refused.len())));
        assert_eq!(ldap_result(refused), Ok(0x34));
        assert_eq!(ldap_length(b"\x30\x82\x01"), Ok(None));
        assert_eq!(ldap_length(b"HTTP"), Err(Malformed));
        assert_eq!(ldap_length(LDAP_REQUEST), Ok(Some(LDAP_REQUEST.len())));
    }

    #[test]
    fn a_mysql_greeting_tells_whether_there_is_tls() {
        let greeting = |capabilities: [u8; 2]| {
            let mut bytes = b"\x0a8.0.36\0\x01\0\0\0saltsalt\0".to_vec();
            bytes.extend(capabilities);
            bytes
        };
        assert_eq!(mysql_offers_tls(&greeting([0xff, 0xff])), Ok(true));
        assert_eq!(mysql_offers_tls(&greeting([0xff, 0xf7])), Ok(false));
        assert_eq!(mysql_offers_tls(b"\x0a8.0"), Err(Malformed));
        assert_eq!(
            mysql_offers_tls(b"\xffToo many connections"),
            Err(Malformed)
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, line: String) {
            let _ = reply(&line);
            let _ = ldap_length(&bytes);
            let _ = ldap_result(&bytes);
            let _ = mysql_offers_tls(&bytes);
        }
    }
}

//! The header by which a proxy tells a server who its client is
//! (haproxy's `proxy-protocol.txt`), in both versions.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Reading, need};

/// The longest header of version 1, in bytes (section 2.1).
const LONGEST_LINE: usize = 107;

/// The longest header of version 2 that is read, in bytes: 216 of addresses at
/// most (section 2.2), and room for what may follow them.
const LONGEST: usize = 4 * 1024;

/// What a header of version 1 begins with.
const WORD: &[u8] = b"PROXY ";

/// What a header of version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of version 2 before the addresses.
const FIXED: usize = 16;

/// Bytes of the shortest header: `PROXY UNKNOWN` and its line end.
const SHORTEST: usize = 15;

/// TCP over IPv4, in version 2.
const TCP4: u8 = 0x11;

/// TCP over IPv6, in version 2.
const TCP6: u8 = 0x21;

/// How a header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What a header says of the connection that a proxy passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Nothing that is known here: `UNKNOWN`, `LOCAL`, or not TCP.
    Unknown,
    /// The client's address, then the one that it has connected to.
    Tcp(SocketAddr, SocketAddr),
}

/// Bytes that are no header: why, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Header {
    /// The header as it is sent, before anything else. IPv4 addresses that were
    /// mapped into IPv6 are sent as what they are, unless the other is of IPv6.
    #[must_use]
    pub fn encode(&self, version: Version) -> Vec<u8> {
        let Self::Tcp(client, server) = self else {
            return match version {
                Version::V1 => b"PROXY UNKNOWN\r\n".into(),
                Version::V2 => [SIGNATURE, &[0x20, 0, 0, 0]].concat(),
            };
        };
        let ports = (client.port(), server.port());
        match (client.ip().to_canonical(), server.ip().to_canonical()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => match version {
                Version::V1 => line("TCP4", from, to, ports),
                Version::V2 => binary(TCP4, &from.octets(), &to.octets(), ports),
            },
            (from, to) => {
                let (from, to) = (to_v6(from), to_v6(to));
                match version {
                    Version::V1 => line("TCP6", from, to, ports),
                    Version::V2 => binary(TCP6, &from.octets(), &to.octets(), ports),
                }
            }
        }
    }

    /// The header that `bytes` are, to which nothing may have been read that it
    /// did not ask for.
    ///
    /// # Errors
    /// They are none, or it is too long.
    pub fn decode(bytes: &[u8]) -> Result<Reading<Self>, Malformed> {
        let begins = |with: &[u8]| bytes.iter().zip(with).all(|(one, other)| one == other);
        match (begins(WORD), begins(SIGNATURE)) {
            _ if bytes.is_empty() => Ok(Reading::Missing(SHORTEST)),
            (true, _) => decode_line(bytes),
            (_, true) => decode_binary(bytes),
            _ => Err(Malformed(
                "it begins with neither `PROXY` nor the signature",
            )),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no header of the PROXY protocol: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn line(
    family: &str,
    from: impl fmt::Display,
    to: impl fmt::Display,
    ports: (u16, u16),
) -> Vec<u8> {
    let (client, server) = ports;
    format!("PROXY {family} {from} {to} {client} {server}\r\n").into_bytes()
}

fn binary(family: u8, from: &[u8], to: &[u8], (client, server): (u16, u16)) -> Vec<u8> {
    let ports = [client.to_be_bytes(), server.to_be_bytes()].concat();
    let addresses = [from, to, &ports].concat();
    let length = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
    let fixed = [&[0x21, family], length.to_be_bytes().as_slice()].concat();
    [SIGNATURE, &fixed, &addresses].concat()
}

fn decode_line(bytes: &[u8]) -> Result<Reading<Header>, Malformed> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        return match SHORTEST.saturating_sub(bytes.len()) {
            _ if bytes.len() >= LONGEST_LINE => Err(Malformed("it is longer than 107 bytes")),
            0 => Ok(Reading::Missing(1)),
            missing => Ok(Reading::Missing(missing)),
        };
    };
    let text = str::from_utf8(line).map_err(|_| Malformed("it is no text"))?;
    let words: Vec<&str> = text.split(' ').collect();
    let (from, to, client, server) = match *words.as_slice() {
        // Whatever else it says is to be passed over.
        ["PROXY", "UNKNOWN", ..] => return Ok(Reading::Whole(Header::Unknown)),
        ["PROXY", "TCP4", from, to, client, server] => (
            read_address::<Ipv4Addr>(from)?,
            read_address::<Ipv4Addr>(to)?,
            client,
            server,
        ),
        ["PROXY", "TCP6", from, to, client, server] => (
            read_address::<Ipv6Addr>(from)?,
            read_address::<Ipv6Addr>(to)?,
            client,
            server,
        ),
        _ => return Err(Malformed("expected TCP4 or TCP6, two addresses, two ports")),
    };
    let client = SocketAddr::new(from, read_port(client)?);
    let server = SocketAddr::new(to, read_port(server)?);
    Ok(Reading::Whole(Header::Tcp(client, server)))
}

fn read_address<A: std::str::FromStr + Into<IpAddr>>(word: &str) -> Result<IpAddr, Malformed> {
    let address: Option<A> = word.parse().ok();
    let address = address.ok_or(Malformed("an address is none of its family"))?;
    Ok(address.into().to_canonical())
}

fn read_port(word: &str) -> Result<u16, Malformed> {
    let is_plain = word.bytes().all(|it| it.is_ascii_digit());
    let port = word.parse().ok().filter(|_| is_plain);
    port.ok_or(Malformed("a port is none"))
}

fn decode_binary(bytes: &[u8]) -> Result<Reading<Header>, Malformed> {
    let rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let &[command, family, high, low, ref addresses @ ..] = rest else {
        return Ok(Reading::Missing(FIXED.saturating_sub(bytes.len())));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let whole = FIXED.saturating_add(length);
    if whole > LONGEST {
        return Err(Malformed("it is longer than 4096 bytes"));
    }
    if let Reading::Missing(missing) = need(bytes, whole) {
        return Ok(Reading::Missing(missing));
    }
    let header = match (command, family) {
        (0x21, TCP4) => read_addresses::<4>(addresses),
        (0x21, TCP6) => read_addresses::<16>(addresses),
        (0x20 | 0x21, _) => Some(Header::Unknown),
        _ => return Err(Malformed("its version or its command is unknown")),
    };
    let header = header.ok_or(Malformed("it is too short for its addresses"))?;
    Ok(Reading::Whole(header))
}

/// Two addresses of `N` bytes, then their ports.
fn read_addresses<const N: usize>(bytes: &[u8]) -> Option<Header>
where
    IpAddr: From<[u8; N]>,
{
    let (from, rest) = bytes.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let (client, rest) = rest.split_first_chunk()?;
    let (server, _) = rest.split_first_chunk()?;
    let end = |address: &[u8; N], port: &[u8; 2]| {
        let address = IpAddr::from(*address).to_canonical();
        SocketAddr::new(address, u16::from_be_bytes(*port))
    };
    Some(Header::Tcp(end(from, client), end(to, server)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::check_reading;
    use super::*;

    fn tcp(client: &str, server: &str) -> Header {
        Header::Tcp(client.parse().unwrap(), server.parse().unwrap())
    }

    fn text(header: Header) -> String {
        String::from_utf8(header.encode(Version::V1)).unwrap()
    }

    #[track_caller]
    fn check_malformed(bytes: &[u8], words: &str) {
        let error = Header::decode(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn a_line_names_the_real_addresses() {
        let v4 = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
        assert_eq!(text(tcp("192.0.2.1:56324", "192.0.2.2:443")), v4);
        let mapped = tcp("[::ffff:192.0.2.1]:56324", "[::ffff:192.0.2.2]:443");
        assert_eq!(text(mapped), v4);
        assert_eq!(
            text(tcp("[2001:db8::1]:1", "192.0.2.2:2")),
            "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1 2\r\n"
        );
        assert_eq!(text(Header::Unknown), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn binary_headers_are_those_of_the_document() {
        let header = tcp("192.0.2.1:258", "192.0.2.2:443").encode(Version::V2);
        let rest = b"\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x01\x02\x01\xbb";
        assert_eq!(header, [SIGNATURE, rest].concat());
        let v6 = tcp("[::1]:1", "[::2]:2").encode(Version::V2);
        assert_eq!(v6[12..16], *b"\x21\x21\0\x24");
        assert_eq!(v6.len(), 52);
        let unknown = Header::Unknown.encode(Version::V2);
        assert_eq!(unknown, [SIGNATURE, b"\x20\0\0\0"].concat());
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let words = b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n";
        check_reading(words, Header::decode, Header::Unknown);
        // Over a Unix socket, and after the addresses a note of 3 bytes.
        let socket = [SIGNATURE, b"\x21\x31\0\xd8", &[b'/'; 216]].concat();
        check_reading(&socket, Header::decode, Header::Unknown);
        let mut noted = tcp("192.0.2.1:1", "192.0.2.2:2").encode(Version::V2);
        noted[15] += 3;
        noted.extend(b"\x04\0\0");
        check_reading(&noted, Header::decode, tcp("192.0.2.1:1", "192.0.2.2:2"));
    }

    #[test]
    fn what_is_no_header_is_said() {
        check_malformed(b"GET / HTTP/1.1", "begins with neither");
        check_malformed(b"\r\n\r\n\r", "begins with neither");
        check_malformed(b"PROXY \xff\r\n", "no text");
        for line in ["TCP4 ::1 ::1 1 2", "TCP6 192.0.2.1 ::1 1 2", "TCP4 a b 1 2"] {
            check_malformed(format!("PROXY {line}\r\n").as_bytes(), "an address is none");
        }
        for ports in ["+1 2", "1 65536", "1 ", "-1 2"] {
            let line = format!("PROXY TCP4 192.0.2.1 192.0.2.2 {ports}\r\n");
            check_malformed(line.as_bytes(), "a port is none");
        }
        for line in ["", "TCP4", "UDP4 192.0.2.1 192.0.2.2 1 2", "TCP4  1 2 3 4"] {
            check_malformed(format!("PROXY {line}\r\n").as_bytes(), "expected TCP4 or");
        }
        let binary = |rest: &[u8]| [SIGNATURE, rest].concat();
        check_malformed(&binary(b"\x11\x11\0\0"), "its version");
        check_malformed(&binary(b"\x22\x11\0\0"), "its version");
        check_malformed(&binary(b"\x21\x11\0\x0b12345678901"), "too short");
    }

    #[test]
    fn a_header_has_a_limit() {
        let longest = format!("PROXY UNKNOWN {:x<91}\r\n", "");
        assert_eq!(longest.len(), LONGEST_LINE);
        check_reading(longest.as_bytes(), Header::decode, Header::Unknown);
        check_malformed(format!("PROXY UNKNOWN {:x<93}", "").as_bytes(), "107");
        let binary = |length: u16| {
            let length = length.to_be_bytes();
            [SIGNATURE, b"\x20\0", &length].concat()
        };
        assert_eq!(Header::decode(&binary(4080)), Ok(Reading::Missing(4080)));
        check_malformed(&binary(4081), "4096 bytes");
    }

    proptest! {
        #[test]
        fn headers_come_back_as_they_were_sent(from: IpAddr, to: IpAddr, ports: (u16, u16)) {
            let client = SocketAddr::new(from.to_canonical(), ports.0);
            let server = SocketAddr::new(to.to_canonical(), ports.1);
            let header = Header::Tcp(client, server);
            for version in [Version::V1, Version::V2] {
                check_reading(&header.encode(version), Header::decode, header);
            }
            prop_assert!(header.encode(Version::V1).len() <= LONGEST_LINE);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, tail: Vec<u8>) {
            let _ = Header::decode(&bytes);
            let _ = Header::decode(&[SIGNATURE, &tail].concat());
            let _ = Header::decode(&[WORD, &tail, b"\r\n"].concat());
        }
    }
}

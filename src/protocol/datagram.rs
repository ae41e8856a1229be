//! Small questions that a service must answer over UDP, and how their answers
//! are known: echo, DNS, NTP.

use std::fmt;
use std::str::FromStr;

use super::{dns, echo, raw};

/// Bytes of an echo question.
const ECHO_BYTES: usize = 64;

/// Bytes of an NTP packet without extensions (RFC 5905 section 7.3).
const NTP_BYTES: usize = 48;

/// What a datagram asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// These bytes; any answer is a good one.
    Given(Vec<u8>),
    /// To be sent back (RFC 862).
    Echo,
    /// Who serves the root? (RFC 1035)
    Dns,
    /// What time is it? (RFC 5905)
    Ntp,
}

impl Payload {
    /// What a well-known port understands; none of the others can be asked
    /// anything by guess, and gets an empty datagram.
    #[must_use]
    pub fn of_port(port: u16) -> Self {
        match port {
            7 => Self::Echo,
            53 => Self::Dns,
            123 => Self::Ntp,
            _ => Self::Given(Vec::new()),
        }
    }

    /// The question's bytes; `nonce` tells its answer from others.
    #[must_use]
    pub fn question(&self, nonce: u64) -> Vec<u8> {
        match self {
            Self::Given(bytes) => bytes.clone(),
            Self::Echo => echo::payload(nonce, ECHO_BYTES),
            Self::Dns => {
                let id = dns_id(&nonce.to_be_bytes());
                // An empty datagram where it cannot be written, which is never.
                dns::Question::root().encode(id).unwrap_or_default()
            }
            // Version 4, client. The transmit timestamp need not be a time:
            // only its sender reads it.
            Self::Ntp => {
                let head = std::iter::once(0b00_100_011);
                let zeros = std::iter::repeat_n(0, NTP_BYTES - 9);
                head.chain(zeros).chain(nonce.to_be_bytes()).collect()
            }
        }
    }

    /// Whether `answer` is one to `question`.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn judge(&self, question: &[u8], answer: &[u8]) -> Result<(), String> {
        match self {
            Self::Given(_) => Ok(()),
            Self::Echo => {
                let mut verifier = echo::Verifier::new(question);
                verifier.take(answer).map_err(|wrong| wrong.to_string())?;
                let (came, sent) = (answer.len(), question.len());
                match verifier.is_complete() {
                    true => Ok(()),
                    false => Err(format!("{came} of {sent} bytes came back")),
                }
            }
            Self::Dns => judge_dns(question, answer),
            Self::Ntp => judge_ntp(question, answer),
        }
    }
}

/// The number of a question about the root.
fn dns_id(question: &[u8]) -> u16 {
    question
        .first_chunk()
        .map_or(0, |it| u16::from_be_bytes(*it))
}

fn judge_dns(question: &[u8], answer: &[u8]) -> Result<(), String> {
    // Any code is an answer: the server is there, and speaks DNS.
    let judged = dns::Question::root().decode(dns_id(question), answer);
    judged.map(|_| ()).map_err(|wrong| wrong.to_string())
}

fn judge_ntp(question: &[u8], answer: &[u8]) -> Result<(), String> {
    let length = answer.len();
    let Some(packet) = answer.first_chunk::<NTP_BYTES>() else {
        return Err(format!("{length} bytes are no NTP packet, which has 48"));
    };
    let mode = packet.first().map_or(0, |it| it & 7);
    if mode != 4 {
        return Err(format!(
            "an NTP packet of mode {mode} came, not of mode 4, server"
        ));
    }
    match packet.get(24..32) == question.last_chunk::<8>().map(<[u8; 8]>::as_slice) {
        true => Ok(()),
        false => Err("it answers a request that was not made".into()),
    }
}

impl FromStr for Payload {
    type Err = String;

    /// Reads `echo`, `dns`, `ntp` or `hex:…`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "echo" => Ok(Self::Echo),
            "dns" => Ok(Self::Dns),
            "ntp" => Ok(Self::Ntp),
            _ if text.starts_with("hex:") => raw::unescape(text)
                .map(Self::Given)
                .map_err(|wrong| wrong.to_string()),
            _ => Err("expected `echo`, `dns`, `ntp` or `hex:…`".into()),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(bytes) if bytes.is_empty() => f.write_str("an empty datagram"),
            Self::Given(bytes) => write!(f, "\"{}\"", raw::escape_head(bytes, 64)),
            Self::Echo => f.write_str("an echo question"),
            Self::Dns => f.write_str("a DNS question"),
            Self::Ntp => f.write_str("an NTP question"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: u64 = 0x0102_0304_0506_0708;

    #[test]
    fn a_name_server_answers_what_it_was_asked() {
        let question = Payload::Dns.question(NONCE);
        let judge = |answer: &[u8]| Payload::Dns.judge(&question, answer);
        let unrelated = Err("it is no answer to the question".to_owned());
        let mut answer = question.clone();
        assert_eq!(judge(&answer), unrelated, "it is a question");
        answer[2] |= 0x80;
        assert_eq!(judge(&answer), Ok(()));
        answer[3] |= 5;
        assert_eq!(judge(&answer), Ok(()), "who refuses is there");
        assert_eq!(judge(&answer[..11]), unrelated);
        answer[1] ^= 1;
        assert_eq!(judge(&answer), unrelated, "another question's");
    }

    #[test]
    fn a_time_server_answers_what_it_was_asked() {
        let question = Payload::Ntp.question(NONCE);
        assert_eq!((question.len(), question[0]), (48, 0x23));
        let judge = |answer: &[u8]| Payload::Ntp.judge(&question, answer);
        let mut answer = vec![0; 48];
        assert!(judge(&answer).unwrap_err().contains("mode 0"));
        answer[0] = 0x24;
        assert!(judge(&answer).unwrap_err().contains("not made"));
        answer[24..32].copy_from_slice(&question[40..48]);
        assert_eq!(judge(&answer), Ok(()));
        assert!(judge(&answer[..47]).unwrap_err().contains("47 bytes"));
        answer.extend([0; 20]);
        assert_eq!(judge(&answer), Ok(()), "extension fields may follow");
    }

    #[test]
    fn an_echo_is_the_same_bytes() {
        let question = Payload::Echo.question(NONCE);
        let judge = |answer: &[u8]| Payload::Echo.judge(&question, answer);
        assert_eq!(judge(&question), Ok(()));
        assert_eq!(
            judge(&question[..9]).unwrap_err(),
            "9 of 64 bytes came back"
        );
        assert!(judge(&[0; 64]).unwrap_err().starts_with("byte 0 is"));
    }

    #[test]
    fn payloads_have_names() {
        assert_eq!("ntp".parse(), Ok(Payload::Ntp));
        assert_eq!("hex:00ff".parse(), Ok(Payload::Given(vec![0, 255])));
        assert!("hex:0".parse::<Payload>().unwrap_err().contains("`0`"));
        assert!("snmp".parse::<Payload>().is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(question: Vec<u8>, answer: Vec<u8>) {
            for payload in [Payload::Echo, Payload::Dns, Payload::Ntp] {
                let _ = payload.judge(&question, &answer);
            }
        }
    }
}

//! DNS: a question to a name server and what it answers (RFC 1035), with room
//! for large datagrams (RFC 6891). Which transport carries them is not its
//! affair, but for the length that stands before each message over TCP.

use std::fmt;
use std::str::FromStr;

use domain::base::iana::{Class, OptRcode, Rcode, Rtype};
use domain::base::message_builder::MessageBuilder;
use domain::base::name::ParsedName;
use domain::base::record::ParsedRecord;
use domain::base::wire::ParseError;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::base::{Message, Name, UnknownRecordData};
use domain::rdata::ZoneRecordData;

/// The largest datagram asked for: it fits into any network's packets (the
/// recommendation of the DNS Flag Day 2020).
pub const DATAGRAM_BYTES: u16 = 1232;

/// An answer with more records than this is not read.
pub const MOST_RECORDS: usize = 4096;

/// Record types whose data is shown in words; that of any other as RFC 3597
/// section 5 writes the unknown.
const NAMED: [Rtype; 10] = [
    Rtype::A,
    Rtype::AAAA,
    Rtype::CNAME,
    Rtype::MX,
    Rtype::NS,
    Rtype::PTR,
    Rtype::SOA,
    Rtype::SRV,
    Rtype::TXT,
    Rtype::CAA,
];

/// What a name server is asked: a name and a record type, in the class IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    name: Name<Vec<u8>>,
    kind: Rtype,
}

/// What a name server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its code by name, such as `NXDOMAIN`; without a name, its number.
    pub rcode: String,
    /// Whether the code is `NOERROR`.
    pub no_error: bool,
    /// Whether it did not fit into the datagram: ask again over TCP.
    pub truncated: bool,
    /// The records of the answer section in the presentation format (RFC 1035
    /// section 5.1), at most [`MOST_RECORDS`]; empty where it is truncated.
    pub records: Vec<String>,
    /// Whether one of them is of the type that was asked for.
    pub found: bool,
}

/// A message that is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// It does not belong to the question: a late one, a forged one, or not
    /// DNS at all.
    Unrelated,
    /// It does, and cannot be read: why, in words.
    Malformed(String),
}

impl Question {
    /// Asks for the records of `kind` at `name`; names are absolute, with or
    /// without the last dot. Kinds are known by name, all others as `TYPE65280`
    /// (RFC 3597 section 5).
    ///
    /// # Errors
    /// Names the one of the two that makes no sense, in a sentence.
    pub fn new(name: &str, kind: &str) -> Result<Self, String> {
        let wrong = |error| format!("`{name}` is not a domain name: {error}");
        let parsed = Name::from_str(name).map_err(wrong)?;
        let kind = Rtype::from_str(kind).map_err(|_| {
            format!("`{kind}` is not a record type (hint: such as AAAA, TXT or TYPE65)")
        })?;
        Ok(Self { name: parsed, kind })
    }

    /// Who serves the root? Every name server has an answer.
    #[must_use]
    pub fn root() -> Self {
        Self {
            name: Name::root_vec(),
            kind: Rtype::NS,
        }
    }

    /// The name asked for, with its last dot.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.fmt_with_dot().to_string()
    }

    /// The record type asked for, such as `AAAA`.
    #[must_use]
    pub fn kind(&self) -> String {
        self.kind.to_string()
    }

    /// The message that asks it under the number `id`, with recursion desired.
    ///
    /// # Errors
    /// Never, in practice: a question fits into any message.
    pub fn encode(&self, id: u16) -> Result<Vec<u8>, String> {
        let failed = |_| "cannot write the question".to_owned();
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_id(id);
        message.header_mut().set_rd(true);
        let mut message = message.question();
        message.push((&self.name, self.kind)).map_err(failed)?;
        let mut message = message.additional();
        let extended = message.opt(|opt| {
            opt.set_udp_payload_size(DATAGRAM_BYTES);
            Ok(())
        });
        extended.map_err(failed)?;
        Ok(message.finish())
    }

    /// The answer under the number `id`, out of a whole message.
    ///
    /// # Errors
    /// [`NoAnswer`] says whether to wait on for a better one.
    pub fn decode(&self, id: u16, message: &[u8]) -> Result<Answer, NoAnswer> {
        let message = Message::from_octets(message).map_err(|_| NoAnswer::Unrelated)?;
        let header = message.header();
        if header.id() != id || !header.qr() || !self.is_of(&message) {
            return Err(NoAnswer::Unrelated);
        }
        let code = message.opt_rcode();
        let mut answer = Answer {
            rcode: code_name(code),
            no_error: code == OptRcode::NOERROR,
            truncated: header.tc(),
            records: Vec::new(),
            found: false,
        };
        if !answer.truncated {
            self.read_records(&message, &mut answer)?;
        }
        Ok(answer)
    }

    /// Whether the message repeats this question. A server that could not read
    /// it may leave it out of its error.
    fn is_of(&self, message: &Message<&[u8]>) -> bool {
        match message.header_counts().qdcount() {
            0 => message.header().rcode() != Rcode::NOERROR,
            _ => message.sole_question().is_ok_and(|it| {
                it.qname() == &self.name && it.qtype() == self.kind && it.qclass() == Class::IN
            }),
        }
    }

    fn read_records(&self, message: &Message<&[u8]>, answer: &mut Answer) -> Result<(), NoAnswer> {
        let malformed = |error: ParseError| NoAnswer::Malformed(error.to_string());
        for record in message.answer().map_err(malformed)? {
            if answer.records.len() >= MOST_RECORDS {
                let reason = format!("more than {MOST_RECORDS} records");
                return Err(NoAnswer::Malformed(reason));
            }
            let record = record.map_err(malformed)?;
            answer.found |= self.kind == Rtype::ANY || record.rtype() == self.kind;
            answer.records.push(present(&record).map_err(malformed)?);
        }
        Ok(())
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unrelated => f.write_str("it is no answer to the question"),
            Self::Malformed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for NoAnswer {}

/// A message as it goes over TCP, behind its length (RFC 1035 section 4.2.2).
///
/// # Errors
/// It is longer than 65,535 bytes.
pub fn framed(message: &[u8]) -> Result<Vec<u8>, String> {
    let length = u16::try_from(message.len());
    let length = length.map_err(|_| "cannot send more than 65535 bytes".to_owned())?;
    Ok([&length.to_be_bytes(), message].concat())
}

/// A code by its usual name (RFC 6895 section 2.3).
fn code_name(code: OptRcode) -> String {
    match code.to_mnemonic_str() {
        Some(name) => name.to_owned(),
        None => format!("error {}", code.to_int()),
    }
}

fn present(record: &ParsedRecord<'_, &[u8]>) -> Result<String, ParseError> {
    type Known<'a> = ZoneRecordData<&'a [u8], ParsedName<&'a [u8]>>;
    type Unknown<'a> = UnknownRecordData<&'a [u8]>;
    let shown = match NAMED.contains(&record.rtype()) {
        true => record.to_record::<Known<'_>>()?.map(|it| line(&it)),
        false => record.to_record::<Unknown<'_>>()?.map(|it| line(&it)),
    };
    shown.ok_or(ParseError::ShortInput)
}

fn line(record: &impl ZonefileFmt) -> String {
    record.display_zonefile(DisplayKind::Simple).to_string()
}

#[cfg(test)]
mod tests {
    use domain::rdata::{A, Cname, Mx, Soa, Srv, Txt};
    use proptest::prelude::*;

    use super::*;

    const ID: u16 = 0xbeef;

    fn question(kind: &str) -> Question {
        Question::new("www.example.org", kind).unwrap()
    }

    fn name(text: &str) -> Name<Vec<u8>> {
        Name::from_str(text).unwrap()
    }

    /// An answer with one record of each kind whose data is shown in words.
    fn rich_answer(question: &Question) -> Vec<u8> {
        let query = question.encode(ID).unwrap();
        let query = Message::from_octets(query).unwrap();
        let message = MessageBuilder::new_vec();
        let mut message = message.start_answer(&query, Rcode::NOERROR).unwrap();
        let (host, mail) = (name("www.example.org"), name("mx.example.org"));
        let text = Txt::<Vec<u8>>::build_from_slice(b"a \"quoted\" text").unwrap();
        let numbers = (7.into(), domain::base::Ttl::from_secs(60));
        let (serial, time) = numbers;
        let start = Soa::new(host.clone(), mail.clone(), serial, time, time, time, time);
        message
            .push((&host, 60, A::from_octets(127, 0, 0, 1)))
            .unwrap();
        message.push((&host, 60, Cname::new(&mail))).unwrap();
        message.push((&host, 60, Mx::new(10, &mail))).unwrap();
        message
            .push((&host, 60, Srv::new(1, 2, 443, &mail)))
            .unwrap();
        message.push((&host, 60, text)).unwrap();
        message.push((&host, 60, start)).unwrap();
        let odd = UnknownRecordData::from_octets(Rtype::from_int(65280), [1, 2, 255]);
        message.push((&host, 60, odd.unwrap())).unwrap();
        message.finish()
    }

    #[test]
    fn records_read_as_in_a_zone_file() {
        let question = question("A");
        let answer = question.decode(ID, &rich_answer(&question)).unwrap();
        assert!(answer.no_error && answer.found && !answer.truncated);
        assert_eq!(answer.rcode, "NOERROR");
        let expected = [
            "www.example.org. 60 IN A 127.0.0.1",
            "www.example.org. 60 IN CNAME mx.example.org.",
            "www.example.org. 60 IN MX 10 mx.example.org.",
            "www.example.org. 60 IN SRV 1 2 443 mx.example.org.",
            "www.example.org. 60 IN TXT \"a \\\"quoted\\\" text\"",
            "www.example.org. 60 IN SOA www.example.org. mx.example.org. 7 60 60 60 60",
            "www.example.org. 60 IN TYPE65280 \\# 3 01 02 ff",
        ];
        assert_eq!(answer.records, expected);
    }

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let question = question("A");
        let answer = rich_answer(&question);
        let unrelated = Err(NoAnswer::Unrelated);
        assert_eq!(question.decode(ID + 1, &answer), unrelated);
        let query = question.encode(ID).unwrap();
        assert_eq!(question.decode(ID, &query), unrelated);
        let other = Question::new("example.org", "A").unwrap();
        assert_eq!(other.decode(ID, &answer), unrelated);
        let other = Question::new("www.example.org", "AAAA").unwrap();
        assert_eq!(other.decode(ID, &answer), unrelated);
        let shouted = Question::new("WWW.Example.ORG.", "a").unwrap();
        assert!(shouted.decode(ID, &answer).is_ok());
    }

    #[test]
    fn a_server_that_cannot_read_the_question_may_leave_it_out() {
        let refused = [0xbe, 0xef, 0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0];
        let answer = question("A").decode(ID, &refused).unwrap();
        assert_eq!((answer.rcode.as_str(), answer.no_error), ("FORMERR", false));
        let nothing = [0xbe, 0xef, 0x80, 0x00, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(question("A").decode(ID, &nothing).is_err());
    }

    #[test]
    fn more_records_than_allowed_are_not_read() {
        let question = question("A");
        let query = question.encode(ID).unwrap();
        let query = Message::from_octets(query).unwrap();
        let message = MessageBuilder::new_vec();
        let mut message = message.start_answer(&query, Rcode::NOERROR).unwrap();
        for _ in 0..=MOST_RECORDS {
            let root = Name::<Vec<u8>>::root_vec();
            message.push((root, 0, A::from_octets(0, 0, 0, 0))).unwrap();
        }
        let outcome = question.decode(ID, &message.finish());
        let reason = "more than 4096 records".to_owned();
        assert_eq!(outcome, Err(NoAnswer::Malformed(reason)));
    }

    #[test]
    fn wrong_questions_name_the_culprit() {
        let error = Question::new("a..b", "A").unwrap_err();
        assert!(
            error.starts_with("`a..b` is not a domain name: "),
            "{error}"
        );
        let error = Question::new("a", "AAAAA").unwrap_err();
        assert!(error.starts_with("`AAAAA` is not a record type"), "{error}");
        let error = Question::new(&"a".repeat(64), "A").unwrap_err();
        assert!(error.contains("not a domain name"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = question("A").decode(ID, &bytes);
            let start = [0xbe, 0xef, 0x80, 0x00];
            let _ = question("A").decode(ID, &[&start, bytes.as_slice()].concat());
        }

        #[test]
        fn answers_that_were_changed_are_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut: prop::sample::Index,
        ) {
            let question = question("A");
            let mut answer = rich_answer(&question);
            for (at, byte) in changes {
                let at = at.index(answer.len());
                answer[at] = byte;
            }
            let _ = question.decode(ID, &answer);
            let _ = question.decode(ID, &answer[..cut.index(answer.len())]);
        }

        #[test]
        fn any_data_of_any_type_is_read_or_refused(
            kind in prop_oneof![prop::sample::select(&NAMED).prop_map(Rtype::to_int), any::<u16>()],
            data in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let question = question("ANY");
            let mut answer = question.encode(ID).unwrap();
            answer[2] |= 0x80;
            answer[7] = 1;
            answer.truncate(answer.len() - 11);
            answer[11] = 0;
            let length = u16::try_from(data.len()).unwrap();
            answer.extend([0xc0, 0x0c]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 60]);
            answer.extend(length.to_be_bytes());
            answer.extend(data);
            match question.decode(ID, &answer) {
                Ok(answer) => prop_assert_eq!(answer.records.len(), 1),
                Err(_) => prop_assert!(NAMED.contains(&Rtype::from_int(kind))),
            }
        }

        #[test]
        fn any_name_is_a_question_or_an_error(name: String, kind: String) {
            let _ = Question::new(&name, &kind);
            if let Ok(question) = Question::new(&name, "A") {
                prop_assert!(question.encode(ID).is_ok());
                let _ = question.name();
            }
        }
    }
}

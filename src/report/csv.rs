//! Results as comma-separated values (RFC 4180): a header, then a line each.
//!
//! Text from outside that a spreadsheet would take for a formula gets a `'`
//! before it.

use std::time::SystemTime;

use serde_json::Value;

use super::writer::Writer;
use crate::finding::Record;

/// Each column, and where a record holds it (RFC 6901).
const COLUMNS: [(&str, &str); 29] = [
    ("ts", "/ts"),
    ("name", "/name"),
    ("target", "/target"),
    ("address", "/address"),
    ("family", "/family"),
    ("state", "/state"),
    ("expected", "/expected"),
    ("ok", "/ok"),
    ("was", "/was"),
    ("reason", "/reason"),
    ("hint", "/hint"),
    ("errno", "/errno"),
    ("attempts", "/attempts"),
    ("flaky", "/flaky"),
    ("resolve_us", "/resolve_us"),
    ("connect_us", "/connect_us"),
    ("tls_us", "/tls_us"),
    ("first_byte_us", "/first_byte_us"),
    ("total_us", "/total_us"),
    ("rtt_us", "/rtt_us"),
    ("syn_retransmits", "/syn_retransmits"),
    ("icmp_type", "/icmp/type"),
    ("icmp_code", "/icmp/code"),
    ("icmp_from", "/icmp/from"),
    ("tls_version", "/tls/version"),
    ("tls_not_after", "/tls/not_after"),
    ("http_status", "/http/status"),
    ("dns_rcode", "/dns/rcode"),
    ("seen", "/seen"),
];

/// Writes results as comma-separated values.
#[derive(Default)]
pub(super) struct Csv {
    begun: bool,
}

impl Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()), out);
        }
    }
}

impl Writer for Csv {
    fn record(&mut self, record: &Record, at: SystemTime, out: &mut Vec<u8>) {
        self.begin(out);
        if let Record::Result(_) = record {
            let value = serde_json::to_value(record.dated(at)).unwrap_or_default();
            line(
                COLUMNS.iter().map(|(_, place)| cell(value.pointer(place))),
                out,
            );
        }
    }

    fn finish(&mut self, _: SystemTime, out: &mut Vec<u8>) {
        self.begin(out);
    }
}

fn line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    let cells: Vec<String> = cells.collect();
    out.extend_from_slice(cells.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(other) => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
    const SPECIAL: [char; 4] = ['"', ',', '\n', '\r'];
    let defused = match text.starts_with(FORMULA) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match defused.contains(SPECIAL) {
        true => format!("\"{}\"", defused.replace('"', "\"\"")),
        false => defused,
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_could_be_misread_is_quoted() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("@x,y"), "\"'@x,y\"");
    }
}

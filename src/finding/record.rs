//! The JSON records: one schema for every verb and every report.
//!
//! Numbers are numbers, the unit is in the key, absent means unknown and never
//! 0, time is RFC 3339 UTC.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::{Evidence, Exit, Expected, Family, Finding, Reply, State};

/// The schema's name and version, in every record.
pub const SCHEMA: &str = "netkit/1";

/// One line of `-o ndjson`, one element of `-o json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Record {
    /// A check's verdict on one address.
    Result(Box<CheckResult>),
    /// One address tried on the way to a connection.
    Attempt(Attempt),
    /// A change of state while waiting.
    Transition(Transition),
    /// What a probe received.
    Reply(Box<Reply>),
    /// A measured series.
    Latency(Latency),
    /// A connection that has ended.
    Connection(Connection),
    /// A request that a server has answered.
    Request(Request),
    /// The end of a run.
    Summary(Summary),
    /// What a remote netkit says first.
    Hello(Hello),
}

impl From<Reply> for Record {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

impl Record {
    /// The record with the schema and the time `at`, ready to be serialised.
    #[must_use]
    pub fn dated(&self, at: SystemTime) -> Dated<'_> {
        Dated {
            schema: SCHEMA,
            ts: humantime::format_rfc3339_micros(at).to_string(),
            record: self,
        }
    }
}

/// A record as it is written: made by [`Record::dated`].
#[derive(Debug, Serialize)]
pub struct Dated<'a> {
    schema: &'static str,
    ts: String,
    #[serde(flatten)]
    record: &'a Record,
}

/// A check's verdict on one address; without an address, on its name or on a
/// Unix socket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckResult {
    /// What a plan calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Rc<str>>,
    /// The target as it was asked for, with the port.
    pub target: String,
    /// The address checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Its family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// What should have been found.
    pub expected: Expected,
    /// Whether that is what was found.
    pub ok: bool,
    /// With `--diff`: the state that the earlier run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<State>,
    /// How often it was tried.
    pub attempts: u32,
    /// It failed at first and passed on a retry.
    #[serde(skip_serializing_if = "is_false")]
    pub flaky: bool,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// One address tried on the way to a connection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// The target as it was asked for, with the port.
    pub target: String,
    /// The address tried.
    pub address: SocketAddr,
    /// Its family.
    pub family: Family,
    /// What became of it.
    pub state: State,
    /// What speaks for it.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// How long it took, or had taken when another one won.
    #[serde(rename = "connect_us", serialize_with = "micros")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Duration>,
    /// Whether this is the connection in use.
    pub winner: bool,
}

/// A change of state while waiting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transition {
    /// What a plan calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Rc<str>>,
    /// The target as it was asked for, with the port.
    pub target: String,
    /// The address; absent while the name has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The state before; absent for the first one seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// The state now.
    pub to: State,
    /// Since the start of the run.
    #[serde(rename = "at_us", serialize_with = "whole_micros")]
    pub at: Duration,
}

/// A measured series of round trips. Without a single one that came back, the
/// times are absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Latency {
    /// The target as it was asked for, with the port.
    pub target: String,
    /// The address measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// How many were sent.
    pub count: u64,
    /// How many did not come back.
    pub lost: u64,
    /// The same in percent.
    pub loss_pct: f64,
    /// The times of those that did.
    #[serde(flatten)]
    pub times: Option<RoundTrips>,
}

/// Times of a series in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RoundTrips {
    /// The shortest.
    pub min_us: f64,
    /// The mean.
    pub mean_us: f64,
    /// Half are not longer.
    pub p50_us: f64,
    /// Nine in ten are not longer.
    pub p90_us: f64,
    /// 99 in 100 are not longer.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// A connection that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// The other end.
    pub peer: String,
    /// Our end; absent if it could no longer be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// What was asked and decided, in words; absent where nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
    /// Bytes taken from the peer.
    pub received_bytes: u64,
    /// Bytes given to the kernel for the peer.
    pub sent_bytes: u64,
    /// From accept to close.
    #[serde(rename = "duration_us", serialize_with = "whole_micros")]
    pub duration: Duration,
    /// How it ended.
    pub end: End,
}

/// A request that a server has answered, on a connection that may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Who asked.
    pub peer: String,
    /// How, in the protocol's own word.
    pub method: String,
    /// For what, as it was asked for.
    pub path: String,
    /// What was decided, in the protocol's own number.
    pub status: u16,
    /// Why it is not what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Length of the answer's body.
    pub body_bytes: u64,
    /// Bytes of it given to the kernel: fewer if it was cut.
    pub sent_bytes: u64,
    /// From the request to the last byte.
    #[serde(rename = "duration_us", serialize_with = "whole_micros")]
    pub duration: Duration,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The peer finished and got everything.
    Fin,
    /// The peer reset the connection, or it broke.
    Rst,
    /// Nothing moved for the idle time allowed.
    Idle,
    /// The time allowed for all of it passed.
    Deadline,
    /// We ended it.
    Local,
    /// The peer finished before it had everything.
    ShortWrite,
}

impl End {
    /// The word that stands for it everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Idle => "idle",
            Self::Deadline => "deadline",
            Self::Local => "local",
            Self::ShortWrite => "short-write",
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Verdicts given.
    pub checks: usize,
    /// Those that agree with what was expected.
    pub ok: usize,
    /// Those that do not.
    pub failed: usize,
    /// Those that netkit could not give.
    pub unknown: usize,
    /// Verdicts by state.
    pub by_state: BTreeMap<State, usize>,
    /// How long the run took.
    #[serde(rename = "elapsed_us", serialize_with = "whole_micros")]
    pub elapsed: Duration,
    /// What the results together say, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The exit status that follows from it.
    pub exit: Exit,
}

/// What a remote netkit says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hello {
    /// Its version.
    pub version: String,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn micros<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    whole_micros(&duration.unwrap_or_default(), serializer)
}

pub(super) fn whole_micros<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Icmp;

    fn as_json(record: &Record) -> serde_json::Value {
        serde_json::to_value(record.dated(SystemTime::UNIX_EPOCH)).unwrap()
    }

    #[test]
    fn a_result_names_units_and_leaves_out_what_is_unknown() {
        let address: SocketAddr = "127.0.0.1:22".parse().unwrap();
        let mut finding = Finding::new(State::Unreachable);
        finding.evidence.icmp = Some(Icmp {
            kind: 3,
            code: 13,
            from: address.ip(),
        });
        finding.phases.connect = Some(Duration::from_millis(2));
        let result = CheckResult {
            name: None,
            target: "localhost:22".into(),
            address: Some(address),
            family: Some(address.into()),
            expected: Expected::Open,
            ok: false,
            was: None,
            attempts: 1,
            flaky: false,
            finding,
        };
        let json = as_json(&Record::Result(Box::new(result)));
        let expected = serde_json::json!({
            "schema": "netkit/1", "type": "result", "ts": "1970-01-01T00:00:00.000000Z",
            "target": "localhost:22", "address": "127.0.0.1:22", "family": "ipv4",
            "state": "unreachable", "expected": "open", "ok": false, "attempts": 1,
            "icmp": {"type": 3, "code": 13, "from": "127.0.0.1"}, "connect_us": 2000,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_summary_counts_by_state() {
        let summary = Summary {
            checks: 3,
            ok: 2,
            failed: 1,
            unknown: 0,
            by_state: BTreeMap::from([(State::Open, 2), (State::Refused, 1)]),
            elapsed: Duration::from_micros(7),
            notes: Vec::new(),
            exit: Exit::Bad,
        };
        let json = as_json(&Record::Summary(summary));
        assert_eq!(
            json["by_state"],
            serde_json::json!({"open": 2, "refused": 1})
        );
        assert_eq!(
            (json["exit"].as_u64(), json["elapsed_us"].as_u64()),
            (Some(1), Some(7))
        );
    }
}

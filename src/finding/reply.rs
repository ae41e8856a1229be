//! What probes received, as a record.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::Phases;
use super::record::whole_micros;

/// What a probe received.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reply {
    /// The protocol's name.
    pub protocol: String,
    /// The target as it was asked for.
    pub target: String,
    /// The address that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The kind of answer, in the protocol's own word; absent where none came.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Whether it is a good one.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Length of each body.
    pub sizes_bytes: Vec<u64>,
    /// Hash of each body, hexadecimal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sha256: Vec<String>,
    /// The body, where it is text that is told whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The names of a directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Listed>,
    /// The members of a cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ClusterMember>,
    /// An answer in lines, or what a server said beside its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The conversation, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The body, escaped, for a person's screen alone.
    #[serde(skip)]
    pub shown: Option<String>,
    /// How long it took.
    #[serde(flatten)]
    pub phases: Phases,
}

/// A name of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// `f` of a file, `d` of a directory, `l` of a link, `o` of anything else.
    pub kind: String,
    /// Its length.
    pub size_bytes: u64,
    /// When it was last changed, RFC 3339.
    pub modified: String,
    /// The name, with `%XX` for bytes that are no text.
    pub name: String,
}

/// A member of a cluster, as another one sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterMember {
    /// Its number.
    pub id: u32,
    /// Where it is: `HOST:PORT`.
    pub address: String,
    /// Whether it was heard from of late.
    pub up: bool,
    /// Whether it leads.
    pub leader: bool,
    /// Its files; absent where it was not asked, or did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
}

/// One step of a probe's conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Since the start of the probe.
    #[serde(rename = "at_us", serialize_with = "whole_micros")]
    pub at: Duration,
    /// What happened: `connected`, `secured`, `sent`, `received`, `matched`,
    /// `failed` or `ended`.
    pub what: String,
    /// Bytes sent or received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The bytes, escaped, or what it was about in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

//! The log: one line an event on standard error, as text or as JSON.

mod keeper;

use std::io::Write;
use std::time::SystemTime;

use env_logger::{Builder, Target};
use log::{LevelFilter, Record};

use crate::finding::SCHEMA;
use keeper::Lines;

pub use keeper::LogKeeper;

/// `--log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// Starts the log: warnings, with `-v` what happens, with `-vv` every event;
/// with `-q` errors alone.
pub fn start_log(verbosity: u8, quiet: bool, format: LogFormat) {
    let level = match (quiet, verbosity) {
        (true, _) => LevelFilter::Error,
        (_, 0) => LevelFilter::Warn,
        (_, 1) => LevelFilter::Info,
        _ => LevelFilter::Debug,
    };
    let mut builder = Builder::new();
    builder
        .target(Target::Pipe(Box::new(Lines)))
        .filter_module("netkit", level);
    // The services log under their own names.
    builder.filter_module("serve", level);
    match format {
        LogFormat::Text => builder.format(write_text),
        LogFormat::Json => builder.format(write_json),
    };
    // A second start, as in a test, keeps the first.
    let _ = builder.try_init();
}

fn write_text(out: &mut impl Write, record: &Record<'_>) -> std::io::Result<()> {
    let at = humantime::format_rfc3339_seconds(SystemTime::now());
    let level = record.level().as_str().to_lowercase();
    let target = short_target(record);
    writeln!(out, "{at} {level} {target}: {}", record.args())
}

/// Where it happened, as the module's path within netkit.
fn short_target<'a>(record: &'a Record<'_>) -> &'a str {
    record.target().trim_start_matches("netkit::")
}

/// A log line that carries a record is that record.
fn write_json(out: &mut impl Write, record: &Record<'_>) -> std::io::Result<()> {
    let carried = record.key_values().get("record".into());
    let mut line = match carried.map(serde_json::to_value) {
        Some(Ok(value)) => value,
        _ => serde_json::json!({
            "type": "log",
            "level": record.level().as_str().to_lowercase(),
            "target": short_target(record),
            "message": record.args().to_string(),
        }),
    };
    let at = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
    if let Some(fields) = line.as_object_mut() {
        fields.insert("schema".into(), SCHEMA.into());
        fields.insert("ts".into(), at.into());
    }
    writeln!(out, "{line}")
}

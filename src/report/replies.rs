//! What verbs offer whose results are no verdicts.

use std::path::PathBuf;

use super::{Files, Format, Options};

/// Options of every verb whose results are no verdicts: reports that are made of
/// verdicts alone would be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Replies {
    /// How to write the results: text, ndjson, json or quiet
    #[arg(
        short = 'o',
        long = "format",
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true,
        value_parser = parse_reply_format
    )]
    pub format: Format,
    /// Keep the results in FILE, as JSON, for a later `--diff FILE`
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub save: Option<PathBuf>,
    /// Write one JSON document to FILE too
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub report_json: Option<PathBuf>,
}

impl From<Replies> for Options {
    fn from(replies: Replies) -> Self {
        Self {
            format: replies.format,
            files: Files {
                save: replies.save,
                report_json: replies.report_json,
                ..Files::default()
            },
        }
    }
}

fn parse_reply_format(text: &str) -> Result<Format, String> {
    let format = <Format as clap::ValueEnum>::from_str(text, false);
    match format {
        Ok(format) if format.shows_replies() => Ok(format),
        Ok(format) => Err(format.is_of_checks()),
        Err(_) => Err("expected text, ndjson, json or quiet".into()),
    }
}

//! How one target is checked: what the command line gives for all its targets,
//! and a plan for each check.

use std::time::Duration;

use crate::net::{Close, Families};
use crate::probe;
use crate::units::parse_positive_duration;

/// How long one attempt may take, unless told otherwise.
const TIMEOUT: &str = "3s";

/// Settings of a check; each key of a plan is the long name of one of these.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Which families to check.
    #[command(flatten)]
    pub families: Families,
    /// One address of a name that is as expected is enough
    #[arg(long)]
    pub any: bool,
    /// How long one attempt may take, and one look-up of a name
    #[arg(long, short, value_name = "TIME", default_value = TIMEOUT, value_parser = parse_positive_duration)]
    pub timeout: Duration,
    /// Try again up to N times before it counts as failed; a late pass is shown as flaky
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    pub retries: u32,
    /// Fail when the connection takes longer to be made
    #[arg(long, value_name = "TIME", value_parser = parse_positive_duration)]
    pub max_connect: Option<Duration>,
    /// How to close connections
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub close: Close,
    /// What to ask.
    #[command(flatten)]
    pub ask: probe::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            families: Families::default(),
            any: false,
            timeout: parse_positive_duration(TIMEOUT).unwrap_or(Duration::MAX),
            retries: 0,
            max_connect: None,
            close: Close::default(),
            ask: probe::Settings::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn the_default_is_what_an_empty_command_line_means() {
        assert_eq!(Line::parse_from(["check"]).settings, Settings::default());
    }
}

//! HTTP: status, headers and body, with the time of each phase.

/// Options of every check over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "HTTP")]
pub struct Settings {
    /// Ask with this method instead of GET
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Send this header too, such as `Authorization: Bearer …`
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Statuses to expect, such as `200`, `2xx,404` or `200-299` [default: 200-399]
    #[arg(long, value_name = "LIST")]
    pub status: Option<String>,
    /// Expect this header, its value matching a regular expression
    #[arg(long, value_name = "NAME: REGEX")]
    pub expect_header: Vec<String>,
    /// Follow redirects, at most 10, and judge the last answer
    #[arg(long)]
    pub follow: bool,
}

//! HTTP: status, headers and body, with the time of each phase.
//!
//! hyper speaks it (`exchange`), over a link that is listened to (`traffic`); what to
//! ask and what to expect is ours (`request`), as is following redirects
//! (`visit`).

mod exchange;
mod request;
mod status;
mod traffic;
mod url;
mod visit;

use std::pin::Pin;
use std::rc::Rc;

use super::{Ask, At, Question, Scheme, Transport};
use crate::finding::Finding;

use request::Request;

/// `http://`: a request, and what is expected of the answer.
pub const HTTP: Scheme = Scheme {
    name: "http",
    transport: Transport::Tcp,
    default_port: Some(80),
    takes_path: true,
    // Only a redirect can lead to TLS.
    options: |settings| match settings.http.follow {
        true => BOTH,
        false => OWN,
    },
    prepare: |path, settings| prepare(false, path, settings),
};

/// `https://`: the same over TLS.
pub const HTTPS: Scheme = Scheme {
    name: "https",
    transport: Transport::Tcp,
    default_port: Some(443),
    takes_path: true,
    options: |_| BOTH,
    prepare: |path, settings| prepare(true, path, settings),
};

/// The options of HTTP itself; those of the TLS below stand after them.
const OWN: &[&str] = BOTH.split_at(5).0;
const BOTH: &[&str] = &[
    "method",
    "header",
    "status",
    "expect-header",
    "follow",
    "sni",
    "ca",
    "min-days",
    "insecure",
];

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

impl Settings {
    /// The options that are given, each with whether it is.
    pub(super) fn given(&self) -> [(&'static str, bool); 5] {
        [
            ("method", self.method.is_some()),
            ("header", !self.header.is_empty()),
            ("status", self.status.is_some()),
            ("expect-header", !self.expect_header.is_empty()),
            ("follow", self.follow),
        ]
    }
}

fn prepare(
    secure: bool,
    path: Option<&str>,
    settings: &super::Settings,
) -> Result<Question, String> {
    if settings.tls.starttls.is_some() {
        return Err("`--starttls` has no place in HTTP, which begins with TLS or has none".into());
    }
    let request = Request::prepare(secure, path, settings)?;
    Ok(Some(Rc::new(request)))
}

impl Ask for Request {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(visit::visit(self, at))
    }

    fn sentence(&self) -> String {
        self.sentence()
    }
}

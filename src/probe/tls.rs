//! TLS: what was agreed, with whose certificate, and for how long.

use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::AsyncReadExt;

use super::link::{Link, until};
use super::script::Script;
use super::{Ask, At, Event, Question, Scheme, Transport, starttls};
use crate::finding::{Finding, State, TlsEvidence};
use crate::net::{self, HandshakeError, Secured, Trust, read_certificates, server_name};
use crate::reactor::now;
use crate::units;

/// `tls://`: a handshake, the certificate, and a conversation if one is asked
/// for.
pub const TLS: Scheme = Scheme {
    name: "tls",
    transport: Transport::Tcp,
    default_port: None,
    takes_path: false,
    options: |_| &["sni", "ca", "min-days", "insecure", "starttls"],
    prepare,
};

/// How long after the handshake a server may say that it wanted a certificate
/// of ours: its answer is one round trip away.
const REFUSAL: Duration = Duration::from_secs(1);

/// Options of every check over TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub struct Settings {
    /// Ask for this name instead of the target's, and expect its certificate
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// Trust these certificates (PEM) and no others; a leaf among them is trusted as it is
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Fail when the certificate is valid for fewer than N days more
    #[arg(long, value_name = "N")]
    pub min_days: Option<u32>,
    /// Begin in plain text and change to TLS as this protocol does
    #[arg(long, value_name = "PROTOCOL", value_enum)]
    pub starttls: Option<Starttls>,
    /// Take any certificate; it is shown all the same
    #[arg(long)]
    pub insecure: bool,
}

impl Settings {
    /// The options that are given, each with whether it is.
    pub(super) fn given(&self) -> [(&'static str, bool); 5] {
        [
            ("sni", self.sni.is_some()),
            ("ca", self.ca.is_some()),
            ("min-days", self.min_days.is_some()),
            ("insecure", self.insecure),
            ("starttls", self.starttls.is_some()),
        ]
    }
}

/// Protocols that begin in plain text and change to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Starttls {
    /// RFC 3207
    Smtp,
    /// RFC 9051 section 6.2.1
    Imap,
    /// RFC 2595
    Pop3,
    /// RFC 4511 section 4.14
    Ldap,
    /// The `SSLRequest` of its frontend/backend protocol
    Postgres,
    /// The SSL Connection Request of its client/server protocol
    Mysql,
    /// RFC 6120 section 5
    Xmpp,
    /// RFC 4217
    Ftp,
}

/// What TLS is to be: whom to trust, what to ask for.
pub(super) struct Security {
    trust: Arc<Trust>,
    name: Option<String>,
    min_days: Option<u32>,
    starttls: Option<Starttls>,
}

impl Security {
    /// Understands the settings and reads what they name.
    ///
    /// # Errors
    /// Certificates that cannot be read, or a name that is none: in a sentence.
    pub(super) fn prepare(settings: &Settings) -> Result<Self, String> {
        let trust = match (&settings.ca, settings.insecure) {
            (Some(_), true) => return Err("--ca and --insecure contradict each other".into()),
            (Some(path), false) => Trust::Only(read_certificates(path)?),
            (None, true) => Trust::Anybody,
            (None, false) => Trust::System,
        };
        if let Some(name) = &settings.sni {
            server_name(name)?;
        }
        Ok(Self {
            trust: Arc::new(trust),
            name: settings.sni.clone(),
            min_days: settings.min_days,
            starttls: settings.starttls,
        })
    }

    /// What a good server does, as the rest of a sentence.
    pub(super) fn sentence(&self) -> String {
        let begun = match self.starttls {
            Some(protocol) => format!(", begun as {protocol:?} does,").to_lowercase(),
            None => String::new(),
        };
        let name = self.name.as_deref().unwrap_or("its name");
        let whose = match &*self.trust {
            Trust::Anybody => String::from("any certificate"),
            Trust::Only(_) => format!("a certificate for {name} that --ca trusts and is valid"),
            Trust::System => format!("a certificate for {name} that is valid"),
        };
        let days = self.min_days.map(|it| format!(" for {it} days more"));
        format!(
            "agrees on TLS{begun} with {whose}{}",
            days.unwrap_or_default()
        )
    }

    fn objection(&self, evidence: &TlsEvidence) -> Option<String> {
        let least = i64::from(self.min_days?);
        let left = evidence.days_left;
        (left < least).then(|| {
            format!("the certificate is valid for {left} days more, --min-days asks for {least}")
        })
    }
}

impl Link {
    /// Changes to TLS: what stands before it in plain text, the handshake, the
    /// judgement on the certificate.
    ///
    /// # Errors
    /// What was found, when it is not good: the certificate included.
    pub(super) async fn secure(
        mut self,
        security: &Security,
        at: &At<'_>,
    ) -> Result<Self, Finding> {
        let name = security.name.as_deref().unwrap_or(at.host);
        if let Some(protocol) = security.starttls {
            starttls::begin(&mut self, protocol, name, at).await?;
        }
        let name = match server_name(name) {
            Ok(name) => name,
            Err(reason) => return Err(self.into_finding().but(State::Tls, reason)),
        };
        let (stream, rest) = self.take_stream();
        let began = now();
        let outcome = rest
            .within(net::secure(stream, name, &security.trust))
            .await;
        let took = now().saturating_duration_since(began);
        match outcome {
            Some(Ok(secured)) => rest.secured(secured, took, security, at),
            Some(Err(error)) => Err(rest.failed(error)),
            None => {
                let limit = units::limit(rest.limit);
                let reason = format!("the TLS handshake was not finished within {limit}");
                let finding = rest.into_finding().but(State::Tls, reason);
                Err(finding.hinting("the server accepts connections and then says nothing"))
            }
        }
    }

    fn secured(
        mut self,
        secured: Secured<Box<dyn super::link::Bytes>>,
        took: Duration,
        security: &Security,
        at: &At<'_>,
    ) -> Result<Self, Finding> {
        (at.observe)(Event::Secured(&secured.evidence));
        let may_refuse = secured.may_refuse;
        let short = security.objection(&secured.evidence);
        self.finding.phases.tls = Some(took);
        self.finding.tls = Some(Box::new(secured.evidence));
        if let Some(objection) = secured.objection {
            let finding = self.into_finding().but(State::Tls, objection.reason);
            return Err(match objection.hint {
                Some(hint) => finding.hinting(hint),
                None => finding,
            });
        }
        if let Some(reason) = short {
            return Err(self.into_finding().but(State::Tls, reason));
        }
        self.stream = Box::new(secured.stream);
        self.may_refuse = may_refuse;
        Ok(self)
    }

    /// Waits a moment for the refusal of a server that wanted a certificate of
    /// ours, if it did; what comes instead is not looked at.
    async fn outlast_refusal(mut self) -> Result<Self, Finding> {
        if self.may_refuse {
            let soon = self.deadline.min(now() + REFUSAL);
            if let Some(Err(error)) = until(soon, self.stream.read(&mut [0])).await {
                return Err(self.failed(net::refusal(&error)));
            }
        }
        Ok(self)
    }

    fn failed(self, error: HandshakeError) -> Finding {
        let state = match error.reset {
            true => State::Reset,
            false => State::Tls,
        };
        let finding = self.into_finding().but(state, error.reason);
        match error.hint {
            Some(hint) => finding.hinting(hint),
            None => finding,
        }
    }
}

/// What `tls://` asks.
struct Handshake {
    security: Security,
    script: Script,
}

fn prepare(_path: Option<&str>, settings: &super::Settings) -> Result<Question, String> {
    let security = Security::prepare(&settings.tls)?;
    settings.script.validate()?;
    let script = settings.script.clone();
    Ok(Some(Rc::new(Handshake { security, script })))
}

impl Handshake {
    async fn shake(&self, at: &At<'_>) -> Result<Finding, Finding> {
        let link = Link::open(at).await?;
        let link = link.secure(&self.security, at).await?;
        // A conversation finds out by itself.
        let link = match self.script.steps.is_empty() {
            true => link.outlast_refusal().await?,
            false => link,
        };
        Ok(self.script.finish(link, at).await)
    }
}

impl Ask for Handshake {
    fn ask<'a>(&'a self, at: &'a At<'a>) -> Pin<Box<dyn Future<Output = Finding> + 'a>> {
        Box::pin(async { self.shake(at).await.unwrap_or_else(|finding| finding) })
    }

    fn sentence(&self) -> String {
        self.script.sentence(self.security.sentence())
    }
}

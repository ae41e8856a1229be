//! Protocols that begin in plain text and change to TLS.
//!
//! Nothing may follow the server's go-ahead in plain text: whoever sits between
//! could have put it there to be taken for what came over TLS.

use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::link::Link;
use super::tls::Starttls;
use super::{At, Event};
use crate::finding::{Finding, State};
use crate::protocol::raw::escape_head;
use crate::protocol::starttls::{
    LDAP_REQUEST, MYSQL_REQUEST, Malformed, POSTGRES_REQUEST, ldap_length, ldap_result,
    mysql_offers_tls, reply,
};
use crate::reactor::now;
use crate::units;

/// The longest line, message or stanza that is waited for.
const LONGEST: usize = 8 * 1024;

/// Lines of one answer at most.
const MOST_LINES: usize = 100;

/// Bytes that a reason quotes.
const QUOTED: usize = 80;

/// Exchanges what stands before TLS with the server of that name; afterwards the
/// handshake can begin.
///
/// # Errors
/// The server refuses, or does not speak the protocol: what was found.
pub(super) async fn begin(
    link: &mut Link,
    protocol: Starttls,
    name: &str,
    at: &At<'_>,
) -> Result<(), Finding> {
    let mut talk = Talk {
        link,
        at,
        buffer: Vec::new(),
        heard: false,
    };
    let outcome = match protocol {
        Starttls::Smtp => talk.smtp().await,
        Starttls::Imap => talk.imap().await,
        Starttls::Pop3 => talk.pop3().await,
        Starttls::Ldap => talk.ldap().await,
        Starttls::Postgres => talk.postgres().await,
        Starttls::Mysql => talk.mysql().await,
        Starttls::Xmpp => talk.xmpp(name).await,
        Starttls::Ftp => talk.ftp().await,
    };
    let outcome = outcome.and_then(|()| match talk.buffer.as_slice() {
        [] => Ok(()),
        more => Err(mismatch(format!(
            "it sent `{}` in plain text before TLS",
            quote(more)
        ))),
    });
    outcome.map_err(|refusal| {
        let mut finding = talk.link.finding.clone().but(refusal.state, refusal.reason);
        let took = now().saturating_duration_since(talk.link.started);
        finding.phases.total = Some(took);
        Finding {
            seen: Some(quote(&talk.buffer)).filter(|it| !it.is_empty()),
            ..finding
        }
    })
}

/// Why there will be no TLS.
struct Refusal {
    state: State,
    reason: String,
}

fn mismatch(reason: impl Into<String>) -> Refusal {
    Refusal {
        state: State::Mismatch,
        reason: reason.into(),
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        mismatch(malformed.to_string())
    }
}

/// A conversation in plain text; what came and was not taken yet is kept.
struct Talk<'a> {
    link: &'a mut Link,
    at: &'a At<'a>,
    buffer: Vec<u8>,
    /// Something has come at all.
    heard: bool,
}

impl Talk<'_> {
    /// RFC 3207.
    async fn smtp(&mut self) -> Result<(), Refusal> {
        self.replies(220, "greeting").await?;
        self.send(b"EHLO netkit\r\n").await?;
        let offers = self.replies(250, "EHLO").await?;
        let offered = offers.iter().any(|it| {
            it.get(4..)
                .is_some_and(|it| it.eq_ignore_ascii_case("STARTTLS"))
        });
        if !offered {
            return Err(mismatch("it does not offer STARTTLS"));
        }
        self.send(b"STARTTLS\r\n").await?;
        self.replies(220, "STARTTLS").await.map(|_| ())
    }

    /// RFC 4217 section 4.
    async fn ftp(&mut self) -> Result<(), Refusal> {
        self.replies(220, "greeting").await?;
        self.send(b"AUTH TLS\r\n").await?;
        self.replies(234, "AUTH TLS").await.map(|_| ())
    }

    /// RFC 9051 section 6.2.1.
    async fn imap(&mut self) -> Result<(), Refusal> {
        self.answer("greeting", |line| line.starts_with("* OK"))
            .await?;
        self.send(b"a1 STARTTLS\r\n").await?;
        for _ in 0..MOST_LINES {
            let line = self.line().await?;
            if let Some(answer) = line.strip_prefix("a1 ") {
                return match answer.starts_with("OK") {
                    true => Ok(()),
                    false => Err(unwanted("STARTTLS", &line)),
                };
            }
        }
        Err(mismatch(format!(
            "no answer to STARTTLS among {MOST_LINES} lines"
        )))
    }

    /// RFC 2595 section 4.
    async fn pop3(&mut self) -> Result<(), Refusal> {
        self.answer("greeting", |line| line.starts_with("+OK"))
            .await?;
        self.send(b"STLS\r\n").await?;
        self.answer("STLS", |line| line.starts_with("+OK")).await
    }

    /// RFC 4511 section 4.14.
    async fn ldap(&mut self) -> Result<(), Refusal> {
        self.send(LDAP_REQUEST).await?;
        let length = loop {
            match ldap_length(&self.buffer)? {
                Some(length) => break length,
                None => self.receive().await?,
            }
        };
        let message = self.exactly(length).await?;
        match ldap_result(&message)? {
            0 => Ok(()),
            code => Err(mismatch(format!(
                "it refused StartTLS with result code {code}"
            ))),
        }
    }

    /// The `SSLRequest` of the frontend/backend protocol.
    async fn postgres(&mut self) -> Result<(), Refusal> {
        self.send(&POSTGRES_REQUEST).await?;
        match self.exactly(1).await?.as_slice() {
            b"S" => Ok(()),
            b"N" => Err(mismatch(
                "it refused TLS: `ssl` is off in its configuration",
            )),
            other => Err(unwanted("the SSLRequest", &String::from_utf8_lossy(other))),
        }
    }

    /// The SSL Connection Request of the client/server protocol.
    async fn mysql(&mut self) -> Result<(), Refusal> {
        let header = self.exactly(4).await?;
        let length = match header.as_slice() {
            [low, high, 0, 0] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => return Err(Malformed.into()),
        };
        let greeting = self.exactly(length).await?;
        if !mysql_offers_tls(&greeting)? {
            return Err(mismatch("it does not offer TLS"));
        }
        self.send(&MYSQL_REQUEST).await
    }

    /// RFC 6120 section 5.4.
    async fn xmpp(&mut self, to: &str) -> Result<(), Refusal> {
        let open = format!(
            "<?xml version='1.0'?><stream:stream to='{to}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        );
        self.send(open.as_bytes()).await?;
        let features = self.through("</stream:features>").await?;
        if !features.contains("<starttls") {
            return Err(mismatch("it does not offer STARTTLS"));
        }
        self.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await?;
        let answer = self.through(">").await?;
        match answer.contains("<proceed") {
            true => Ok(()),
            false => Err(unwanted("STARTTLS", &answer)),
        }
    }

    /// All lines of a reply, if it has this code.
    async fn replies(&mut self, wanted: u16, to: &str) -> Result<Vec<String>, Refusal> {
        let mut lines = Vec::new();
        while lines.len() < MOST_LINES {
            let line = self.line().await?;
            let (code, more) = reply(&line).map_err(|_| unwanted(to, &line))?;
            if code != wanted {
                return Err(unwanted(to, &line));
            }
            lines.push(line);
            if !more {
                return Ok(lines);
            }
        }
        Err(mismatch(format!(
            "the answer to {to} has more than {MOST_LINES} lines"
        )))
    }

    async fn answer(&mut self, to: &str, good: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let line = self.line().await?;
        match good(&line) {
            true => Ok(()),
            false => Err(unwanted(to, &line)),
        }
    }

    async fn line(&mut self) -> Result<String, Refusal> {
        let line = self.through("\n").await?;
        Ok(line.trim_end().to_owned())
    }

    /// Everything through the next `end`.
    async fn through(&mut self, end: &str) -> Result<String, Refusal> {
        loop {
            let found = self
                .buffer
                .windows(end.len())
                .position(|it| it == end.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return Ok(String::from_utf8_lossy(&taken).into_owned());
            }
            self.receive().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Refusal> {
        while self.buffer.len() < length {
            self.receive().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Waits for more bytes.
    async fn receive(&mut self) -> Result<(), Refusal> {
        if self.buffer.len() >= LONGEST {
            return Err(mismatch("more than 8 KiB came without an end"));
        }
        let mut chunk = [0; 1024];
        let deadline = self.link.deadline;
        let read = super::link::until(deadline, self.link.stream.read(&mut chunk)).await;
        let came = quote(&self.buffer);
        let so_far = match came.as_str() {
            "" if self.heard => String::from("nothing more came"),
            "" => String::from("nothing came"),
            came => format!("only `{came}` came"),
        };
        match read {
            None => Err(mismatch(format!(
                "before TLS {so_far} within {}",
                units::limit(self.link.limit)
            ))),
            Some(Ok(0)) => Err(mismatch(format!(
                "the connection was closed before TLS: {so_far}"
            ))),
            Some(Err(error)) => Err(Refusal {
                state: State::Reset,
                reason: format!("the connection broke before TLS: {error}"),
            }),
            Some(Ok(count)) => {
                (self.at.observe)(Event::Received(&chunk[..count]));
                self.heard = true;
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let deadline = self.link.deadline;
        match super::link::until(deadline, self.link.stream.write_all(bytes)).await {
            Some(Ok(())) => {
                (self.at.observe)(Event::Sent(bytes));
                Ok(())
            }
            Some(Err(error)) => Err(Refusal {
                state: State::Reset,
                reason: format!("the connection broke before TLS: {error}"),
            }),
            None => Err(mismatch("it took nothing before TLS")),
        }
    }
}

fn unwanted(to: &str, answer: &str) -> Refusal {
    mismatch(format!(
        "its answer to {to} is `{}`",
        quote(answer.as_bytes())
    ))
}

/// The first bytes, for a sentence.
fn quote(bytes: &[u8]) -> String {
    escape_head(bytes, QUOTED)
}

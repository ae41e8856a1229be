//! What is said to a proxy, and what it answers, until it passes bytes on.

use std::io;

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future::poll_once;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::{Proxy, ProxyCause, ProxyKind, ProxyPhase};
use crate::protocol::proxy::socks5::Method;
use crate::protocol::proxy::{Reading, Refusal, Target, Unsendable, http, socks4, socks5};
use crate::protocol::raw::escape_head;

/// Bytes of an answer that are read in one go.
const READ_AT_ONCE: usize = 512;

/// Bytes of an answer that are quoted.
const QUOTED: usize = 200;

/// Everything that is sent: all of it is known before the first byte is.
pub(super) enum Requests {
    /// One request.
    One(Vec<u8>, Read),
    /// A greeting, and what may follow it.
    Socks5 {
        login: Option<Vec<u8>>,
        request: Vec<u8>,
    },
}

/// Reads the answer to a request.
type Read = fn(&[u8]) -> Result<Reading<()>, Refusal>;

impl Requests {
    /// What leads through `proxy` to `target`.
    ///
    /// # Errors
    /// A proxy of this kind cannot be told so.
    pub(super) fn new(proxy: &Proxy, target: &Target) -> Result<Self, Unsendable> {
        let credentials = proxy.credentials.as_ref();
        Ok(match proxy.kind {
            ProxyKind::Socks4 | ProxyKind::Socks4a => {
                Self::One(socks4::request(target, credentials)?, socks4::reply)
            }
            ProxyKind::Http(version) => {
                Self::One(http::request(target, credentials, version)?, http::answer)
            }
            ProxyKind::Socks5 => Self::Socks5 {
                login: credentials.map(socks5::authentication).transpose()?,
                request: socks5::request(target),
            },
        })
    }
}

/// A conversation with a proxy.
pub(super) struct Conversation<S> {
    stream: S,
    phase: ProxyPhase,
    /// What has come of the answer to the last request.
    came: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            phase: ProxyPhase::Request,
            came: Vec::new(),
        }
    }

    /// How far it has come.
    pub(super) fn phase(&self) -> ProxyPhase {
        self.phase
    }

    /// What has come of the last answer, escaped and cut.
    pub(super) fn came(&self) -> String {
        escape_head(&self.came, QUOTED)
    }

    /// How many bytes of the last answer have come.
    pub(super) fn received(&self) -> usize {
        self.came.len()
    }

    /// The stream, which leads to the target once all has been said.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Says all of `requests`, each once the one before it is answered.
    pub(super) async fn hold(&mut self, requests: &Requests) -> Result<(), ProxyCause> {
        let (login, request) = match requests {
            Requests::One(request, read) => {
                return self.ask(ProxyPhase::Request, request, read).await;
            }
            Requests::Socks5 { login, request } => (login, request),
        };
        let can_log_in = login.is_some();
        let greeting = socks5::greeting(can_log_in);
        let read = |bytes: &[u8]| socks5::method(bytes, can_log_in);
        let method = self.ask(ProxyPhase::Greeting, greeting, read).await?;
        if let (Method::Password, Some(login)) = (method, login) {
            self.ask(ProxyPhase::Login, login, socks5::authenticated)
                .await?;
        }
        self.ask(ProxyPhase::Request, request, socks5::reply).await
    }

    async fn ask<T>(
        &mut self,
        phase: ProxyPhase,
        request: &[u8],
        read: impl Fn(&[u8]) -> Result<Reading<T>, Refusal>,
    ) -> Result<T, ProxyCause> {
        self.phase = phase;
        self.came.clear();
        // One that has closed already may have said why.
        let sent = self.send(request).await;
        loop {
            match read(&self.came) {
                Ok(Reading::Whole(said)) => return Ok(said),
                Ok(Reading::Missing(missing)) => match self.read(missing).await {
                    Ok(0) => return Err(sent.err().map_or(ProxyCause::Closed, ProxyCause::Broken)),
                    Ok(_) => {}
                    Err(error) => return Err(ProxyCause::Broken(error)),
                },
                Err(refusal) => {
                    if matches!(refusal, Refusal::Malformed(_)) {
                        // Whatever it is, more of it tells more.
                        let _ = poll_once(self.read(READ_AT_ONCE)).await;
                    }
                    return Err(ProxyCause::Refused(refusal));
                }
            }
        }
    }

    async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await
    }

    /// Reads what has come, `most` bytes of it.
    async fn read(&mut self, most: usize) -> io::Result<usize> {
        let mut buffer = [0; READ_AT_ONCE];
        let room = most.min(READ_AT_ONCE);
        let count = self.stream.read(&mut buffer[..room]).await?;
        self.came.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

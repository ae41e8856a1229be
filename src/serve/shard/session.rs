//! One store's connection: requests in turn, in the directory of one user after
//! the other.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future;

use super::{Shard, TARGET};
use crate::files::Tree;
use crate::finding::End;
use crate::protocol::input::Input;
use crate::protocol::peer::Malformed;
use crate::protocol::raw::escape_head;
use crate::protocol::shard::{PAUSE, Reply, Request, Requests, User};
use crate::reactor::{blocking, now, timeout};
use crate::serve::Client;
use crate::serve::client::REQUEST_TIME;

/// How long a store may ask nothing between two requests, unless --idle-timeout
/// says otherwise: as long as whoever uses it thinks.
const SESSION_TIME: Duration = Duration::from_secs(600);

/// Bytes of a name that a log line shows.
const SHOWN: usize = 200;

/// A connection, and whose directory it uses.
pub(super) struct Session<'a> {
    pub(super) shard: &'a Shard,
    pub(super) client: &'a Client,
    pub(super) input: Input,
    requests: Requests,
    user: Option<Login>,
    /// Requests that were answered.
    answered: u64,
}

/// A user, and the directory of theirs.
#[derive(Clone)]
pub(super) struct Login {
    user: User,
    pub(super) tree: Arc<Tree>,
}

/// What came of a wait.
enum Heard {
    /// Bytes, or the end of the stream.
    More,
    /// The server accepts nobody any more.
    Stop,
    /// Nothing in time.
    Nothing,
}

/// What follows an answer: more, or the way the connection ended.
pub(super) type Flow = io::Result<ControlFlow<End>>;

/// Answers a store until its end.
pub(super) async fn attend(shard: &Shard, client: &Client) -> io::Result<End> {
    let mut session = Session {
        shard,
        client,
        input: Input::default(),
        requests: Requests::default(),
        user: None,
        answered: 0,
    };
    loop {
        let flow = match session.next().await? {
            ControlFlow::Continue(request) => session.answer(request).await?,
            ControlFlow::Break(end) => ControlFlow::Break(end),
        };
        if let ControlFlow::Break(end) = flow {
            return Ok(end);
        }
    }
}

impl Session<'_> {
    /// The next request, or the way the connection ended.
    async fn next(&mut self) -> io::Result<ControlFlow<End, Request>> {
        let mut due = None;
        let mut heard = true;
        loop {
            match self.decode(!heard) {
                Ok(Some(request)) => return Ok(ControlFlow::Continue(request)),
                Ok(None) if self.input.has_ended() => return Ok(ControlFlow::Break(End::Fin)),
                Ok(None) => {}
                Err(wrong) => {
                    let end = self.part(&wrong.0, End::Local).await;
                    return end.map(ControlFlow::Break);
                }
            }
            let is_between = self.requests.is_between(&self.input);
            let left = self.time_left(is_between, &mut due);
            // A word may be ended by a pause alone, which need be heard only once.
            let wait = match !is_between && heard {
                true => left.min(PAUSE),
                false => left,
            };
            match self.hear(wait, is_between).await? {
                Heard::More => heard = true,
                Heard::Stop => return Ok(ControlFlow::Break(End::Local)),
                Heard::Nothing if is_between => return Ok(ControlFlow::Break(self.idle_end())),
                Heard::Nothing if wait == left => {
                    let why = "no whole request in time";
                    let end = self.part(why, End::Deadline).await;
                    return end.map(ControlFlow::Break);
                }
                Heard::Nothing => heard = false,
            }
        }
    }

    /// What there is without a pause, or after one.
    fn decode(&mut self, paused: bool) -> Result<Option<Request>, Malformed> {
        match paused {
            true => self.requests.pause(&mut self.input),
            false => self.requests.next(&mut self.input),
        }
    }

    /// Waits for more to read; between two requests also for the server's end.
    async fn hear(&mut self, wait: Duration, is_between: bool) -> io::Result<Heard> {
        let (client, input) = (self.client, &mut self.input);
        let reading = async {
            client.read(|bytes| input.add(bytes)).await?;
            Ok(Heard::More)
        };
        let stopping = async {
            match is_between {
                true => client.stopping().await,
                false => future::pending().await,
            }
            Ok(Heard::Stop)
        };
        let heard = timeout(wait, future::or(reading, stopping)).await;
        heard.unwrap_or(Ok(Heard::Nothing))
    }

    /// How long the next bytes may take; all of a request has one limit, from its
    /// first byte on.
    fn time_left(&self, is_between: bool, due: &mut Option<Instant>) -> Duration {
        let idle = self.client.idle_timeout();
        let limit = idle.unwrap_or(REQUEST_TIME).min(REQUEST_TIME);
        if !is_between {
            let due = *due.get_or_insert_with(|| now() + limit);
            return due.saturating_duration_since(now());
        }
        *due = None;
        match self.user {
            Some(_) => idle.unwrap_or(SESSION_TIME),
            None => limit,
        }
    }

    /// How a connection ended that asked nothing for too long.
    fn idle_end(&self) -> End {
        match self.user {
            Some(_) => End::Idle,
            None => End::Deadline,
        }
    }

    async fn answer(&mut self, request: Request) -> Flow {
        let login = match (request, self.user.clone()) {
            (Request::User(user), _) => return self.login(user).await,
            (Request::Logout, _) => {
                self.user = None;
                return Ok(ControlFlow::Continue(()));
            }
            (Request::Refused { why, is_store }, _) => {
                self.note();
                return match is_store {
                    true => self.refuse_block("STR", why).await,
                    false => self.refuse("a request", why).await,
                };
            }
            (request, Some(login)) => (request, login),
            // Requests come in their order only.
            (_, None) => return Ok(ControlFlow::Break(End::Local)),
        };
        self.note();
        match login {
            (Request::Store(place, size), login) => self.store(&login, &place, size).await,
            (Request::Retrieve(place), login) => self.retrieve(&login, &place).await,
            (Request::Delete(place), login) => self.delete(&login, &place).await,
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    async fn login(&mut self, user: User) -> Flow {
        let (tree, name) = (Arc::clone(&self.shard.tree), user.name().to_owned());
        match blocking(move || tree.beneath(&name)).await {
            Ok(tree) => {
                let tree = Arc::new(tree);
                self.user = Some(Login { user, tree });
                Ok(ControlFlow::Continue(()))
            }
            Err(error) => {
                let user = escape_head(user.name().as_bytes(), SHOWN);
                log::warn!(target: TARGET, "cannot use the directory of {user}: {error}");
                let why = format!("cannot use the directory of {user}: {error}");
                self.part(&why, End::Local).await.map(ControlFlow::Break)
            }
        }
    }

    /// Says why nothing comes of a request, told as `asked`; more may follow.
    pub(super) async fn refuse(&self, asked: &str, why: String) -> Flow {
        self.tell(asked, &why);
        self.client.send(&Reply::Error(why).encode()).await?;
        Ok(ControlFlow::Continue(()))
    }

    /// The same of a block, before its bytes. Of a client that sends them without
    /// waiting for the answer, nothing more is understood: a file's content could
    /// be taken for requests.
    pub(super) async fn refuse_block(&mut self, asked: &str, why: String) -> Flow {
        if self.waits().await? {
            return self.refuse(asked, why).await;
        }
        self.tell(asked, &format!("{why}, and the client did not wait"));
        self.client.send(&Reply::Error(why).encode()).await?;
        self.client.linger().await;
        Ok(ControlFlow::Break(End::Local))
    }

    /// Whether the client sends nothing before it is answered. Its next bytes may
    /// still be on their way: a pause tells.
    async fn waits(&mut self) -> io::Result<bool> {
        let (client, input) = (self.client, &mut self.input);
        if input.is_empty() && !input.has_ended() {
            let reading = client.read(|bytes| input.add(bytes));
            timeout(PAUSE, reading).await.unwrap_or(Ok(()))?;
        }
        Ok(input.is_empty())
    }

    /// Says why the connection ends, and ends it so that this arrives.
    pub(super) async fn part(&self, why: &str, end: End) -> io::Result<End> {
        self.client.note(&format!("{why} → sent ERROR"));
        let error = Reply::Error(why.into());
        self.client.send(&error.encode()).await?;
        self.client.linger().await;
        Ok(end)
    }

    /// Logs what came of a request.
    pub(super) fn tell(&self, asked: &str, came: &str) {
        let peer = self.client.peer();
        let user = self.user.as_ref();
        let user = user.map_or_else(String::new, |it| shown(it.user.name()));
        log::info!(target: TARGET, "{peer} {user}: {asked}: {came}");
    }

    /// Counts a request, for the line that tells the connection's end.
    fn note(&mut self) {
        self.answered += 1;
        let requests = match self.answered {
            1 => "1 request".into(),
            count => format!("{count} requests"),
        };
        self.client.note(&requests);
    }
}

/// A name as a log line shows it.
pub(super) fn shown(name: &str) -> String {
    escape_head(name.as_bytes(), SHOWN)
}

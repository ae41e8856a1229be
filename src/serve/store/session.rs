//! One client, from its greeting to its end: logins, and the commands of whoever
//! is logged in.

use std::fmt::Write as _;
use std::io;
use std::rc::Rc;

use futures_lite::future;

use super::carried::to_the_end;
use super::catalogue::Key;
use super::connection::{Came, Connection};
use super::engine::{Engine, Refusal};
use super::list::list;
use super::login::{Login, Step};
use super::spool::Spool;
use super::{Store, TARGET};
use crate::finding::End;
use crate::protocol::raw::escape_head;
use crate::protocol::shard::{Place, User};
use crate::protocol::store::login::Prompt;
use crate::protocol::store::reply::{END, Failure, Shard, done, warning};
use crate::protocol::store::{Body, Command, Wrong};
use crate::serve::{Client, NoRequest};

/// Bytes of a message that a log line shows.
const SHOWN: usize = 200;

/// What comes after an answer.
enum Next {
    /// Another command.
    Command,
    /// Another login.
    Login,
    /// Nothing.
    End(End),
}

/// One client.
pub(super) async fn converse(store: &Store, client: &Client) -> io::Result<End> {
    let mut session = Session {
        store,
        connection: Connection::new(client),
        login: Login::default(),
        commands: 0,
    };
    loop {
        let user = match session.log_in().await? {
            Ok(user) => user,
            Err(end) => return Ok(end),
        };
        loop {
            match session.command(&user).await? {
                Next::Command => {}
                Next::Login => break,
                Next::End(end) => return Ok(end),
            }
        }
    }
}

struct Session<'a> {
    store: &'a Store,
    connection: Connection<'a>,
    login: Login,
    /// Commands that were answered.
    commands: u64,
}

impl Session<'_> {
    /// Somebody, or the end of the connection.
    async fn log_in(&mut self) -> io::Result<Result<User, End>> {
        let client = self.connection.client;
        let has_left = || client.stream.has_finished();
        loop {
            let mut step = match self.connection.message().await? {
                Ok(fields) => self.login.message(&fields),
                Err(NoRequest::Ended(end)) => return Ok(Err(end)),
                Err(NoRequest::Malformed(wrong)) => {
                    client.note(&format!("{wrong} → closed"));
                    Step::Refuse(Prompt::Malformed)
                }
            };
            loop {
                step = match step {
                    Step::Check(user, password) => {
                        let accounts = &self.store.accounts;
                        let checked = accounts.check(&user, password, &has_left);
                        match unless_gone(client, checked).await? {
                            Ok(verdict) => self.login.checked(user, verdict),
                            Err(error) => return self.fail(&error).await.map(Err),
                        }
                    }
                    Step::Create(user, password) => {
                        let accounts = &self.store.accounts;
                        let made = accounts.create(&user, password, &has_left);
                        match unless_gone(client, made).await? {
                            Ok(creation) => self.login.created(user, creation),
                            Err(error) => return self.fail(&error).await.map(Err),
                        }
                    }
                    Step::Say(prompt) => {
                        log::info!(target: TARGET, "{} {}", client.peer(), told(&prompt));
                        client.send(&prompt.encode()).await?;
                        break;
                    }
                    Step::Enter(user, prompt) => {
                        log::info!(target: TARGET, "{} {user} logged in", client.peer());
                        client.note(&format!("{user} logged in"));
                        client.send(&prompt.encode()).await?;
                        return Ok(Ok(user));
                    }
                    Step::Refuse(prompt) => {
                        client.note(&format!("{}; closed", told(&prompt)));
                        client.send(&prompt.encode()).await?;
                        self.connection.part().await;
                        return Ok(Err(End::Local));
                    }
                    Step::Close => {
                        client.note("it did not say HI → disconnected");
                        return Ok(Err(End::Local));
                    }
                };
            }
        }
    }

    /// The store itself cannot go on with this client.
    async fn fail(&self, error: &io::Error) -> io::Result<End> {
        let client = self.connection.client;
        log::warn!(target: TARGET, "{} cannot log in: {error}", client.peer());
        client.note(&format!("cannot log in: {error}"));
        client.send(Failure::Process.text().as_bytes()).await?;
        self.connection.part().await;
        Ok(End::Local)
    }

    /// One command and its answer.
    async fn command(&mut self, user: &User) -> io::Result<Next> {
        let client = self.connection.client;
        let fields = match self.connection.message().await? {
            Ok(fields) => fields,
            Err(NoRequest::Ended(end)) => return Ok(Next::End(end)),
            Err(NoRequest::Malformed(wrong)) => {
                client.note(&format!("{user}: {wrong} → closed"));
                let refusal = Refusal {
                    failure: Failure::Opcode,
                    warnings: vec![wrong.0],
                };
                client.send(&refused(&refusal)).await?;
                self.connection.part().await;
                return Ok(Next::End(End::Local));
            }
        };
        self.commands += 1;
        let (commands, word) = (self.commands, escape_head(&fields.concat(), SHOWN));
        client.note(&format!(
            "{user} left after {commands} commands, within one"
        ));
        let next = match Command::of(&fields) {
            Err(wrong) => self.wrong(user, &word, wrong).await?,
            Ok(Command::LogOut) => {
                self.tell(user, "LGO", "logged out");
                Next::Login
            }
            Ok(Command::Store(place, size)) => self.store(user, place, size).await?,
            Ok(command) => {
                let answered = self.answer(user, &command);
                let vanished = async { Err(client.vanished().await) };
                future::or(answered, vanished).await?;
                Next::Command
            }
        };
        client.note(&format!("{user} left after {commands} commands"));
        Ok(next)
    }

    /// What is no command.
    async fn wrong(&mut self, user: &User, word: &str, wrong: Wrong) -> io::Result<Next> {
        let client = self.connection.client;
        let Wrong { failure, why, body } = wrong;
        self.tell(user, word, &format!("{why} → sent {failure}"));
        let length = match body {
            Body::None => 0,
            Body::Bytes(length) if length <= self.store.max_file => length,
            Body::Bytes(_) | Body::Unknown => {
                client.send(failure.text().as_bytes()).await?;
                self.connection.part().await;
                return Ok(Next::End(End::Local));
            }
        };
        if self.connection.body(length, &mut |_| ()).await? != Came::Whole {
            return self.short(user, word).await;
        }
        client.send(failure.text().as_bytes()).await?;
        Ok(Next::Command)
    }

    /// STR, whose file follows.
    async fn store(&mut self, user: &User, place: Place, size: u64) -> io::Result<Next> {
        let client = self.connection.client;
        let asked = format!("STR {place} ({size} bytes)");
        let most = self.store.max_file;
        if size > most {
            let why = format!("a file has at most {most} bytes here (--max-file)");
            let refusal = Refusal::of(&why);
            self.tell(user, &asked, &why);
            client.send(&refused(&refusal)).await?;
            self.connection.part().await;
            return Ok(Next::End(End::Local));
        }
        let engine = Rc::clone(&self.store.engine);
        let mut spool = engine.spool(size).await;
        let mut at = 0;
        let mut keep = |bytes: &[u8]| {
            // What cannot be kept is taken all the same: the next command follows.
            if let Ok(kept) = &spool
                && let Err(error) = kept.write(bytes, at)
            {
                spool = Err(error);
            }
            at += bytes.len() as u64;
        };
        if self.connection.body(size, &mut keep).await? != Came::Whole {
            return self.short(user, &asked).await;
        }
        let command = Command::Store(place.clone(), size);
        let key = Key {
            user: user.clone(),
            place,
        };
        let outcome = match spool {
            Ok(spool) => to_the_end(put(engine, key, spool, size)).await,
            Err(error) => Err(error.into()),
        };
        self.finish(user, &asked, &command, outcome).await?;
        Ok(Next::Command)
    }

    /// A file that did not come whole.
    async fn short(&self, user: &User, asked: &str) -> io::Result<Next> {
        let failure = Failure::Data;
        self.tell(
            user,
            asked,
            &format!("it did not come whole → sent {failure}"),
        );
        let client = self.connection.client;
        client.send(failure.text().as_bytes()).await?;
        self.connection.part().await;
        Ok(Next::End(End::ShortWrite))
    }

    /// Any command without a body.
    async fn answer(&self, user: &User, command: &Command) -> io::Result<()> {
        let engine = &self.store.engine;
        let client = self.connection.client;
        let key = |place: &Place| Key {
            user: user.clone(),
            place: place.clone(),
        };
        match command {
            Command::Retrieve(place) => self.retrieve(key(place), command).await,
            Command::Delete(place) => {
                let removing = Rc::clone(engine).remove(key(place));
                let outcome = to_the_end(removing).await;
                self.finish(user, &format!("DEL {place}"), command, outcome)
                    .await
            }
            Command::List => match engine.files(user).await {
                Ok(files) => {
                    self.tell(user, "INF", &format!("{} files", files.len()));
                    client.send(list(&files).as_bytes()).await
                }
                Err(error) => self.finish(user, "INF", command, Err(error.into())).await,
            },
            Command::Status => match engine.status(user).await {
                Ok(shards) => {
                    let up = shards.iter().filter(|it| it.is_up).count();
                    self.tell(user, "STA", &format!("{up} of 4 shard servers are up"));
                    let lines: String = shards.iter().map(Shard::encode).collect();
                    client.send(format!("{lines}{END}\n").as_bytes()).await
                }
                Err(refusal) => self.finish(user, "STA", command, Err(refusal)).await,
            },
            Command::Repair => match self.repair(user).await? {
                Ok(()) => client.send(format!("{END}\n").as_bytes()).await,
                Err(refusal) => self.finish(user, "FIX", command, Err(refusal)).await,
            },
            Command::Store(..) | Command::LogOut => Ok(()),
        }
    }

    /// RTV.
    async fn retrieve(&self, key: Key, command: &Command) -> io::Result<()> {
        let client = self.connection.client;
        let asked = format!("RTV {}", key.place);
        let fetched = match self.store.engine.get(&key).await {
            Ok(fetched) => fetched,
            Err(refusal) => return self.finish(&key.user, &asked, command, Err(refusal)).await,
        };
        let size = fetched.size;
        let story = match fetched.troubles.as_slice() {
            [] => format!("sent {size} bytes"),
            troubles => format!("sent {size} bytes, without {}", sentence(troubles)),
        };
        self.tell(&key.user, &asked, &story);
        let head = format!("{size}\r\n");
        client.send_head(head.as_bytes(), size).await?;
        client.send_file(fetched.spool.file(), size).await?;
        let done = done(command).unwrap_or_default();
        client.send(done.as_bytes()).await?;
        client.promise(false);
        Ok(())
    }

    /// FIX: a line a file, as it is done.
    async fn repair(&self, user: &User) -> io::Result<Result<(), Refusal>> {
        let engine = &self.store.engine;
        if let Err(refusal) = engine.finish_all(user).await {
            return Ok(Err(refusal));
        }
        let files = match engine.files(user).await {
            Ok(files) => files,
            Err(error) => return Ok(Err(error.into())),
        };
        let absent = engine.roll_call(user).await;
        let mut count = 0;
        for file in &files {
            match engine.mend(file, &absent).await {
                Ok(None) => {}
                Ok(Some(mended)) => {
                    count += u64::from(!mended.rebuilt.is_empty());
                    self.connection
                        .client
                        .send(mended.encode().as_bytes())
                        .await?;
                }
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        self.tell(
            user,
            "FIX",
            &format!("{count} of {} files rebuilt", files.len()),
        );
        Ok(Ok(()))
    }

    /// Sends what became of a command.
    async fn finish(
        &self,
        user: &User,
        asked: &str,
        command: &Command,
        outcome: Result<Vec<String>, Refusal>,
    ) -> io::Result<()> {
        let client = self.connection.client;
        match outcome {
            Ok(amiss) => {
                let done = done(command).unwrap_or_default();
                self.tell(user, asked, &sentence_of("done", &amiss));
                let mut text = String::new();
                for amiss in &amiss {
                    text.push_str(&warning(amiss));
                }
                client.send((text + &done).as_bytes()).await
            }
            Err(refusal) => {
                let failure = refusal.failure;
                self.tell(
                    user,
                    asked,
                    &sentence_of(&failure.text(), &refusal.warnings),
                );
                client.send(&refused(&refusal)).await
            }
        }
    }

    fn tell(&self, user: &User, asked: &str, story: &str) {
        let peer = self.connection.client.peer();
        log::info!(target: TARGET, "{peer} {user} {asked}: {story}");
    }
}

/// What takes its time before a login, for as long as the client is there.
async fn unless_gone<T>(client: &Client, work: impl Future<Output = T>) -> io::Result<T> {
    let work = async { Ok(work.await) };
    let vanished = async { Err(client.vanished().await) };
    future::or(work, vanished).await
}

async fn put(
    engine: Rc<Engine>,
    key: Key,
    spool: Spool,
    size: u64,
) -> Result<Vec<String>, Refusal> {
    engine.put(key, spool, size).await
}

/// An answer that is an error, with what is amiss before it.
fn refused(refusal: &Refusal) -> Vec<u8> {
    let mut text = String::new();
    for amiss in &refusal.warnings {
        let _ = write!(text, "{}", warning(amiss));
    }
    text.push_str(&refusal.failure.text());
    text.into_bytes()
}

fn sentence_of(what: &str, amiss: &[String]) -> String {
    match amiss {
        [] => what.into(),
        amiss => format!("{what}; {}", amiss.join("; ")),
    }
}

fn sentence(troubles: &[impl ToString]) -> String {
    let troubles: Vec<String> = troubles.iter().map(ToString::to_string).collect();
    troubles.join("; ")
}

/// What a log says of a prompt.
fn told(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Hello => "greeted".into(),
        Prompt::Welcome(user) => format!("{user} logged in"),
        Prompt::NoMatch(user) => format!("gave a wrong password of {user}"),
        Prompt::Unknown => "named a user that does not exist".into(),
        Prompt::New => "wants an account".into(),
        Prompt::Taken => "wants a name that is taken".into(),
        Prompt::Different => "gave two different passwords".into(),
        Prompt::Malformed => "sent a badly formatted message".into(),
        Prompt::Other { text, .. } => text.clone(),
    }
}

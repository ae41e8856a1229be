//! One client of a member: one request, one answer.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future;

use super::TARGET;
use super::election::Input as Learnt;
use super::forward::{Source, Word};
use super::member::Member;
use crate::files::{RegularFile, Spool, Spooled};
use crate::finding::End;
use crate::probe::cluster::exchange::Incoming;
use crate::protocol::cluster::{self, NOT_FOUND, PAUSE, Reply, Request, View, encode_names};
use crate::protocol::input::Input;
use crate::protocol::peer;
use crate::protocol::raw::escape_head;
use crate::reactor::now;
use crate::serve::peer::SHOWN;
use crate::serve::{Client, NoRequest};

/// How often it is said that somebody has our number.
const COMPLAINED_EVERY: Duration = Duration::from_secs(60);

impl Member {
    /// One client.
    pub(super) async fn answer(self: &Rc<Self>, client: &Client) -> io::Result<End> {
        let mut input = Input::default();
        let request = client
            .request_or_pause(&mut input, Request::decode, Request::so_far, PAUSE)
            .await?;
        let request = match request {
            Ok(request) => request,
            Err(NoRequest::Malformed(wrong)) => {
                client.note(&format!("{wrong} → sent 400 Bad Request"));
                client.send(&Reply::BadRequest.encode()).await?;
                client.linger().await;
                return Ok(End::Local);
            }
            Err(NoRequest::Ended(End::Deadline)) if !input.is_empty() => {
                client.note("no whole request in time → sent 400 Bad Request");
                client.send(&Reply::BadRequest.encode()).await?;
                return Ok(End::Deadline);
            }
            Err(NoRequest::Ended(end)) => return Ok(end),
        };
        match request {
            Request::Announce(id) => {
                let reply = self.greet(client, id);
                client.send(&reply.encode()).await?;
            }
            Request::Leader(id) => {
                let reply = self.hear(client, id);
                client.send(&reply.encode()).await?;
            }
            Request::Who => {
                client.note("WHO");
                client.send(&self.view(client).encode()).await?;
            }
            Request::List => return self.list(client, &input).await,
            Request::Get(name) => return self.send(client, &input, &name, Word::Get).await,
            Request::Fetch(name) => return self.send(client, &input, &name, Word::Req).await,
        }
        client.part(&input, 0).await;
        Ok(End::Fin)
    }

    /// Somebody announces itself as a member.
    fn greet(&self, client: &Client, id: u32) -> Reply {
        let (peer, own) = (client.peer(), self.places.own);
        let refusal = if id == own {
            let complained = self.complained.get();
            let due = |at| now().saturating_duration_since(at) >= COMPLAINED_EVERY;
            if complained.is_none_or(due) {
                self.complained.set(Some(now()));
                log::warn!(target: TARGET, "{peer} says that it is member {own}, which this one is (hint: each member has an --id of its own)");
            }
            "which this one is"
        } else if !self.places.all.contains_key(&id) {
            "which is not in --members"
        } else if !self.places.is_at(id, peer.ip()) {
            "which is at another address"
        } else {
            client.note(&format!("member {id} is there"));
            self.learn(Learnt::Heard(id));
            return Reply::Identity(own);
        };
        client.note(&format!(
            "says that it is member {id}, {refusal} → sent 403 Forbidden"
        ));
        Reply::Forbidden
    }

    /// Somebody says who leads, which is no more than a reason to look.
    fn hear(&self, client: &Client, id: u32) -> Reply {
        if !self.places.all.contains_key(&id) || !self.places.has(client.peer().ip()) {
            client.note(&format!(
                "says that {id} leads: who says it, or who leads, is no member → sent 403 Forbidden"
            ));
            return Reply::Forbidden;
        }
        let seen = match self.leader() {
            Some(leader) if leader == id => "so it is".to_owned(),
            Some(leader) => format!("by what is seen here, {leader} leads"),
            None => "it is not known here yet".to_owned(),
        };
        client.note(&format!("says that member {id} leads: {seen}"));
        self.learn(Learnt::Word(id));
        Reply::Accepted
    }

    /// How this member sees the cluster.
    fn view(&self, client: &Client) -> View {
        let own = client.stream.local_addr().ok();
        let own = own.filter(|_| self.has_own_port);
        let address = |id: u32, name: &str| match own {
            Some(own) if id == self.places.own => own.to_string(),
            _ => name.to_owned(),
        };
        let members = self.places.all.iter().map(|(id, place)| cluster::Member {
            id: *id,
            address: address(*id, &place.name),
            is_up: self.is_up(*id),
        });
        let leader = self.leader().and_then(|id| {
            let place = self.places.all.get(&id)?;
            Some((id, address(id, &place.name)))
        });
        View::new(leader, members.collect())
    }

    /// The names of this member's files.
    async fn list(&self, client: &Client, input: &Input) -> io::Result<End> {
        let names = async { Ok(self.own_names().await) };
        let left = async { Err(client.vanished().await) };
        let names = match future::or(names, left).await? {
            Ok(names) => names,
            Err(error) => {
                log::warn!(target: TARGET, "cannot list the root: {error}");
                client.note(&format!("SEND: {error} → reset"));
                client.stream.reset_on_close();
                return Ok(End::Local);
            }
        };
        client.note(&format!("SEND: listed {} files", names.len()));
        let list = encode_names(names.iter().map(String::as_str));
        client.promise(true);
        client.send(&list).await?;
        client.part(input, list.len() as u64).await;
        Ok(End::Fin)
    }

    /// A file, whoever has it.
    async fn send(
        self: &Rc<Self>,
        client: &Client,
        input: &Input,
        name: &str,
        word: Word,
    ) -> io::Result<End> {
        let shown = escape_head(name.as_bytes(), SHOWN);
        let asked = match word {
            Word::Get => format!("GET {shown}"),
            Word::Req => format!("REQ {shown}"),
        };
        client.note(&format!("{asked}: the client left before the answer"));
        let found = async { Ok(self.source(name, word).await) };
        let left = async { Err(client.vanished().await) };
        let sent = match future::or(found, left).await? {
            Source::Own(file) => {
                client.note(&format!("{asked} → sent"));
                send_own(client, &file, word).await?
            }
            Source::Member(id, incoming, _turn) => {
                client.note(&format!("{asked} → sent on from member {id}"));
                self.send_on(client, incoming, word).await?
            }
            Source::Missing(why) => {
                client.note(&format!("{asked}: {why} → sent that it is not found"));
                let answer = match word {
                    Word::Get => peer::Reply::NotFound.encode(),
                    Word::Req => NOT_FOUND.to_vec(),
                };
                client.send(&answer).await?;
                0
            }
            // Nobody may take that for a file that is not there.
            Source::Unknown(why) => {
                client.note(&format!("{asked}: {why} → reset"));
                client.stream.reset_on_close();
                return Ok(End::Local);
            }
        };
        client.part(input, sent).await;
        Ok(End::Fin)
    }

    /// Sends on what another member sends, while it comes. What is cut short
    /// there ends in a reset here.
    async fn send_on(
        &self,
        client: &Client,
        mut incoming: Incoming,
        word: Word,
    ) -> io::Result<u64> {
        client.promise(true);
        match (word, incoming.length()) {
            (Word::Req, _) => {}
            (Word::Get, Some(length)) => {
                client
                    .send_head(&peer::Reply::Found(length).encode(), length)
                    .await?;
            }
            (Word::Get, None) => return self.send_spooled(client, incoming).await,
        }
        loop {
            let (buffer, count) = incoming.next().await.map_err(cut)?;
            if count == 0 {
                return Ok(incoming.came());
            }
            client.send(&buffer[..count]).await?;
        }
    }

    /// The same where its length is asked for, and not known before its end.
    async fn send_spooled(&self, client: &Client, mut incoming: Incoming) -> io::Result<u64> {
        let mut spool = Spool::new(self.spool.clone());
        loop {
            let (buffer, count) = incoming.next().await.map_err(cut)?;
            if count == 0 {
                break;
            }
            spool.add(&buffer[..count]).map_err(cut)?;
        }
        let length = spool.length();
        client
            .send_head(&peer::Reply::Found(length).encode(), length)
            .await?;
        match spool.finish() {
            Spooled::Memory(bytes) => client.send(&bytes).await?,
            Spooled::File(file) => client.send_file(&file, length).await?,
        }
        Ok(length)
    }
}

/// Sends a file of our own; how long it is, where nothing says that, only the
/// end of the connection tells.
async fn send_own(client: &Client, file: &RegularFile, word: Word) -> io::Result<u64> {
    if word == Word::Get {
        client
            .send_head(&peer::Reply::Found(file.length).encode(), file.length)
            .await?;
    }
    client.promise(true);
    client.send_file(&file.file, file.length).await?;
    Ok(file.length)
}

/// What was promised does not come.
fn cut(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, why.to_string())
}

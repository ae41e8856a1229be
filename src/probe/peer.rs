//! peer: asks the replica of the file service for its copy of a file.

use super::copies::{self, Copies, Head, Service};
use super::{Scheme, Transport};
use crate::protocol::peer::{PORT, Reply};

/// The peer, to be asked.
pub const SERVICE: Service = Service {
    name: "peer",
    port: PORT,
    decode: |input| Ok(Reply::decode(input)?.map(Head::from)),
};

/// `peer://`: a file, and what is expected of it.
pub const PEER: Scheme = Scheme {
    name: SERVICE.name,
    transport: Transport::Tcp,
    default_port: Some(PORT),
    takes_path: true,
    options: |_| &["copies", "sha256"],
    prepare: |path, settings| copies::prepare(&SERVICE, path, settings),
};

impl From<Reply> for Head {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Found(length) => Self {
                kind: "FOUND",
                copies: Ok(Copies::One),
                lengths: vec![length],
            },
            Reply::NotFound => Self {
                kind: "NOTFOUND",
                copies: Ok(Copies::None),
                lengths: Vec::new(),
            },
        }
    }
}
